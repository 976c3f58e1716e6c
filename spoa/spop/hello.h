/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* hello: the handshake (SPOE.txt 3.2.4 and 3.2.5), the agent's side of it. */
#include "spoa/spop/frame.h"

/* What HAProxy said. */
struct hello {
	bool version_2;          /* some 2.x is among its supported-versions */
	uint32_t max_frame_size; /* what it takes and sends at most */
	bool pipelining;
	bool healthcheck;
	struct slice engine_id; /* a part of the frame; empty when not sent */
};

/* What the agent answers. */
struct hello_reply {
	uint32_t max_frame_size;
	bool pipelining;
};

/*
 * SPOP_OK, or the status to disconnect with: INVALID, NO_VERSION, NO_FRAME_SIZE, NO_CAPABILITIES.
 * Unknown items are skipped.
 */
enum spop_status hello_decode(const struct frame *frame, struct hello *out);

/*
 * The lower of both frame sizes; pipelining when HAProxy has it. Never async (gone since
 * HAProxy 3.1) and never fragmentation. SPOP_OK, BAD_VERSION, or BAD_FRAME_SIZE for less than
 * SPOP_FRAME_SIZE_MIN.
 */
enum spop_status hello_negotiate(
    const struct hello *hello, uint32_t max_frame_size, struct hello_reply *out);

/* AGENT-HELLO, a few dozen bytes; false when they do not fit. To be sent in one piece. */
bool hello_encode(struct wire_writer *writer, const struct hello_reply *reply);
