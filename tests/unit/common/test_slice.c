/* SPDX-License-Identifier: Apache-2.0 */
#include "common/slice.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
static const struct slice none = { NULL, 0 };

static void equality_looks_at_bytes_and_length(void **state)
{
	(void)state;
	assert_true(slice_eq(none, SLICE("")));
	assert_true(slice_eq(SLICE("a\0b"), SLICE("a\0b")));
	assert_false(slice_eq(SLICE("a\0b"), SLICE("a\0c")));
	assert_false(slice_eq(SLICE("a"), SLICE("ab")));
	assert_true(slice_eq_nocase(SLICE("aZ[\xc4"), SLICE("Az[\xc4")));
	assert_false(slice_eq_nocase(SLICE("@"), SLICE("\x60")));
	assert_false(slice_eq_nocase(SLICE("\xe4"), SLICE("\xc4")));
	assert_true(slice_eq_nocase(none, none));
}

static void secrets_are_equal_only_when_each_byte_is(void **state)
{
	(void)state;
	char other[] = "0123456789abcdef";
	assert_true(slice_eq_secret(SLICE("0123456789abcdef"), slice_of_cstr(other)));
	for (size_t i = 0; i < 16; i++) {
		other[i] ^= 1;
		assert_false(slice_eq_secret(SLICE("0123456789abcdef"), slice_of_cstr(other)));
		other[i] ^= 1;
	}
	assert_false(slice_eq_secret(SLICE("ab"), SLICE("abc")));
	assert_true(slice_eq_secret(none, none));
}

