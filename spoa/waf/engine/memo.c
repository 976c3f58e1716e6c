/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/engine/memo.h"

#include <stdlib.h>

enum { SLOTS = 4096, CACHE_LINE = 64 };

struct slot {
	struct memo_key key; /* rules: 0 in an empty slot */
	uint32_t count;
	uint32_t patterns[MEMO_PATTERNS_MAX];
};

_Static_assert(sizeof(struct slot) == CACHE_LINE, "a look at a slot is one cache line");

struct memo {
	unsigned char key[SIPHASH_KEY_BYTES];
	struct slot *slots; /* in `room`, from the first whole cache line on */
	unsigned char room[];
};

struct memo *memo_new(void)
{
	struct memo *memo = calloc(1, sizeof(*memo) + SLOTS * sizeof(struct slot) + CACHE_LINE);

	if (!memo)
		return NULL;
	memo->slots =
	    (struct slot *)(void *)(memo->room + CACHE_LINE - (uintptr_t)memo->room % CACHE_LINE);
	if (siphash_new_key(memo->key))
		return memo;
	free(memo);
	return NULL;
}

void memo_free(struct memo *memo)
{
	free(memo);
}

struct memo_key memo_key_of(
    const struct memo *memo, uint64_t rules, uint32_t database, struct slice text)
{
	struct memo_key key = { .rules = rules, .database = database };

	siphash13_128(memo->key, text, key.text);
	return key;
}

/* A text has a slot for each database. */
static size_t slot_of(const struct memo_key *key)
{
	return (key->text[0] + key->database * UINT64_C(0x9e3779b97f4a7c15)) >> 8 & (SLOTS - 1);
}

static bool same(const struct memo_key *a, const struct memo_key *b)
{
	return a->text[0] == b->text[0] && a->text[1] == b->text[1] && a->rules == b->rules &&
	       a->database == b->database;
}

bool memo_find(
    const struct memo *memo, const struct memo_key *key, const uint32_t **patterns, size_t *count)
{
	const struct slot *slot = &memo->slots[slot_of(key)];

	if (!same(&slot->key, key))
		return false;
	*patterns = slot->patterns;
	*count = slot->count;
	return true;
}

void memo_keep(
    struct memo *memo, const struct memo_key *key, const uint32_t *patterns, size_t count)
{
	struct slot *slot = &memo->slots[slot_of(key)];

	if (count > MEMO_PATTERNS_MAX)
		return;
	*slot = (struct slot){ .key = *key, .count = (uint32_t)count };
	for (size_t i = 0; i < count; i++)
		slot->patterns[i] = patterns[i];
}
