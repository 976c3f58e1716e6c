/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http_raw: one HTTP/1.x message as it stood on the wire, for offline evaluation.
 *
 * Lenient on purpose where rules want to see what is wrong (odd versions, wrong Content-Length,
 * folded headers, bare LF), strict where no HTTP server would have gone on: such a message is
 * refused with a reason and has no meaning for a WAF behind that server.
 */
#include "common/arena.h"
#include "spoa/waf/waf.h"

enum { HTTP_RAW_HEADERS_MAX = 1024 };

/* Into the arena; slices point into `raw` or the arena. NULL, or why the message is refused. */
const char *http_raw_request(struct slice raw, struct arena *arena, struct waf_request *out);
const char *http_raw_response(struct slice raw, struct arena *arena, struct waf_response *out);
