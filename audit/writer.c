/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/writer.h"

#include "audit/event.h"
#include "audit/replay.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/version.h"

#include <stdlib.h>
#include <time.h>

enum {
	TICK_MS = 1000,
	RETRY_MS = 100,
	LINES_AT_ONCE = 4096,
	COMMIT_BYTES = 8 << 20, /* pending records are kept in memory until they are safe */
	EXPIRE_EVERY_MS = 60 * 1000,
	/* After a jump of the clock nothing is removed for a while: a wrong clock must not empty
	   the log. */
	CLOCK_JUMP_MS = 60 * 1000,
	CLOCK_TRUST_MS = 3600 * 1000,
	COMPLAIN_EVERY_MS = 10 * 1000,
};

struct writer {
	struct writer_options options;
	struct intake *intake;
	pthread_t thread;
	atomic_uint_fast64_t give_up_ms; /* monotonic; 0: never */
	bool has_given_up;
	uint64_t lost; /* records, since then */

	uint64_t next_commit_ms, next_tick_ms, next_expire_ms; /* monotonic, like all below */
	uint64_t clock_trusted_ms;
	int64_t clock_offset_ms;   /* Unix time minus monotonic time */
	uint64_t stalled_since_ms; /* 0: not */
	uint64_t complained_ms;
	uint64_t drops_told;
	atomic_uint_fast64_t drops;

	pthread_mutex_t mutex; /* guards `state` */
	struct writer_state state;
};

static int64_t clock_offset(void)
{
	return clock_unix_ms() - (int64_t)clock_monotonic_ms();
}

/* ---- What others see. */

static void publish(struct writer *w, uint64_t commit_us)
{
	struct journal_status status;
	uint64_t now = clock_monotonic_ms();
	journal_status(w->options.journal, &status);
	pthread_mutex_lock(&w->mutex);
	if (commit_us) {
		w->state.commit_us = commit_us;
		w->state.commits++;
	}
	w->state.committed_record = status.committed_record;
	w->state.segment = status.segment;
	w->state.segments = status.segments;
	w->state.segment_bytes = status.segment_bytes;
	w->state.pending = journal_pending(w->options.journal);
	w->state.has_attributes = status.has_attributes;
	w->state.stalled_ms = w->stalled_since_ms ? now - w->stalled_since_ms + 1 : 0;
	pthread_mutex_unlock(&w->mutex);
}

void writer_state(struct writer *writer, struct writer_state *state)
{
	pthread_mutex_lock(&writer->mutex);
	*state = writer->state;
	pthread_mutex_unlock(&writer->mutex);
}

const struct intake_counters *writer_counters(const struct writer *writer)
{
	return intake_counters(writer->intake);
}

/* ---- Committing. */

static void complain(struct writer *w, const struct err *err)
{
	char text[ERR_TEXT_MAX + ERR_FILE_MAX];
	uint64_t now = clock_monotonic_ms();
	if (w->complained_ms && now - w->complained_ms < COMPLAIN_EVERY_MS)
		return;
	w->complained_ms = now;
	log_error("%s; received records wait", err_format(err, text, sizeof(text)));
}

static void note_stall(struct writer *w)
{
	if (!w->stalled_since_ms) {
		w->stalled_since_ms = clock_monotonic_ms();
		pthread_mutex_lock(&w->mutex);
		w->state.stalls++;
		pthread_mutex_unlock(&w->mutex);
	}
	publish(w, 0);
}

/* The entry that says so goes in with the next records. */
static void note_recovery(struct writer *w)
{
	struct event event;
	int64_t now_ms = clock_unix_ms();
	uint64_t stalled_ms = clock_monotonic_ms() - w->stalled_since_ms;
	w->stalled_since_ms = w->complained_ms = 0;
	log_info("the log is written again after %llu ms", (unsigned long long)stalled_ms);
	event_begin(&event, "stalled", now_ms);
	event_uint(&event, "ms", stalled_ms);
	event_append(&event, w->options.journal, now_ms);
}

static void pause_ms(unsigned ms)
{
	const struct timespec pause = { ms / 1000, (long)(ms % 1000) * 1000000 };
	nanosleep(&pause, NULL);
}

static bool must_give_up(const struct writer *w)
{
	uint64_t at = atomic_load(&w->give_up_ms);
	return at && clock_monotonic_ms() >= at;
}

/*
 * Until it succeeds; when the process is to end, until its time is over. From then on nothing is
 * taken any more and what comes is counted.
 */
