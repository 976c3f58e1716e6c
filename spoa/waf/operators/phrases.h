/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * phrases: many phrases sought in one pass (Aho and Corasick 1975), ASCII letter case ignored.
 * States are numbered breadth first, so that the children of a state are neighbours: eleven bytes
 * per state.
 */
#include "common/arena.h"

struct phrases {
	const struct slice *items; /* sorted, lower case, no doubles, none empty */
	size_t count;
	uint32_t *first_child;  /* per state, and one more: the children of s end where those of s +
	                           1 begin */
	uint32_t *fallback;     /* the state of the longest proper suffix */
	uint16_t *match_length; /* of the longest phrase that ends here; 0: none */
	unsigned char *byte;    /* that leads here */
	size_t state_count;
};

enum { PHRASE_MAX_BYTES = UINT16_MAX, PHRASES_MAX = 1 << 20 };

/*
 * `items` become sorted, lower-cased in place of their slices (copies in the arena) and unique.
 * False: the arena has no room.
 */
bool phrases_build(struct phrases *phrases, struct slice *items, size_t count, struct arena *arena);

/* The first phrase to end in `text` (the longest of those that end there), as it stands in the
 * text. */
bool phrases_find(const struct phrases *phrases, struct slice text, struct slice *found);
