/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/scan.h"

#include "common/clock.h"
#include "common/json_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

// clang-format off
static const struct {
	const char *text, *why; /* NULL: it is one object */
} rows[] = {
	{ "{}", NULL },
	{ " { } ", NULL },
	{ "{\"a\":1,\"b\":\"x\",\"c\":[1,{\"d\":null}],\"e\":true,\"f\":-1.5e+3}", NULL },
	{ "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", NULL },
	{ "{\"a\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}", "nested too deep" },
	{ "", "not an object" },
	{ "[]", "not an object" },
	{ "1", "not an object" },
	{ "{", "a string is missing" },
	{ "{\"a\"", "a colon is missing" },
	{ "{\"a\":", "not a JSON value" },
	{ "{\"a\":1", "a comma or bracket is missing" },
	{ "{\"a\":1,}", "a string is missing" },
	{ "{\"a\":1}x", "text behind the object" },
	{ "{\"a\":1}{}", "text behind the object" },
	{ "{\"a\":1,\"a\":2}", "a member stands twice" },
	{ "{\"a\":01}", "a comma or bracket is missing" },
	{ "{\"a\":1.}", "bad number" },
	{ "{\"a\":1e}", "bad number" },
	{ "{\"a\":-}", "not a JSON value" },
	{ "{\"a\":+1}", "not a JSON value" },
	{ "{\"a\":nul}", "not a JSON value" },
	{ "{\"a\":[1,]}", "not a JSON value" },
	{ "{\"a\":{\"b\"}}", "a colon is missing" },
	{ "{\"a\":\"x}", "a string does not end" },
	{ "{\"a\":\"\\x\"}", "bad escape in a string" },
	{ "{\"a\":\"\\u12g4\"}", "bad escape in a string" },
	{ "{\"a\":\"\\u12", "bad escape in a string" },
	{ "{\"a\":\"\n\"}", "control byte in a string" },
	{ "{\"a\":\"\xff\"}", "bytes that are no UTF-8" },
	{ "{\"a\":\"\xed\xa0\x80\"}", "bytes that are no UTF-8" },
	{ "{\"a\":\"\x7f\"}", NULL },
};
// clang-format on

static void objects_are_told_from_other_text(void **state)
{
	struct scan_object object;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = scan_json_object(slice_of_cstr(rows[i].text), &object);
		if ((why == NULL) != (rows[i].why == NULL))
			print_message("%s: %s\n", rows[i].text, why ? why : "accepted");
		if (rows[i].why)
			assert_string_equal(why ? why : "accepted", rows[i].why);
		else
			assert_null(why);
	}
}

/* jansson as the oracle, over every truncation and a change of every byte of a record. */
static void the_verdict_is_that_of_jansson(void **state)
{
	static const char record[] =
	    "{\"time\":\"2026-11-24T01:49:00.123Z\",\"id\":\"a-\\u00e9\\n\\\"\",\"port\":51000,\"x\":[1,-2.5e3,{"
	    "\"y\":null,\"z\":false}],\"ua\":\"\xc3\xa9 \xf0\x9f\x98\x80\",\"status\":200}";
	static const char replacements[] = "\"\\{}[]:,0-.eu \x01\x80\xff\n";
	struct scan_object object;
	(void)state;
	for (size_t at = 0; at < sizeof(record) - 1; at++)
		for (size_t r = 0; r < sizeof(replacements); r++) {
			char text[sizeof(record)];
			memcpy(text, record, sizeof(record));
			text[at] = replacements[r];
			struct slice slice = slice_of(text, r ? sizeof(record) - 1 : at);
			json_t *json = json_read_text(slice, NULL, NULL);
			bool expected = json_is_object(json);
			json_decref(json);
			bool got = scan_json_object(slice, &object) == NULL;
			/* jansson refuses a NUL in a name or string by default; so do control bytes
			 * here. */
			if (got != expected)
				print_message("%.*s\n", SLICE_ARG(slice));
			assert_int_equal(got, expected);
		}
}

static void members_are_found_and_decoded(void **state)
{
	struct scan_object object;
	struct buf out;
	(void)state;
	buf_init(&out, 0);
	assert_null(scan_json_object(
	    SLICE(
	        "{\"s\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\\ud83d\\ude00\\ud800x\",\"n\":-12,\"plain\":\"p\"}"),
	    &object));
	assert_int_equal(object.count, 3);
	scan_text(scan_find(&object, SLICE("s")), &out);
	assert_string_equal(
	    buf_cstr(&out), "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbdx");
	struct slice value = scan_value(scan_find(&object, SLICE("plain")), &out);
	assert_true(slice_eq(value, SLICE("p")));
	value = scan_value(scan_find(&object, SLICE("n")), &out);
	assert_true(slice_eq(value, SLICE("-12")));
	assert_int_equal(scan_int(&object, SLICE("n"), 0), -12);
	assert_int_equal(scan_int(&object, SLICE("s"), 7), 7);
	assert_int_equal(scan_int(&object, SLICE("none"), 7), 7);
	assert_null(scan_find(&object, SLICE("none")));
	buf_release(&out);
}

static void as_many_members_as_allowed(void **state)
{
	struct scan_object object;
	struct buf text;
	(void)state;
	for (int count = SCAN_MEMBERS_MAX; count <= SCAN_MEMBERS_MAX + 1; count++) {
		buf_init(&text, 0);
		buf_append_byte(&text, '{');
		for (int i = 0; i < count; i++)
			buf_printf(&text, "%s\"m%d\":%d", i ? "," : "", i, i);
		buf_append_byte(&text, '}');
		const char *why = scan_json_object(buf_slice(&text), &object);
		if (count == SCAN_MEMBERS_MAX)
			assert_null(why);
		else
			assert_string_equal(why, "too many members");
		buf_release(&text);
	}
}

static void times_are_read(void **state)
{
	char text[CLOCK_TEXT_MAX];
	static const char *const wrong[] = { "", "2026-11-24", "2026-11-24T01:49:00Z",
		"2026-13-24T01:49:00.123Z", "2026-00-24T01:49:00.123Z", "2026-11-32T01:49:00.123Z",
		"2026-11-24T24:49:00.123Z", "2026-11-24T01:60:00.123Z", "1969-12-31T23:59:59.999Z",
		"2026-11-24T01:49:00.123z", "2026-11-24 01:49:00.123Z",
		"x026-11-24T01:49:00.123Z" };
	(void)state;
	assert_int_equal(scan_time_ms(SLICE("1970-01-01T00:00:00.000Z")), 0);
	assert_int_equal(scan_time_ms(SLICE("2026-11-24T00:00:00.000Z")), INT64_C(1795478400000));
	for (int64_t ms = 0; ms < INT64_C(4102444800000); ms += INT64_C(86400000) * 31 + 123457)
		assert_int_equal(scan_time_ms(slice_of_cstr(clock_format_utc(ms, text))), ms);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(scan_time_ms(slice_of_cstr(wrong[i])), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_told_from_other_text),
		cmocka_unit_test(the_verdict_is_that_of_jansson),
		cmocka_unit_test(members_are_found_and_decoded),
		cmocka_unit_test(as_many_members_as_allowed),
		cmocka_unit_test(times_are_read),
	};
	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
