/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/body/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *render(const struct body_list *list, struct arena *arena)
{
	char *text = arena_dup_cstr(arena, "");
	for (size_t i = 0; i < list->count; i++)
		text = arena_printf(arena, "%s%.*s=%.*s;", text, SLICE_ARG(list->items[i].name),
		    SLICE_ARG(list->items[i].value));
	return text;
}

static void pairs_are_decoded_leniently(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		char separator;
		const char *out;
		bool bad;
	} rows[] = {
		{ "a=1&b=2", '&', "a=1;b=2;", false },
		{ "a=1;b=2", ';', "a=1;b=2;", false },
		{ "a+b=c+d%20e&%41=%42", '&', "a b=c d e;A=B;", false },
		{ "a&b=&=c&&", '&', "a=;b=;=c;", false },
		{ "a=b=c", '&', "a=b=c;", false },
		{ "a=%zz%4&b=%", '&', "a=%zz%4;b=%;", true },
		{ "a=%252e", '&', "a=%2e;", false },
		{ "", '&', "", false },
		{ "a=1&a=2", '&', "a=1;a=2;", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena arena;
		struct body_list list = { 0 };
		bool bad = false;
		arena_init(&arena, 0);
		assert_int_equal(body_urlencoded(slice_of_cstr(rows[i].in), rows[i].separator,
		                     &body_default_limits, &arena, &list, &bad),
		    BODY_OK);
		assert_string_equal(render(&list, &arena), rows[i].out);
		assert_int_equal(bad, rows[i].bad);
		arena_release(&arena);
	}
}

static void cookies_are_cut_but_not_decoded(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "a=1; b=%20x ;c", "a=1;b=%20x ;c=;" },
		{ " ; ;=v;d=e=f", "=v;d=e=f;" },
		{ "", "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena arena;
		struct body_list list = { 0 };
		arena_init(&arena, 0);
		assert_int_equal(
		    body_cookies(slice_of_cstr(rows[i].in), &body_default_limits, &arena, &list),
		    BODY_OK);
		assert_string_equal(render(&list, &arena), rows[i].out);
		arena_release(&arena);
	}
}

static void lists_grow_over_calls_and_each_call_has_its_limit(void **state)
{
	(void)state;
	struct body_limits limits = body_default_limits;
	struct arena arena;
	struct body_list list = { 0 };
	bool bad;
	limits.max_args = 2;
	arena_init(&arena, 0);
	assert_int_equal(
	    body_urlencoded(SLICE("a=1&b=2"), '&', &limits, &arena, &list, &bad), BODY_OK);
	assert_int_equal(body_urlencoded(SLICE("c=1&d=2&e=3"), '&', &limits, &arena, &list, &bad),
	    BODY_TOO_MANY);
	assert_int_equal(list.count, 4);
	assert_int_equal(
	    body_cookies(SLICE("f=1; g=2; h=3"), &limits, &arena, &list), BODY_TOO_MANY);
	assert_int_equal(list.count, 6);
	arena_release(&arena);
}

static void want_of_memory_is_told(void **state)
{
	(void)state;
	struct arena arena;
	struct body_list list = { 0 };
	bool bad;
	arena_init(&arena, 8);
	assert_int_equal(
	    body_urlencoded(SLICE("a=1"), '&', &body_default_limits, &arena, &list, &bad),
	    BODY_NO_MEMORY);
	assert_true(arena_failed(&arena));
	arena_reset(&arena);
	assert_int_equal(body_urlencoded(SLICE("a=%41%41%41%41%41%41%41%41%41"), '&',
	                     &body_default_limits, &arena, &list, &bad),
	    BODY_NO_MEMORY);
	assert_int_equal(list.count, 0);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_decoded_leniently),
		cmocka_unit_test(cookies_are_cut_but_not_decoded),
		cmocka_unit_test(lists_grow_over_calls_and_each_call_has_its_limit),
		cmocka_unit_test(want_of_memory_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
