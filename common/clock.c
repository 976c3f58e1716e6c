/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t clock_unix_s(void)
{
	return (int64_t)(clock_ns(CLOCK_REALTIME) / 1000000000u);
}

int64_t clock_unix_ms(void)
{
	return (int64_t)(clock_ns(CLOCK_REALTIME) / 1000000u);
}

uint64_t clock_monotonic_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000u;
}

uint64_t clock_monotonic_us(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000u;
}

uint64_t clock_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

char *clock_format_utc(int64_t unix_ms, char dst[CLOCK_TEXT_MAX])
{
	int64_t ms = unix_ms % 1000, s = unix_ms / 1000;
	if (ms < 0) {
		ms += 1000;
		s--;
	}
	time_t seconds = (time_t)s;
	struct tm tm;
	char text[CLOCK_TEXT_MAX - 6];
	if (!gmtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		text[0] = '\0';
	snprintf(dst, CLOCK_TEXT_MAX, "%s.%03uZ", text, (unsigned)ms);
	return dst;
}
