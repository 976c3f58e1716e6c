/* SPDX-License-Identifier: Apache-2.0 */
/* What HAProxy's socket hands us: syslog header, JSON, sequence number; jansson is the oracle. */
#include "audit/scan.h"
#include "audit/seqtrack.h"
#include "audit/syslog.h"
#include "common/json_read.h"
#include "common/utf8.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_members(const struct scan_object *object, const json_t *json)
{
	struct buf text;
	buf_init(&text, 0);
	for (size_t i = 0; i < object->count; i++) {
		const struct scan_member *member = &object->members[i];
		struct slice value = scan_value(member, &text);
		assert(!member->is_string || utf8_is_valid(value));
		scan_int(object, member->name, 0);
		scan_time_ms(value);
	}
	(void)json;
	buf_release(&text);
}

/* Ours is stricter in depth and number of members alone; jansson in \u0000 and huge numbers. */
static bool may_differ(const char *why, struct slice text)
{
	if (why)
		return strcmp(why, "nested too deep") == 0 || strcmp(why, "too many members") == 0;
	return slice_find(text, SLICE("\\u")) != SIZE_MAX ||
	       slice_find(text, SLICE("e")) != SIZE_MAX ||
	       slice_find(text, SLICE("E")) != SIZE_MAX || text.len > 300;
}

/* A state that is taken is given back in a form that is taken, too. */
static void check_state(struct slice text)
{
	struct seqtrack *track = seqtrack_new();
	struct buf saved;
	buf_init(&saved, 0);
	if (track && seqtrack_load(track, text)) {
		seqtrack_save(track, &saved);
		assert(saved.len <= SEQ_SAVED_MAX_BYTES);
		assert(seqtrack_load(track, buf_slice(&saved)));
	}
	buf_release(&saved);
	seqtrack_free(track);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seqtrack *track;
	struct slice line = slice_of(data, size);
	struct slice message = syslog_message(line);
	struct scan_object object;
	struct seq_finding finding;

	if (!track)
		track = seqtrack_new();
	assert(message.len <= line.len);
	const char *why = scan_json_object(message, &object);
	json_t *json = json_read_text(message, NULL, NULL);
	assert((why == NULL) == json_is_object(json) || may_differ(why, message));
	if (!why) {
		check_members(&object, json);
		const struct scan_member *seq = scan_find(&object, SLICE("seq"));
		if (seq)
			seqtrack_note(track, seq->value);
		seqtrack_tick(track);
		while (seqtrack_next(track, &finding)) {
			assert(finding.from <= finding.to);
			seqtrack_done(track);
		}
	}
	check_state(line);
	json_decref(json);
	return 0;
}
