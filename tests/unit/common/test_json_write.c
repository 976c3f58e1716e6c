/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_write.h"

#include "common/json_read.h"

#include <math.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void write_sample(struct jw *w)
{
	jw_object_begin(w);
	jw_key(w, "a");
	jw_array_begin(w);
	jw_int(w, INT64_MIN);
	jw_uint(w, UINT64_MAX);
	jw_bool(w, true);
	jw_bool(w, false);
	jw_null(w);
	jw_cstr(w, NULL);
	jw_cstr(w, "x");
	jw_array_end(w);
	jw_key_slice(w, SLICE("b\"c"));
	jw_object_begin(w);
	jw_object_end(w);
	jw_key(w, "d");
	jw_array_begin(w);
	jw_array_end(w);
	jw_key(w, "e");
	jw_raw(w, SLICE("[1]"));
	jw_object_end(w);
}

static void compact_text_is_exact(void **state)
{
	(void)state;
	struct buf out;
	struct jw w;
	buf_init(&out, 0);
	jw_init(&w, &out, 0);
	write_sample(&w);
	assert_string_equal(buf_cstr(&out),
	    "{\"a\":[-9223372036854775808,18446744073709551615,true,false,null,null,\"x\"],\"b\\\"c\":{},\"d\":[],\"e\":[1]}");
	buf_release(&out);
}

static void indented_text_is_exact(void **state)
{
	(void)state;
	struct buf out;
	struct jw w;
	buf_init(&out, 0);
	jw_init(&w, &out, 2);
	jw_object_begin(&w);
	jw_key(&w, "a");
	jw_array_begin(&w);
	jw_int(&w, 1);
	jw_int(&w, 2);
	jw_array_end(&w);
	jw_key(&w, "b");
	jw_object_begin(&w);
	jw_object_end(&w);
	jw_object_end(&w);
	assert_string_equal(buf_cstr(&out), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
	buf_release(&out);
}

static void strings_are_escaped(void **state)
{
	(void)state;
	static const struct {
		struct slice in;
		const char *out;
	} rows[] = {
		// clang-format off
		{ SLICE_INIT("plain /"),              "plain /" },
		{ SLICE_INIT("\"\\"),               "\\\"\\\\" },
		{ SLICE_INIT("\b\f\n\r\t"),           "\\b\\f\\n\\r\\t" },
		{ SLICE_INIT("\0\x1f\x7f"),           "\\u0000\\u001f\\u007f" },
		{ SLICE_INIT("\xc3\xa4\xf0\x9f\x98\x80"), "\xc3\xa4\xf0\x9f\x98\x80" },
		{ SLICE_INIT("a\xff" "b"),            "a\xef\xbf\xbd" "b" },
		{ SLICE_INIT("\xed\xa0\x80"),         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ SLICE_INIT("\xe2\x82"),             "\xef\xbf\xbd\xef\xbf\xbd" },
		// clang-format on
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;
		buf_init(&out, 0);
		jw_escape(&out, rows[i].in);
		assert_string_equal(buf_cstr(&out), rows[i].out);
		buf_release(&out);
	}
}

static void any_two_bytes_make_valid_json(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, 0);
	for (unsigned pair = 0; pair < 65536; pair++) {
		char bytes[2] = { (char)(pair >> 8), (char)pair };
		struct jw w;
		buf_reset(&out);
		jw_init(&w, &out, 0);
		jw_string(&w, slice_of(bytes, 2));
		json_t *value =
		    json_loadb(out.data, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(value);
		json_decref(value);
	}
	buf_release(&out);
}

static void numbers_that_json_lacks_are_null(void **state)
{
	(void)state;
	static const struct {
		double value;
		const char *text;
	} rows[] = { { 0.1, "0.1" }, { -2.5, "-2.5" }, { 1e300, "1e+300" }, { 3, "3" },
		{ (double)INFINITY, "null" }, { -(double)INFINITY, "null" },
		{ (double)NAN, "null" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;
		struct jw w;
		buf_init(&out, 0);
		jw_init(&w, &out, 0);
		jw_double(&w, rows[i].value);
		assert_string_equal(buf_cstr(&out), rows[i].text);
		buf_release(&out);
	}
}

static void nesting_goes_as_deep_as_promised(void **state)
{
	(void)state;
	struct buf out;
	struct jw w;
	buf_init(&out, 0);
	jw_init(&w, &out, 0);
	for (int i = 0; i < JW_DEPTH_MAX; i++)
		jw_array_begin(&w);
	for (int i = 0; i < JW_DEPTH_MAX; i++)
		jw_array_end(&w);
	assert_int_equal(out.len, 2 * JW_DEPTH_MAX);
	buf_release(&out);
}

static void a_full_buffer_is_a_failure_of_the_buffer(void **state)
{
	(void)state;
	struct buf whole;
	struct jw w;
	buf_init(&whole, 0);
	jw_init(&w, &whole, 0);
	write_sample(&w);
	for (size_t limit = 1; limit <= whole.len; limit++) {
		struct buf out;
		buf_init(&out, limit);
		jw_init(&w, &out, 0);
		write_sample(&w);
		assert_int_equal(buf_failed(&out), limit < whole.len);
		assert_memory_equal(out.data ? out.data : "", whole.data, out.len);
		buf_release(&out);
	}
	buf_release(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compact_text_is_exact),
		cmocka_unit_test(indented_text_is_exact),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(any_two_bytes_make_valid_json),
		cmocka_unit_test(numbers_that_json_lacks_are_null),
		cmocka_unit_test(nesting_goes_as_deep_as_promised),
		cmocka_unit_test(a_full_buffer_is_a_failure_of_the_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
