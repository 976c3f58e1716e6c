/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/body/body.h"
#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* name=value, one per line. */
static const char *render(const struct body_list *list, struct arena *arena)
{
	char *text = arena_dup_cstr(arena, "");
	for (size_t i = 0; i < list->count; i++)
		text = arena_printf(arena, "%s%.*s=%.*s\n", text, SLICE_ARG(list->items[i].name),
		    SLICE_ARG(list->items[i].value));
	return text;
}

static const struct row {
	const char *in;
	enum body_result result;
	const char *out;
} rows[] = {
	{ "{\"a\":{\"b\":1.50},\"c\":\"x\"}", BODY_OK, "json.a.b=1.50\njson.c=x\n" },
	{ "{\"list\":[\"x\",{\"y\":true,\"z\":null},[1,[]],{}]}", BODY_OK,
	    "json.list.array_0=x\njson.list.array_1.y=true\njson.list.array_1.z=\njson.list.array_2.array_0=1\n" },
	{ "[\"x\",[\"y\"]]", BODY_OK, "json.array_0=x\njson.array_1.array_0=y\n" },
	{ "\"str\"", BODY_OK, "json=str\n" },
	{ " -12.5e+3 ", BODY_OK, "json=-12.5e+3\n" },
	{ "false", BODY_OK, "json=false\n" },
	{ "{}", BODY_OK, "" },
	{ "[[],[[]]]", BODY_OK, "" },
	{ "{\"\":\"e\",\"a.b\":{\"c\":\"d\"}}", BODY_OK, "json.=e\njson.a.b.c=d\n" },
	{ "{\"a\":\"1\",\"a\":\"2\"}", BODY_OK, "json.a=1\njson.a=2\n" },
	{ "\"\\u00e9\\ud83d\\ude00\\u0041\\n\\/\\\\\\\"\"", BODY_OK,
	    "json=\xc3\xa9\xf0\x9f\x98\x80"
	    "A\n/\\\"\n" },
	{ "\"\\ud83d\"", BODY_OK, "json=\xef\xbf\xbd\n" },
	{ "\"\\ud83dx\\ude00\"", BODY_OK, "json=\xef\xbf\xbdx\xef\xbf\xbd\n" },
	{ "\"\\ud83d\\u0041\"", BODY_OK,
	    "json=\xef\xbf\xbd"
	    "A\n" },
	{ "{\"\\u0061\":1}", BODY_OK, "json.a=1\n" },
	{ "", BODY_TRUNCATED, "" },
	{ "  ", BODY_TRUNCATED, "" },
	{ "{\"a\":1", BODY_TRUNCATED, "json.a=1\n" },
	{ "{\"a\":\"b", BODY_TRUNCATED, "" },
	{ "\"a\\", BODY_TRUNCATED, "" },
	{ "[1,", BODY_TRUNCATED, "json.array_0=1\n" },
	{ "-", BODY_TRUNCATED, "" },
	{ "1.", BODY_TRUNCATED, "" },
	{ "1e", BODY_TRUNCATED, "" },
	{ "{\"a\":1} x", BODY_MALFORMED, "json.a=1\n" },
	{ "{\"a\":1,}", BODY_MALFORMED, "json.a=1\n" },
	{ "[1,]", BODY_MALFORMED, "json.array_0=1\n" },
	{ "[1 2]", BODY_MALFORMED, "json.array_0=1\n" },
	{ "{\"a\" 1}", BODY_MALFORMED, "" },
	{ "{a:1}", BODY_MALFORMED, "" },
	{ "{\"a\":1]", BODY_MALFORMED, "json.a=1\n" },
	{ "01", BODY_MALFORMED, "" },
	{ "+1", BODY_MALFORMED, "" },
	{ ".5", BODY_MALFORMED, "" },
	{ "tru", BODY_MALFORMED, "" },
	{ "NaN", BODY_MALFORMED, "" },
	{ "'a'", BODY_MALFORMED, "" },
	{ "\"\\x41\"", BODY_MALFORMED, "" },
	{ "\"\\u00g0\"", BODY_MALFORMED, "" },
	{ "\"\\u12\"", BODY_MALFORMED, "" },
	{ "\"a\nb\"", BODY_MALFORMED, "" },
	{ "\"\xff\"", BODY_MALFORMED, "" },
	{ "\xef\xbb\xbf{}", BODY_MALFORMED, "" },
};

