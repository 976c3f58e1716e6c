/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * intake: from the lines HAProxy sends to records: header off, one JSON object or marked as
 * invalid, holes in the numbers told. One thread.
 */
#include "audit/journal.h"
#include "audit/overhead.h"
#include "audit/seqtrack.h"

#include <stdatomic.h>

/* Read by other threads. */
struct intake_counters {
	atomic_uint_fast64_t records; /* valid ones */
	atomic_uint_fast64_t invalid;
	atomic_uint_fast64_t gaps;    /* holes told */
	atomic_uint_fast64_t missing; /* records in them */
	atomic_uint_fast64_t joined;  /* sources that were not followed from their first record */
	atomic_uint_fast64_t late;    /* records that came after their gap was told */
	atomic_uint_fast64_t duplicates;
	struct overhead overhead;
};

/* The state of the numbers goes into the log at the start and so often, in records. */
enum { INTAKE_STATE_EVERY = 16384 };

struct intake;

/* The journal stays the caller's. NULL: no memory. */
struct intake *intake_new(struct journal *journal);
void intake_free(struct intake *intake);
const struct intake_counters *intake_counters(const struct intake *intake);

/* False: no memory, and nothing was taken; the same line may be handed in again. */
bool intake_line(struct intake *intake, struct slice line, int64_t now_ms);
/* Once a second, when all that had been sent by then was handed in: tells the gaps that are due.
 * False: no memory. */
bool intake_tick(struct intake *intake, int64_t now_ms);

/*
 * At the start: the records that are in the log already, in their order, from at least
 * INTAKE_REPLAY records before its end or from its beginning; then the state goes into the log. A
 * hole in what is handed in makes what came before it worthless.
 */
enum { INTAKE_REPLAY = 2 * INTAKE_STATE_EVERY };
void intake_replay(struct intake *intake, const struct record *record);
void intake_replay_hole(struct intake *intake);
bool intake_tell_state(struct intake *intake, int64_t now_ms);
