/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/session.h"
#include "spoa/spop/disconnect.h"
#include "spoa/spop/hello.h"

#include <assert.h>

void session_init(struct session *session)
{
	*session = (struct session){ .max_frame_size = SPOP_HANDSHAKE_MAX };
}

void session_end(struct session *session, enum spop_status status, struct wire_writer *out)
{
	bool encoded;

	if (session->state == SESSION_ENDED)
		return;
	session->state = SESSION_ENDED;
	session->status = status;
	encoded = disconnect_encode(out, status);
	assert(encoded); // the caller's buffer has room for the longest DISCONNECT
}

/* The only frame before READY. Anything else is a peer that does not speak SPOP. */
static enum spop_status greet(struct session *session, const struct session_handler *handler,
    const struct frame *frame, struct wire_writer *out)
{
	struct hello_reply reply;
	struct hello hello;
	enum spop_status status;
	bool encoded;

	if (frame->type != FRAME_HAPROXY_HELLO)
		return SPOP_INVALID;
	status = hello_decode(frame, &hello);
	if (status == SPOP_OK)
		status = hello_negotiate(&hello, handler->max_frame_size, &reply);
	if (status != SPOP_OK)
		return status;
	encoded = hello_encode(out, &reply);
	assert(encoded); // the caller's buffer has room for the longest HELLO
	session->max_frame_size = reply.max_frame_size;
	session->healthcheck = hello.healthcheck;
	session->state = hello.healthcheck ? SESSION_ENDED : SESSION_READY;
	return SPOP_OK;
}

static enum spop_status serve(struct session *session, const struct session_handler *handler,
    const struct frame *frame, bool *hold, struct wire_writer *out)
{
	switch (frame->type) {
	case FRAME_NOTIFY:
		*hold = session->may_hold;
		return handler->notify(handler->context, frame, session->max_frame_size, hold, out);
	case FRAME_HAPROXY_DISCONNECT:
		/* Whatever it says: SPOE.txt 3.2.8 wants a DISCONNECT in reply. */
		session_end(session, SPOP_OK, out);
		return SPOP_OK;
	case FRAME_HAPROXY_HELLO:
	case FRAME_AGENT_HELLO:
	case FRAME_AGENT_DISCONNECT:
	case FRAME_ACK:
		return SPOP_INVALID;
	default:
		/* SPOE.txt 3.2.2: unknown frames may be skipped. */
		return SPOP_OK;
	}
}

static enum spop_status take(struct session *session, const struct session_handler *handler,
    const struct frame *frame, bool *hold, struct wire_writer *out)
{
	/* Never announced, so never to be used: a continuation, or a frame that is to have one. */
	if (frame->type == FRAME_UNSET || !(frame->flags & FRAME_FIN))
		return SPOP_NO_FRAGMENTATION;
	if (session->state == SESSION_HELLO)
		return greet(session, handler, frame, out);
	return serve(session, handler, frame, hold, out);
}

enum session_step session_step(struct session *session, const struct session_handler *handler,
    struct slice input, struct wire_writer *out, size_t *bytes)
{
	enum spop_status status = SPOP_OK;
	struct frame frame;
	bool hold = false;

	if (session->state == SESSION_ENDED)
		return SESSION_DONE;
	switch (frame_next(input, session->max_frame_size, &frame, bytes)) {
	case FRAME_PARTIAL:
		return SESSION_STARVED;
	case FRAME_COMPLETE:
		status = take(session, handler, &frame, &hold, out);
		break;
	case FRAME_TOO_BIG:
		status = SPOP_TOO_BIG;
		break;
	case FRAME_MALFORMED:
		status = SPOP_INVALID;
		break;
	}
	if (status != SPOP_OK)
		session_end(session, status, out);
	else if (hold)
		return SESSION_HELD;
	return session->state == SESSION_ENDED ? SESSION_DONE : SESSION_STEPPED;
}
