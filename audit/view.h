/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* view: reading the records of a segment back. */
#include "audit/keyring.h"
#include "audit/segment.h"

struct view {
	struct segment_reader reader;
	struct payload_codec *codec;
	uint64_t segment;
	struct block_head start;
	struct segment_start said;
};

/*
 * Opens a segment and its data key; with a NULL keyring only its start is read and `codec` is NULL.
 * False with err set.
 */
bool view_open(struct view *view, const char *folder, uint64_t segment, struct keyring *keyring,
    struct err *err);
void view_close(struct view *view);

enum view_result {
	VIEW_RECORDS,
	VIEW_END,     /* nothing whole is left */
	VIEW_DAMAGED, /* this block cannot be read; the next call goes on behind it if it can */
};

/* The next block of records, decrypted and not compared with its root; *plain is valid until the
 * next call. */
enum view_result view_next(struct view *view, struct block *block, struct slice *plain);
/* The block whose head stands at `offset`. */
void view_seek(struct view *view, uint64_t offset);

/* The start blocks of all segments, in order; those that cannot be read have first == 0. */
struct view_map {
	struct view_map_entry {
		uint64_t segment;
		uint64_t first;  /* number of its first record */
		int64_t time_ms; /* when it was started */
		uint64_t limit;  /* bytes that count, as the next segment says */
	} * entries;
	size_t count;
};

bool view_map_read(struct view_map *map, const char *folder, struct err *err);
void view_map_release(struct view_map *map);
/* As view_open(), without what a crash left behind the limit. */
bool view_open_entry(struct view *view, const char *folder, const struct view_map_entry *entry,
    struct keyring *keyring, struct err *err);
/* The index of the segment that holds a record, or that would: the last one that starts at or
 * before it. */
size_t view_map_find(const struct view_map *map, uint64_t record);
