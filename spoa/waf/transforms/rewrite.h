/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * rewrite: how a transformation writes its result. Room for the longest possible result is taken at
 * once, so that writing needs no checks; a result equal to the input gives the memory back and
 * returns the input itself.
 */
#include "common/arena.h"

#include <assert.h>

struct rewrite {
	struct slice in;
	struct arena *arena;
	struct arena_mark mark;
	char *start; /* of the result */
	char *next;
	size_t at; /* next byte of the input to read */
};

/*
 * Keeps the first `unchanged` bytes of the input as they are; `growth` is how many bytes one
 * further byte of input may become. False when the arena has no room: return the input then.
 */
static inline bool rewrite_begin(
    struct rewrite *w, struct slice in, size_t unchanged, size_t growth, struct arena *arena)
{
	assert(unchanged <= in.len);
	*w = (struct rewrite){
		.in = in, .arena = arena, .mark = arena_save(arena), .at = unchanged
	};
	if ((in.len - unchanged) > (SIZE_MAX - in.len) / growth)
		return false;
	w->start = arena_alloc(arena, unchanged + (in.len - unchanged) * growth);
	if (!w->start)
		return false;
	if (unchanged)
		memcpy(w->start, in.ptr, unchanged);
	w->next = w->start + unchanged;
	return true;
}

static inline bool rewrite_more(const struct rewrite *w)
{
	return w->at < w->in.len;
}

/* The byte `ahead` of the next one, or -1 behind the end. */
static inline int rewrite_peek(const struct rewrite *w, size_t ahead)
{
	return w->in.len - w->at > ahead ? (unsigned char)w->in.ptr[w->at + ahead] : -1;
}

static inline void rewrite_put(struct rewrite *w, int byte)
{
	*w->next++ = (char)byte;
}

/* Passes the next `count` bytes of input on. */
static inline void rewrite_copy(struct rewrite *w, size_t count)
{
	assert(count <= w->in.len - w->at);
	for (size_t i = 0; i < count; i++)
		*w->next++ = w->in.ptr[w->at++];
}

/* Puts one byte for `count` bytes of input. */
static inline void rewrite_replace(struct rewrite *w, size_t count, int byte)
{
	w->at += count;
	rewrite_put(w, byte);
}

static inline struct slice rewrite_end(struct rewrite *w)
{
	size_t len = (size_t)(w->next - w->start);
	if (len == w->in.len && (len == 0 || memcmp(w->start, w->in.ptr, len) == 0)) {
		arena_restore(w->arena, w->mark);
		return w->in;
	}
	return slice_of(w->start, len);
}

/* The value of the two hexadecimal digits `ahead` of the next byte, or -1. */
static inline int rewrite_hex_pair(const struct rewrite *w, size_t ahead)
{
	if (w->in.len - w->at < ahead + 2)
		return -1;
	int high = ascii_hex_value(w->in.ptr[w->at + ahead]);
	int low = ascii_hex_value(w->in.ptr[w->at + ahead + 1]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/*
 * The byte for a UTF-16 code unit written out in ASCII: its low byte, and for full-width forms
 * (U+FF01 to U+FF5E) the ASCII character they look like.
 */
static inline int rewrite_narrow(unsigned code)
{
	unsigned low = code & 0xff;
	bool full_width = (code & 0xff00) == 0xff00 && low > 0 && low < 0x5f;
	return (int)(full_width ? low + 0x20 : low);
}