static void commit(struct writer *w)
{
	uint64_t began_us = clock_monotonic_us();
	bool has_work = journal_pending(w->options.journal) > 0;
	while (!w->has_given_up) {
		struct err err = { 0 };
		if (journal_commit(w->options.journal, clock_unix_ms(), &err) == JOURNAL_OK)
			break;
		complain(w, &err);
		note_stall(w);
		pause_ms(RETRY_MS);
		w->has_given_up = must_give_up(w);
		w->lost = journal_pending(w->options.journal);
	}
	if (w->has_given_up)
		return;
	if (w->stalled_since_ms)
		note_recovery(w);
	spool_release(w->options.spool);
	publish(w, has_work ? clock_monotonic_us() - began_us + 1 : 0);
	w->next_commit_ms = clock_monotonic_ms() + w->options.commit_ms;
}

/* ---- Once a second. */

static void check_clock(struct writer *w)
{
	struct event event;
	int64_t offset = clock_offset(), jump = offset - w->clock_offset_ms;
	int64_t now_ms = clock_unix_ms();
	w->clock_offset_ms = offset;
	if (jump < CLOCK_JUMP_MS && jump > -CLOCK_JUMP_MS)
		return;
	log_warning("the clock jumped by %lld ms; nothing is removed for an hour", (long long)jump);
	w->clock_trusted_ms = clock_monotonic_ms() + CLOCK_TRUST_MS;
	event_begin(&event, "clock", now_ms);
	jw_key(&event.w, "jumped_ms");
	jw_int(&event.w, jump);
	event_append(&event, w->options.journal, now_ms);
}

void writer_note_drops(struct writer *writer, uint64_t drops)
{
	atomic_store(&writer->drops, drops);
}

static void tell_drops(struct writer *w)
{
	struct event event;
	int64_t now_ms = clock_unix_ms();
	uint64_t drops = atomic_load(&w->drops);
	if (drops <= w->drops_told)
		return;
	log_error("%llu records were dropped before they could be read",
	    (unsigned long long)(drops - w->drops_told));
	event_begin(&event, "drops", now_ms);
	event_uint(&event, "dropped", drops - w->drops_told);
	if (event_append(&event, w->options.journal, now_ms))
		w->drops_told = drops;
}

static void expire(struct writer *w)
{
	struct err err = { 0 };
	uint64_t removed = 0, now = clock_monotonic_ms();
	if (now < w->next_expire_ms || now < w->clock_trusted_ms)
		return;
	w->next_expire_ms = now + EXPIRE_EVERY_MS;
	if (journal_expire(w->options.journal, clock_unix_ms(), &removed, &err) != JOURNAL_OK) {
		complain(w, &err);
		commit(w); /* what was begun must be done before a record is taken again */
	}
	if (removed)
		log_info("%llu segments older than %llu days were removed",
		    (unsigned long long)removed, (unsigned long long)w->options.retention_days);
	pthread_mutex_lock(&w->mutex);
	w->state.removed_segments += removed;
	pthread_mutex_unlock(&w->mutex);
}

static void tick(struct writer *w)
{
	uint64_t now = clock_monotonic_ms();
	if (now < w->next_tick_ms || w->has_given_up)
		return;
	w->next_tick_ms = now + TICK_MS;
	check_clock(w);
	tell_drops(w);
}

/* A hole is a gap only when nothing that was sent before is still on its way here: not in the
 * spool, nor in the socket. */
static void look_for_gaps(struct writer *w)
{
	if (w->has_given_up || !spool_passed_mark(w->options.spool))
		return;
	if (!intake_tick(w->intake, clock_unix_ms()))
		log_error("no memory to tell of missing records");
}

/* ---- The thread. */

/*
 * A record for which there is no memory waits until there is. Its number goes into the spool before
 * it is written: after a kill it is looked for there.
 */
static void take_line(struct writer *w, struct slice line)
{
	for (;;) {
		struct journal_status status;
		journal_status(w->options.journal, &status);
		spool_number(w->options.spool, status.next_record);
		if (intake_line(w->intake, line, clock_unix_ms()))
			return;
		commit(w);
		if (w->has_given_up)
			break;
		pause_ms(RETRY_MS);
	}
	w->lost++;
}

/* As many as are there, but not for so long that the clock is not looked at. */
static void take_lines(struct writer *w)
{
	struct slice line;
	for (int i = 0; i < LINES_AT_ONCE && spool_next(w->options.spool, &line); i++) {
		if (w->has_given_up) {
			w->lost++;
			continue;
		}
		take_line(w, line);
		if (journal_pending_bytes(w->options.journal) >= COMMIT_BYTES)
			commit(w);
	}
}

static bool is_due(const struct writer *w)
{
	return clock_monotonic_ms() >= w->next_commit_ms;
}

static unsigned wait_ms(const struct writer *w)
{
	uint64_t now = clock_monotonic_ms();
	uint64_t until = w->next_tick_ms;
	if (journal_pending(w->options.journal) && w->next_commit_ms < until)
		until = w->next_commit_ms;
	return until > now ? (unsigned)(until - now) : 0;
}

