/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * log: the programs' own log on stderr, one line per event. Not the access log.
 * The text is escaped after formatting: no byte of an argument can start a new line.
 * Under systemd (JOURNAL_STREAM is set) lines carry a <priority> prefix and no time.
 * Safe from any thread; a line is one write(); errno stays as it was.
 * Never pass a token, a cookie, a body or a key.
 */
#include <stdbool.h>
#include <stdio.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Before any thread is started. `program` stands at the head of each line and is not copied. */
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);
/* "error", "warning", "info", "debug"; false for anything else. */
bool log_level_parse(const char *text, enum log_level *out);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
