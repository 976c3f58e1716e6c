/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/hash.h"

#include "common/codec.h"

#include <stdlib.h>

struct hash hash_of_parts(const struct slice *parts, size_t count)
{
	struct hash hash;
	if (!digest_sha256_parts(parts, count, hash.bytes))
		abort();
	return hash;
}

struct hash hash_of(struct slice bytes)
{
	return hash_of_parts(&bytes, 1);
}

bool hash_eq(const struct hash *a, const struct hash *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool hash_is_zero(const struct hash *hash)
{
	static const struct hash zero;
	return hash_eq(hash, &zero);
}

char *hash_format(const struct hash *hash, char dst[HASH_TEXT_MAX])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < sizeof(hash->bytes); i++) {
		dst[2 * i] = digits[hash->bytes[i] >> 4];
		dst[2 * i + 1] = digits[hash->bytes[i] & 15];
	}
	dst[HASH_TEXT_MAX - 1] = '\0';
	return dst;
}

bool hash_parse(struct slice text, struct hash *out)
{
	char bytes[SHA256_BYTES];
	if (text.len != 2 * SHA256_BYTES || hex_decode(text, bytes) != SHA256_BYTES)
		return false;
	memcpy(out->bytes, bytes, sizeof(bytes));
	return true;
}
