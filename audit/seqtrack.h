/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * seqtrack: finds holes in the numbers of records, "<source>-<counter>": each HAProxy process
 * counts by one for each of its sources. Records of several threads overtake each other and long
 * requests end late, so a hole is called a gap only some ticks after its time, and what comes then
 * is called late. Pure; ticks are the caller's, one a second.
 */
#include "common/slice.h"

enum {
	SEQ_SOURCES_MAX = 64, /* processes; the one heard of longest ago gives way */
	SEQ_WINDOW = 1 << 16, /* counters that may be out of order */
	SEQ_GRACE_TICKS = 5,
	SEQ_GAPS_MAX = 256, /* gaps remembered per process, to know late records */
};

enum seq_result {
	SEQ_NEW,
	SEQ_DUPLICATE,
	SEQ_LATE,      /* of a gap that was told */
	SEQ_NO_NUMBER, /* not "<pid>-<counter>" */
};

struct seq_gap {
	uint64_t pid, from, to; /* inclusive */
};

struct seqtrack;

struct seqtrack *seqtrack_new(void);
void seqtrack_free(struct seqtrack *track);

/* A process is followed from the first counter that is heard of it. */
enum seq_result seqtrack_note(struct seqtrack *track, struct slice seq);
void seqtrack_tick(struct seqtrack *track);
/* The next gap that is due. Gaps that do not fit in the window are due at once. */
bool seqtrack_next_gap(struct seqtrack *track, struct seq_gap *gap);