static void order_is_by_unsigned_bytes_then_length(void **state)
{
	(void)state;
	const struct slice sorted[] = { none, SLICE("\0"), SLICE("a"), SLICE("a\0"), SLICE("ab"),
		SLICE("b"), SLICE("\xff") };
	for (size_t i = 0; i < COUNT(sorted); i++)
		for (size_t j = 0; j < COUNT(sorted); j++) {
			int order = slice_cmp(sorted[i], sorted[j]);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

static void parts_are_clipped(void **state)
{
	(void)state;
	assert_true(slice_eq(slice_sub(SLICE("abc"), 1, 1), SLICE("b")));
	assert_true(slice_eq(slice_sub(SLICE("abc"), 1, SIZE_MAX), SLICE("bc")));
	assert_int_equal(slice_sub(SLICE("abc"), 3, 1).len, 0);
	assert_int_equal(slice_sub(SLICE("abc"), SIZE_MAX, SIZE_MAX).len, 0);
	assert_null(slice_sub(none, 0, 5).ptr);
	assert_int_equal(slice_of_cstr(NULL).len, 0);
}

static void prefixes_and_suffixes(void **state)
{
	(void)state;
	assert_true(slice_starts_with(SLICE("abc"), SLICE("ab")));
	assert_true(slice_starts_with(none, none));
	assert_false(slice_starts_with(SLICE("ab"), SLICE("abc")));
	assert_false(slice_starts_with(SLICE("abc"), SLICE("AB")));
	assert_true(slice_starts_with_nocase(SLICE("abc"), SLICE("AB")));
	assert_false(slice_starts_with_nocase(SLICE("a"), SLICE("AB")));
	assert_true(slice_ends_with(SLICE("abc"), SLICE("bc")));
	assert_true(slice_ends_with(SLICE("abc"), none));
	assert_false(slice_ends_with(SLICE("bc"), SLICE("abc")));
}

static void finding(void **state)
{
	(void)state;
	assert_int_equal(slice_find(SLICE("aXbXc"), SLICE("Xc")), 3);
	assert_int_equal(slice_find(SLICE("a\0b"), SLICE("\0b")), 1);
	assert_int_equal(slice_find(none, none), 0);
	assert_true(slice_find(none, SLICE("a")) == SIZE_MAX);
	assert_true(slice_find(SLICE("ab"), SLICE("abc")) == SIZE_MAX);
	assert_true(slice_find(SLICE("abc"), SLICE("ac")) == SIZE_MAX);
	assert_int_equal(slice_find_byte(SLICE("ab\xff"), '\xff'), 2);
	assert_true(slice_find_byte(none, 'a') == SIZE_MAX);
}

static void trimming_removes_white_space_at_the_ends_alone(void **state)
{
	(void)state;
	assert_true(slice_eq(slice_trim(SLICE(" \t\r\n\v\fa b ")), SLICE("a b")));
	assert_int_equal(slice_trim(SLICE(" \t ")).len, 0);
	assert_int_equal(slice_trim(none).len, 0);
	assert_int_equal(slice_trim(SLICE("\0")).len, 1);
}

static void cutting_at_the_first_separator(void **state)
{
	(void)state;
	struct slice head, rest = SLICE("a:b:");
	assert_true(slice_cut(rest, ':', &head, &rest));
	assert_true(slice_eq(head, SLICE("a")));
	assert_true(slice_cut(rest, ':', &head, &rest));
	assert_true(slice_eq(head, SLICE("b")));
	assert_false(slice_cut(rest, ':', &head, &rest));
	assert_int_equal(head.len + rest.len, 0);
	rest = SLICE("abc");
	assert_false(slice_cut(rest, ':', &rest, &head));
	assert_true(slice_eq(rest, SLICE("abc")));
	assert_int_equal(head.len, 0);
}

static void numbers_are_strict_and_bounded(void **state)
{
	(void)state;
	static const struct {
		struct slice text;
		uint64_t max, value;
		bool ok;
	} rows[] = {
		// clang-format off
		{ SLICE_INIT("0"),                    0,          0,          true },
		{ SLICE_INIT("007"),                  9,          7,          true },
		{ SLICE_INIT("255"),                  255,        255,        true },
		{ SLICE_INIT("256"),                  255,        0,          false },
		{ SLICE_INIT("9"),                    8,          0,          false },
		{ SLICE_INIT("18446744073709551615"), UINT64_MAX, UINT64_MAX, true },
		{ SLICE_INIT("18446744073709551616"), UINT64_MAX, 0,          false },
		{ SLICE_INIT("99999999999999999999"), UINT64_MAX, 0,          false },
		{ SLICE_INIT(""),                     9,          0,          false },
		{ SLICE_INIT("-1"),                   9,          0,          false },
		{ SLICE_INIT("+1"),                   9,          0,          false },
		{ SLICE_INIT(" 1"),                   9,          0,          false },
		{ SLICE_INIT("1 "),                   9,          0,          false },
		{ SLICE_INIT("1\0"),                  9,          0,          false },
		{ SLICE_INIT("0x1"),                  9,          0,          false },
		// clang-format on
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t value = 4711;
		assert_int_equal(slice_to_u64(rows[i].text, rows[i].max, &value), rows[i].ok);
		assert_true(value == (rows[i].ok ? rows[i].value : 4711));
	}
}

static void hexadecimal_digits(void **state)
{
	(void)state;
	static const char digits[] = "0123456789abcdef";
	for (int c = 0; c < 256; c++) {
		const char *at = c ? strchr(digits, ascii_lower((char)c)) : NULL;
		assert_int_equal(ascii_hex_value((char)c), at ? at - digits : -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_looks_at_bytes_and_length),
		cmocka_unit_test(secrets_are_equal_only_when_each_byte_is),
		cmocka_unit_test(order_is_by_unsigned_bytes_then_length),
		cmocka_unit_test(parts_are_clipped),
		cmocka_unit_test(prefixes_and_suffixes),
		cmocka_unit_test(finding),
		cmocka_unit_test(trimming_removes_white_space_at_the_ends_alone),
		cmocka_unit_test(cutting_at_the_first_separator),
		cmocka_unit_test(numbers_are_strict_and_bounded),
		cmocka_unit_test(hexadecimal_digits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
