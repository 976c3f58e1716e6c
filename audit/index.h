/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * index: beside each segment, for each block of records its place, the times of its records, and a
 * Bloom filter over the values of the members that are asked for by value. Derived from the segment
 * and keyed with its data key: without that key it tells nothing, and a changed entry is noticed.
 */
#include "audit/payload.h"

enum {
	INDEX_HEAD_BYTES = 64,
	INDEX_FILTER_MAX_BYTES = 64 * 1024,
	INDEX_ENTRY_MAX_BYTES = INDEX_HEAD_BYTES + INDEX_FILTER_MAX_BYTES + 8,
};

/* Members whose values are in the filter, such as "id" and "sub"; `rules` goes in rule by rule,
 * `status` as itself and as its class, "5xx". */
bool index_has_member(struct slice name);

struct index_entry {
	uint64_t offset; /* of the block's head */
	uint64_t first;
	uint32_t count;
	int64_t oldest_ms; /* of the records' own times; the block's where a record has none */
	int64_t newest_ms;
	struct slice filter;
};

struct index_writer;

/* NULL with errno set. An existing file is replaced. */
struct index_writer *index_writer_open(const char *path, const struct payload_codec *codec);
/* The entry of one block; in memory until the flush. */
void index_writer_add(
    struct index_writer *writer, const struct block_head *head, struct slice plain);
/* False: the file is incomplete, which readers notice; nothing more is written. */
bool index_writer_flush(struct index_writer *writer);
void index_writer_close(struct index_writer *writer);

/*
 * Takes the first entry off *bytes, which came from the segment of that codec. False at the end, or
 * when what is there was not written with this key: the rest of the segment is to be read then.
 */
bool index_next(const struct payload_codec *codec, struct slice *bytes, struct index_entry *entry);

/* The hash a filter knows a value by. */
uint64_t index_hash(const struct payload_codec *codec, struct slice member, struct slice value);
/* False: surely not in this block. */
bool index_may_have(const struct index_entry *entry, uint64_t hash);
