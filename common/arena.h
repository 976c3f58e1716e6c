/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * arena: memory that is given back all at once. One per request, one per rule set.
 *
 * A failed allocation (limit reached, or no memory) returns NULL and sets a flag that stays set
 * until arena_reset(): code may go on with what it has and let its caller ask arena_failed() once
 * at the end. Built under AddressSanitizer, each allocation is its own malloc, so that overruns and
 * uses after arena_restore() are seen.
 */
#include "common/slice.h"

#include <stdarg.h>

struct arena_block;

struct arena {
	struct arena_block *first; /* in the order of use; kept by arena_reset() */
	struct arena_block *current;
	size_t used_bytes;  /* what was handed out, padding included */
	size_t limit_bytes; /* 0: no limit */
	bool failed;
};

/* A point to return to. Valid until an older point, or the arena, is reset. */
struct arena_mark {
	struct arena_block *block;
	size_t block_used;
	size_t used_bytes;
};

/* `limit_bytes` bounds what is handed out between two resets; 0 means no limit. Allocates nothing.
 */
void arena_init(struct arena *arena, size_t limit_bytes);
void arena_release(struct arena *arena);

/* Aligned for any object. A size of 0 gives a valid pointer of its own. Contents are undefined. */
void *arena_alloc(struct arena *arena, size_t size);
/* Zeroed, and NULL when count * size overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

/* Copies with a NUL behind them that is not counted in the length. ptr == NULL on failure. */
struct slice arena_dup(struct arena *arena, struct slice bytes);
char *arena_dup_cstr(struct arena *arena, const char *s);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

struct arena_mark arena_save(const struct arena *arena);
/* Gives back all that was allocated after `mark`. The failed flag stays as it is. */
void arena_restore(struct arena *arena, struct arena_mark mark);
/* Gives back everything, clears the failed flag, keeps blocks of up to 1 MiB for the next use. */
void arena_reset(struct arena *arena);

static inline bool arena_failed(const struct arena *arena)
{
	return arena->failed;
}

#define arena_new(arena, type)          ((type *)arena_calloc((arena), 1, sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_calloc((arena), (count), sizeof(type)))
