/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_MAX = 2048, LINE_BYTES_MAX = 2 * TEXT_MAX };

/* Priorities of syslog(3), which sd-daemon(3) prefixes use. */
static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};
enum { LEVELS = sizeof(levels) / sizeof(levels[0]) };

static const char *program_name = "sallyport";
static bool under_journal;
static atomic_int max_level = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level level)
{
	program_name = program;
	under_journal = getenv("JOURNAL_STREAM") != NULL;
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

bool log_level_parse(const char *text, enum log_level *out)
{
	for (int i = 0; i < LEVELS; i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static size_t format_head(enum log_level level, char *dst, size_t size)
{
	char time[CLOCK_TEXT_MAX];
	int len;

	if (under_journal)
		len = snprintf(dst, size, "<%d>%s: %s: ", levels[level].priority, program_name,
		    levels[level].name);
	else
		len = snprintf(dst, size, "%s %s: %s: ", clock_format_utc(clock_unix_ms(), time),
		    program_name, levels[level].name);
	return len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char text[TEXT_MAX];
	char line[LINE_BYTES_MAX];
	int saved = errno;
	va_list args;

	if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
		return;
	va_start(args, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len < 0)
		text[0] = '\0';
	size_t used = format_head(level, line, sizeof(line) - 1);
	used += text_escape(slice_of_cstr(text), true, line + used, sizeof(line) - 1 - used);
	line[used++] = '\n';
	file_write_all(STDERR_FILENO, slice_of(line, used));
	errno = saved;
}
