/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/syslog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

// clang-format off
static const struct {
	const char *line, *message;
} rows[] = {
	{ "<134>1 2026-11-24T01:49:00.1+00:00 - haproxy 1 - - {\"a\":1}\n", "{\"a\":1}" },
	{ "<134>1 2026-11-24T01:49:00.1+00:00 host haproxy 1 id [x y=\"a]\\\"b\"][z] {\"a\":1}", "{\"a\":1}" },
	{ "<134>1 2026-11-24T01:49:00.1+00:00 - - - - - \xef\xbb\xbf{}", "{}" },
	{ "<134>Nov 24 01:49:00 haproxy[1]: {\"a\":1}\n", "{\"a\":1}" },
	{ "<134>Nov  4 01:49:00 host haproxy[1]: {}", "{}" },
	{ "<134>{\"a\":1}", "{\"a\":1}" },
	{ "<0>x", "x" },
	{ "{\"a\":1}\r\n", "{\"a\":1}" },
	{ "{\"a\":1}", "{\"a\":1}" },
	{ "", "" },
	{ "\n\n", "" },
	{ "<192>x", "<192>x" },
	{ "<>x", "<>x" },
	{ "<1234>x", "<1234>x" },
	{ "<134", "<134" },
	/* Cut headers are text, and what reads it says that it is no record. */
	{ "<134>1 2026-11-24T01:49:00.1+00:00 - haproxy", "1 2026-11-24T01:49:00.1+00:00 - haproxy" },
	{ "<134>1 a b c d e [x {}", "1 a b c d e [x {}" },
	{ "<134>1 a b c d e [x y=\"\\", "1 a b c d e [x y=\"\\" },
};
// clang-format on

static void headers_are_taken_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice message = syslog_message(slice_of_cstr(rows[i].line));
		char text[256];
		snprintf(text, sizeof(text), "%.*s", SLICE_ARG(message));
		assert_string_equal(text, rows[i].message);
	}
}

/* At every length: the result stays within the line. */
static void every_truncation_stays_within_the_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].line);
		for (size_t cut = 0; cut <= len; cut++) {
			char *copy = malloc(cut + 1);
			assert_non_null(copy);
			memcpy(copy, rows[i].line, cut);
			struct slice message = syslog_message(slice_of(copy, cut));
			assert_true(message.len <= cut);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_taken_off),
		cmocka_unit_test(every_truncation_stays_within_the_line),
	};
	return cmocka_run_group_tests_name("syslog", tests, NULL, NULL);
}
