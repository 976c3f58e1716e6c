/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * verify: is a log what was written? Reads each block once, in bounded memory. Public keys are
 * enough; with a keyring the content is opened, too. Works on a log that is being written.
 */
#include "audit/checkpoint.h"
#include "audit/keyring.h"
#include "audit/segment.h"

enum finding_kind {
	FINDING_CHANGED,
	FINDING_MISSING,
	FINDING_INSERTED,
	FINDING_REORDERED,
	FINDING_TRUNCATED,
	FINDING_FOREIGN,
	FINDING_BAD_CHECKPOINT,
	FINDING_WRONG_KEY,
	FINDING_ROLLED_BACK, /* the log is older than an anchor */
	FINDING_REWRITTEN,   /* the log has another history than an anchor */
	FINDING_UNREADABLE,  /* the system, or a key file, does not let us read */
	FINDING_KINDS,
};

const char *finding_kind_name(enum finding_kind kind);

enum { FINDING_TEXT_MAX = 256, VERIFY_FINDINGS_MAX = 64, VERIFY_NOTES_MAX = 64 };

struct finding {
	enum finding_kind kind;
	uint64_t segment; /* 0: of the log as a whole */
	uint64_t offset;
	uint64_t first_record; /* the first bad one; 0: none in particular */
	uint64_t last_record;  /* 0: not known */
	char text[FINDING_TEXT_MAX];
};

struct verify_options {
	const char *folder;
	const struct verifier *verifier;
	struct keyring *keyring; /* NULL: integrity alone */
	uint64_t from_record;    /* 0: all. Else from the segment that holds it ... */
	uint64_t to_record;      /* ... to the checkpoint behind this one; 0: the end */
	const struct checkpoint *anchors;
	size_t anchor_count;
};

struct verify_report {
	uint64_t segments, blocks, records, checkpoints, tombstones, bytes;
	uint64_t first_record, last_record;
	uint64_t signed_record; /* the last one a checkpoint vouches for */
	int64_t signed_ms;
	bool content; /* was opened, too */
	struct finding findings[VERIFY_FINDINGS_MAX];
	size_t finding_count; /* the first of each segment; 0: the log is as it was written */
	struct finding notes[VERIFY_NOTES_MAX]; /* no tampering: a torn tail, the clock set back;
	                                           kind is unused */
	size_t note_count;
};

/* False with err set: no verdict, the folder cannot be read or there is no memory. */
bool verify_log(
    const struct verify_options *options, struct verify_report *report, struct err *err);
