/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/seqtrack.h"

#include <inttypes.h>
#include <stdlib.h>

enum { WORD_BITS = 64 };

#define NUMBER_MAX (UINT64_C(1) << 53) /* what every JSON reader can take */

struct gap {
	uint64_t from, to, missing;
};

struct source {
	uint64_t id;
	uint64_t low;                      /* all below are settled: seen, or gaps */
	uint64_t high;                     /* the highest seen, plus one */
	uint64_t watched;                  /* holes below do not count */
	uint64_t high_at[SEQ_GRACE_TICKS]; /* `high` at the last ticks, oldest first */
	uint64_t heard;                    /* tick of the last record */
	uint64_t joined;                   /* to be told: the counter it was; 0: nothing to tell */
	uint64_t
	    seen[SEQ_WINDOW / WORD_BITS]; /* a ring: bit counter % SEQ_WINDOW for low <= counter */
	struct gap gaps[SEQ_GAPS_MAX];    /* a ring */
	uint64_t gap_count, gaps_told;
	uint64_t gaps_before; /* those of an earlier process with this number */
};

struct seqtrack {
	struct source *sources[SEQ_SOURCES_MAX];
	size_t count;
	size_t telling; /* the source whose findings are next */
	uint64_t ticks;
	bool forgot; /* there were sources of which nothing is known any more */
};

struct seqtrack *seqtrack_new(void)
{
	return calloc(1, sizeof(struct seqtrack));
}

static void forget_all(struct seqtrack *track)
{
	for (size_t i = 0; i < track->count; i++)
		free(track->sources[i]);
	track->count = track->telling = 0;
}

void seqtrack_forget(struct seqtrack *track)
{
	forget_all(track);
	track->forgot = true;
}

void seqtrack_free(struct seqtrack *track)
{
	if (!track)
		return;
	forget_all(track);
	free(track);
}

/* ---- The window. */

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

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct hole {
	uint64_t from, to;
};

/* The first hole at or above *at and below `upto`; *at becomes what is behind it. What the window
 * does not reach was not seen. */
static bool next_hole(const struct source *s, uint64_t *at, uint64_t upto, struct hole *hole)
{
	uint64_t windowed = min(upto, s->low + SEQ_WINDOW), from = *at, to;
	while (from < windowed && test_bit(s, from))
		from++;
	for (to = from; to < windowed && !test_bit(s, to);)
		to++;
	if (to == windowed)
		to = upto;
	*at = to;
	*hole = (struct hole){ from, to - 1 };
	return from < upto;
}

static void tell(struct source *s, struct hole hole)
{
	if (hole.to < s->watched)
		return;
	uint64_t from = max(hole.from, s->watched), missing = hole.to - from + 1;
	if (s->gap_count - s->gaps_told < SEQ_GAPS_MAX) {
		s->gaps[s->gap_count++ % SEQ_GAPS_MAX] = (struct gap){ from, hole.to, missing };
		return;
	}
	struct gap *last = &s->gaps[(s->gap_count - 1) % SEQ_GAPS_MAX];
	last->to = hole.to;
	last->missing += missing;
}

/* Everything below `upto` is final now. */
static void move_low(struct source *s, uint64_t upto)
{
	uint64_t windowed = min(upto, s->low + SEQ_WINDOW);
	for (uint64_t c = s->low; c < windowed; c++)
		put_bit(s, c, false);
	s->low = upto;
	s->high = max(s->high, upto);
}

static void settle(struct source *s, uint64_t upto)
{
	struct hole hole;
	uint64_t at = s->low;
	if (upto <= s->low)
		return;
	while (next_hole(s, &at, upto, &hole))
		tell(s, hole);
	move_low(s, upto);
}

/* ---- Sources. */

static void start_at(struct source *s, uint64_t low)
{
	memset(s->seen, 0, sizeof(s->seen));
	s->low = s->high = low;
	for (int i = 0; i < SEQ_GRACE_TICKS; i++)
		s->high_at[i] = low;
}

static void begin(struct source *s, uint64_t id, uint64_t counter, bool may_be_old)
{
	bool is_first = counter <= (may_be_old ? 1 : SEQ_FIRST_MAX);
	*s = (struct source){ .id = id };
	start_at(s, is_first ? min(counter, 1) : counter);
	if (is_first)
		return;
	s->joined = counter;
	s->watched = counter + SEQ_BLIND;
}

/* A new process with an old number: its predecessor is done. What it told is not this one's. */
static void begin_again(struct source *s, uint64_t counter)
{
	settle(s, s->high);
	start_at(s, min(counter, 1));
	s->watched = 0;
	s->gaps_before = s->gap_count;
}

