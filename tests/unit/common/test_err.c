/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include "tests/support/fail_alloc.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void the_first_error_wins(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_false(err_is_set(&err));
	assert_false(err_set(&err, "first %d", 1));
	assert_false(err_set_at(&err, (struct err_pos){ "f", 1, 2 }, "second"));
	assert_true(err_is_set(&err));
	assert_string_equal(err.text, "first 1");
	assert_string_equal(err.file, "");
	err_clear(&err);
	assert_false(err_is_set(&err));
	err_set(&err, "third");
	assert_string_equal(err.text, "third");
}

static void no_error_wanted_is_no_crash(void **state)
{
	(void)state;
	assert_false(err_set(NULL, "%d", 1));
	assert_false(err_set_at(NULL, (struct err_pos){ 0 }, "%d", 1));
}

static void shown_with_the_parts_that_are_known(void **state)
{
	(void)state;
	static const struct {
		struct err_pos pos;
		const char *text, *shown;
	} rows[] = {
		// clang-format off
		{ { "a.conf", 3, 9 }, "unknown 'x'", "a.conf:3:9: unknown 'x'" },
		{ { "a.conf", 3, 0 }, "unknown 'x'", "a.conf:3: unknown 'x'" },
		{ { "a.conf", 0, 9 }, "unknown 'x'", "a.conf: unknown 'x'" },
		{ { NULL, 3, 9 },     "unknown 'x'", "3:9: unknown 'x'" },
		{ { NULL, 0, 0 },     "unknown 'x'", "unknown 'x'" },
		{ { "a\nb", 1, 0 },   "\x1b[0m\x7f", "a\\x0ab:1: \\x1b[0m\\x7f" },
		{ { NULL, 0, 0 },     "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		// clang-format on
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };
		char shown[200];
		err_set_at(&err, rows[i].pos, "%s", rows[i].text);
		assert_string_equal(err_format(&err, shown, sizeof(shown)), rows[i].shown);
	}
}

static void too_long_is_cut_and_never_overruns(void **state)
{
	(void)state;
	struct err err = { 0 };
	char shown[64];
	char file[ERR_FILE_MAX + 10], text[ERR_TEXT_MAX + 10];
	memset(file, '\n', sizeof(file) - 1);
	memset(text, '\n', sizeof(text) - 1);
	file[sizeof(file) - 1] = text[sizeof(text) - 1] = '\0';
	err_set_at(&err, (struct err_pos){ file, 4294967295u, 4294967295u }, "%s", text);
	assert_int_equal(strlen(err.file), ERR_FILE_MAX - 1);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	for (size_t size = 1; size <= sizeof(shown); size++) {
		memset(shown, '#', sizeof(shown));
		err_format(&err, shown, size);
		assert_in_range(strlen(shown), 0, size - 1);
		assert_int_equal(strlen(shown) % 4, 0);
		if (size < sizeof(shown))
			assert_int_equal(shown[size], '#');
	}
	shown[0] = '#';
	err_format(&err, shown, 0);
	assert_int_equal(shown[0], '#');
}

static void lines_are_printed_below_each_other(void **state)
{
	(void)state;
	struct err err = { 0 }, line;
	char *shown = NULL;
	size_t len = 0;
	err_set_at(&err, (struct err_pos){ "f", 3, 0 }, "refused:\nfirst\x1b[1m\n\nlast");
	assert_true(err_line(&err, 1, &line));
	assert_string_equal(line.text, "first\x1b[1m");
	assert_string_equal(line.file, "");
	assert_false(err_line(&err, 4, &line));
	FILE *out = open_memstream(&shown, &len);
	err_print(&err, out);
	fclose(out);
	assert_string_equal(shown, "error: f:3: refused:\n  first\\x1b[1m\n  \n  last\n");
	free(shown);
	err_clear(&err);
	assert_true(err_line(&err, 0, &line));
	assert_string_equal(line.text, "");
	assert_false(err_line(&err, 1, &line));
}

static void a_list_keeps_up_to_its_maximum_and_counts_the_rest(void **state)
{
	(void)state;
	struct err_list list;
	struct err err = { 0 };
	err_list_init(&list, 3);
	assert_true(err_list_is_empty(&list));
	assert_false(err_list_add(&list, (struct err_pos){ "f", 1, 1 }, "one"));
	err_set(&err, "two");
	assert_false(err_list_add_err(&list, &err));
	err_list_add(&list, (struct err_pos){ 0 }, "three");
	assert_int_equal(list.dropped, 0);
	err_list_add(&list, (struct err_pos){ 0 }, "four");
	assert_int_equal(list.count, 3);
	assert_int_equal(list.dropped, 1);
	char *shown = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&shown, &len);
	err_list_print(&list, out);
	fclose(out);
	assert_string_equal(shown,
	    "error: f:1:1: one\nerror: two\nerror: three\nerror: 1 more errors are not shown\n");
	free(shown);
	err_list_release(&list);
	assert_true(err_list_is_empty(&list));
}

static void a_list_holds_a_hundred_unless_told(void **state)
{
	(void)state;
	struct err_list list;
	err_list_init(&list, 0);
	for (int i = 0; i < 101; i++)
		err_list_add(&list, (struct err_pos){ 0 }, "%d", i);
	assert_int_equal(list.count, 100);
	assert_int_equal(list.dropped, 1);
	assert_string_equal(list.items[99].text, "99");
	err_list_release(&list);
}

static void an_error_without_memory_is_still_counted(void **state)
{
	(void)state;
	struct err_list list;
	err_list_init(&list, 0);
	fail_alloc_at(1);
	err_list_add(&list, (struct err_pos){ 0 }, "lost");
	fail_alloc_off();
	assert_int_equal(list.count, 0);
	assert_int_equal(list.dropped, 1);
	assert_false(err_list_is_empty(&list));
	err_list_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_error_wins),
		cmocka_unit_test(no_error_wanted_is_no_crash),
		cmocka_unit_test(shown_with_the_parts_that_are_known),
		cmocka_unit_test(too_long_is_cut_and_never_overruns),
		cmocka_unit_test(lines_are_printed_below_each_other),
		cmocka_unit_test(a_list_keeps_up_to_its_maximum_and_counts_the_rest),
		cmocka_unit_test(a_list_holds_a_hundred_unless_told),
		cmocka_unit_test(an_error_without_memory_is_still_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
