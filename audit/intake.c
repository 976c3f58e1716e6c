/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/intake.h"

#include "audit/event.h"
#include "audit/scan.h"
#include "audit/syslog.h"
#include "common/codec.h"
#include "common/utf8.h"

#include <stdlib.h>

/* Escapes can make six bytes of one; base64 only four of three. */
enum { TEXT_MAX_BYTES = 16 * 1024, LINE_MAX_BYTES = 80 * 1024 };

struct intake {
	struct journal *journal;
	struct seqtrack *track;
	uint64_t state_at; /* the record that holds the last state */
	bool has_state;    /* while records are replayed: one was among them */
	struct intake_counters counters;
};

struct intake *intake_new(struct journal *journal)
{
	struct intake *intake = calloc(1, sizeof(*intake));
	if (!intake)
		return NULL;
	intake->journal = journal;
	intake->track = seqtrack_new();
	if (!intake->track) {
		free(intake);
		return NULL;
	}
	return intake;
}

void intake_free(struct intake *intake)
{
	if (!intake)
		return;
	seqtrack_free(intake->track);
	free(intake);
}

const struct intake_counters *intake_counters(const struct intake *intake)
{
	return &intake->counters;
}

static void count(atomic_uint_fast64_t *counter, uint64_t by)
{
	atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* Kept as it came, in an object that says what was wrong. */
static bool take_invalid(
    struct intake *intake, struct slice line, const char *reason, int64_t now_ms)
{
	struct event event;
	struct buf encoded;
	event_begin(&event, "invalid", now_ms);
	event_text(&event, "reason", reason);
	event_uint(&event, "bytes", line.len);
	line = slice_sub(line, 0, LINE_MAX_BYTES); /* more than a datagram holds */
	if (line.len <= TEXT_MAX_BYTES && utf8_is_valid(line)) {
		event_bytes(&event, "text", line);
	} else {
		buf_init(&encoded, 0);
		base64_encode(&encoded, line);
		event_bytes(&event, "base64", buf_slice(&encoded));
		event.text.failed |= buf_failed(&encoded);
		buf_release(&encoded);
	}
	bool ok = event_append_as(&event, RECORD_INVALID, intake->journal, now_ms);
	if (ok)
		count(&intake->counters.invalid, 1);
	return ok;
}

/* HAProxy tells of itself on the same socket: "Proxy in stopped". No access record begins like
 * that. */
static bool take_notice(struct intake *intake, struct slice text, int64_t now_ms)
{
	struct event event;
	event_begin(&event, "notice", now_ms);
	event_bytes(&event, "text", text);
	return event_append(&event, intake->journal, now_ms);
}

static void note_seq(struct intake *intake, const struct scan_object *object)
{
	const struct scan_member *seq = scan_find(object, SLICE("seq"));
	if (!seq || !seq->is_string)
		return;
	enum seq_result result = seqtrack_note(intake->track, seq->value);
	if (result == SEQ_DUPLICATE)
		count(&intake->counters.duplicates, 1);
	else if (result == SEQ_LATE)
		count(&intake->counters.late, 1);
}

/* ---- Holes. */

static uint64_t next_record(const struct intake *intake)
{
	struct journal_status status;
	journal_status(intake->journal, &status);
	return status.next_record;
}

static bool tell_gap(struct intake *intake, const struct seq_finding *gap, int64_t now_ms)
{
	struct event event;
	event_begin(&event, "gap", now_ms);
	event_uint(&event, "source", gap->source);
	event_uint(&event, "from", gap->from);
	event_uint(&event, "to", gap->to);
	event_uint(&event, "missing", gap->missing);
	if (!event_append(&event, intake->journal, now_ms))
		return false;
	count(&intake->counters.gaps, 1);
	count(&intake->counters.missing, gap->missing);
	return true;
}

static bool tell_joined(struct intake *intake, const struct seq_finding *joined, int64_t now_ms)
{
	struct event event;
	event_begin(&event, "joined", now_ms);
	event_uint(&event, "source", joined->source);
	event_uint(&event, "at", joined->from);
	event_uint(&event, "watched_from", joined->to);
	if (!event_append(&event, intake->journal, now_ms))
		return false;
	count(&intake->counters.joined, 1);
	return true;
}

/* False: no memory; what was not told stays due. */
static bool tell_findings(struct intake *intake, int64_t now_ms)
{
	struct seq_finding finding;
	while (seqtrack_next(intake->track, &finding)) {
		if (!(finding.what == SEQ_GAP ? tell_gap(intake, &finding, now_ms)
		                              : tell_joined(intake, &finding, now_ms)))
			return false;
		seqtrack_done(intake->track);
	}
	return true;
}

bool intake_tick(struct intake *intake, int64_t now_ms)
{
	seqtrack_tick(intake->track);
	return tell_findings(intake, now_ms);
}

/* What is told is not in the state, so it stands before it. */
bool intake_tell_state(struct intake *intake, int64_t now_ms)
{
	struct event event;
	struct buf state;
	buf_init(&state, SEQ_SAVED_MAX_BYTES);
	seqtrack_save(intake->track, &state);
	bool ok = tell_findings(intake, now_ms) && !buf_failed(&state);
	if (ok) {
		event_begin(&event, "sources", now_ms);
		event_bytes(&event, "state", buf_slice(&state));
		ok = event_append(&event, intake->journal, now_ms);
	}
	buf_release(&state);
	if (ok)
		intake->state_at = next_record(intake) - 1;
	return ok;
}

/* ---- Lines. */

bool intake_line(struct intake *intake, struct slice line, int64_t now_ms)
{
	struct scan_object object;
	struct slice message = syslog_message(line);
	const char *reason =
	    message.len > RECORD_MAX_BYTES ? "too long" : scan_json_object(message, &object);
	/* A line end within the object would be two lines in every export. */
	if (!reason && slice_find_byte(message, '\n') != SIZE_MAX)
		reason = "more than one line";
	if (reason && message.len && ascii_is_alpha(message.ptr[0]) &&
	    message.len <= TEXT_MAX_BYTES)
		return take_notice(intake, message, now_ms);
	if (reason)
		return take_invalid(intake, line, reason, now_ms);
	const struct record record = { RECORD_ACCESS, message };
	if (!journal_append(intake->journal, &record, now_ms))
		return false;
	note_seq(intake, &object);
	overhead_note(&intake->counters.overhead, &object);
	count(&intake->counters.records, 1);
	if (next_record(intake) - intake->state_at >= INTAKE_STATE_EVERY)
		intake_tell_state(intake, now_ms); /* without memory: with the next line */
	return true;
}

/* ---- What is in the log already. */

static void replay_access(struct intake *intake, const struct scan_object *object)
{
	const struct scan_member *seq = scan_find(object, SLICE("seq"));
	if (seq && seq->is_string)
		seqtrack_note(intake->track, seq->value);
}

static void replay_gap(struct intake *intake, const struct scan_object *object)
{
	int64_t source = scan_int(object, SLICE("source"), -1);
	int64_t from = scan_int(object, SLICE("from"), -1), to = scan_int(object, SLICE("to"), -1);
	if (source >= 0 && from >= 0 && to >= from)
		seqtrack_gap_was_told(
		    intake->track, (uint64_t)source, (uint64_t)from, (uint64_t)to);
}

static void replay_joined(struct intake *intake, const struct scan_object *object)
{
	int64_t source = scan_int(object, SLICE("source"), -1);
	if (source >= 0)
		seqtrack_join_was_told(intake->track, (uint64_t)source);
}

static void replay_state(struct intake *intake, const struct scan_object *object)
{
	const struct scan_member *state = scan_find(object, SLICE("state"));
	intake->has_state = state && state->is_string && seqtrack_load(intake->track, state->value);
}

static void replay_event(struct intake *intake, const struct scan_object *object)
{
	const struct scan_member *name = scan_find(object, SLICE("audit"));
	if (!name)
		return;
	if (slice_eq(name->value, SLICE("sources")))
		replay_state(intake, object);
	else if (slice_eq(name->value, SLICE("gap")) && intake->has_state)
		replay_gap(intake, object);
	else if (slice_eq(name->value, SLICE("joined")) && intake->has_state)
		replay_joined(intake, object);
}

void intake_replay(struct intake *intake, const struct record *record)
{
	struct scan_object object;
	if (scan_json_object(record->bytes, &object))
		return;
	if (record->kind == RECORD_EVENT)
		replay_event(intake, &object);
	else if (record->kind == RECORD_ACCESS && intake->has_state)
		replay_access(intake, &object);
}

void intake_replay_hole(struct intake *intake)
{
	seqtrack_forget(intake->track);
	intake->has_state = false;
}
