/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker remembers of texts: the right answer or none. */
#include "spoa/waf/engine/memo.h"

#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct memo_key key_of(
    const struct memo *memo, uint64_t rules, uint32_t question, struct slice text)
{
	return (struct memo_key){ memo_text_of(memo, text), rules, question };
}

static void assert_known(const struct memo *memo, const struct memo_key *key,
    const uint32_t *wanted, size_t wanted_count)
{
	const uint32_t *numbers;
	size_t count;

	assert_true(memo_find(memo, key, &numbers, &count));
	assert_int_equal(count, wanted_count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(numbers[i], wanted[i]);
}

static void assert_unknown(const struct memo *memo, struct memo_key key)
{
	const uint32_t *numbers;
	size_t count;

	assert_false(memo_find(memo, &key, &numbers, &count));
}

static void a_text_is_known_for_its_rules_and_question_only(void **state)
{
	(void)state;
	static const uint32_t one[] = { 7, 9 };
	struct memo *memo = memo_new();
	struct memo_key key = key_of(memo, 1, 16, SLICE("Bearer abc"));

	assert_unknown(memo, key);
	memo_keep(memo, &key, one, 2);
	assert_known(memo, &key, one, 2);
	assert_unknown(memo, key_of(memo, 2, 16, SLICE("Bearer abc")));
	assert_unknown(memo, key_of(memo, 1, 17, SLICE("Bearer abc")));
	assert_unknown(memo, key_of(memo, 1, 16, SLICE("Bearer abd")));
	assert_unknown(memo, key_of(memo, 1, 16, SLICE("Bearer ab")));
	/* Each half of the text's key alone is not enough. */
	for (size_t i = 0; i < 2; i++) {
		struct memo_key other = key;

		other.text.hash[i] ^= UINT64_C(1) << 63;
		assert_unknown(memo, other);
	}
	memo_free(memo);
}

static void an_empty_memo_knows_nothing(void **state)
{
	(void)state;
	struct memo *memo = memo_new();

	/* The serial numbers of rules begin with 1: an empty slot is nobody's. */
	assert_unknown(memo, key_of(memo, 1, 0, slice_of(NULL, 0)));
	memo_free(memo);
}

static void nothing_that_was_found_is_known_too(void **state)
{
	(void)state;
	struct memo *memo = memo_new();
	struct memo_key key = key_of(memo, 1, 0, SLICE("application/json"));

	memo_keep(memo, &key, NULL, 0);
	assert_known(memo, &key, NULL, 0);
	memo_free(memo);
}

static void more_numbers_than_there_is_room_for_are_not_kept(void **state)
{
	(void)state;
	uint32_t numbers[MEMO_NUMBERS_MAX + 1];
	struct memo *memo = memo_new();
	struct memo_key key = key_of(memo, 1, 0, SLICE("' or 1=1"));

	for (uint32_t i = 0; i <= MEMO_NUMBERS_MAX; i++)
		numbers[i] = i * 3;
	memo_keep(memo, &key, numbers, MEMO_NUMBERS_MAX + 1);
	assert_unknown(memo, key);
	memo_keep(memo, &key, numbers, MEMO_NUMBERS_MAX);
	assert_known(memo, &key, numbers, MEMO_NUMBERS_MAX);
	memo_free(memo);
}

static void each_answer_is_that_of_its_text_when_there_are_many(void **state)
{
	(void)state;
	enum { TEXTS = 50000 };
	struct memo *memo = memo_new();
	size_t known = 0;

	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < TEXTS; i++) {
			char text[32];
			const uint32_t *numbers;
			size_t count;
			int n = snprintf(text, sizeof(text), "value-%u", i % 6000);
			uint32_t own = i % 6000;
			struct memo_key key = key_of(memo, 1, i % 2, slice_of(text, (size_t)n));

			if (memo_find(memo, &key, &numbers, &count)) {
				assert_int_equal(count, 1);
				assert_int_equal(numbers[0], own);
				known++;
			}
			memo_keep(memo, &key, &own, 1);
		}
	assert_true(known > TEXTS / 10);
	memo_free(memo);
}

static void without_memory_there_is_none(void **state)
{
	(void)state;
	fail_alloc_at(1);
	struct memo *memo = memo_new();
	fail_alloc_off();
	assert_null(memo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_known_for_its_rules_and_question_only),
		cmocka_unit_test(an_empty_memo_knows_nothing),
		cmocka_unit_test(nothing_that_was_found_is_known_too),
		cmocka_unit_test(more_numbers_than_there_is_room_for_are_not_kept),
		cmocka_unit_test(each_answer_is_that_of_its_text_when_there_are_many),
		cmocka_unit_test(without_memory_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
