/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/merkle.h"

#include "audit/bytes.h"

#include <assert.h>

enum { LEAF_TAG = 0, NODE_TAG = 1 };

struct hash merkle_leaf(
    uint64_t number, const struct salt *salt, unsigned char kind, struct slice record)
{
	unsigned char head[1 + 8 + SALT_BYTES + 1] = { LEAF_TAG };
	put_be64(head + 1, number);
	memcpy(head + 9, salt->bytes, SALT_BYTES);
	head[9 + SALT_BYTES] = kind;
	const struct slice parts[] = { slice_of(head, sizeof(head)), record };
	return hash_of_parts(parts, 2);
}

static struct hash node(const struct hash *left, const struct hash *right)
{
	static const unsigned char tag = NODE_TAG;
	const struct slice parts[] = { slice_of(&tag, 1), hash_slice(left), hash_slice(right) };
	return hash_of_parts(parts, 3);
}

/*
 * One level up, in place. An odd last node goes up as it is, which gives the same tree as RFC
 * 6962's split at the largest power of two.
 */
static size_t fold(struct hash *level, size_t count)
{
	for (size_t i = 0; i < count / 2; i++)
		level[i] = node(&level[2 * i], &level[2 * i + 1]);
	if (count % 2)
		level[count / 2] = level[count - 1];
	return (count + 1) / 2;
}

struct hash merkle_root(struct hash *leaves, size_t count)
{
	assert(count > 0);
	while (count > 1)
		count = fold(leaves, count);
	return leaves[0];
}

void merkle_path_find(struct hash *leaves, size_t count, size_t index, struct merkle_path *path)
{
	assert(index < count && count <= BLOCK_RECORDS_MAX);
	path->count = 0;
	for (; count > 1; index /= 2) {
		if ((index ^ 1) < count)
			path->hashes[path->count++] = leaves[index ^ 1];
		count = fold(leaves, count);
	}
}

bool merkle_path_check(const struct merkle_path *path, struct hash leaf, size_t index, size_t count,
    const struct hash *root)
{
	size_t used = 0;
	if (index >= count || count > BLOCK_RECORDS_MAX || path->count > MERKLE_PATH_MAX)
		return false;
	for (; count > 1; index /= 2, count = (count + 1) / 2) {
		if ((index ^ 1) >= count)
			continue;
		if (used == path->count)
			return false;
		const struct hash *sibling = &path->hashes[used++];
		leaf = index % 2 ? node(sibling, &leaf) : node(&leaf, sibling);
	}
	return used == path->count && hash_eq(&leaf, root);
}