static void values_are_named_by_their_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena arena;
		struct body_list list = { 0 };
		arena_init(&arena, 0);
		enum body_result result =
		    body_json(slice_of_cstr(rows[i].in), &body_default_limits, &arena, &list);
		const char *text = render(&list, &arena);
		if (result != rows[i].result || strcmp(text, rows[i].out) != 0)
			fail_msg("%s: %s\n%s", rows[i].in, body_result_text(result), text);
		arena_release(&arena);
	}
}

static void no_truncation_reads_behind_the_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t len = 0; len < strlen(rows[i].in); len++) {
			struct arena arena;
			struct body_list list = { 0 };
			char *copy = malloc(len ? len : 1);
			assert_non_null(copy);
			memcpy(copy, rows[i].in, len);
			arena_init(&arena, 0);
			body_json(slice_of(copy, len), &body_default_limits, &arena, &list);
			free(copy);
			arena_release(&arena);
		}
	}
}

static enum body_result parse_with(
    const struct body_limits *limits, const char *text, size_t *count)
{
	struct arena arena;
	struct body_list list = { 0 };
	arena_init(&arena, 0);
	enum body_result result = body_json(slice_of_cstr(text), limits, &arena, &list);
	*count = list.count;
	arena_release(&arena);
	return result;
}

static void limits_hold_at_their_edge(void **state)
{
	(void)state;
	struct body_limits limits = { .max_args = 2, .max_depth = 3, .max_name_bytes = 10 };
	size_t count;
	assert_int_equal(parse_with(&limits, "{\"a\":1,\"b\":2}", &count), BODY_OK);
	assert_int_equal(parse_with(&limits, "{\"a\":1,\"b\":2,\"c\":3}", &count), BODY_TOO_MANY);
	assert_int_equal(count, 2);
	assert_int_equal(parse_with(&limits, "{\"a\":{\"b\":{}}}", &count), BODY_OK);
	assert_int_equal(parse_with(&limits, "{\"a\":{\"b\":{\"c\":{}}}}", &count), BODY_TOO_DEEP);
	assert_int_equal(parse_with(&limits, "{\"abcde\":1}", &count), BODY_OK);
	assert_int_equal(parse_with(&limits, "{\"abcdef\":1}", &count), BODY_TOO_LONG);
}

static void deep_nesting_needs_no_stack(void **state)
{
	(void)state;
	enum { DEPTH = 100000 };
	char *text = malloc(DEPTH + 1);
	size_t count;
	assert_non_null(text);
	memset(text, '[', DEPTH);
	text[DEPTH] = '\0';
	assert_int_equal(parse_with(&body_default_limits, text, &count), BODY_TOO_DEEP);
	free(text);
}

static void want_of_memory_is_told(void **state)
{
	(void)state;
	const char *text =
	    "{\"a\":\"\\u00e9\",\"b\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]}";
	bool done = false;
	for (size_t limit = 1; !done && limit < 20000; limit += 64) {
		struct arena arena;
		struct body_list list = { 0 };
		arena_init(&arena, limit);
		enum body_result result =
		    body_json(slice_of_cstr(text), &body_default_limits, &arena, &list);
		assert_int_equal(result == BODY_NO_MEMORY, arena_failed(&arena));
		done = result == BODY_OK;
		arena_release(&arena);
	}
	assert_true(done);
	for (long n = 1; n < 50; n++) {
		struct arena arena;
		struct body_list list = { 0 };
		arena_init(&arena, 0);
		fail_alloc_at(n);
		enum body_result result =
		    body_json(slice_of_cstr(text), &body_default_limits, &arena, &list);
		bool failed = fail_alloc_happened();
		fail_alloc_off();
		assert_int_equal(result, failed ? BODY_NO_MEMORY : BODY_OK);
		arena_release(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_named_by_their_path),
		cmocka_unit_test(no_truncation_reads_behind_the_end),
		cmocka_unit_test(limits_hold_at_their_edge),
		cmocka_unit_test(deep_nesting_needs_no_stack),
		cmocka_unit_test(want_of_memory_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
