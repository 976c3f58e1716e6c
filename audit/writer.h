/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * writer: the thread that turns lines into safe records. When the disk does not take them it keeps
 * trying, holds what it has, and lets the spool fill.
 */
#include "audit/intake.h"
#include "audit/spool.h"

enum { WRITER_COMMIT_MS = 500 };

struct writer_options {
	struct journal *journal; /* taken over */
	struct keyring *keyring;
	const char *folder;
	struct spool *spool; /* recovered here, closed by writer_stop() */
	unsigned commit_ms;  /* records are safe after at most this; 0: each batch at once */
	unsigned stop_ms;    /* how long to try when the disk does not take the last records */
	uint64_t retention_days;
	unsigned expire_wait_ms; /* nothing is removed for this long after the start: clocks are
	                            set late at boot */
};

struct writer;

/* Starts the thread. NULL: no memory or no thread; the journal is closed. */
struct writer *writer_start(const struct writer_options *options);
/* Waits for the end, which spool_close() brings about. False: records were lost, which was logged.
 */
bool writer_stop(struct writer *writer);

struct writer_state {
	uint64_t committed_record; /* the last one that is safe */
	uint64_t commits;
	uint64_t segment, segments, segment_bytes;
	uint64_t commit_us;        /* the last commit took */
	uint64_t stalled_ms;       /* the disk does not take anything since; 0: it does */
	uint64_t stalls;           /* times that happened */
	uint64_t pending;          /* records taken and not safe yet */
	uint64_t removed_segments; /* by retention */
	bool has_attributes;
};

void writer_state(struct writer *writer, struct writer_state *state);
/* What the receiver's socket dropped so far, to be told in the log. */
void writer_note_drops(struct writer *writer, uint64_t drops);
const struct intake_counters *writer_counters(const struct writer *writer);
