/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's bytes through the session and the message decoders, in one piece and in two: the
 * same answers. */
#include "spoa/agent/request.h"
#include "spoa/agent/session.h"
#include "spoa/spop/ack.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS_MAX = 16, OUT_BYTES = 1024 * 1024 };

static enum spop_status on_notify(void *context, const struct frame *frame, uint32_t max_frame_size,
    bool *hold, struct wire_writer *out)
{
	struct waf_header headers[HEADERS_MAX];
	struct notify notify = notify_of(frame->payload);
	unsigned char *begin = ack_begin(out, frame->stream_id, frame->frame_id);
	struct request request;
	struct slice name;
	size_t count = 0;

	(void)context;
	(void)max_frame_size;
	*hold = false;
	while (notify_next_message(&notify, &name)) {
		if (request_decode(&notify, &request) == REQUEST_OK)
			headers_decode(request.headers, headers, HEADERS_MAX, &count);
		assert(count <= HEADERS_MAX);
	}
	if (notify_failed(&notify)) {
		frame_abandon(out, begin);
		return SPOP_INVALID;
	}
	ack_set(out, ACK_TXN, SLICE("n"), typed_uint32((uint32_t)count));
	assert(frame_end(out, begin));
	return SPOP_OK;
}

static const struct session_handler handler = { .notify = on_notify, .max_frame_size = 65536 };

/* What is left when the session starves or ends. */
static struct slice feed(struct session *session, struct slice input, struct wire_writer *out)
{
	size_t bytes;

	while ((size_t)(out->end - out->at) >= SESSION_ROOM) {
		enum session_step step = session_step(session, &handler, input, out, &bytes);

		if (step == SESSION_DONE)
			return slice_of(NULL, 0);
		if (step == SESSION_STARVED) {
			assert(bytes > input.len);
			return input;
		}
		assert(bytes <= input.len);
		input = slice_from(input, bytes);
	}
	return slice_of(NULL, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char whole_memory[OUT_BYTES], parts_memory[OUT_BYTES];
	struct wire_writer whole = wire_writer_of(whole_memory, sizeof(whole_memory));
	struct wire_writer parts = wire_writer_of(parts_memory, sizeof(parts_memory));
	struct slice input = slice_of(data, size), rest;
	struct session one, two;

	session_init(&one);
	session_init(&two);
	feed(&one, input, &whole);
	rest = feed(&two, slice_sub(input, 0, size / 2), &parts);
	/* The rest of the first half stands right before the second. */
	if (two.state != SESSION_ENDED)
		feed(&two, slice_from(input, size / 2 - rest.len), &parts);
	if (wire_written(&whole).len < OUT_BYTES - SESSION_ROOM) {
		assert(one.state == two.state);
		assert(slice_eq(wire_written(&whole), wire_written(&parts)));
	}
	return 0;
}
