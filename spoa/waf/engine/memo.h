/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * memo: which patterns of a database occur in texts that a worker has seen lately. A client's
 * token, user agent and cookies come with each of its requests; the answer for the same bytes and
 * the same rules is the same.
 *
 * Texts are known by 128 bits of SipHash under a key of the worker's own, so that no text is kept,
 * and nobody who does not know the key can make two texts that are taken for one. A slot holds one
 * answer and gives way to the next that falls on it.
 */
#include "common/siphash.h"

enum { MEMO_PATTERNS_MAX = 7 };

struct memo;

struct memo_key {
	uint64_t text[2];
	uint64_t rules;    /* their serial number */
	uint32_t database; /* prefilter.h */
};

/* NULL: no memory, or no randomness to be had from the kernel. */
struct memo *memo_new(void);
void memo_free(struct memo *memo);

struct memo_key memo_key_of(
    const struct memo *memo, uint64_t rules, uint32_t database, struct slice text);

/* True: known. *patterns belongs to the memo and lives until the next memo_keep(). */
bool memo_find(
    const struct memo *memo, const struct memo_key *key, const uint32_t **patterns, size_t *count);

/* More than MEMO_PATTERNS_MAX are not kept. */
void memo_keep(
    struct memo *memo, const struct memo_key *key, const uint32_t *patterns, size_t count);
