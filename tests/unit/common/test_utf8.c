/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void sequences_are_well_formed_or_nothing(void **state)
{
	(void)state;
	static const struct {
		struct slice bytes;
		size_t len;
	} rows[] = {
		// clang-format off
		{ SLICE_INIT(""), 0 },
		{ SLICE_INIT("\0"), 1 },                 { SLICE_INIT("\x7f"), 1 },
		{ SLICE_INIT("\x80"), 0 },               { SLICE_INIT("\xbf"), 0 },
		{ SLICE_INIT("\xc0\x80"), 0 },           { SLICE_INIT("\xc1\xbf"), 0 },
		{ SLICE_INIT("\xc2\x80"), 2 },           { SLICE_INIT("\xdf\xbf"), 2 },
		{ SLICE_INIT("\xc2"), 0 },               { SLICE_INIT("\xc2\x7f"), 0 },
		{ SLICE_INIT("\xc2\xc0"), 0 },
		{ SLICE_INIT("\xe0\x9f\xbf"), 0 },       { SLICE_INIT("\xe0\xa0\x80"), 3 },
		{ SLICE_INIT("\xed\x9f\xbf"), 3 },       { SLICE_INIT("\xed\xa0\x80"), 0 },
		{ SLICE_INIT("\xee\x80\x80"), 3 },       { SLICE_INIT("\xef\xbf\xbf"), 3 },
		{ SLICE_INIT("\xe1\x80"), 0 },           { SLICE_INIT("\xe1\x80\x40"), 0 },
		{ SLICE_INIT("\xf0\x8f\xbf\xbf"), 0 },   { SLICE_INIT("\xf0\x90\x80\x80"), 4 },
		{ SLICE_INIT("\xf4\x8f\xbf\xbf"), 4 },   { SLICE_INIT("\xf4\x90\x80\x80"), 0 },
		{ SLICE_INIT("\xf5\x80\x80\x80"), 0 },   { SLICE_INIT("\xff"), 0 },
		{ SLICE_INIT("\xf1\x80\x80"), 0 },       { SLICE_INIT("\xf1\x80\x80\xc0"), 0 },
		{ SLICE_INIT("\xe2\x82\xac" "x"), 3 },
		// clang-format on
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(utf8_sequence_len(rows[i].bytes), rows[i].len);
}

static void texts_are_valid_as_a_whole(void **state)
{
	(void)state;
	assert_true(utf8_is_valid((struct slice){ 0 }));
	assert_true(utf8_is_valid(SLICE("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")));
	assert_false(utf8_is_valid(SLICE("a\xc3")));
	assert_false(utf8_is_valid(SLICE("a\xc3\xa4\x80")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_are_well_formed_or_nothing),
		cmocka_unit_test(texts_are_valid_as_a_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
