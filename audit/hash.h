/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* hash: a SHA-256 value that can be passed and compared, as the audit log's chain and trees need
 * it. */
#include "common/buf.h"
#include "common/digest.h"

struct hash {
	unsigned char bytes[SHA256_BYTES];
};

enum { HASH_TEXT_MAX = 2 * SHA256_BYTES + 1 };

/* These cannot fail: a process without memory for its first digest context ends. */
struct hash hash_of(struct slice bytes);
struct hash hash_of_parts(const struct slice *parts, size_t count);

bool hash_eq(const struct hash *a, const struct hash *b);
bool hash_is_zero(const struct hash *hash);
/* Lower case hexadecimal; returns dst. */
char *hash_format(const struct hash *hash, char dst[HASH_TEXT_MAX]);
/* 64 hexadecimal digits and nothing else. */
bool hash_parse(struct slice text, struct hash *out);

static inline struct slice hash_slice(const struct hash *hash)
{
	return slice_of(hash->bytes, sizeof(hash->bytes));
}
