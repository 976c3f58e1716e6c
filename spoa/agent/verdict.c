/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/verdict.h"

#include "common/json_write.h"

struct verdict verdict_unavailable(struct slice cause)
{
	return (struct verdict){ .status = 503, .auth = cause, .waf = SLICE("off") };
}

static void set_number(struct wire_writer *out, struct slice name, uint32_t value)
{
	ack_set(out, ACK_TXN, name, typed_uint32(value));
}

static void set_text(struct wire_writer *out, struct slice name, struct slice value)
{
	ack_set(out, ACK_TXN, name, typed_string(value));
}

static void set_scratch(struct wire_writer *out, struct slice name, const struct buf *scratch)
{
	set_text(out, name, buf_slice(scratch));
	if (buf_failed(scratch))
		out->failed = true;
}

/* ---- `forward`: what goes to the service
 * ----------------------------------------------------------------------------------------------------
 */

enum { FIELD_SEPARATOR = 0x1f };

/* The claims are of visible ASCII, so that no separator is in a field; a verdict with one is none.
 */
static void set_forward(struct wire_writer *out, const struct verdict *verdict, struct buf *scratch)
{
	const struct slice fields[] = { verdict->traceparent, verdict->pool, verdict->client,
		verdict->sub, verdict->scopes };

	buf_reset(scratch);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (i > 0)
			buf_append_byte(scratch, FIELD_SEPARATOR);
		buf_append_slice(scratch, fields[i]);
		if (slice_find_byte(fields[i], FIELD_SEPARATOR) < fields[i].len)
			out->failed = true;
	}
	set_scratch(out, SLICE("forward"), scratch);
}

/* ---- `record`: members of the access log's record (docs/access-log.md), as JSON
 * ----------------------------------------------------------------------------------------------------
 */

static void member(struct jw *record, const char *key, struct slice value)
{
	jw_key(record, key);
	jw_string(record, value);
}

static void member_number(struct jw *record, const char *key, int64_t value)
{
	jw_key(record, key);
	jw_int(record, value);
}

/* The token's members in the record of the request's verdict; empty when there is none. Inside of a
 * value the quotes would have a backslash. */
static struct slice kept_claims(struct slice record)
{
	size_t from = slice_find(record, SLICE("\"sub\":"));
	size_t end = slice_find(record, SLICE(",\"waf\":"));

	return from < end && end < record.len ? slice_sub(record, from, end - from)
	                                      : slice_of(NULL, 0);
}

static void token_members(struct jw *record, const struct verdict *verdict)
{
	struct slice kept = kept_claims(verdict->request_record);

	if (slice_is_empty(kept)) {
		member(record, "auth", verdict->auth);
		member(record, "sub", verdict->sub);
		member(record, "client", verdict->client);
		member(record, "scopes", verdict->scopes);
		member(record, "jti", verdict->jti);
		return;
	}
	if (slice_is_empty(verdict->auth))
		kept = slice_sub(verdict->request_record, 0,
		    (size_t)(kept.ptr - verdict->request_record.ptr) + kept.len);
	else
		member(record, "auth", verdict->auth);
	jw_raw(record, kept);
}

static void set_record(struct wire_writer *out, const struct verdict *verdict, struct buf *scratch)
{
	struct jw record;

	buf_reset(scratch);
	jw_init(&record, scratch, 0);
	jw_members_begin(&record);
	token_members(&record, verdict);
	member(&record, "waf", verdict->waf);
	member_number(&record, "score", verdict->has_matches ? (int64_t)verdict->score : -1);
	member(&record, "rules", verdict->rules);
	member(&record, "labels", verdict->labels);
	member(&record, "explain", verdict->explain);
	member_number(&record, "agent_us", verdict->us);
	set_scratch(out, SLICE("record"), scratch);
}

void verdict_encode(struct wire_writer *out, const struct verdict *verdict, struct buf *scratch)
{
	set_number(out, SLICE("verdict"), verdict->status);
	if (!slice_is_empty(verdict->www))
		set_text(out, SLICE("www"), verdict->www);
	if (!slice_is_empty(verdict->traceparent))
		set_forward(out, verdict, scratch);
	set_record(out, verdict, scratch);
}