static void end(struct writer *w)
{
	struct err err = { 0 };
	struct event event;
	char text[ERR_TEXT_MAX + ERR_FILE_MAX];
	int64_t now_ms = clock_unix_ms();
	if (w->has_given_up) {
		log_error(
		    "%llu records could not be written before the end; they are lost unless the spool "
		    "outlives this process",
		    (unsigned long long)w->lost);
		journal_abandon(w->options.journal);
		return;
	}
	event_begin(&event, "stop", now_ms);
	event_append(&event, w->options.journal, now_ms);
	if (journal_close(w->options.journal, now_ms, &err) != JOURNAL_OK) {
		w->has_given_up = true;
		log_error("the log was not closed: %s", err_format(&err, text, sizeof(text)));
	}
}

static void *run(void *arg)
{
	struct writer *w = arg;
	bool closed = false;
	while (!closed) {
		if (spool_wait(w->options.spool, wait_ms(w), &closed))
			take_lines(w);
		tick(w);
		look_for_gaps(w);
		if (!w->has_given_up && is_due(w))
			commit(w);
		if (!w->has_given_up)
			expire(w);
	}
	if (!w->has_given_up)
		commit(w);
	end(w);
	return NULL;
}

/* ---- The start. */

/* What the process before us had read and not made safe: it is in the log, or it comes now. */
static void recover(struct writer *w, uint64_t next_record)
{
	uint64_t lines =
	    spool_recover(w->options.spool, journal_log_id(w->options.journal), next_record);
	if (lines)
		log_info("%llu records that were received before the restart are written now",
		    (unsigned long long)lines);
}

static void tell_recovery(struct writer *w, int64_t now_ms)
{
	const struct journal_recovery *recovery = journal_recovery(w->options.journal);
	struct event event;
	if (recovery->is_new ||
	    (recovery->was_closed && !recovery->damaged && recovery->head == HEAD_FILE_OK))
		return;
	event_begin(&event, recovery->damaged ? "damaged" : "recovered", now_ms);
	event_uint(&event, "torn_bytes", recovery->torn_bytes);
	if (recovery->damaged) {
		event_uint(&event, "segment", recovery->damaged);
		event_uint(&event, "lost", recovery->lost);
	}
	if (recovery->head != HEAD_FILE_OK)
		event_text(&event, "head", recovery->head == HEAD_FILE_MISSING ? "missing" : "bad");
	event_append(&event, w->options.journal, now_ms);
	if (recovery->damaged)
		log_error(
		    "segment %llu ends before the last checkpoint: %llu acknowledged records are "
		    "gone; run sallyport-audit verify",
		    (unsigned long long)recovery->damaged, (unsigned long long)recovery->lost);
}

static void tell_start(struct writer *w)
{
	struct event event;
	int64_t now_ms = clock_unix_ms();
	event_begin(&event, "start", now_ms);
	event_text(&event, "version", SALLYPORT_VERSION);
	event_uint(&event, "retention_days", w->options.retention_days);
	if (w->options.retention_days < JOURNAL_RETENTION_DAYS)
		event_text(&event, "allowed_by", "--allow-short-retention");
	event_uint(&event, "commit_ms", w->options.commit_ms);
	event_append(&event, w->options.journal, now_ms);
	tell_recovery(w, now_ms);
	intake_tell_state(w->intake, now_ms);
}

struct writer *writer_start(const struct writer_options *options)
{
	struct journal_status status;
	struct writer *w = calloc(1, sizeof(*w));
	if (w)
		w->options = *options;
	if (!w || !(w->intake = intake_new(options->journal))) {
		journal_abandon(options->journal);
		free(w);
		return NULL;
	}
	pthread_mutex_init(&w->mutex, NULL);
	w->clock_offset_ms = clock_offset();
	w->next_tick_ms = clock_monotonic_ms() + TICK_MS;
	w->clock_trusted_ms = clock_monotonic_ms() + options->expire_wait_ms;
	journal_status(options->journal, &status);
	recover(w, status.next_record);
	replay_log(w->intake, options->folder, options->keyring, status.next_record);
	tell_start(w);
	publish(w, 0);
	if (pthread_create(&w->thread, NULL, run, w) == 0)
		return w;
	journal_abandon(options->journal);
	intake_free(w->intake);
	free(w);
	return NULL;
}

bool writer_stop(struct writer *writer)
{
	atomic_store(&writer->give_up_ms, clock_monotonic_ms() + writer->options.stop_ms + 1);
	spool_close(writer->options.spool);
	pthread_join(writer->thread, NULL);
	bool ok = !writer->has_given_up;
	intake_free(writer->intake);
	pthread_mutex_destroy(&writer->mutex);
	free(writer);
	return ok;
}
