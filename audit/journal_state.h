/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the journal share. Nobody else includes this. */
#include "audit/index.h"
#include "audit/journal.h"

/* Where the chain goes on. */
struct journal_place {
	uint64_t segment;
	uint64_t end;  /* in that segment */
	uint64_t next; /* number of the next record */
	struct hash link;
	int64_t time_ms;
};

struct journal {
	struct journal_options options;
	struct journal_recovery recovery;
	int lock_fd;
	struct log_id log;
	uint64_t newest_segment; /* the highest number there is a file for */

	/* The open segment; fd < 0 between segments. */
	int fd;
	struct payload_codec *codec;
	struct index_writer *index; /* NULL: it could not be written; queries read the segment */
	struct journal_place place; /* behind the blocks made so far, written or not */
	int64_t opened_ms;
	bool has_attributes;

	/* Its key, made before the segment it replaces is ended: without a key the old one goes on.
	 */
	struct data_key next_key;
	struct buf next_key_text;
	bool has_next_key;
	int64_t key_retry_ms; /* KMS is not asked before */

	struct buf pending; /* records since the last commit, framed */
	uint64_t pending_count;
	size_t block_from; /* in `pending`: records that are in no block yet */
	uint32_t block_count;
	struct buf out; /* blocks, from the last commit on */
	size_t out_written;

	bool is_sealed; /* `out` ends with the checkpoint of the commit in progress */
	bool is_closing;
	struct checkpoint sealed;
	struct checkpoint committed;
	struct journal_place committed_place;
	int64_t committed_ms; /* 0: never */
	uint64_t lost;        /* to be said in the next segment's start */
	uint64_t segments;
};

enum journal_result journal_fail(struct journal *journal, struct err *err, const char *what);
/* Makes blocks of what is pending. False: no memory. */
bool journal_make_block(struct journal *journal, int64_t now_ms);
/* Appends a block without records to `out`. False: no memory. */
bool journal_add_block(struct journal *journal, struct block_head *head, struct slice payload);
enum journal_result journal_open_segment(struct journal *journal, int64_t now_ms, struct err *err);
void journal_close_segment(struct journal *journal);
void journal_free(struct journal *journal);
bool journal_recover(struct journal *journal, struct err *err);
/* Append-only while open, immutable when closed. False: not possible here. */
bool journal_protect(int fd, bool closed);
void journal_unprotect(const char *path);
