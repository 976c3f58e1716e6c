/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct timespec now(clockid_t clock)
{
	struct timespec ts;
	int rc = clock_gettime(clock, &ts);

	assert(rc == 0);
	(void)rc;
	return ts;
}

int64_t clock_unix_s(void)
{
	return now(CLOCK_REALTIME).tv_sec;
}

int64_t clock_unix_ms(void)
{
	struct timespec ts = now(CLOCK_REALTIME);

	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t clock_monotonic_ns(void)
{
	struct timespec ts = now(CLOCK_MONOTONIC);

	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t clock_monotonic_us(void)
{
	return clock_monotonic_ns() / 1000;
}

uint64_t clock_monotonic_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

char *clock_format_utc(int64_t unix_ms, char dst[CLOCK_TEXT_MAX])
{
	/* Rounded down, so that the milliseconds count forwards before 1970 too. */
	time_t seconds = (time_t)(unix_ms / 1000 - (unix_ms % 1000 < 0));
	int ms = (int)(unix_ms - (int64_t)seconds * 1000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || tm.tm_year > 9999 - 1900 || tm.tm_year < -1900) {
		snprintf(dst, CLOCK_TEXT_MAX, "out of range");
		return dst;
	}
	size_t len = strftime(dst, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(dst + len, CLOCK_TEXT_MAX - len, ".%03dZ", ms);
	return dst;
}