static bool has_to_tell(const struct source *s)
{
	return s->joined || s->gaps_told < s->gap_count;
}

/* The place of the source heard of longest ago; NULL while that has something to tell. */
static struct source *take_oldest(struct seqtrack *track)
{
	struct source *found = track->sources[0];
	for (size_t i = 1; i < track->count; i++)
		if (track->sources[i]->heard < found->heard)
			found = track->sources[i];
	settle(found, found->high);
	if (has_to_tell(found))
		return NULL;
	track->forgot = true;
	return found;
}

static struct source *find(struct seqtrack *track, uint64_t id)
{
	for (size_t i = 0; i < track->count; i++)
		if (track->sources[i]->id == id)
			return track->sources[i];
	return NULL;
}

static struct source *new_source(struct seqtrack *track)
{
	if (track->count == SEQ_SOURCES_MAX)
		return take_oldest(track);
	struct source *s = calloc(1, sizeof(*s));
	if (s)
		track->sources[track->count++] = s;
	return s;
}

static struct source *source_get(struct seqtrack *track, uint64_t id, uint64_t counter)
{
	struct source *s = find(track, id);
	if (s)
		return s;
	s = new_source(track);
	if (s)
		begin(s, id, counter, track->forgot);
	return s;
}

/* ---- Records. */

static bool is_of_gap(const struct source *s, uint64_t counter)
{
	uint64_t kept = min(s->gap_count - s->gaps_before, SEQ_GAPS_MAX);
	for (uint64_t i = s->gap_count - kept; i < s->gap_count; i++) {
		const struct gap *gap = &s->gaps[i % SEQ_GAPS_MAX];
		if (counter >= gap->from && counter <= gap->to)
			return true;
	}
	return false;
}

/* Of a source that was joined it is not known what came before, unless that is far away. */
static bool was_seen(const struct source *s, uint64_t counter)
{
	if (counter >= s->low)
		return counter < s->low + SEQ_WINDOW && test_bit(s, counter);
	if (counter < s->watched)
		return counter <= SEQ_FIRST_MAX && s->low > SEQ_FIRST_MAX + SEQ_BLIND;
	return !is_of_gap(s, counter);
}

static bool parse(struct slice seq, uint64_t *source, uint64_t *counter)
{
	struct slice head, rest;
	return slice_cut(seq, '-', &head, &rest) && slice_to_u64(head, NUMBER_MAX, source) &&
	       slice_to_u64(rest, NUMBER_MAX, counter);
}

static void see(struct source *s, uint64_t counter)
{
	if (counter >= s->low + SEQ_WINDOW)
		settle(s, counter - SEQ_WINDOW + 1);
	put_bit(s, counter, true);
	s->high = max(s->high, counter + 1);
}

enum seq_result seqtrack_note(struct seqtrack *track, struct slice seq)
{
	uint64_t id, counter;
	if (!parse(seq, &id, &counter))
		return SEQ_NO_NUMBER;
	struct source *s = source_get(track, id, counter);
	if (!s)
		return SEQ_NEW; /* no place to follow it */
	s->heard = track->ticks;
	bool seen = was_seen(s, counter);
	if (seen && counter > SEQ_FIRST_MAX)
		return SEQ_DUPLICATE;
	if (seen)
		begin_again(s, counter);
	if (counter < s->low)
		return counter < s->watched ? SEQ_NEW : SEQ_LATE;
	see(s, counter);
	return SEQ_NEW;
}

void seqtrack_tick(struct seqtrack *track)
{
	track->ticks++;
	for (size_t i = 0; i < track->count; i++) {
		struct source *s = track->sources[i];
		settle(s, s->high_at[0]);
		memmove(&s->high_at[0], &s->high_at[1], sizeof(s->high_at) - sizeof(s->high_at[0]));
		s->high_at[SEQ_GRACE_TICKS - 1] = s->high;
	}
}

bool seqtrack_next(struct seqtrack *track, struct seq_finding *finding)
{
	while (track->telling < track->count && !has_to_tell(track->sources[track->telling]))
		track->telling++;
	if (track->telling == track->count) {
		track->telling = 0;
		return false;
	}
	const struct source *s = track->sources[track->telling];
	const struct gap *gap = &s->gaps[s->gaps_told % SEQ_GAPS_MAX];
	*finding = s->joined
	               ? (struct seq_finding){ SEQ_JOINED, s->id, s->joined, s->watched, 0 }
	               : (struct seq_finding){ SEQ_GAP, s->id, gap->from, gap->to, gap->missing };
	return true;
}

