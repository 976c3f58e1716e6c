/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/verdict.h"

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
	if (!slice_is_empty(value))
		ack_set(out, ACK_TXN, name, typed_string(value));
}

void verdict_encode(struct wire_writer *out, const struct verdict *verdict)
{
	set_number(out, SLICE("verdict"), verdict->status);
	set_text(out, SLICE("auth"), verdict->auth);
	set_text(out, SLICE("www"), verdict->www);
	set_text(out, SLICE("sub"), verdict->sub);
	set_text(out, SLICE("client"), verdict->client);
	set_text(out, SLICE("scopes"), verdict->scopes);
	set_text(out, SLICE("jti"), verdict->jti);
	set_text(out, SLICE("pool"), verdict->pool);
	set_text(out, SLICE("waf"), verdict->waf);
	if (verdict->has_matches)
		set_number(out, SLICE("score"), verdict->score);
	set_text(out, SLICE("rules"), verdict->rules);
	set_text(out, SLICE("labels"), verdict->labels);
	set_text(out, SLICE("explain"), verdict->explain);
	set_number(out, SLICE("us"), verdict->us);
}
