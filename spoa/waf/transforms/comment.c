/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/transforms/families.h"
#include "spoa/waf/transforms/rewrite.h"

static bool next_is(const struct rewrite *w, struct slice mark)
{
	return w->in.len - w->at >= mark.len && memcmp(w->in.ptr + w->at, mark.ptr, mark.len) == 0;
}

/* Moves behind the next `mark`, or to the end when there is none. */
static void skip_past(struct rewrite *w, struct slice mark)
{
	size_t found = slice_find(slice_from(w->in, w->at), mark);
	w->at = found == SIZE_MAX ? w->in.len : w->at + found + mark.len;
}

TRANSFORM(replace_comments)
{
	(void)env;
	size_t first = slice_find(in, SLICE("/*"));
	struct rewrite w;
	if (first == SIZE_MAX || !rewrite_begin(&w, in, first, 1, arena))
		return in;
	while (rewrite_more(&w)) {
		if (next_is(&w, SLICE("/*"))) {
			w.at += 2;
			skip_past(&w, SLICE("*/"));
			rewrite_put(&w, ' ');
		} else {
			rewrite_copy(&w, 1);
		}
	}
	return rewrite_end(&w);
}

/* What opens a comment and what ends it. One that should be closed and is not leaves a blank
 * behind. */
static const struct comment {
	struct slice open;
	struct slice close; /* empty: goes to the end of the value */
} comments[] = {
	{ SLICE_INIT("/*"), SLICE_INIT("*/") },
	{ SLICE_INIT("<!--"), SLICE_INIT("-->") },
	{ SLICE_INIT("--"), { NULL, 0 } },
	{ SLICE_INIT("#"), { NULL, 0 } },
};

enum { COMMENT_KINDS = sizeof(comments) / sizeof(comments[0]) };

static const struct comment *comment_at(const struct rewrite *w)
{
	for (size_t i = 0; i < COMMENT_KINDS; i++)
		if (next_is(w, comments[i].open))
			return &comments[i];
	return NULL;
}

static void drop_comment(struct rewrite *w, const struct comment *comment)
{
	w->at += comment->open.len;
	struct slice rest = slice_from(w->in, w->at);
	if (comment->close.len && slice_find(rest, comment->close) != SIZE_MAX) {
		skip_past(w, comment->close);
		return;
	}
	w->at = w->in.len;
	if (comment->close.len)
		rewrite_put(w, ' ');
}

TRANSFORM(remove_comments)
{
	(void)env;
	struct rewrite w;
	if (!rewrite_begin(&w, in, 0, 1, arena))
		return in;
	while (rewrite_more(&w)) {
		const struct comment *comment = comment_at(&w);
		if (comment)
			drop_comment(&w, comment);
		else
			rewrite_copy(&w, 1);
	}
	return rewrite_end(&w);
}

TRANSFORM(remove_comments_char)
{
	static const struct slice marks[] = { SLICE_INIT("/*"), SLICE_INIT("*/"),
		SLICE_INIT("<!--"), SLICE_INIT("-->"), SLICE_INIT("--"), SLICE_INIT("#") };
	(void)env;
	struct rewrite w;
	if (!rewrite_begin(&w, in, 0, 1, arena))
		return in;
	while (rewrite_more(&w)) {
		size_t i = 0;
		while (i < sizeof(marks) / sizeof(marks[0]) && !next_is(&w, marks[i]))
			i++;
		if (i < sizeof(marks) / sizeof(marks[0]))
			w.at += marks[i].len;
		else
			rewrite_copy(&w, 1);
	}
	return rewrite_end(&w);
}

static bool cmd_line_drops(char c)
{
	return c == '\\' || c == '"' || c == '\'' || c == '^';
}

static bool cmd_line_blanks(char c)
{
	return c == ' ' || c == ',' || c == ';' || c == '\t' || c == '\r' || c == '\n';
}

/* The manual's seven steps in one pass: a run of blanks is one blank, taken back when / or (
 * follows. */
TRANSFORM(cmd_line)
{
	(void)env;
	struct rewrite w;
	if (!rewrite_begin(&w, in, 0, 1, arena))
		return in;
	bool after_blank = false;
	for (; rewrite_more(&w); w.at++) {
		char c = in.ptr[w.at];
		if (cmd_line_drops(c))
			continue;
		bool blank = cmd_line_blanks(c);
		if (after_blank && (c == '/' || c == '('))
			w.next--;
		if (!blank)
			rewrite_put(&w, ascii_lower(c));
		else if (!after_blank)
			rewrite_put(&w, ' ');
		after_blank = blank;
	}
	return rewrite_end(&w);
}
