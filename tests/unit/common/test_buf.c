/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"

#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void appended_bytes_come_in_order(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 0);
	assert_string_equal(buf_cstr(&buf), "");
	buf_append(&buf, "a\0", 2);
	buf_append_slice(&buf, SLICE("bc"));
	buf_append_slice(&buf, (struct slice){ 0 });
	buf_append_cstr(&buf, "de");
	buf_append_byte(&buf, 'f');
	buf_printf(&buf, "%03d", 7);
	assert_true(slice_eq(buf_slice(&buf), SLICE("a\0bcdef007")));
	assert_memory_equal(buf_cstr(&buf), "a\0bcdef007", 11);
	buf_release(&buf);
	assert_int_equal(buf.len + buf.cap, 0);
}

static void limit_is_exact_and_what_came_before_stays(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 5);
	buf_append_cstr(&buf, "12345");
	assert_false(buf_failed(&buf));
	buf_append_byte(&buf, '6');
	assert_true(buf_failed(&buf));
	assert_string_equal(buf_cstr(&buf), "12345");
	buf_consume(&buf, 5);
	buf_append_byte(&buf, 'x');
	assert_int_equal(buf.len, 0);
	buf_reset(&buf);
	buf_printf(&buf, "%s", "123456");
	assert_true(buf_failed(&buf));
	assert_int_equal(buf.len, 0);
	buf_release(&buf);
}

static void limit_outlives_reset_and_release(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 3);
	buf_append_cstr(&buf, "abc");
	buf_release(&buf);
	buf_append_cstr(&buf, "abcd");
	assert_true(buf_failed(&buf));
	buf_reset(&buf);
	assert_false(buf_failed(&buf));
	assert_true(buf_reserve(&buf, 3));
	assert_false(buf_reserve(&buf, 4));
	buf_release(&buf);
}

static void sizes_that_overflow_are_refused(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 0);
	buf_append_byte(&buf, 'x');
	assert_false(buf_reserve(&buf, SIZE_MAX));
	buf_reset(&buf);
	assert_false(buf_reserve(&buf, SIZE_MAX - 1));
	buf_reset(&buf);
	buf_append_byte(&buf, 'x');
	assert_false(buf_reserve(&buf, SIZE_MAX - 2));
	buf_release(&buf);
}

static void growing_keeps_every_byte(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 0);
	for (int i = 0; i < 10000; i++)
		buf_append_byte(&buf, (char)('a' + i % 26));
	assert_int_equal(buf.len, 10000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	assert_int_equal(strlen(buf_cstr(&buf)), 10000);
	buf_release(&buf);
}

static void consuming_drops_the_front(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 0);
	buf_consume(&buf, 1);
	buf_append_cstr(&buf, "abcdef");
	buf_consume(&buf, 0);
	buf_consume(&buf, 2);
	assert_string_equal(buf_cstr(&buf), "cdef");
	buf_consume(&buf, SIZE_MAX);
	assert_string_equal(buf_cstr(&buf), "");
	buf_release(&buf);
}

static void lack_of_memory_is_a_failure_that_stays(void **state)
{
	(void)state;
	struct buf buf;
	buf_init(&buf, 0);
	buf_append_cstr(&buf, "kept");
	fail_alloc_at(1);
	while (!buf_failed(&buf))
		buf_append_byte(&buf, 'x');
	fail_alloc_off();
	size_t len = buf.len;
	buf_printf(&buf, "%d", 1);
	assert_int_equal(buf.len, len);
	assert_memory_equal(buf_cstr(&buf), "kept", 4);
	buf_release(&buf);
	fail_alloc_at(1);
	assert_false(buf_reserve(&buf, 1));
	fail_alloc_off();
	assert_string_equal(buf_cstr(&buf), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended_bytes_come_in_order),
		cmocka_unit_test(limit_is_exact_and_what_came_before_stays),
		cmocka_unit_test(limit_outlives_reset_and_release),
		cmocka_unit_test(sizes_that_overflow_are_refused),
		cmocka_unit_test(growing_keeps_every_byte),
		cmocka_unit_test(consuming_drops_the_front),
		cmocka_unit_test(lack_of_memory_is_a_failure_that_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
