/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void times_are_written_in_utc_with_milliseconds(void **state)
{
	(void)state;
	static const struct {
		int64_t unix_ms;
		const char *text;
	} rows[] = {
		// clang-format off
		{ 0,               "1970-01-01T00:00:00.000Z" },
		{ 1,               "1970-01-01T00:00:00.001Z" },
		{ 951782400999,    "2000-02-29T00:00:00.999Z" },
		{ 1763948940123,   "2025-11-24T01:49:00.123Z" },
		{ -1,              "1969-12-31T23:59:59.999Z" },
		{ -1000,           "1969-12-31T23:59:59.000Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		// clang-format on
	};
	char text[CLOCK_TEXT_MAX];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(clock_format_utc(rows[i].unix_ms, text), rows[i].text);
}

static void absurd_times_stay_within_the_text(void **state)
{
	(void)state;
	static const int64_t times[] = { INT64_MIN, INT64_MAX, 253402300800000, -62167219200001 };
	char text[CLOCK_TEXT_MAX];
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		assert_non_null(memchr(clock_format_utc(times[i], text), '\0', sizeof(text)));
}

static void units_agree_and_time_does_not_go_back(void **state)
{
	(void)state;
	int64_t before_s = (int64_t)time(NULL);
	int64_t ms = clock_unix_ms(), s = clock_unix_s();
	assert_true(ms / 1000 >= before_s && s >= ms / 1000);
	uint64_t ns = clock_monotonic_ns(), us = clock_monotonic_us(),
	         mono_ms = clock_monotonic_ms();
	assert_true(
	    us >= ns / 1000 && mono_ms >= us / 1000 && clock_monotonic_ns() / 1000000 >= mono_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_in_utc_with_milliseconds),
		cmocka_unit_test(absurd_times_stay_within_the_text),
		cmocka_unit_test(units_agree_and_time_does_not_go_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
