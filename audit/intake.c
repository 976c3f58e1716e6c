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
	count(&intake->counters.records, 1);
	return true;
}

static bool tell_gap(struct intake *intake, const struct seq_gap *gap, int64_t now_ms)
{
	struct event event;
	event_begin(&event, "gap", now_ms);
	event_uint(&event, "pid", gap->pid);
	event_uint(&event, "from", gap->from);
	event_uint(&event, "to", gap->to);
	event_uint(&event, "missing", gap->to - gap->from + 1);
	return event_append(&event, intake->journal, now_ms);
}

bool intake_tick(struct intake *intake, int64_t now_ms)
{
	struct seq_gap gap;
	bool ok = true;
	seqtrack_tick(intake->track);
	while (seqtrack_next_gap(intake->track, &gap)) {
		ok &= tell_gap(intake, &gap, now_ms);
		count(&intake->counters.gaps, 1);
		count(&intake->counters.missing, gap.to - gap.from + 1);
	}
	return ok;
}

void intake_replay(struct intake *intake, struct slice record)
{
	struct scan_object object;
	struct seq_gap ignored;
	if (!scan_json_object(record, &object)) {
		const struct scan_member *seq = scan_find(&object, SLICE("seq"));
		if (seq && seq->is_string)
			seqtrack_note(intake->track, seq->value);
	}
	while (seqtrack_next_gap(intake->track, &ignored))
		; /* told before the restart */
}
