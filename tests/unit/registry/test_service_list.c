/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/service_list.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void ids_stand_between_blanks_commas_and_comments(void **state)
{
	(void)state;
	struct slice rest = SLICE("# of the bank\na,b  c\t# not d\n\n e#f,#g\nh"), id;
	const char *const want[] = { "a", "b", "c", "e#f", "h" };
	for (size_t i = 0; i < 5; i++) {
		assert_true(service_list_next(&rest, &id));
		assert_true(slice_eq(id, slice_of_cstr(want[i])));
	}
	assert_false(service_list_next(&rest, &id));
	assert_false(service_list_next(&rest, &id));
}

static void check(const char *got, struct buf *out)
{
	assert_string_equal(buf_cstr(out), got);
	buf_release(out);
}

static void an_id_goes_and_the_rest_stays(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} CASES[] = {
		{ "a\nb\nc\n", "a\nc\n" },
		{ "# list\n\na  # one\nb  # two\n", "# list\n\na  # one\n" },
		{ "a, b,c # three\nd", "a, c  # three\nd" },
		{ "a b\n", "a\n" },
		{ "bb\nb-b\n# b\nb", "bb\nb-b\n# b\n" },
		{ "a\r\nb\r\n", "a\r\n" },
		{ "a", "a" },
		{ "", "" },
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct buf out;
		buf_init(&out, 0);
		service_list_drop(slice_of_cstr(CASES[i].text), SLICE("b"), &out);
		check(CASES[i].want, &out);
	}
}

static void an_id_comes_on_its_own_line(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, 0);
	service_list_add(SLICE("a # x"), SLICE("b"), &out);
	check("a # x\nb\n", &out);
	buf_init(&out, 0);
	service_list_add(SLICE(""), SLICE("b"), &out);
	check("b\n", &out);
	buf_init(&out, 0);
	service_list_add(SLICE("a\n"), SLICE("b"), &out);
	check("a\nb\n", &out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_stand_between_blanks_commas_and_comments),
		cmocka_unit_test(an_id_goes_and_the_rest_stays),
		cmocka_unit_test(an_id_comes_on_its_own_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
