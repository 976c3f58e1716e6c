/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/engine/memo.h"

#include <stdlib.h>

enum { SLOTS = 8192, CACHE_LINE = 64 };

struct slot {
	struct memo_key key; /* rules: 0 in an empty slot */
	uint32_t count;
	uint32_t numbers[MEMO_NUMBERS_MAX];
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

struct memo_text memo_text_of(const struct memo *memo, struct slice text)
{
	struct memo_text known;

	siphash13_128(memo->key, text, known.hash);
	return known;
}

/* A text has a slot for each question. */
static size_t slot_of(const struct memo_key *key)
{
	return (key->text.hash[0] + key->question * UINT64_C(0x9e3779b97f4a7c15)) >> 8 &
	       (SLOTS - 1);
}

static bool same(const struct memo_key *a, const struct memo_key *b)
{
	return a->text.hash[0] == b->text.hash[0] && a->text.hash[1] == b->text.hash[1] &&
	       a->rules == b->rules && a->question == b->question;
}

bool memo_find(
    const struct memo *memo, const struct memo_key *key, const uint32_t **numbers, size_t *count)
{
	const struct slot *slot = &memo->slots[slot_of(key)];

	if (!same(&slot->key, key))
		return false;
	*numbers = slot->numbers;
	*count = slot->count;
	return true;
}

void memo_keep(struct memo *memo, const struct memo_key *key, const uint32_t *numbers, size_t count)
{
	struct slot *slot = &memo->slots[slot_of(key)];

	if (count > MEMO_NUMBERS_MAX)
		return;
	*slot = (struct slot){ .key = *key, .count = (uint32_t)count };
	for (size_t i = 0; i < count; i++)
		slot->numbers[i] = numbers[i];
}
