/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* trace: the traceparent of a request that came without one (W3C Trace Context, level 1, 3.2). */
#include "common/siphash.h"

enum { TRACE_PARENT_LEN = 55 };

/*
 * Version 00, not sampled. The ids are a keyed hash of the request's id, so that they are as unique
 * as it and no state is needed; whoever knows the request's id does not know them. No NUL is
 * written.
 */
void trace_start(const unsigned char key[SIPHASH_KEY_BYTES], struct slice request_id,
    char out[TRACE_PARENT_LEN]);
