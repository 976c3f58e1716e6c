/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* list: what the parsers of this folder share. */
#include "spoa/waf/body/body.h"

/* Appends; BODY_TOO_MANY at `max` pairs, BODY_NO_MEMORY when the arena has no room. */
enum body_result body_list_add(
    struct body_list *list, struct slice name, struct slice value, size_t max, struct arena *arena);

/*
 * Room for one more element of `size` bytes in an array of *cap: the old or a larger array, or
 * NULL. Old arrays stay in the arena: at most as much again.
 */
void *body_grow(void *items, size_t count, size_t *cap, size_t size, struct arena *arena);
