/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * seqtrack: finds holes in the numbers of records, "<source>-<counter>": each HAProxy process
 * counts from 1 by one for each of its sources. Records of several threads overtake each other, so
 * a hole is called a gap only some ticks after its time, and what comes then is called late.
 *
 * A source whose first record is not among its first SEQ_FIRST_MAX was joined: what came before is
 * not known, and in which order its first records come is not either, so that holes count from
 * SEQ_BLIND counters on. Its state can be saved and loaded, so that following a source goes on over
 * a restart instead of beginning somewhere. Pure; ticks are the caller's, one a second.
 */
#include "common/buf.h"

enum {
	SEQ_SOURCES_MAX = 256, /* the one heard of longest ago gives way */
	SEQ_WINDOW = 1 << 16,  /* counters that may be out of order */
	SEQ_GRACE_TICKS = 5,
	SEQ_GAPS_MAX = 256, /* gaps remembered per source, to know late records */
	SEQ_FIRST_MAX = 64,
	SEQ_BLIND = 1024,
	SEQ_SAVED_HOLES_MAX = 8, /* per source; more are told when the state is saved */
	SEQ_SAVED_MAX_BYTES = 120 * 1024,
};

enum seq_result {
	SEQ_NEW,
	SEQ_DUPLICATE,
	SEQ_LATE,      /* of a gap that was told */
	SEQ_NO_NUMBER, /* not "<source>-<counter>" */
};

struct seq_finding {
	enum { SEQ_GAP, SEQ_JOINED } what;
	uint64_t source, from, to; /* inclusive; joined: heard first, and what holes count from */
	uint64_t missing;          /* of a gap: counters in it that did not come */
};

struct seqtrack;

struct seqtrack *seqtrack_new(void);
void seqtrack_free(struct seqtrack *track);

/*
 * A record was received. A counter among the first of a source that was seen before is a new
 * process under an old number, for nothing comes twice on the way here.
 */
enum seq_result seqtrack_note(struct seqtrack *track, struct slice seq);
/*
 * A second is over, and all that had been sent when it began was noted. Gaps become due.
 */
void seqtrack_tick(struct seqtrack *track);
/*
 * What is due, until seqtrack_done() says that it was told. False: nothing. Gaps that do not fit in
 * the window are due at once; of more than SEQ_GAPS_MAX the last is widened, and its `missing`
 * stays exact.
 */
bool seqtrack_next(struct seqtrack *track, struct seq_finding *finding);
void seqtrack_done(struct seqtrack *track);

/* ---- State. */

/*
 * Nothing is followed, and what was followed before is not known: a source that begins with a small
 * counter may be an old one. The same happens when a source gave way. It stays so.
 */
void seqtrack_forget(struct seqtrack *track);

/* Appends "source:high:from:first-last,first-last;...": for each source the counter that comes
 * next, what holes count from, and the holes that are not told yet; before all of it "~" when
 * something was forgotten. Not more than SEQ_SAVED_MAX_BYTES. */
void seqtrack_save(struct seqtrack *track, struct buf *out);
/* In place of all that was followed. False: no such text, or no memory; then nothing is followed.
 */
bool seqtrack_load(struct seqtrack *track, struct slice text);
/* While records are noted again: these were told when they had their turn between them. */
void seqtrack_gap_was_told(struct seqtrack *track, uint64_t source, uint64_t from, uint64_t to);
void seqtrack_join_was_told(struct seqtrack *track, uint64_t source);
