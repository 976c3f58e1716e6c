/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* verdict: what the agent tells HAProxy about one request, and the variables that say it
 * (docs/agent.md). They are few, for each of them costs HAProxy more than all that the agent does
 * for it. */
#include "common/buf.h"
#include "spoa/spop/ack.h"

struct verdict {
	uint32_t status; /* 200 lets the request through */
	struct slice auth;
	struct slice www;
	struct slice sub, client, scopes, jti, pool; /* without control bytes */
	struct slice traceparent;
	struct slice waf; /* "off", "pass", "count", "block" */
	bool has_matches;
	uint32_t score;
	struct slice rules, labels, explain;
	uint32_t us;
	/* In the verdict on an answer the `record` of the verdict on its request, or empty: its
	 * token's members are kept, but for an `auth` of this one's own. */
	struct slice request_record;
};

/* Room for the record of a verdict without claims and matches: what can always be said. */
enum { VERDICT_RECORD_MIN = 256 };

/* The one verdict for whatever the agent cannot do: 503, with the cause as `auth`. */
struct verdict verdict_unavailable(struct slice cause);

/*
 * The actions of an ACK that say it. `scratch` is the caller's, with VERDICT_RECORD_MIN bytes
 * reserved; its contents are lost. When it cannot hold the record, `out` has failed, as when it is
 * full itself.
 */
void verdict_encode(struct wire_writer *out, const struct verdict *verdict, struct buf *scratch);
