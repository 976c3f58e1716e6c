/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * memo: what a worker has found out about texts that it has seen lately: which patterns of a
 * database occur in them, and that a lens sees nothing in them. A client's token, user agent and
 * cookies come with each of its requests; the answer for the same bytes and the same rules is the
 * same.
 *
 * Texts are known by 128 bits of SipHash under a key of the worker's own, so that no text is kept,
 * and nobody who does not know the key can make two texts that are taken for one. A slot holds one
 * answer and gives way to the next that falls on it.
 */
#include "common/siphash.h"

enum { MEMO_NUMBERS_MAX = 7 };

struct memo;

struct memo_text {
	uint64_t hash[2];
};

struct memo_key {
	struct memo_text text;
	uint64_t rules;    /* their serial number */
	uint32_t question; /* a database or a lens, as scan.c numbers them */
};

/* NULL: no memory, or no randomness to be had from the kernel. */
struct memo *memo_new(void);
void memo_free(struct memo *memo);

/* Takes as long as the text is; the same for each question about it. */
struct memo_text memo_text_of(const struct memo *memo, struct slice text);

/* True: known. *numbers belongs to the memo and lives until the next memo_keep(). */
bool memo_find(
    const struct memo *memo, const struct memo_key *key, const uint32_t **numbers, size_t *count);

/* More than MEMO_NUMBERS_MAX are not kept. */
void memo_keep(
    struct memo *memo, const struct memo_key *key, const uint32_t *numbers, size_t count);
