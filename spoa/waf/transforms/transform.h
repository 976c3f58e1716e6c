/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * transform: the transformation functions of SecLang (t:lowercase, …). Reference: ModSecurity v3
 * reference manual, "Transformation functions"; where it is silent, what OWASP CRS expects.
 *
 * Each is pure. One that changes nothing returns its input: same pointer, same length. Otherwise
 * the result lives in the arena. Output is never longer than max_growth times the input plus a
 * constant that the row names. Inputs may hold any byte; no result is NUL-terminated by contract.
 * The only failure is want of arena memory: then the input is returned and the arena's flag is set.
 */
#include "common/arena.h"
#include "common/err.h"

/* ---- sets of bytes ------------------------------------------------------------------------ */

struct byteset {
	uint64_t words[4];
};

static inline bool byteset_has(const struct byteset *set, unsigned char byte)
{
	return set->words[byte >> 6] >> (byte & 63) & 1;
}

static inline bool byteset_intersects(const struct byteset *a, const struct byteset *b)
{
	return ((a->words[0] & b->words[0]) | (a->words[1] & b->words[1]) |
	           (a->words[2] & b->words[2]) | (a->words[3] & b->words[3])) != 0;
}

/* The bytes that occur in s. */
struct byteset byteset_of(struct slice s);

/* ---- Unicode map (SecUnicodeMapFile) ------------------------------------------------------- */

/* Which byte stands for a code point of urlDecodeUni's %uXXXX; immutable once loaded. */
struct unicode_map;

/*
 * Reads `code_page` from a mapping file: lines "20127 (US-ASCII)" followed by a line of
 * "hhhh:hh hhhh:hh …". Comments begin with #. At most 4 MiB. NULL with err set: unreadable, a
 * broken entry, no such code page. The map lives in the arena.
 */
const struct unicode_map *unicode_map_load(
    const char *path, unsigned code_page, struct arena *arena, struct err *err);

/* ---- the table --------------------------------------------------------------------------------
 */

/* What a rule set lays down for its transformations. NULL stands for the defaults. */
struct transform_env {
	const struct unicode_map
	    *unicode_map; /* NULL: full-width ASCII to ASCII, else the low byte */
};

struct transform {
	const char *name;
	struct slice (*apply)(
	    struct slice in, const struct transform_env *env, struct arena *arena);
	/*
	 * An input without any byte of this set comes back unchanged, so that one look at the bytes
	 * of a value (byteset_of) tells which chains do nothing. Exact functions of the whole input
	 * (length, sha1, base64Encode, …) have `always` set instead and are never skipped.
	 */
	struct byteset only_if;
	bool always;
	unsigned max_growth;
	const char *manual; /* heading in the reference manual */
};

/* Letter case of the name is ignored. NULL when unknown. "none" is in the table. */
const struct transform *transform_find(struct slice name);

/* All rows, in byte order of their lower-case names. */
const struct transform *transform_table(size_t *count);

static inline struct slice transform_apply(const struct transform *t, struct slice in,
    const struct byteset *bytes_of_in, const struct transform_env *env, struct arena *arena)
{
	if (!t->always && bytes_of_in && !byteset_intersects(&t->only_if, bytes_of_in))
		return in;
	return t->apply(in, env, arena);
}
