/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* verdict: what the agent tells HAProxy about one request, and the variables that say it
 * (docs/agent.md). */
#include "spoa/spop/ack.h"

struct verdict {
	uint32_t status; /* 200 lets the request through */
	struct slice auth;
	struct slice www;
	struct slice sub, client, scopes, jti, pool;
	struct slice waf; /* "off", "pass", "count", "block" */
	bool has_matches;
	uint32_t score;
	struct slice rules, labels, explain;
	uint32_t us;
};

/* The one verdict for whatever the agent cannot do: 503, with the cause as `auth`. */
struct verdict verdict_unavailable(struct slice cause);

/*
 * The actions of an ACK that say it. Empty slices are left out, but for `auth` and `waf`.
 */
void verdict_encode(struct wire_writer *out, const struct verdict *verdict);
