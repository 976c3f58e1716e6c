/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/blame.h"

/* One more than fits, so that an inserted record is seen. */
enum { FOUND_MAX = BLOCK_RECORDS_MAX + 1 };

/* What was written, and what is there. */
struct contents {
	const struct payload_codec *codec;
	uint64_t first; /* number of the first record */
	struct hash written[BLOCK_RECORDS_MAX];
	size_t written_count;
	struct record found[FOUND_MAX];
	size_t found_count;
	bool is_whole; /* by its tag: whoever made it had the data key */
};

static bool read_written(struct contents *c, const struct block_head *head, struct slice payload)
{
	struct hash leaves[BLOCK_RECORDS_MAX];
	if (!payload_stored_leaves(head, payload, leaves))
		return false;
	memcpy(c->written, leaves, sizeof(leaves));
	c->written_count = head->count;
	struct hash root = merkle_root(leaves, head->count);
	return hash_eq(&root, &head->root);
}

static void read_found(struct contents *c, struct slice plain)
{
	bool bad;
	while (c->found_count < FOUND_MAX && record_next(&plain, &c->found[c->found_count], &bad))
		c->found_count++;
}

/* Is the record found at `at` the one that was written as the `as`-th? */
static bool is_written(const struct contents *c, size_t at, size_t as)
{
	if (at >= c->found_count || as >= c->written_count)
		return false;
	const struct record *record = &c->found[at];
	struct salt salt = payload_salt(c->codec, c->first + as);
	struct hash leaf =
	    merkle_leaf(c->first + as, &salt, (unsigned char)record->kind, record->bytes);
	return hash_eq(&leaf, &c->written[as]);
}

static size_t first_bad(const struct contents *c)
{
	size_t at = 0;
	while (is_written(c, at, at))
		at++;
	return at;
}

/* From the end, as long as both are the same; records that were put in or taken out shift it. */
static size_t last_bad(const struct contents *c, size_t first)
{
	size_t written = c->written_count, found = c->found_count;
	while (written > first + 1 && found > first + 1 && is_written(c, found - 1, written - 1)) {
		written--;
		found--;
	}
	return written - 1;
}

static bool comes_later(const struct contents *c, size_t as)
{
	for (size_t at = as + 1; at < c->found_count; at++)
		if (is_written(c, at, as))
			return true;
	return false;
}

static enum blame_kind kind_of(const struct contents *c, size_t at)
{
	if (at == c->written_count)
		return at < c->found_count ? BLAME_INSERTED : BLAME_NONE;
	if (!c->is_whole)
		return at < c->found_count ? BLAME_CHANGED : BLAME_DAMAGED;
	if (c->found_count < c->written_count &&
	    (at == c->found_count || is_written(c, at, at + 1)))
		return BLAME_MISSING;
	if (c->found_count > c->written_count && is_written(c, at + 1, at))
		return BLAME_INSERTED;
	return comes_later(c, at) ? BLAME_REORDERED : BLAME_CHANGED;
}

/* An added record has no number of its own: it stands before this one, or behind the last. */
static struct blame blame_at(const struct contents *c, size_t at)
{
	enum blame_kind kind = kind_of(c, at);
	size_t first = at < c->written_count ? at : c->written_count - 1;
	size_t last = kind == BLAME_DAMAGED ? c->written_count - 1 : first;
	if (kind == BLAME_CHANGED || kind == BLAME_REORDERED)
		last = last_bad(c, first);
	else if (kind == BLAME_MISSING)
		last = first + (c->written_count - c->found_count) - 1;
	if (last >= c->written_count)
		last = c->written_count - 1;
	return (struct blame){ kind, c->first + first, c->first + last };
}

/* The leaves were changed. If the records have the root, they are as they were written. */
static struct blame blame_leaves(const struct contents *c, const struct block_head *head)
{
	struct hash leaves[BLOCK_RECORDS_MAX];
	struct blame blame = { BLAME_UNKNOWN, head->first, head->first + head->count - 1 };
	if (c->found_count != head->count)
		return blame;
	for (size_t i = 0; i < c->found_count; i++) {
		struct salt salt = payload_salt(c->codec, head->first + i);
		leaves[i] = merkle_leaf(
		    head->first + i, &salt, (unsigned char)c->found[i].kind, c->found[i].bytes);
	}
	struct hash root = merkle_root(leaves, head->count);
	if (hash_eq(&root, &head->root))
		blame.kind = BLAME_NONE;
	return blame;
}

struct blame blame_find(struct payload_codec *codec, const struct block_head *head,
    const unsigned char head_bytes[BLOCK_HEAD_BYTES], struct slice payload)
{
	static _Thread_local struct contents c; /* large */
	struct blame unknown = { BLAME_UNKNOWN, head->first, head->first + head->count - 1 };
	struct slice plain;
	bool has_leaves;
	c.codec = codec;
	c.first = head->first;
	c.found_count = 0;
	has_leaves = read_written(&c, head, payload);
	if (!payload_salvage(codec, head, head_bytes, payload, &plain, &c.is_whole))
		return unknown;
	read_found(&c, plain);
	return has_leaves ? blame_at(&c, first_bad(&c)) : blame_leaves(&c, head);
}
