/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/disconnect.h"

bool disconnect_decode(const struct frame *frame, struct disconnect *out)
{
	struct wire_reader reader = wire_reader_of(frame->payload);
	bool has_status = false, has_message = false;

	*out = (struct disconnect){ 0 };
	while (wire_left(&reader) > 0) {
		struct slice name = wire_read_string(&reader);
		struct typed value = typed_read(&reader);

		if (slice_eq(name, SLICE("status-code")) && value.type == TYPED_UINT32) {
			out->status = (uint32_t)value.uint;
			has_status = true;
		} else if (slice_eq(name, SLICE("message")) && value.type == TYPED_STRING) {
			out->message = value.bytes;
			has_message = true;
		}
	}
	return !reader.failed && has_status && has_message;
}

bool disconnect_encode(struct wire_writer *writer, enum spop_status status)
{
	unsigned char *begin = frame_begin(writer, FRAME_AGENT_DISCONNECT, 0, 0);
	struct slice text = slice_of_cstr(spop_status_text(status));

	frame_write_item(writer, SLICE("status-code"), typed_uint32(status));
	frame_write_item(writer, SLICE("message"), typed_string(text));
	return frame_end(writer, begin);
}
