/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * query: records by time and by the values of their members, over all segments, in the order of the
 * log. The index says which blocks to open; what it does not know is read.
 */
#include "audit/scan.h"
#include "audit/view.h"

enum { QUERY_TERMS_MAX = 32 };

/* A member's value is this text. "rules" is a list: one of its items is. "5xx" fits any status of
 * 500 to 599. */
struct query_term {
	struct slice member;
	struct slice value;
};

struct query {
	const char *folder;
	struct keyring *keyring;
	struct query_term terms[QUERY_TERMS_MAX]; /* all must fit */
	size_t term_count;
	int64_t from_ms, to_ms; /* of the record's own time, inclusive; to_ms 0: no end */
	uint64_t from_record;   /* 0: from the first */
	bool with_events;       /* also the log's own entries and invalid records */
	bool without_index;     /* read everything: to test the index */
};

struct query_hit {
	uint64_t segment;
	uint64_t number;
	enum record_kind kind;
	struct slice bytes;
	const struct scan_object *object; /* its members */
	int64_t time_ms;                  /* the record's own, else the block's */
	int64_t block_ms; /* when it was written: never goes back, but for the clock */
};

/* False ends the query. */
typedef bool query_fn(void *context, const struct query_hit *hit);

struct query_stats {
	uint64_t hits;
	uint64_t blocks_read;
	uint64_t blocks_skipped;  /* the index knew that nothing fits */
	uint64_t blocks_damaged;  /* could not be read */
	uint64_t segments_closed; /* could not be opened: no key, or damaged */
	uint64_t next_record;     /* behind the last one that was looked at; 0: none was */
};

/* False with err set: the folder cannot be read. What could not be read in it is counted. */
bool query_run(const struct query *query, query_fn *each, void *context, struct query_stats *stats,
    struct err *err);
