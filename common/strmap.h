/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * strmap: byte-string keys to pointers. Keys are copied; values are the caller's. The hash is keyed
 * with a per-process random secret (SipHash-1-3), so that keys from outside cannot be made to
 * collide. Iteration is in insertion order as long as nothing is removed.
 */
#include "common/slice.h"

struct strmap_entry {
	struct slice key;
	void *value;
	uint64_t hash;
};

struct strmap {
	struct strmap_entry *entries; /* dense; key.ptr == NULL marks a removed one */
	uint32_t *index;              /* open addressing: entry number + 1, or 0 */
	size_t count;                 /* live entries */
	size_t used;                  /* entries ever appended since the last rehash */
	size_t cap;
	size_t index_size; /* a power of two, or 0 */
};

void strmap_init(struct strmap *map);
void strmap_release(struct strmap *map);

/* The value, or NULL when there is no such key. */
void *strmap_find(const struct strmap *map, struct slice key);
bool strmap_has(const struct strmap *map, struct slice key);
/* Adds or replaces. `*old`, when given, becomes the replaced value or NULL. False: no memory. */
bool strmap_put(struct strmap *map, struct slice key, void *value, void **old);
/* The removed value, or NULL. */
void *strmap_remove(struct strmap *map, struct slice key);

/* for (struct strmap_entry *e = NULL; (e = strmap_next(map, e)) != NULL;) */
struct strmap_entry *strmap_next(const struct strmap *map, struct strmap_entry *previous);

/* The keyed hash itself, for caches that keep their own tables. */
uint64_t strmap_hash(struct slice bytes);
