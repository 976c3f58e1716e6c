/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * dispatch: from a NOTIFY to its ACK: the token check, then the WAF, by the policy of the request's
 * route. One dispatcher per thread; nothing in it is shared but the snapshot. Held back is only a
 * request whose key is being fetched (auth.h: refreshing).
 */
#include "spoa/agent/counters.h"
#include "spoa/agent/session.h"
#include "spoa/agent/snapshot.h"

struct dispatcher;

/* Takes its own reference to `snapshot`. NULL: no memory. */
struct dispatcher *dispatcher_new(struct snapshot *snapshot, struct counters *counters);
void dispatcher_free(struct dispatcher *dispatcher);

/* From now on by this one; on the dispatcher's thread, between two frames. */
void dispatcher_set_snapshot(struct dispatcher *dispatcher, struct snapshot *snapshot);
const struct snapshot *dispatcher_snapshot(const struct dispatcher *dispatcher);

/* What session_handler.notify wants; `context` is the dispatcher. */
enum spop_status dispatcher_notify(void *context, const struct frame *frame,
    uint32_t max_frame_size, bool *hold, struct wire_writer *out);
