/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/transforms/families.h"
#include "spoa/waf/transforms/rewrite.h"

/* A path written segment by segment. What stands before `floor` cannot be taken back by "..". */
struct path {
	struct rewrite w;
	const char *separators;
	char *floor;
};

static bool is_separator(const struct path *p, char c)
{
	return c == p->separators[0] || (p->separators[1] && c == p->separators[1]);
}

/* The next segment, and whether a separator follows it (which is passed over). */
static struct slice next_segment(struct path *p, bool *separated)
{
	size_t from = p->w.at;
	while (rewrite_more(&p->w) && !is_separator(p, p->w.in.ptr[p->w.at]))
		p->w.at++;
	struct slice segment = slice_sub(p->w.in, from, p->w.at - from);
	*separated = rewrite_more(&p->w);
	p->w.at += *separated;
	return segment;
}

static void put_segment(struct path *p, struct slice segment, bool separated)
{
	memcpy(p->w.next, segment.ptr, segment.len);
	p->w.next += segment.len;
	if (separated)
		rewrite_put(&p->w, '/');
}

/* Drops the last segment written; false when there is none to drop. */
static bool drop_segment(struct path *p)
{
	if (p->w.next == p->floor)
		return false;
	do
		p->w.next--;
	while (p->w.next > p->floor && p->w.next[-1] != '/');
	return true;
}

static struct slice normalize(struct slice in, const char *separators, struct arena *arena)
{
	struct path p = { .separators = separators };
	if (in.len == 0 || !rewrite_begin(&p.w, in, 0, 1, arena))
		return in;
	bool rooted = is_separator(&p, in.ptr[0]);
	if (rooted)
		rewrite_put(&p.w, '/');
	p.floor = p.w.next;
	while (rewrite_more(&p.w)) {
		bool separated;
		struct slice segment = next_segment(&p, &separated);
		if (segment.len == 0 || slice_eq(segment, SLICE(".")))
			continue;
		if (!slice_eq(segment, SLICE(".."))) {
			put_segment(&p, segment, separated);
		} else if (!drop_segment(&p) && !rooted) {
			put_segment(&p, segment, separated);
			p.floor = p.w.next;
		}
	}
	return rewrite_end(&p.w);
}

TRANSFORM(normalize_path)
{
	(void)env;
	return normalize(in, "/", arena);
}

TRANSFORM(normalize_path_win)
{
	(void)env;
	return normalize(in, "/\\", arena);
}
