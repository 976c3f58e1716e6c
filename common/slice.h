/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * slice: a borrowed run of bytes. Never owns, never NUL-terminated by contract.
 * The bytes live as long as whatever they were cut from. The empty slice may have ptr == NULL.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *ptr;
	size_t len;
};

/* A slice of a string literal, usable in static initialisers as SLICE_INIT. */
#define SLICE_INIT(lit)                                                                            \
	{                                                                                          \
		"" lit "", sizeof(lit) - 1                                                         \
	}
#define SLICE(lit) ((struct slice)SLICE_INIT(lit))

/* printf arguments for "%.*s". Use only where the length is known to be below INT_MAX. */
#define SLICE_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){ (const char *)ptr, len };
}

/* NULL gives the empty slice. */
static inline struct slice slice_of_cstr(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}

static inline unsigned char slice_at(struct slice s, size_t i)
{
	return (unsigned char)s.ptr[i];
}

static inline bool slice_is_empty(struct slice s)
{
	return s.len == 0;
}

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* The part of s from byte `from`, at most `len` bytes; both are clipped to s. */
static inline struct slice slice_sub(struct slice s, size_t from, size_t len)
{
	if (from > s.len)
		from = s.len;
	if (len > s.len - from)
		len = s.len - from;
	return (struct slice){ s.ptr ? s.ptr + from : NULL, len };
}

static inline struct slice slice_from(struct slice s, size_t from)
{
	return slice_sub(s, from, s.len);
}

/* ASCII only, whatever the locale. */
static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool ascii_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The value of a hexadecimal digit, or -1. */
int ascii_hex_value(char c);

/* Equal but for ASCII letter case. */
bool slice_eq_nocase(struct slice a, struct slice b);

/* Byte order, shorter first when one is a prefix: <0, 0, >0. */
int slice_cmp(struct slice a, struct slice b);

bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_starts_with_nocase(struct slice s, struct slice prefix);
bool slice_ends_with(struct slice s, struct slice suffix);

/* Where `needle` or the byte `c` first stands in s; SIZE_MAX when nowhere. An empty needle is at 0.
 */
size_t slice_find(struct slice s, struct slice needle);
size_t slice_find_byte(struct slice s, char c);

/* s without the ASCII white space at both ends. */
struct slice slice_trim(struct slice s);

/*
 * Cuts at the first `sep`: *head is what stands before it, *rest what stands after it. Without a
 * `sep`, *head is all of s, *rest is empty and the result is false. Either may alias s.
 */
bool slice_cut(struct slice s, char sep, struct slice *head, struct slice *rest);

/*
 * Strict decimal: one or more digits and nothing else, no sign, no blanks. False when the text is
 * not such a number or exceeds `max`; *out is then untouched.
 */
bool slice_to_u64(struct slice s, uint64_t max, uint64_t *out);

/* Equal in time that depends on the lengths alone: for secrets and their digests. */
bool slice_eq_secret(struct slice a, struct slice b);
