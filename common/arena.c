/* SPDX-License-Identifier: Apache-2.0 */
#include "common/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_TWIN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_TWIN 1
#endif
#endif
#ifndef ARENA_TWIN
#define ARENA_TWIN 0
#endif

enum { ALIGN = alignof(max_align_t), BLOCK_MIN = 16 * 1024, BLOCK_MAX = 1024 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
	*arena = (struct arena){ .limit_bytes = limit_bytes };
}

static void blocks_free(struct arena_block *block)
{
	while (block) {
		struct arena_block *next = block->next;
		free(block);
		block = next;
	}
}

void arena_release(struct arena *arena)
{
	blocks_free(arena->first);
	arena_init(arena, arena->limit_bytes);
}

static void *arena_fail(struct arena *arena)
{
	arena->failed = true;
	return NULL;
}

static struct arena_block *block_new(size_t size)
{
	struct arena_block *block = malloc(sizeof(*block) + size);
	if (block)
		*block = (struct arena_block){ .size = size };
	return block;
}

/* Puts a new block behind the current one. */
static struct arena_block *block_insert(struct arena *arena, size_t size)
{
	struct arena_block *block = block_new(size);
	if (!block)
		return NULL;
	struct arena_block **link = arena->current ? &arena->current->next : &arena->first;
	block->next = *link;
	*link = block;
	arena->current = block;
	return block;
}

#if ARENA_TWIN
/* Each allocation is a block of its own, of exactly the size asked for, so that ASan sees its end.
 */
static void *block_take(struct arena *arena, size_t size, size_t padded)
{
	(void)padded;
	struct arena_block *block = block_insert(arena, size);
	if (!block)
		return NULL;
	block->used = size;
	return block->bytes;
}
#else
static size_t block_size_for(const struct arena *arena, size_t padded)
{
	size_t size = arena->current ? arena->current->size * 2 : BLOCK_MIN;
	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	return size > padded ? size : padded;
}

static struct arena_block *block_with_room(struct arena *arena, size_t padded)
{
	struct arena_block *block = arena->current;
	if (block && block->size - block->used >= padded)
		return block;
	/*
	 * Blocks behind the current one are empty: left over from before a reset. One that is too
	 * small is replaced, not skipped: a client that varies its sizes must not make the chain
	 * grow.
	 */
	struct arena_block **link = block ? &block->next : &arena->first;
	struct arena_block *next = *link;
	if (next && next->size >= padded) {
		next->used = 0;
		arena->current = next;
		return next;
	}
	if (next) {
		*link = next->next;
		free(next);
	}
	return block_insert(arena, block_size_for(arena, padded));
}

static void *block_take(struct arena *arena, size_t size, size_t padded)
{
	(void)size;
	struct arena_block *block = block_with_room(arena, padded);
	if (!block)
		return NULL;
	void *bytes = block->bytes + block->used;
	block->used += padded;
	return bytes;
}
#endif

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		return arena_fail(arena);
	size_t padded = ((size ? size : 1) + ALIGN - 1) / ALIGN * ALIGN;
	if (arena->limit_bytes && padded > arena->limit_bytes - arena->used_bytes)
		return arena_fail(arena);
	void *bytes = block_take(arena, size, padded);
	if (!bytes)
		return arena_fail(arena);
	arena->used_bytes += padded;
	return bytes;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		return arena_fail(arena);
	void *bytes = arena_alloc(arena, count * size);
	return bytes ? memset(bytes, 0, count * size) : NULL;
}

struct slice arena_dup(struct arena *arena, struct slice bytes)
{
	char *copy = bytes.len < SIZE_MAX ? arena_alloc(arena, bytes.len + 1) : arena_fail(arena);
	if (!copy)
		return (struct slice){ 0 };
	if (bytes.len)
		memcpy(copy, bytes.ptr, bytes.len);
	copy[bytes.len] = '\0';
	return slice_of(copy, bytes.len);
}

char *arena_dup_cstr(struct arena *arena, const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = arena_alloc(arena, size);
	return copy ? memcpy(copy, s, size) : NULL;
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
{
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	char *text = len < 0 ? arena_fail(arena) : arena_alloc(arena, (size_t)len + 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, fmt, args);
	return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	char *text = arena_vprintf(arena, fmt, args);
	va_end(args);
	return text;
}

struct arena_mark arena_save(const struct arena *arena)
{
	return (struct arena_mark){ arena->current, arena->current ? arena->current->used : 0,
		arena->used_bytes };
}

void arena_restore(struct arena *arena, struct arena_mark mark)
{
	arena->current = mark.block;
	arena->used_bytes = mark.used_bytes;
	if (mark.block)
		mark.block->used = mark.block_used;
#if ARENA_TWIN
	struct arena_block **rest = mark.block ? &mark.block->next : &arena->first;
	blocks_free(*rest);
	*rest = NULL;
#endif
}

/* A block made for one large allocation is not kept: memory at rest stays near what is used. */
static void blocks_free_large(struct arena *arena)
{
	struct arena_block **link = &arena->first;
	while (*link) {
		struct arena_block *block = *link;
		if (block->size <= BLOCK_MAX) {
			link = &block->next;
			continue;
		}
		*link = block->next;
		free(block);
	}
}

void arena_reset(struct arena *arena)
{
	arena_restore(arena, (struct arena_mark){ 0 });
	blocks_free_large(arena);
	arena->failed = false;
}
