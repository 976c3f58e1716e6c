/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/token_cache.h"

#include <stdlib.h>

struct entry {
	struct token_cache_key key;
	struct claims claims;
	void *memory; /* NULL: the entry is free */
	size_t bytes;
	int64_t expires_unix_s;
	uint32_t next; /* in the bucket, entry number + 1 */
	bool used;     /* since the hand came by */
};

struct token_cache {
	struct entry *entries;
	uint32_t *buckets; /* entry number + 1; 0: empty */
	size_t entry_max, bucket_mask, bytes_max;
	size_t count, bytes, hand;
	unsigned ttl_s;
};

struct token_cache *token_cache_new(size_t entries, size_t bytes, unsigned ttl_s)
{
	size_t buckets = 1;
	while (buckets < entries)
		buckets *= 2;
	struct token_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return NULL;
	*cache = (struct token_cache){
		.entries = calloc(entries, sizeof(struct entry)),
		.buckets = calloc(buckets, sizeof(uint32_t)),
		.entry_max = entries,
		.bucket_mask = buckets - 1,
		.bytes_max = bytes,
		.ttl_s = ttl_s,
	};
	if (cache->entries && cache->buckets)
		return cache;
	token_cache_free(cache);
	return NULL;
}

void token_cache_free(struct token_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; cache->entries && i < cache->entry_max; i++)
		free(cache->entries[i].memory);
	free(cache->entries);
	free(cache->buckets);
	free(cache);
}

static uint32_t *bucket_of(struct token_cache *cache, const struct token_cache_key *key)
{
	/* A digest's first bytes are as good as a hash of it; a client cannot choose them without
	 * work. */
	uint64_t hash;
	memcpy(&hash, key->digest, sizeof(hash));
	return &cache->buckets[(size_t)hash & cache->bucket_mask];
}

static bool key_eq(const struct token_cache_key *a, const struct token_cache_key *b)
{
	return a->generation == b->generation &&
	       memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

static struct entry *find(struct token_cache *cache, const struct token_cache_key *key)
{
	for (uint32_t i = *bucket_of(cache, key); i; i = cache->entries[i - 1].next)
		if (key_eq(&cache->entries[i - 1].key, key))
			return &cache->entries[i - 1];
	return NULL;
}

static void drop(struct token_cache *cache, struct entry *entry)
{
	uint32_t number = (uint32_t)(entry - cache->entries) + 1;
	uint32_t *link = bucket_of(cache, &entry->key);
	while (*link != number)
		link = &cache->entries[*link - 1].next;
	*link = entry->next;
	cache->bytes -= entry->bytes;
	cache->count--;
	free(entry->memory);
	*entry = (struct entry){ 0 };
}

const struct claims *token_cache_find(
    struct token_cache *cache, const struct token_cache_key *key, int64_t now_unix_s)
{
	struct entry *entry = find(cache, key);
	if (!entry)
		return NULL;
	if (now_unix_s >= entry->expires_unix_s) {
		drop(cache, entry);
		return NULL;
	}
	entry->used = true;
	return &entry->claims;
}

/* The next free entry, with room for `bytes` more in the cache. */
static struct entry *make_room(struct token_cache *cache, size_t bytes)
{
	struct entry *free_entry = NULL;
	/* Two rounds: the first may only clear marks. */
	for (size_t steps = 0; steps < 2 * cache->entry_max; steps++) {
		struct entry *entry = &cache->entries[cache->hand];
		if (entry->memory && !entry->used)
			drop(cache, entry);
		entry->used = false;
		if (!entry->memory)
			free_entry = entry;
		if (free_entry && cache->bytes + bytes <= cache->bytes_max)
			return free_entry;
		cache->hand = (cache->hand + 1) % cache->entry_max;
	}
	return NULL;
}

void token_cache_put(struct token_cache *cache, const struct token_cache_key *key,
    const struct claims *claims, int64_t now_unix_s)
{
	size_t size = claims_size(claims), bytes = size + sizeof(struct entry);
	struct entry *old = find(cache, key);
	if (bytes > cache->bytes_max)
		return;
	if (old)
		drop(cache, old);
	struct entry *entry = make_room(cache, bytes);
	void *memory = entry ? malloc(size ? size : 1) : NULL;
	if (!memory)
		return;
	uint32_t *bucket = bucket_of(cache, key);
	*entry = (struct entry){
		.key = *key,
		.memory = memory,
		.bytes = bytes,
		.expires_unix_s = now_unix_s + cache->ttl_s,
		.next = *bucket,
	};
	claims_copy(claims, memory, &entry->claims);
	*bucket = (uint32_t)(entry - cache->entries) + 1;
	cache->count++;
	cache->bytes += bytes;
	cache->hand = (cache->hand + 1) % cache->entry_max;
}

size_t token_cache_entries(const struct token_cache *cache)
{
	return cache->count;
}

size_t token_cache_bytes(const struct token_cache *cache)
{
	return cache->bytes;
}
