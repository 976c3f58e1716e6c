/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * token_cache: claims of tokens whose signature was verified, by the SHA-256 of the whole token and
 * the generation of the key set it was verified with. Belongs to one thread. A hit says only that
 * the signature was good: the caller checks the claims against the route and the clock again.
 *
 * Bounded in entries and bytes; when full, the clock hand drops entries that were not used since it
 * last came by.
 */
#include "common/digest.h"
#include "spoa/auth/claims.h"

struct token_cache;

struct token_cache_key {
	unsigned char digest[SHA256_BYTES];
	uint64_t generation; /* of the key set; no two sets of a process share one */
};

/* NULL: no memory. `entries` is at least 1. */
struct token_cache *token_cache_new(size_t entries, size_t bytes, unsigned ttl_s);
void token_cache_free(struct token_cache *cache);

/* Valid until the next token_cache_put(); NULL: not there, or older than the ttl. */
const struct claims *token_cache_find(
    struct token_cache *cache, const struct token_cache_key *key, int64_t now_unix_s);
/* Copies the claims. Not keeping them, for want of memory or space, is no error. */
void token_cache_put(struct token_cache *cache, const struct token_cache_key *key,
    const struct claims *claims, int64_t now_unix_s);

size_t token_cache_entries(const struct token_cache *cache);
size_t token_cache_bytes(const struct token_cache *cache);
