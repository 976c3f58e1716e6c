/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * session: one SPOP connection as a state machine without I/O (SPOE.txt 3.2.3). Bytes go in, frames
 * come out, and everything a peer can do wrong ends in an AGENT-DISCONNECT with its status.
 *
 *     HELLO ──(HAPROXY-HELLO)──► READY ──(DISCONNECT, an error, session_end())──► ENDED
 *     HELLO ──(HAPROXY-HELLO of a health check)──► ENDED
 */
#include "spoa/spop/frame.h"

enum session_state { SESSION_HELLO, SESSION_READY, SESSION_ENDED };

/* What a session needs from outside. */
struct session_handler {
	/*
	 * Answers a NOTIFY with exactly one ACK, of at most max_frame_size bytes, or returns the
	 * status to disconnect with and writes nothing. `out` has room for SESSION_ROOM bytes.
	 * *hold is true when the frame may be held back; when it is still true afterwards nothing
	 * was written, and the same frame is to be handed in again in a moment.
	 */
	enum spop_status (*notify)(void *context, const struct frame *frame,
	    uint32_t max_frame_size, bool *hold, struct wire_writer *out);
	void *context;
	uint32_t max_frame_size; /* the agent's own limit */
};

struct session {
	enum session_state state;
	uint32_t max_frame_size; /* what was agreed; before the HELLO what that may take */
	bool healthcheck;        /* ended after the HELLO, as it should */
	bool may_hold;           /* set by the owner: whether the next frame may be held back */
	enum spop_status status; /* once ENDED */
};

enum session_step {
	SESSION_STEPPED, /* one frame taken: *bytes of the input */
	SESSION_STARVED, /* *bytes: what the input must hold before another step pays */
	SESSION_HELD,    /* nothing taken: the frame is to be stepped through again in a moment */
	SESSION_DONE,    /* ENDED: what is in `out` is the last; the rest of the input is void */
};

enum {
	/* An AGENT-DISCONNECT behind an ACK of this size fits too. */
	SESSION_ROOM = 32 * 1024,
	SESSION_ACK_MAX = SESSION_ROOM - 1024,
};

void session_init(struct session *session);

/* Takes at most one frame. `out` must have SESSION_ROOM bytes left. */
enum session_step session_step(struct session *session, const struct session_handler *handler,
    struct slice input, struct wire_writer *out, size_t *bytes);

/* Ends it from this side: an AGENT-DISCONNECT, unless it has ended already. */
void session_end(struct session *session, enum spop_status status, struct wire_writer *out);
