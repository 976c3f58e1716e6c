/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/weaken.h"

struct group {
	size_t start, end;
};

struct reader {
	struct slice pattern;
	size_t at;
	bool unreadable;
	struct group largest[WEAKEN_GROUPS]; /* by size, largest first */
};

/* Behind an escape. \1, \g and \k refer to groups by number; \Q quotes; \E ends nothing here. */
static void skip_escape(struct reader *r)
{
	char c = r->at + 1 < r->pattern.len ? r->pattern.ptr[r->at + 1] : '\0';
	if (c == '\0' || memchr("123456789gkQE", c, 13))
		r->unreadable = true;
	r->at += 2;
}

/* Behind a class; "]" as its first member is one. */
static void skip_class(struct reader *r)
{
	r->at++;
	if (r->at < r->pattern.len && r->pattern.ptr[r->at] == '^')
		r->at++;
	if (r->at < r->pattern.len && r->pattern.ptr[r->at] == ']')
		r->at++;
	while (r->at < r->pattern.len && r->pattern.ptr[r->at] != ']')
		r->at += r->pattern.ptr[r->at] == '\\' ? 2 : 1;
	r->at++;
}

static void keep_group(struct reader *r, size_t start, size_t end)
{
	struct group group = { start, end };
	for (size_t i = 0; i < WEAKEN_GROUPS; i++)
		if (group.end - group.start > r->largest[i].end - r->largest[i].start) {
			struct group smaller = r->largest[i];
			r->largest[i] = group;
			group = smaller;
		}
}

/* Behind "(" or "(?FLAGS". Extended text, comments and verbs are not read, wherever they stand. */
static void skip_opening(struct reader *r)
{
	struct slice rest = slice_from(r->pattern, ++r->at);
	if (slice_starts_with(rest, SLICE("*")) || slice_starts_with(rest, SLICE("?#")))
		r->unreadable = true;
	if (!slice_starts_with(rest, SLICE("?")))
		return;
	for (r->at++; r->at < r->pattern.len && ascii_is_alpha(r->pattern.ptr[r->at]); r->at++)
		r->unreadable |= r->pattern.ptr[r->at] == 'x';
}

/* A whole group that stands in no other: "(?i)" may stay where it is, "(?:…)" be left out. */
static void take_group(struct reader *r, size_t start)
{
	struct slice group = slice_sub(r->pattern, start, r->at - start);
	size_t flags = 2;
	while (flags < group.len && ascii_is_alpha(group.ptr[flags]))
		flags++;
	if (slice_starts_with(group, SLICE("(?:")))
		keep_group(r, start, r->at);
	else if (!slice_starts_with(group, SLICE("(?")) || flags + 1 != group.len)
		r->unreadable = true;
}

static void read_pattern(struct reader *r)
{
	size_t depth = 0, start = 0;
	while (r->at < r->pattern.len && !r->unreadable) {
		char c = r->pattern.ptr[r->at];
		if (c == '\\') {
			skip_escape(r);
		} else if (c == '[') {
			skip_class(r);
		} else if (c == '(') {
			start = depth++ == 0 ? r->at : start;
			skip_opening(r);
		} else {
			r->at++;
			r->unreadable |= depth == 0 && (c == '|' || c == ')');
			if (c == ')' && depth > 0 && --depth == 0)
				take_group(r, start);
		}
	}
	r->unreadable |= depth > 0 || r->at > r->pattern.len;
}

const char *weaken(struct slice pattern, unsigned which, struct arena *arena)
{
	struct reader r = { .pattern = pattern };
	read_pattern(&r);
	struct group out = r.largest[which];
	if (r.unreadable || out.end == out.start)
		return NULL;
	return arena_printf(arena, "%.*s.*%.*s", SLICE_ARG(slice_sub(pattern, 0, out.start)),
	    SLICE_ARG(slice_from(pattern, out.end)));
}
