/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/ini.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char file[] = "# made by hand\r\n"
                           "[default]\r\n"
                           "region = eu-west-1\r\n"
                           "\n"
                           "[ profile   \"dev box\" ]  ; office\n"
                           "Region=us-east-1 # near\n"
                           "secret = a#b;c=d:e\n"
                           "s3 =\n"
                           "  region = nested\n"
                           "empty =\n"
                           "[default]\n"
                           "output: json\n"
                           "region = eu-central-1\n";

static void expect(const char *section, const char *name, const char *value)
{
	struct slice out = { 0 };
	bool found = ini_find(slice_of_cstr(file), slice_of_cstr(section), name, &out);
	assert_int_equal(found, value != NULL);
	if (value && !slice_eq(out, slice_of_cstr(value)))
		fail_msg("[%s] %s is '%.*s'", section, name, SLICE_ARG(out));
}

static void settings_are_found_by_section_and_name(void **state)
{
	(void)state;
	expect("default", "output", "json");
	expect("profile dev box", "region", "us-east-1");
	expect("profile dev box", "empty", "");
	expect("profile dev", "region", NULL);
	expect("dev box", "region", NULL);
	expect("default", "secret", NULL);
}

static void the_last_value_of_a_repeated_section_wins(void **state)
{
	(void)state;
	expect("default", "region", "eu-central-1");
}

static void a_comment_needs_white_space_before_it(void **state)
{
	(void)state;
	expect("profile dev box", "secret", "a#b;c=d:e");
}

static void nested_settings_are_passed_over(void **state)
{
	(void)state;
	expect("profile dev box", "s3", "");
}

static void sections_are_told_apart(void **state)
{
	(void)state;
	assert_true(ini_has_section(slice_of_cstr(file), SLICE("default")));
	assert_true(ini_has_section(slice_of_cstr(file), SLICE("profile dev box")));
	assert_false(ini_has_section(slice_of_cstr(file), SLICE("profile")));
}

static void bad_lines_are_named_with_their_number(void **state)
{
	(void)state;
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "[a]\nb = c\nnonsense\n", "credentials:3: neither a [section] nor a setting" },
		{ "[a\n", "credentials:1: neither a [section] nor a setting" },
		{ "[]\n", "credentials:1: neither a [section] nor a setting" },
		{ "[a] b\n", "credentials:1: neither a [section] nor a setting" },
		{ "[a]\n= b\n", "credentials:2: neither a [section] nor a setting" },
		{ "# x\nb = c\n", "credentials:2: setting before the first [section]" },
	};
	char text[512];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };
		assert_false(ini_check(slice_of_cstr(rows[i].text), "credentials", &err));
		assert_string_equal(err_format(&err, text, sizeof(text)), rows[i].error);
	}
	assert_true(ini_check(slice_of_cstr(file), "credentials", NULL));
	assert_true(ini_check(SLICE(""), "credentials", NULL));
}

static void every_truncation_is_read_without_harm(void **state)
{
	(void)state;
	struct slice out;
	for (size_t len = 0; len <= sizeof(file) - 1; len++) {
		ini_check(slice_of(file, len), "f", NULL);
		ini_find(slice_of(file, len), SLICE("profile dev box"), "secret", &out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_found_by_section_and_name),
		cmocka_unit_test(the_last_value_of_a_repeated_section_wins),
		cmocka_unit_test(a_comment_needs_white_space_before_it),
		cmocka_unit_test(nested_settings_are_passed_over),
		cmocka_unit_test(sections_are_told_apart),
		cmocka_unit_test(bad_lines_are_named_with_their_number),
		cmocka_unit_test(every_truncation_is_read_without_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
