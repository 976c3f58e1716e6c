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

static void member(struct buf *record, const char *key, struct slice value)
{
	buf_append_cstr(record, record->len ? ",\"" : "\"");
	buf_append_cstr(record, key);
	buf_append_cstr(record, "\":\"");
	jw_escape(record, value);
	buf_append_byte(record, '"');
}

/* Not by printf(), which takes longer than all the rest of the record. */
static void member_number(struct buf *record, const char *key, uint32_t value)
{
	char digits[10], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	buf_append_cstr(record, ",\"");
	buf_append_cstr(record, key);
	buf_append_cstr(record, "\":");
	buf_append(record, at, (size_t)(digits + sizeof(digits) - at));
}

static void member_score(struct buf *record, const struct verdict *verdict)
{
	if (verdict->has_matches)
		member_number(record, "score", verdict->score);
	else
		buf_append_cstr(record, ",\"score\":-1");
}

static void token_members(struct buf *record, const struct verdict *verdict)
{
	/* Inside of a value the quotes would have a backslash. */
	size_t end = slice_find(verdict->request_record, SLICE(",\"waf\":"));

	if (end < verdict->request_record.len) {
		buf_append_slice(record, slice_sub(verdict->request_record, 0, end));
		return;
	}
	member(record, "auth", verdict->auth);
	member(record, "sub", verdict->sub);
	member(record, "client", verdict->client);
	member(record, "scopes", verdict->scopes);
	member(record, "jti", verdict->jti);
}

static void set_record(struct wire_writer *out, const struct verdict *verdict, struct buf *record)
{
	buf_reset(record);
	token_members(record, verdict);
	member(record, "waf", verdict->waf);
	member_score(record, verdict);
	member(record, "rules", verdict->rules);
	member(record, "labels", verdict->labels);
	member(record, "explain", verdict->explain);
	member_number(record, "agent_us", verdict->us);
	set_scratch(out, SLICE("record"), record);
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
