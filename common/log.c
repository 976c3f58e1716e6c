/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "common/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 2048, LINE_BYTES = TEXT_MAX * 4 + 128 };

static const struct {
	const char *name;
	int journal_priority; /* sd-daemon(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

static const char *program_name = "sallyport";
static atomic_int threshold = LOG_LEVEL_INFO;
static bool to_journal;

void log_init(const char *program, enum log_level level)
{
	program_name = program;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

bool log_level_parse(const char *text, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(levels[i].name, text) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

static size_t escape(char *dst, const char *text)
{
	size_t used = 0;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c >= 0x20 && c != 0x7f)
			dst[used++] = *text;
		else
			used += (size_t)sprintf(dst + used, "\\x%02x", c);
	}
	return used;
}

static size_t head(char *dst, size_t size, enum log_level level)
{
	char now[CLOCK_TEXT_MAX];
	int n = to_journal
	            ? snprintf(dst, size, "<%d>", levels[level].journal_priority)
	            : snprintf(dst, size, "%s %-7s %.32s: ", clock_format_utc(clock_unix_ms(), now),
	                  levels[level].name, program_name);
	return (size_t)n;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char text[TEXT_MAX], line[LINE_BYTES];
	va_list args;
	int saved_errno = errno;
	if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	size_t used = head(line, sizeof(line), level);
	used += escape(line + used, text);
	line[used++] = '\n';
	/* One write: lines of several threads and processes do not mix. Nobody is left to tell when
	 * it fails. */
	ssize_t written = write(STDERR_FILENO, line, used);
	(void)written;
	errno = saved_errno;
}
