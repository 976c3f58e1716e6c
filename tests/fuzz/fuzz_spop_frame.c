/* SPDX-License-Identifier: Apache-2.0 */
/* Every decoder of SPOP on a stream of frames, and writing back what was read. */
#include "spoa/spop/ack.h"
#include "spoa/spop/disconnect.h"
#include "spoa/spop/hello.h"
#include "spoa/spop/notify.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_hello(const struct frame *frame)
{
	char memory[256];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
	struct hello hello;
	struct hello_reply reply;

	if (hello_decode(frame, &hello) != SPOP_OK)
		return;
	if (hello_negotiate(&hello, 65536, &reply) == SPOP_OK) {
		assert(
		    reply.max_frame_size >= SPOP_FRAME_SIZE_MIN && reply.max_frame_size <= 65536);
		assert(hello_encode(&writer, &reply));
	}
}

/* What was read and written again is the same bytes: no value has two encodings but for flag bits.
 */
static void check_value(const struct typed *value)
{
	static char memory[1 << 16];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
	struct wire_reader reader;
	struct typed again;

	typed_write(&writer, value);
	if (writer.failed)
		return;
	reader = wire_reader_of(wire_written(&writer));
	again = typed_read(&reader);
	assert(!reader.failed && wire_left(&reader) == 0 && again.type == value->type);
	assert(slice_eq(typed_text(&again), typed_text(value)));
}

static void read_notify(const struct frame *frame)
{
	struct notify notify = notify_of(frame->payload);
	struct slice name;
	struct typed value;

	while (notify_next_message(&notify, &name))
		while (notify_next_arg(&notify, &name, &value))
			check_value(&value);
	assert(notify_failed(&notify) || wire_left(&notify.reader) == 0);
}

static void read_ack(const struct frame *frame)
{
	struct wire_reader reader = wire_reader_of(frame->payload);
	struct ack_action action;

	while (ack_next_action(&reader, &action))
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct disconnect disconnect;
	struct frame frame;
	size_t bytes;

	while (frame_next(input, 65536, &frame, &bytes) == FRAME_COMPLETE) {
		assert(bytes <= input.len);
		read_hello(&frame);
		read_notify(&frame);
		read_ack(&frame);
		disconnect_decode(&frame, &disconnect);
		input = slice_from(input, bytes);
	}
	return 0;
}
