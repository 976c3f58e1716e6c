/* SPDX-License-Identifier: Apache-2.0 */
#include "common/arena.h"

#include "tests/support/fail_alloc.h"

#include <stdalign.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void allocations_are_aligned_and_apart(void **state)
{
	(void)state;
	struct arena arena;
	unsigned char *last = NULL;
	arena_init(&arena, 0);
	for (size_t size = 0; size < 3000; size += 7) {
		unsigned char *bytes = arena_alloc(&arena, size);
		assert_non_null(bytes);
		assert_ptr_not_equal(bytes, last);
		assert_int_equal((uintptr_t)bytes % alignof(max_align_t), 0);
		memset(bytes, 0xaa, size);
		last = bytes;
	}
	arena_release(&arena);
}

static void contents_stay_while_the_arena_grows(void **state)
{
	(void)state;
	enum { NUMBERS = 20000 };
	struct arena arena;
	arena_init(&arena, 0);
	uint32_t **numbers = arena_array(&arena, uint32_t *, NUMBERS);
	for (uint32_t i = 0; i < NUMBERS; i++) {
		numbers[i] = arena_new(&arena, uint32_t);
		*numbers[i] = i;
	}
	for (uint32_t i = 0; i < NUMBERS; i++)
		assert_int_equal(*numbers[i], i);
	arena_release(&arena);
}

static void limit_is_exact_and_failure_stays_until_reset(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 64);
	assert_non_null(arena_alloc(&arena, 48));
	assert_non_null(arena_alloc(&arena, 16));
	assert_false(arena_failed(&arena));
	assert_null(arena_alloc(&arena, 1));
	assert_true(arena_failed(&arena));
	assert_int_equal(arena.used_bytes, 64);
	arena_restore(&arena, (struct arena_mark){ 0 });
	assert_true(arena_failed(&arena));
	arena_reset(&arena);
	assert_false(arena_failed(&arena));
	assert_non_null(arena_alloc(&arena, 64));
	arena_reset(&arena);
	assert_null(arena_alloc(&arena, 65));
	arena_release(&arena);
}

static void absurd_sizes_fail(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 0);
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_true(arena_failed(&arena));
	arena_reset(&arena);
	assert_null(arena_calloc(&arena, SIZE_MAX / 2, 4));
	assert_true(arena_failed(&arena));
	arena_reset(&arena);
	assert_null(arena_dup(&arena, slice_of("", SIZE_MAX)).ptr);
	assert_true(arena_failed(&arena));
	arena_release(&arena);
}

static void zeroed_memory_is_zero_also_when_used_before(void **state)
{
	(void)state;
	static const unsigned char zeroes[500];
	struct arena arena;
	arena_init(&arena, 0);
	memset(arena_alloc(&arena, 500), 0xff, 500);
	arena_reset(&arena);
	assert_memory_equal(arena_calloc(&arena, 5, 100), zeroes, 500);
	assert_non_null(arena_calloc(&arena, 0, 100));
	assert_non_null(arena_calloc(&arena, 100, 0));
	arena_release(&arena);
}

static void copies_and_texts_end_with_nul(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 0);
	struct slice copy = arena_dup(&arena, SLICE("a\0b"));
	assert_int_equal(copy.len, 3);
	assert_memory_equal(copy.ptr, "a\0b", 4);
	assert_string_equal(arena_dup(&arena, (struct slice){ 0 }).ptr, "");
	assert_string_equal(arena_dup_cstr(&arena, "text"), "text");
	assert_string_equal(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
	const char *wide = arena_printf(&arena, "%*d", 9000, 1);
	assert_int_equal(strlen(wide), 9000);
	arena_release(&arena);
}

static void restore_gives_back_what_came_after_the_mark(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 0);
	char *kept = arena_dup_cstr(&arena, "kept");
	struct arena_mark mark = arena_save(&arena);
	size_t used = arena.used_bytes;
	for (int i = 0; i < 100; i++)
		memset(arena_alloc(&arena, 5000), 0xee, 5000);
	arena_restore(&arena, mark);
	assert_int_equal(arena.used_bytes, used);
	assert_string_equal(kept, "kept");
	memset(arena_alloc(&arena, 100), 0xdd, 100);
	assert_string_equal(kept, "kept");
	arena_restore(&arena, mark);
	arena_restore(&arena, (struct arena_mark){ 0 });
	assert_int_equal(arena.used_bytes, 0);
	arena_release(&arena);
}

static size_t blocks_held(const struct arena *arena)
{
	/* A block begins with the pointer to the next one. */
	size_t count = 0;
	for (const void *block = arena->first; block; memcpy(&block, block, sizeof(block)))
		count++;
	return count;
}

static void varied_sizes_do_not_pile_up_blocks(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 64 * 1024 * 1024);
	for (size_t round = 1; round <= 300; round++) {
		for (size_t i = 0; i < round % 17; i++)
			assert_non_null(arena_alloc(&arena, 9000 * i + round * 4096));
		arena_reset(&arena);
	}
	assert_in_range(blocks_held(&arena), 0, 64);
	arena_release(&arena);
}

static void memory_of_a_reset_arena_is_used_again(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 0);
	for (int i = 0; i < 50; i++)
		arena_alloc(&arena, 1000);
	arena_reset(&arena);
	long before = fail_alloc_count();
	for (int i = 0; i < 50; i++)
		arena_alloc(&arena, 1000);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
	assert_int_equal(fail_alloc_count(), before);
#else
	(void)before;
#endif
	arena_release(&arena);
}

static void lack_of_memory_is_a_failure_that_stays(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 0);
	fail_alloc_at(1);
	assert_null(arena_alloc(&arena, 10));
	fail_alloc_off();
	assert_true(arena_failed(&arena));
	assert_int_equal(arena.used_bytes, 0);
	assert_non_null(arena_alloc(&arena, 10));
	assert_true(arena_failed(&arena));
	fail_alloc_from(1);
	assert_null(arena_printf(&arena, "%*d", 5000000, 1));
	assert_null(arena_dup_cstr(&arena, "x") ? arena_alloc(&arena, 5000000) : NULL);
	fail_alloc_off();
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_aligned_and_apart),
		cmocka_unit_test(contents_stay_while_the_arena_grows),
		cmocka_unit_test(limit_is_exact_and_failure_stays_until_reset),
		cmocka_unit_test(absurd_sizes_fail),
		cmocka_unit_test(zeroed_memory_is_zero_also_when_used_before),
		cmocka_unit_test(copies_and_texts_end_with_nul),
		cmocka_unit_test(restore_gives_back_what_came_after_the_mark),
		cmocka_unit_test(varied_sizes_do_not_pile_up_blocks),
		cmocka_unit_test(memory_of_a_reset_arena_is_used_again),
		cmocka_unit_test(lack_of_memory_is_a_failure_that_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
