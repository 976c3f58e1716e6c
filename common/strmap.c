/* SPDX-License-Identifier: Apache-2.0 */
#include "common/strmap.h"
#include "common/siphash.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

enum { INDEX_MIN = 8 };

static struct siphash_key process_key;
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

/* Without random bytes the map would be open to chosen collisions: there is no going on. */
static void process_key_init(void)
{
	ssize_t got;

	do
		got = getrandom(&process_key, sizeof(process_key), 0);
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(process_key))
		abort();
}

uint64_t strmap_hash(struct slice bytes)
{
	pthread_once(&process_key_once, process_key_init);
	return siphash13(process_key, bytes);
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

static bool is_live(const struct strmap_entry *entry)
{
	return entry->key.ptr != NULL;
}

/*
 * The slot of `key`, or the first empty one of its run. A removed entry keeps its slot until the
 * next rehash, so that runs stay whole. The index is never full (see rehash()).
 */
static uint32_t *slot_of(const struct strmap *map, struct slice key, uint64_t hash)
{
	size_t mask = map->index_size - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		uint32_t *slot = &map->index[i];
		if (*slot == 0)
			return slot;
		const struct strmap_entry *entry = &map->entries[*slot - 1];
		if (is_live(entry) && entry->hash == hash && slice_eq(entry->key, key))
			return slot;
	}
}

static struct strmap_entry *entry_of(const struct strmap *map, struct slice key)
{
	if (map->count == 0)
		return NULL;
	uint32_t slot = *slot_of(map, key, strmap_hash(key));
	return slot ? &map->entries[slot - 1] : NULL;
}

void *strmap_find(const struct strmap *map, struct slice key)
{
	struct strmap_entry *entry = entry_of(map, key);

	return entry ? entry->value : NULL;
}

bool strmap_has(const struct strmap *map, struct slice key)
{
	return entry_of(map, key) != NULL;
}

static void index_put(uint32_t *index, size_t mask, uint64_t hash, size_t entry)
{
	size_t i = hash & mask;

	while (index[i])
		i = (i + 1) & mask;
	index[i] = (uint32_t)(entry + 1);
}

/* New tables with room for one entry more, removed ones left out; half of the index stays empty. */
static bool rehash(struct strmap *map)
{
	size_t index_size = INDEX_MIN;

	while (index_size / 2 <= map->count + map->count / 2)
		index_size *= 2;
	size_t cap = index_size / 2;
	if (cap > UINT32_MAX - 1)
		return false;
	struct strmap_entry *entries = calloc(cap, sizeof(*entries));
	uint32_t *index = calloc(index_size, sizeof(*index));
	if (!entries || !index) {
		free(entries);
		free(index);
		return false;
	}
	size_t used = 0;
	for (size_t i = 0; i < map->used; i++) {
		if (!is_live(&map->entries[i]))
			continue;
		index_put(index, index_size - 1, map->entries[i].hash, used);
		entries[used++] = map->entries[i];
	}
	free(map->entries);
	free(map->index);
	*map = (struct strmap){ entries, index, used, used, cap, index_size };
	return true;
}

static char *key_copy(struct slice key)
{
	char *copy = key.len < SIZE_MAX ? malloc(key.len + 1) : NULL;

	if (!copy)
		return NULL;
	if (key.len)
		memcpy(copy, key.ptr, key.len);
	copy[key.len] = '\0';
	return copy;
}

static bool append(struct strmap *map, struct slice key, uint64_t hash, void *value)
{
	if (map->used == map->cap && !rehash(map))
		return false;
	char *copy = key_copy(key);
	if (!copy)
		return false;
	index_put(map->index, map->index_size - 1, hash, map->used);
	map->entries[map->used++] = (struct strmap_entry){ slice_of(copy, key.len), value, hash };
	map->count++;
	return true;
}

bool strmap_put(struct strmap *map, struct slice key, void *value, void **old)
{
	struct strmap_entry *entry = entry_of(map, key);

	if (old)
		*old = entry ? entry->value : NULL;
	if (!entry)
		return append(map, key, strmap_hash(key), value);
	entry->value = value;
	return true;
}

void *strmap_remove(struct strmap *map, struct slice key)
{
	struct strmap_entry *entry = entry_of(map, key);

	if (!entry)
		return NULL;
	void *value = entry->value;
	free((void *)(uintptr_t)entry->key.ptr);
	*entry = (struct strmap_entry){ 0 };
	map->count--;
	return value;
}

struct strmap_entry *strmap_next(const struct strmap *map, struct strmap_entry *previous)
{
	size_t i = previous ? (size_t)(previous - map->entries) + 1 : 0;

	while (i < map->used && !is_live(&map->entries[i]))
		i++;
	return i < map->used ? &map->entries[i] : NULL;
}
