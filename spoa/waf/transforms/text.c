/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/transforms/families.h"
#include "spoa/waf/transforms/rewrite.h"

/* The manual's white space: the C locale's, and the no-break space of Latin-1. */
static bool is_blank(char c)
{
	return ascii_is_space(c) || (unsigned char)c == 0xa0;
}

static bool is_nul(char c)
{
	return c == '\0';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/* Inlined, so that each test is a comparison in the loop and not a call for each byte. */
#define INLINE static inline __attribute__((always_inline))

INLINE size_t find_first(struct slice in, bool (*test)(char))
{
	size_t i = 0;
	while (i < in.len && !test(in.ptr[i]))
		i++;
	return i;
}

/* Each byte that passes `test` becomes byte ^ flip. */
INLINE struct slice flip_bits(struct slice in, bool (*test)(char), int flip, struct arena *arena)
{
	size_t first = find_first(in, test);
	struct rewrite w;
	if (first == in.len || !rewrite_begin(&w, in, first, 1, arena))
		return in;
	for (; rewrite_more(&w); w.at++)
		rewrite_put(&w, test(in.ptr[w.at]) ? in.ptr[w.at] ^ flip : in.ptr[w.at]);
	return rewrite_end(&w);
}

INLINE struct slice remove_bytes(struct slice in, bool (*test)(char), struct arena *arena)
{
	size_t first = find_first(in, test);
	struct rewrite w;
	if (first == in.len || !rewrite_begin(&w, in, first, 1, arena))
		return in;
	for (; rewrite_more(&w); w.at++)
		if (!test(in.ptr[w.at]))
			rewrite_put(&w, in.ptr[w.at]);
	return rewrite_end(&w);
}

TRANSFORM(none)
{
	(void)env, (void)arena;
	return in;
}

TRANSFORM(lowercase)
{
	(void)env;
	return flip_bits(in, is_upper, 0x20, arena);
}

TRANSFORM(uppercase)
{
	(void)env;
	return flip_bits(in, is_lower, 0x20, arena);
}

TRANSFORM(trim_left)
{
	(void)env, (void)arena;
	while (in.len && ascii_is_space(in.ptr[0]))
		in = slice_from(in, 1);
	return in;
}

TRANSFORM(trim_right)
{
	(void)env, (void)arena;
	while (in.len && ascii_is_space(in.ptr[in.len - 1]))
		in.len--;
	return in;
}

TRANSFORM(trim)
{
	return transform_trim_right(transform_trim_left(in, env, arena), env, arena);
}

TRANSFORM(remove_nulls)
{
	(void)env;
	return remove_bytes(in, is_nul, arena);
}

TRANSFORM(replace_nulls)
{
	(void)env;
	return flip_bits(in, is_nul, ' ', arena);
}

TRANSFORM(remove_whitespace)
{
	(void)env;
	return remove_bytes(in, is_blank, arena);
}

TRANSFORM(compress_whitespace)
{
	(void)env;
	size_t first = find_first(in, is_blank);
	struct rewrite w;
	if (first == in.len || !rewrite_begin(&w, in, first, 1, arena))
		return in;
	bool in_blanks = false;
	for (; rewrite_more(&w); w.at++) {
		bool blank = is_blank(in.ptr[w.at]);
		if (!blank)
			rewrite_put(&w, in.ptr[w.at]);
		else if (!in_blanks)
			rewrite_put(&w, ' ');
		in_blanks = blank;
	}
	return rewrite_end(&w);
}