void seqtrack_done(struct seqtrack *track)
{
	struct source *s = track->sources[track->telling];
	if (s->joined)
		s->joined = 0;
	else
		s->gaps_told++;
}

/* ---- State. */

static void save_source(struct source *s, struct buf *out)
{
	struct hole holes[SEQ_SAVED_HOLES_MAX];
	size_t count = 0;
	uint64_t at = s->low, keep_from = s->low;
	struct hole hole;
	while (next_hole(s, &at, s->high, &hole)) {
		if (count >= SEQ_SAVED_HOLES_MAX)
			keep_from = holes[count % SEQ_SAVED_HOLES_MAX].to + 1;
		holes[count++ % SEQ_SAVED_HOLES_MAX] = hole;
	}
	settle(s, keep_from); /* the oldest, when there are too many */
	buf_printf(out, "%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":", s->id, s->high, s->watched);
	at = s->low;
	for (const char *comma = ""; next_hole(s, &at, s->high, &hole); comma = ",")
		buf_printf(out, "%s%" PRIu64 "-%" PRIu64, comma, hole.from, hole.to);
}

void seqtrack_save(struct seqtrack *track, struct buf *out)
{
	if (track->forgot)
		buf_append_cstr(out, "~");
	for (size_t i = 0; i < track->count; i++) {
		if (i > 0)
			buf_append_cstr(out, ";");
		save_source(track->sources[i], out);
	}
}

static bool parse_hole(struct slice text, struct hole *hole)
{
	return parse(text, &hole->from, &hole->to) && hole->from <= hole->to;
}

/* Holes ascend; between them all was seen. The first is `low`. */
static bool load_holes(struct source *s, struct slice text, uint64_t high)
{
	struct slice part;
	struct hole hole;
	bool more = text.len > 0;
	start_at(s, high);
	for (uint64_t at = 0; more; at = hole.to + 1) {
		more = slice_cut(text, ',', &part, &text);
		if (!parse_hole(part, &hole) || hole.from < at || hole.to >= high)
			return false;
		if (at == 0)
			start_at(s, hole.from);
		if (high - s->low > SEQ_WINDOW)
			return false;
		for (uint64_t c = at; at > 0 && c < hole.from; c++)
			put_bit(s, c, true);
		s->high = hole.to + 1;
	}
	for (; s->high < high; s->high++)
		put_bit(s, s->high, true);
	return true;
}

static bool load_source(struct seqtrack *track, struct slice text)
{
	struct slice id_text, high_text, watched_text, holes;
	uint64_t id, high, watched;
	if (!slice_cut(text, ':', &id_text, &text) || !slice_cut(text, ':', &high_text, &text) ||
	    !slice_cut(text, ':', &watched_text, &holes) ||
	    !slice_to_u64(id_text, NUMBER_MAX, &id) ||
	    !slice_to_u64(high_text, NUMBER_MAX + 1, &high) ||
	    !slice_to_u64(watched_text, 2 * NUMBER_MAX, &watched) || find(track, id) ||
	    track->count == SEQ_SOURCES_MAX)
		return false;
	struct source *s = new_source(track);
	if (!s)
		return false;
	s->id = id;
	s->watched = watched;
	return load_holes(s, holes, high);
}

bool seqtrack_load(struct seqtrack *track, struct slice text)
{
	struct slice part;
	forget_all(track);
	track->forgot = slice_starts_with(text, SLICE("~"));
	text = slice_from(text, track->forgot);
	bool more = text.len > 0;
	while (more) {
		more = slice_cut(text, ';', &part, &text);
		if (!load_source(track, part)) {
			forget_all(track);
			return false;
		}
	}
	return true;
}

/* Gaps of a source are told in their order: those below were told before. */
void seqtrack_gap_was_told(struct seqtrack *track, uint64_t source, uint64_t from, uint64_t to)
{
	struct source *s = find(track, source);
	if (!s)
		return;
	if (s->gaps_told < s->gap_count) { /* due again, because the window was too small for it */
		s->gaps_told++;
		return;
	}
	s->gaps[s->gap_count++ % SEQ_GAPS_MAX] = (struct gap){ from, to, 0 };
	s->gaps_told = s->gap_count;
	if (to >= s->low && to <= NUMBER_MAX)
		move_low(s, to + 1);
}

void seqtrack_join_was_told(struct seqtrack *track, uint64_t source)
{
	struct source *s = find(track, source);
	if (s)
		s->joined = 0;
}
