/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/seqtrack.h"

#include <stdlib.h>

enum {
	WORD_BITS = 64,
	PENDING_MAX = 1024,
	/* A counter this small, far below what was seen, is a new process with an old pid. */
	RESTART_BELOW = 64,
};

struct source {
	uint64_t pid;
	uint64_t low;                      /* all below are settled: seen, or told as gaps */
	uint64_t high;                     /* the highest seen, plus one */
	uint64_t high_at[SEQ_GRACE_TICKS]; /* `high` at the last ticks, oldest first */
	uint64_t heard;                    /* tick of the last record */
	uint64_t
	    seen[SEQ_WINDOW / WORD_BITS];  /* a ring: bit counter % SEQ_WINDOW for low <= counter */
	struct seq_gap gaps[SEQ_GAPS_MAX]; /* told; a ring */
	size_t gap_count;
};

struct seqtrack {
	struct source *sources[SEQ_SOURCES_MAX];
	size_t count;
	uint64_t ticks;
	struct seq_gap pending[PENDING_MAX];
	size_t pending_count, pending_next;
};

struct seqtrack *seqtrack_new(void)
{
	return calloc(1, sizeof(struct seqtrack));
}

void seqtrack_free(struct seqtrack *track)
{
	if (!track)
		return;
	for (size_t i = 0; i < track->count; i++)
		free(track->sources[i]);
	free(track);
}

static bool test_bit(const struct source *s, uint64_t counter)
{
	size_t at = counter % SEQ_WINDOW;
	return s->seen[at / WORD_BITS] >> at % WORD_BITS & 1;
}

static void put_bit(struct source *s, uint64_t counter, bool value)
{
	size_t at = counter % SEQ_WINDOW;
	uint64_t mask = UINT64_C(1) << at % WORD_BITS;
	s->seen[at / WORD_BITS] =
	    value ? s->seen[at / WORD_BITS] | mask : s->seen[at / WORD_BITS] & ~mask;
}

/* Told once; a full list widens its last gap rather than losing one. */
static void tell(struct seqtrack *track, struct source *s, uint64_t from, uint64_t to)
{
	struct seq_gap gap = { s->pid, from, to };
	s->gaps[s->gap_count++ % SEQ_GAPS_MAX] = gap;
	if (track->pending_count < PENDING_MAX)
		track->pending[track->pending_count++] = gap;
	else
		track->pending[PENDING_MAX - 1].to = to;
}

/* Everything below `upto` is final now. */
static void settle(struct seqtrack *track, struct source *s, uint64_t upto)
{
	uint64_t hole = 0; /* where one began; counters start above 0 or it is the first seen */
	bool in_hole = false;
	uint64_t windowed = upto - s->low > SEQ_WINDOW ? s->low + SEQ_WINDOW : upto;
	for (uint64_t c = s->low; c < windowed; c++) {
		bool was_seen = test_bit(s, c);
		put_bit(s, c, false);
		if (!was_seen && !in_hole)
			hole = c;
		if (was_seen && in_hole)
			tell(track, s, hole, c - 1);
		in_hole = !was_seen;
	}
	if (windowed < upto && !in_hole)
		hole = windowed;
	if (in_hole || windowed < upto)
		tell(track, s, hole, upto - 1);
	s->low = upto;
}

static void restart(struct source *s, uint64_t pid, uint64_t counter)
{
	*s = (struct source){ .pid = pid, .low = counter, .high = counter };
	for (int i = 0; i < SEQ_GRACE_TICKS; i++)
		s->high_at[i] = counter;
}

static struct source *oldest(struct seqtrack *track)
{
	struct source *found = track->sources[0];
	for (size_t i = 1; i < track->count; i++)
		if (track->sources[i]->heard < found->heard)
			found = track->sources[i];
	return found;
}

static struct source *source_get(struct seqtrack *track, uint64_t pid, uint64_t counter)
{
	for (size_t i = 0; i < track->count; i++)
		if (track->sources[i]->pid == pid)
			return track->sources[i];
	struct source *s = track->count < SEQ_SOURCES_MAX ? malloc(sizeof(*s)) : NULL;
	if (s)
		track->sources[track->count++] = s;
	else if (track->count)
		s = oldest(track);
	if (s)
		restart(s, pid, counter);
	return s;
}

static enum seq_result note_old(struct source *s, uint64_t counter)
{
	size_t kept = s->gap_count < SEQ_GAPS_MAX ? s->gap_count : SEQ_GAPS_MAX;
	for (size_t i = 0; i < kept; i++)
		if (counter >= s->gaps[i].from && counter <= s->gaps[i].to)
			return SEQ_LATE;
	return SEQ_DUPLICATE;
}

static bool parse(struct slice seq, uint64_t *pid, uint64_t *counter)
{
	struct slice head, rest;
	return slice_cut(seq, '-', &head, &rest) && slice_to_u64(head, UINT64_C(1) << 60, pid) &&
	       slice_to_u64(rest, UINT64_C(1) << 60, counter);
}

enum seq_result seqtrack_note(struct seqtrack *track, struct slice seq)
{
	uint64_t pid, counter;
	if (!parse(seq, &pid, &counter))
		return SEQ_NO_NUMBER;
	struct source *s = source_get(track, pid, counter);
	if (!s)
		return SEQ_NEW; /* no memory to follow it */
	if (counter < RESTART_BELOW && s->high > counter + SEQ_WINDOW) {
		settle(track, s, s->high);
		restart(s, pid, counter);
	}
	s->heard = track->ticks;
	if (counter < s->low)
		return note_old(s, counter);
	if (counter >= s->low + SEQ_WINDOW)
		settle(track, s, counter - SEQ_WINDOW + 1);
	if (test_bit(s, counter))
		return SEQ_DUPLICATE;
	put_bit(s, counter, true);
	if (counter >= s->high)
		s->high = counter + 1;
	return SEQ_NEW;
}

void seqtrack_tick(struct seqtrack *track)
{
	track->ticks++;
	for (size_t i = 0; i < track->count; i++) {
		struct source *s = track->sources[i];
		if (s->high_at[0] > s->low)
			settle(track, s, s->high_at[0]);
		memmove(&s->high_at[0], &s->high_at[1], sizeof(s->high_at) - sizeof(s->high_at[0]));
		s->high_at[SEQ_GRACE_TICKS - 1] = s->high;
	}
}

bool seqtrack_next_gap(struct seqtrack *track, struct seq_gap *gap)
{
	if (track->pending_next == track->pending_count) {
		track->pending_next = track->pending_count = 0;
		return false;
	}
	*gap = track->pending[track->pending_next++];
	return true;
}
