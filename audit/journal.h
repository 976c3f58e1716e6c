/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * journal: the writing side of a log: blocks, commits, rotation, recovery, retention. One process
 * per log (the folder is locked), one thread at a time. Blocks on the disk, and on KMS where that
 * is used.
 */
#include "audit/checkpoint.h"
#include "audit/keyring.h"
#include "audit/segment.h"

enum { JOURNAL_RETENTION_DAYS = 90 };

struct journal_options {
	const char *folder;    /* created when it is not there */
	struct signer *signer; /* these three stay the caller's */
	struct keyring *keyring;
	const struct verifier *verifier; /* checks HEAD at recovery */
	uint64_t segment_max_bytes;
	uint64_t retention_days;
	bool immutable; /* set the attributes where that is possible */
};

struct journal;

/*
 * Opens or starts a log: finds where the newest segment ends, starts the next one. NULL with err
 * set. `now_ms` is Unix time here and below.
 */
struct journal *journal_open(
    const struct journal_options *options, int64_t now_ms, struct err *err);

/* What recovery found. */
struct journal_recovery {
	bool is_new;         /* there was no log */
	bool was_closed;     /* the last segment had its end block */
	uint64_t torn_bytes; /* behind the last whole block */
	uint64_t lost;       /* records that HEAD named and that are not there */
	uint64_t damaged;    /* the segment whose end was found by HEAD alone; 0: none */
	enum head_file head; /* what HEAD was */
};

const struct journal_recovery *journal_recovery(const struct journal *journal);

/*
 * Takes a record of at most RECORD_MAX_BYTES; it is safe after the next commit. False: no memory,
 * and the record was not taken.
 */
bool journal_append(struct journal *journal, const struct record *record, int64_t now_ms);

/* Records taken since the last commit, and their bytes. */
uint64_t journal_pending(const struct journal *journal);
size_t journal_pending_bytes(const struct journal *journal);

enum journal_result {
	JOURNAL_OK,
	JOURNAL_FULL,   /* no space, quota, read-only: nothing is lost; call again later */
	JOURNAL_FAILED, /* anything else, err set: nothing is lost; call again later */
};

/*
 * Makes all records taken so far safe: checkpoint, sync, HEAD. Without pending records it only does
 * what is left of an earlier call. Between a call that did not succeed and the next one no record
 * may be appended. Rotates when the segment is large or its day (UTC) is over.
 */
enum journal_result journal_commit(struct journal *journal, int64_t now_ms, struct err *err);

/*
 * Removes the segments that hold nothing newer than the retention, behind a tombstone. *removed is
 * their number. Call it with nothing pending.
 */
enum journal_result journal_expire(
    struct journal *journal, int64_t now_ms, uint64_t *removed, struct err *err);

/* Commits and ends the segment. The journal is freed even when that fails. */
enum journal_result journal_close(struct journal *journal, int64_t now_ms, struct err *err);
/* As a crash would. */
void journal_abandon(struct journal *journal);

struct journal_status {
	uint64_t segment;
	uint64_t segment_bytes;
	uint64_t next_record;      /* the number the next record gets */
	uint64_t committed_record; /* the last one that is safe; 0: none */
	int64_t committed_ms;      /* when; 0: never */
	uint64_t segments;         /* in the folder */
	bool has_attributes;       /* the open segment is append-only */
};

void journal_status(const struct journal *journal, struct journal_status *status);
/* The checkpoint of the last commit; NULL before the first. */
const struct checkpoint *journal_checkpoint(const struct journal *journal);
const struct log_id *journal_log_id(const struct journal *journal);
