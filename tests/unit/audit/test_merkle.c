/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/merkle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct hash leaf(uint64_t number)
{
	struct salt salt = { { 0 } };
	char text[32];
	int n = snprintf(text, sizeof(text), "record %llu", (unsigned long long)number);
	return merkle_leaf(number, &salt, 0, slice_of(text, (size_t)n));
}

static void fill(struct hash *leaves, size_t count)
{
	for (size_t i = 0; i < count; i++)
		leaves[i] = leaf(i);
}

/* RFC 6962 section 2.1, word for word: split at the largest power of two below n. */
static struct hash reference(const struct hash *leaves, size_t count)
{
	size_t k = 1;
	if (count == 1)
		return leaves[0];
	while (2 * k < count)
		k *= 2;
	struct hash left = reference(leaves, k), right = reference(leaves + k, count - k);
	const struct slice parts[] = { SLICE("\x01"), hash_slice(&left), hash_slice(&right) };
	return hash_of_parts(parts, 3);
}

static void roots_are_those_of_rfc_6962(void **state)
{
	struct hash leaves[BLOCK_RECORDS_MAX], expected;
	(void)state;
	for (size_t count = 1; count <= BLOCK_RECORDS_MAX; count++) {
		fill(leaves, count);
		expected = reference(leaves, count);
		struct hash root = merkle_root(leaves, count);
		assert_true(hash_eq(&root, &expected));
	}
}

static void every_leaf_has_a_path(void **state)
{
	struct hash leaves[BLOCK_RECORDS_MAX];
	struct merkle_path path;
	(void)state;
	for (size_t count = 1; count <= BLOCK_RECORDS_MAX; count += count < 20 ? 1 : 59) {
		fill(leaves, count);
		struct hash root = merkle_root(leaves, count);
		for (size_t i = 0; i < count; i++) {
			fill(leaves, count);
			merkle_path_find(leaves, count, i, &path);
			assert_true(merkle_path_check(&path, leaf(i), i, count, &root));
			assert_false(merkle_path_check(&path, leaf(i + 1000), i, count, &root));
			if (count > 1)
				assert_false(
				    merkle_path_check(&path, leaf(i), i ^ 1, count, &root));
			assert_false(merkle_path_check(&path, leaf(i), count, count, &root));
		}
	}
}

static void a_path_of_another_length_is_refused(void **state)
{
	struct hash leaves[7];
	struct merkle_path path;
	(void)state;
	fill(leaves, 7);
	struct hash root = merkle_root(leaves, 7);
	fill(leaves, 7);
	merkle_path_find(leaves, 7, 3, &path);
	assert_int_equal(path.count, 3);
	path.count = 2;
	assert_false(merkle_path_check(&path, leaf(3), 3, 7, &root));
	path.count = 4;
	path.hashes[3] = root;
	assert_false(merkle_path_check(&path, leaf(3), 3, 7, &root));
}

static void everything_counts_in_a_leaf(void **state)
{
	struct salt salt = { { 1 } }, other = { { 2 } };
	(void)state;
	struct hash one = merkle_leaf(1, &salt, 0, SLICE("x"));
	struct hash others[] = {
		merkle_leaf(2, &salt, 0, SLICE("x")),
		merkle_leaf(1, &other, 0, SLICE("x")),
		merkle_leaf(1, &salt, 1, SLICE("x")),
		merkle_leaf(1, &salt, 0, SLICE("y")),
		merkle_leaf(1, &salt, 0, SLICE("")),
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(hash_eq(&one, &others[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_are_those_of_rfc_6962),
		cmocka_unit_test(every_leaf_has_a_path),
		cmocka_unit_test(a_path_of_another_length_is_refused),
		cmocka_unit_test(everything_counts_in_a_leaf),
	};
	return cmocka_run_group_tests_name("merkle", tests, NULL, NULL);
}
