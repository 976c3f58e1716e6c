/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * request: the arguments of the messages `check` and `response` (docs/agent.md), as slices into the
 * frame.
 */
#include "spoa/spop/notify.h"
#include "spoa/waf/waf.h"

enum { REQUEST_ADDRESS_MAX = 46 };

struct request {
	struct slice id, route;
	struct slice method, path, query, version;
	struct slice headers; /* req.hdrs_bin or res.hdrs_bin, for headers_decode() */
	struct slice body;
	struct slice record; /* `response` only: the variable `record` of the request's verdict */
	struct slice cert;   /* SHA-256 of the client certificate, 32 bytes, or empty */
	bool cut;
	int64_t status;   /* `response` only */
	struct slice src; /* in text; empty when not sent */
	char src_text[REQUEST_ADDRESS_MAX];
};

enum request_result {
	REQUEST_OK,
	REQUEST_BAD_TYPE, /* the frame is well, but an argument is not what docs/agent.md says */
	REQUEST_MALFORMED /* the frame is not well */
};

/*
 * Reads the arguments of the message that notify_next_message() has begun. Unknown ones are
 * skipped, NULL is like missing. `out` must stay where it is while it is used: src points into it.
 */
enum request_result request_decode(struct notify *notify, struct request *out);

enum headers_result { HEADERS_OK, HEADERS_MALFORMED, HEADERS_TOO_MANY };

/*
 * Takes HAProxy's binary headers apart: varint length and bytes of each name and value, two empty
 * strings at the end. Nothing at all means no header.
 */
enum headers_result headers_decode(
    struct slice raw, struct waf_header *out, size_t max, size_t *count);
