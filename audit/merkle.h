/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* merkle: the tree over the records of a block; the shape of RFC 6962 section 2.1, leaves of our
 * own. */
#include "audit/block.h"

enum {
	SALT_BYTES = 16,
	MERKLE_PATH_MAX = 8, /* log2 of BLOCK_RECORDS_MAX */
};

struct salt {
	unsigned char bytes[SALT_BYTES];
};

struct hash merkle_leaf(
    uint64_t number, const struct salt *salt, unsigned char kind, struct slice record);

/* Overwrites `leaves`; count >= 1. */
struct hash merkle_root(struct hash *leaves, size_t count);

/* The siblings from a leaf up to the root. */
struct merkle_path {
	struct hash hashes[MERKLE_PATH_MAX];
	size_t count;
};

/* Overwrites `leaves`; index < count <= BLOCK_RECORDS_MAX. */
void merkle_path_find(struct hash *leaves, size_t count, size_t index, struct merkle_path *path);
/* True when the path leads from leaf `index` of `count` to `root`, with no hash left over. */
bool merkle_path_check(const struct merkle_path *path, struct hash leaf, size_t index, size_t count,
    const struct hash *root);
