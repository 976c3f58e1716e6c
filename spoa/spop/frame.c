/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/frame.h"

#include <assert.h>

static enum frame_result decode_head(struct slice body, struct frame *out)
{
	struct wire_reader reader = wire_reader_of(body);

	out->type = wire_read_u8(&reader);
	out->flags = wire_read_be32(&reader);
	out->stream_id = wire_read_varint(&reader);
	out->frame_id = wire_read_varint(&reader);
	out->payload = slice_of(reader.at, wire_left(&reader));
	return reader.failed ? FRAME_MALFORMED : FRAME_COMPLETE;
}

enum frame_result frame_next(struct slice input, size_t max_bytes, struct frame *out, size_t *bytes)
{
	struct wire_reader reader = wire_reader_of(input);
	uint32_t size;

	*bytes = SPOP_LENGTH_BYTES;
	if (input.len < SPOP_LENGTH_BYTES)
		return FRAME_PARTIAL;
	size = wire_read_be32(&reader);
	if (size > max_bytes)
		return FRAME_TOO_BIG;
	if (size < SPOP_FRAME_HEAD_MIN)
		return FRAME_MALFORMED;
	*bytes = SPOP_LENGTH_BYTES + (size_t)size;
	if (input.len < *bytes)
		return FRAME_PARTIAL;
	return decode_head(slice_sub(input, SPOP_LENGTH_BYTES, size), out);
}

unsigned char *frame_begin(
    struct wire_writer *writer, enum frame_type type, uint64_t stream_id, uint64_t frame_id)
{
	unsigned char *begin = writer->at;

	assert(!writer->failed);
	wire_write_be32(writer, 0);
	wire_write_u8(writer, (uint8_t)type);
	wire_write_be32(writer, FRAME_FIN);
	wire_write_varint(writer, stream_id);
	wire_write_varint(writer, frame_id);
	return begin;
}

bool frame_end(struct wire_writer *writer, unsigned char *begin)
{
	struct wire_writer length = wire_writer_of(begin, SPOP_LENGTH_BYTES);
	size_t size = (size_t)(writer->at - begin);

	if (writer->failed || size - SPOP_LENGTH_BYTES > UINT32_MAX) {
		frame_abandon(writer, begin);
		return false;
	}
	wire_write_be32(&length, (uint32_t)(size - SPOP_LENGTH_BYTES));
	return true;
}

void frame_abandon(struct wire_writer *writer, unsigned char *begin)
{
	writer->at = begin;
	writer->failed = false;
}

void frame_write_item(struct wire_writer *writer, struct slice name, struct typed value)
{
	wire_write_string(writer, name);
	typed_write(writer, &value);
}
