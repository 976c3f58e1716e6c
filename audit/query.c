/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/query.h"

#include "audit/index.h"
#include "common/file.h"
#include "common/log.h"

#include <inttypes.h>

enum {
	INDEX_FILE_MAX_BYTES = 1 << 30,
	/* Clocks of two machines differ; within this a closed segment may hold newer records than
	   its end. */
	CLOCK_MARGIN_MS = 5 * 60 * 1000,
};

struct run {
	const struct query *query;
	query_fn *each;
	void *context;
	struct query_stats *stats;
	struct view view;
	struct buf scratch;
	uint64_t hashes[QUERY_TERMS_MAX]; /* of the terms, with the segment's key */
	bool is_indexed[QUERY_TERMS_MAX];
	bool stopped;
};

/* ---- One record. */

static bool list_has(struct slice list, struct slice item)
{
	while (list.len) {
		size_t len = 0;
		while (len < list.len && list.ptr[len] != ',' && list.ptr[len] != ' ')
			len++;
		if (slice_eq(slice_sub(list, 0, len), item))
			return true;
		list = slice_from(list, len + 1);
	}
	return false;
}

/* "5xx". */
static bool is_class(const struct query_term *term)
{
	return slice_eq(term->member, SLICE("status")) && term->value.len == 3 &&
	       slice_ends_with(term->value, SLICE("xx"));
}

static bool fits(const struct query_term *term, struct slice value)
{
	if (is_class(term))
		return value.len == 3 && value.ptr[0] == term->value.ptr[0];
	if (slice_eq(term->member, SLICE("rules")))
		return list_has(value, term->value);
	return slice_eq(value, term->value);
}

static bool all_fit(struct run *run, const struct scan_object *object)
{
	for (size_t i = 0; i < run->query->term_count; i++) {
		const struct query_term *term = &run->query->terms[i];
		const struct scan_member *member = scan_find(object, term->member);
		if (!member || !fits(term, scan_value(member, &run->scratch)))
			return false;
	}
	return true;
}

/*
 * Most records of a block do not fit, and most of them show that without being parsed: a value that
 * is not in the text is not in a member, unless an escape hides it.
 */
static bool cannot_fit(const struct run *run, struct slice text)
{
	if (memchr(text.ptr, '\\', text.len))
		return false;
	for (size_t i = 0; i < run->query->term_count; i++) {
		struct slice value = run->query->terms[i].value;
		if (!is_class(&run->query->terms[i]) && value.len &&
		    !memmem(text.ptr, text.len, value.ptr, value.len))
			return true;
	}
	return false;
}

static int64_t time_of(const struct scan_object *object, int64_t otherwise)
{
	const struct scan_member *time = scan_find(object, SLICE("time"));
	int64_t time_ms = time ? scan_time_ms(time->value) : -1;
	return time_ms < 0 ? otherwise : time_ms;
}

static bool is_in_time(const struct query *query, int64_t time_ms)
{
	return time_ms >= query->from_ms && (query->to_ms == 0 || time_ms <= query->to_ms);
}

static void look_at(
    struct run *run, const struct block_head *head, uint64_t number, const struct record *record)
{
	struct scan_object object;
	if (number < run->query->from_record ||
	    (record->kind != RECORD_ACCESS && !run->query->with_events) ||
	    cannot_fit(run, record->bytes) || scan_json_object(record->bytes, &object) != NULL)
		return;
	const struct query_hit hit = { head->segment, number, record->kind, record->bytes, &object,
		time_of(&object, head->time_ms), head->time_ms };
	if (!is_in_time(run->query, hit.time_ms) || !all_fit(run, &object))
		return;
	run->stats->hits++;
	run->stopped = !run->each(run->context, &hit);
}

/* ---- Blocks. */

static void look_at_block(struct run *run, const struct block_head *head, struct slice plain)
{
	struct record record;
	bool bad;
	uint64_t number = head->first;
	run->stats->blocks_read++;
	while (!run->stopped && record_next(&plain, &record, &bad))
		look_at(run, head, number++, &record);
	if (!run->stopped)
		run->stats->next_record = head->first + head->count;
}

