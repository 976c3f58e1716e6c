/* SPDX-License-Identifier: Apache-2.0 */
#include "common/strmap.h"

#include "common/siphash.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum { INDEX_MIN = 16 };

static unsigned char hash_key[SIPHASH_KEY_BYTES];
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

static void hash_key_init(void)
{
	bool has_key = siphash_new_key(hash_key);
	assert(has_key);
}

uint64_t strmap_hash(struct slice bytes)
{
	pthread_once(&hash_once, hash_key_init);
	return siphash13(hash_key, bytes);
}

void strmap_init(struct strmap *map)
{
	*map = (struct strmap){ 0 };
}

void strmap_release(struct strmap *map)
{
	for (size_t i = 0; i < map->used; i++)
		free((void *)(uintptr_t)map->entries[i].key.ptr);
	free(map->entries);
	free(map->index);
	strmap_init(map);
}

/* The index cell of `key`, or the empty one where it would stand. */
static uint32_t *cell_find(const struct strmap *map, struct slice key, uint64_t hash)
{
	for (size_t i = (size_t)hash & (map->index_size - 1);;
	     i = (i + 1) & (map->index_size - 1)) {
		uint32_t *cell = &map->index[i];
		if (*cell == 0)
			return cell;
		const struct strmap_entry *e = &map->entries[*cell - 1];
		/* A removed entry keeps its cell, so that probing goes on past it. */
		if (e->key.ptr && e->hash == hash && slice_eq(e->key, key))
			return cell;
	}
}

static struct strmap_entry *entry_find(const struct strmap *map, struct slice key)
{
	if (map->count == 0)
		return NULL;
	uint32_t cell = *cell_find(map, key, strmap_hash(key));
	return cell ? &map->entries[cell - 1] : NULL;
}

void *strmap_find(const struct strmap *map, struct slice key)
{
	const struct strmap_entry *e = entry_find(map, key);
	return e ? e->value : NULL;
}

bool strmap_has(const struct strmap *map, struct slice key)
{
	return entry_find(map, key) != NULL;
}

/* Room for twice the live entries, removed ones dropped, order kept. */
static bool strmap_rehash(struct strmap *map)
{
	size_t index_size = INDEX_MIN;
	while (index_size / 4 <= map->count)
		index_size *= 2;
	size_t cap = index_size / 2;
	uint32_t *index = calloc(index_size, sizeof(*index));
	struct strmap_entry *entries = cap > UINT32_MAX ? NULL : calloc(cap, sizeof(*entries));
	if (!index || !entries) {
		free(index);
		free(entries);
		return false;
	}
	struct strmap next = { entries, index, 0, 0, cap, index_size };
	for (size_t i = 0; i < map->used; i++) {
		const struct strmap_entry *e = &map->entries[i];
		if (!e->key.ptr)
			continue;
		entries[next.used++] = *e;
		next.count++;
		*cell_find(&next, e->key, e->hash) = (uint32_t)next.used;
	}
	free(map->entries);
	free(map->index);
	*map = next;
	return true;
}

static bool entry_add(struct strmap *map, struct slice key, uint64_t hash, void *value)
{
	if (map->used == map->cap && !strmap_rehash(map))
		return false;
	char *copy = malloc(key.len + 1);
	if (!copy)
		return false;
	if (key.len)
		memcpy(copy, key.ptr, key.len);
	copy[key.len] = '\0';
	uint32_t *cell = cell_find(map, key, hash);
	map->entries[map->used++] = (struct strmap_entry){ slice_of(copy, key.len), value, hash };
	map->count++;
	*cell = (uint32_t)map->used;
	return true;
}

bool strmap_put(struct strmap *map, struct slice key, void *value, void **old)
{
	struct strmap_entry *e = entry_find(map, key);
	if (old)
		*old = e ? e->value : NULL;
	if (!e)
		return entry_add(map, key, strmap_hash(key), value);
	e->value = value;
	return true;
}

void *strmap_remove(struct strmap *map, struct slice key)
{
	struct strmap_entry *e = entry_find(map, key);
	if (!e)
		return NULL;
	void *value = e->value;
	free((void *)(uintptr_t)e->key.ptr);
	*e = (struct strmap_entry){ 0 };
	map->count--;
	return value;
}

struct strmap_entry *strmap_next(const struct strmap *map, struct strmap_entry *previous)
{
	size_t i = previous ? (size_t)(previous - map->entries) + 1 : 0;
	for (; i < map->used; i++)
		if (map->entries[i].key.ptr)
			return &map->entries[i];
	return NULL;
}
