/* SPDX-License-Identifier: Apache-2.0 */
#include "common/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_OWN_BLOCKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_OWN_BLOCKS 1
#endif
#endif
#ifndef ARENA_OWN_BLOCKS
#define ARENA_OWN_BLOCKS 0
#endif

enum {
	ALIGN = alignof(max_align_t),
	BLOCK_MIN_BYTES = 4096,
	BLOCK_MAX_BYTES = 256 * 1024, /* blocks double up to here; a larger request gets its own */
};

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char bytes[];
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

static void *fail(struct arena *arena)
{
	arena->failed = true;
	return NULL;
}

static struct arena_block *block_new(size_t size)
{
	if (size > SIZE_MAX - sizeof(struct arena_block))
		return NULL;
	struct arena_block *block = malloc(sizeof(*block) + size);
	if (block)
		*block = (struct arena_block){ .size = size };
	return block;
}

static struct arena_block **after_current(struct arena *arena)
{
	return arena->current ? &arena->current->next : &arena->first;
}

#if ARENA_OWN_BLOCKS

/* One block per allocation, of exactly its size, so that the redzones of malloc stand at its ends.
 */
static void *take(struct arena *arena, size_t size, size_t padded)
{
	struct arena_block *block = block_new(size);

	if (!block)
		return fail(arena);
	block->used = size;
	*after_current(arena) = block;
	arena->current = block;
	arena->used_bytes += padded;
	return block->bytes;
}

static void drop_after(struct arena *arena, struct arena_mark mark)
{
	arena->current = mark.block;
	blocks_free(*after_current(arena));
	*after_current(arena) = NULL;
}

#else

static size_t block_size_for(const struct arena *arena, size_t padded)
{
	size_t size = arena->current ? arena->current->size * 2 : BLOCK_MIN_BYTES;

	if (size > BLOCK_MAX_BYTES)
		size = BLOCK_MAX_BYTES;
	return size > padded ? size : padded;
}

/*
 * The block after `current` that a former use left, replaced when it is too small. Replaced and not
 * skipped: a client that varies its sizes must not make the chain of kept blocks grow.
 */
static struct arena_block *next_block(struct arena *arena, size_t padded)
{
	struct arena_block **link = after_current(arena);

	if (!*link || (*link)->size < padded) {
		struct arena_block *block = block_new(block_size_for(arena, padded));
		if (!block)
			return NULL;
		if (*link)
			block->next = (*link)->next;
		free(*link);
		*link = block;
	}
	arena->current = *link;
	arena->current->used = 0;
	return arena->current;
}

static void *take(struct arena *arena, size_t size, size_t padded)
{
	struct arena_block *block = arena->current;

	(void)size;
	if (!block || block->size - block->used < padded)
		block = next_block(arena, padded);
	if (!block)
		return fail(arena);
	void *bytes = block->bytes + block->used;
	block->used += padded;
	arena->used_bytes += padded;
	return bytes;
}

static void drop_after(struct arena *arena, struct arena_mark mark)
{
	arena->current = mark.block;
	if (mark.block)
		mark.block->used = mark.block_used;
}

#endif

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX - ALIGN)
		return fail(arena);
	size_t padded = size ? (size + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
	if (arena->limit_bytes && padded > arena->limit_bytes - arena->used_bytes)
		return fail(arena);
	return take(arena, size, padded);
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return fail(arena);
	void *bytes = arena_alloc(arena, total);
	return bytes ? memset(bytes, 0, total) : NULL;
}

struct slice arena_dup(struct arena *arena, struct slice bytes)
{
	char *copy = bytes.len < SIZE_MAX ? arena_alloc(arena, bytes.len + 1) : fail(arena);

	if (!copy)
		return (struct slice){ NULL, 0 };
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
	int len = vsnprintf(NULL, 0, fmt, args);
	char *text = len < 0 ? fail(arena) : arena_alloc(arena, (size_t)len + 1);
	if (text)
		vsnprintf(text, (size_t)len + 1, fmt, again);
	va_end(again);
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
	return (struct arena_mark){
		.block = arena->current,
		.block_used = arena->current ? arena->current->used : 0,
		.used_bytes = arena->used_bytes,
	};
}

void arena_restore(struct arena *arena, struct arena_mark mark)
{
	assert(mark.used_bytes <= arena->used_bytes);
	drop_after(arena, mark);
	arena->used_bytes = mark.used_bytes;
}

/* Blocks made for one large allocation are not kept: what is kept stays near the limit. */
static void blocks_free_large(struct arena *arena)
{
	struct arena_block **link = &arena->first;

	while (*link) {
		struct arena_block *block = *link;
		if (block->size <= BLOCK_MAX_BYTES) {
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