/* Reads on from where the view stands; with `one`, a single block. False: nothing is left. */
static bool read_blocks(struct run *run, bool one)
{
	struct block block;
	struct slice plain;
	enum view_result result;
	while (!run->stopped && (result = view_next(&run->view, &block, &plain)) != VIEW_END) {
		if (result == VIEW_RECORDS)
			look_at_block(run, &block.head, plain);
		else
			run->stats->blocks_damaged++;
		if (one)
			return true;
	}
	return false;
}

static bool may_fit(const struct run *run, const struct index_entry *entry)
{
	const struct query *query = run->query;
	if (entry->first + entry->count <= query->from_record ||
	    entry->newest_ms < query->from_ms || (query->to_ms && entry->oldest_ms > query->to_ms))
		return false;
	for (size_t i = 0; i < query->term_count; i++)
		if (run->is_indexed[i] && !index_may_have(entry, run->hashes[i]))
			return false;
	return true;
}

/* The blocks that the index knows. Afterwards the view stands behind the last of them. */
static void read_indexed(struct run *run, struct slice index)
{
	struct index_entry entry;
	uint64_t last = 0;
	bool any = false;
	while (!run->stopped && index_next(run->view.codec, &index, &entry)) {
		if (entry.offset >= run->view.reader.size)
			break; /* a block that does not count */
		any = true;
		last = entry.offset;
		if (!may_fit(run, &entry)) {
			run->stats->blocks_skipped++;
			run->stats->next_record = entry.first + entry.count;
			continue;
		}
		view_seek(&run->view, entry.offset);
		read_blocks(run, true);
	}
	if (!any)
		return;
	struct block block;
	enum block_result why;
	view_seek(&run->view, last);
	if (segment_reader_next_head(&run->view.reader, &block, &why) != READ_BLOCK)
		view_seek(&run->view, run->view.reader.size);
}

/* ---- Segments. */

static void prepare_terms(struct run *run)
{
	for (size_t i = 0; i < run->query->term_count; i++) {
		const struct query_term *term = &run->query->terms[i];
		run->is_indexed[i] = index_has_member(term->member);
		if (run->is_indexed[i])
			run->hashes[i] = index_hash(run->view.codec, term->member, term->value);
	}
}

static void read_segment(struct run *run, const struct view_map_entry *entry)
{
	uint64_t segment = entry->segment;
	char path[SEGMENT_PATH_MAX], text[ERR_TEXT_MAX + ERR_FILE_MAX];
	struct err err = { 0 };
	struct buf index;
	if (!view_open_entry(&run->view, run->query->folder, entry, run->query->keyring, &err)) {
		log_warning("segment %" PRIu64 " is left out: %s", segment,
		    err_format(&err, text, sizeof(text)));
		run->stats->segments_closed++;
		return;
	}
	prepare_terms(run);
	buf_init(&index, 0);
	if (!run->query->without_index && segment_path(path, run->query->folder, segment, "idx") &&
	    file_read(path, INDEX_FILE_MAX_BYTES, &index, NULL))
		read_indexed(run, buf_slice(&index));
	buf_release(&index);
	read_blocks(run, false);
	view_close(&run->view);
}

/* Nothing in it is new enough: the next segment was started before. */
static bool is_too_old(const struct run *run, const struct view_map *map, size_t i)
{
	const struct view_map_entry *next = &map->entries[i + 1];
	if (i + 1 >= map->count || next->first == 0)
		return false;
	return next->first <= run->query->from_record ||
	       next->time_ms + CLOCK_MARGIN_MS < run->query->from_ms;
}

bool query_run(const struct query *query, query_fn *each, void *context, struct query_stats *stats,
    struct err *err)
{
	struct run run = { .query = query, .each = each, .context = context, .stats = stats };
	struct view_map map;
	*stats = (struct query_stats){ 0 };
	if (!view_map_read(&map, query->folder, err))
		return false;
	buf_init(&run.scratch, RECORD_MAX_BYTES);
	for (size_t i = 0; i < map.count && !run.stopped; i++)
		if (map.entries[i].limit && !is_too_old(&run, &map, i))
			read_segment(&run, &map.entries[i]);
	buf_release(&run.scratch);
	view_map_release(&map);
	return true;
}
