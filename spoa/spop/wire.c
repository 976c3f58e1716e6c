/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/wire.h"

void wire_fail(struct wire_reader *reader)
{
	reader->at = reader->end;
	reader->failed = true;
}

uint8_t wire_read_u8(struct wire_reader *reader)
{
	if (reader->at == reader->end) {
		wire_fail(reader);
		return 0;
	}
	return *reader->at++;
}

uint32_t wire_read_be32(struct wire_reader *reader)
{
	struct slice bytes = wire_read_bytes(reader, 4);

	if (reader->failed)
		return 0;
	return (uint32_t)slice_at(bytes, 0) << 24 | (uint32_t)slice_at(bytes, 1) << 16 |
	       (uint32_t)slice_at(bytes, 2) << 8 | slice_at(bytes, 3);
}

uint64_t wire_read_varint(struct wire_reader *reader)
{
	uint64_t value = wire_read_u8(reader);

	if (value < 240)
		return value;
	for (unsigned shift = 4; shift < 64; shift += 7) {
		uint8_t byte = wire_read_u8(reader);
		uint64_t part = (uint64_t)byte << shift;

		if (part >> shift != byte || __builtin_add_overflow(value, part, &value))
			break;
		if (byte < 128)
			return reader->failed ? 0 : value;
	}
	wire_fail(reader);
	return 0;
}

struct slice wire_read_bytes(struct wire_reader *reader, uint64_t size)
{
	struct slice bytes;

	if (size > wire_left(reader)) {
		wire_fail(reader);
		return slice_of(NULL, 0);
	}
	bytes = slice_of(reader->at, (size_t)size);
	if (size > 0)
		reader->at += size;
	return bytes;
}

struct slice wire_read_string(struct wire_reader *reader)
{
	return wire_read_bytes(reader, wire_read_varint(reader));
}

void wire_write_bytes(struct wire_writer *writer, struct slice bytes)
{
	if (writer->failed || bytes.len > (size_t)(writer->end - writer->at)) {
		writer->failed = true;
		return;
	}
	if (bytes.len > 0)
		memcpy(writer->at, bytes.ptr, bytes.len);
	writer->at += bytes.len;
}

void wire_write_u8(struct wire_writer *writer, uint8_t value)
{
	wire_write_bytes(writer, slice_of(&value, 1));
}

void wire_write_be32(struct wire_writer *writer, uint32_t value)
{
	const unsigned char bytes[4] = {
		(unsigned char)(value >> 24),
		(unsigned char)(value >> 16),
		(unsigned char)(value >> 8),
		(unsigned char)value,
	};

	wire_write_bytes(writer, slice_of(bytes, sizeof(bytes)));
}

void wire_write_varint(struct wire_writer *writer, uint64_t value)
{
	unsigned char bytes[WIRE_VARINT_MAX];
	size_t n = 0;

	if (value < 240) {
		bytes[n++] = (unsigned char)value;
	} else {
		bytes[n++] = (unsigned char)(value | 0xf0);
		for (value = (value - 240) >> 4; value >= 128; value = (value - 128) >> 7)
			bytes[n++] = (unsigned char)(value | 0x80);
		bytes[n++] = (unsigned char)value;
	}
	wire_write_bytes(writer, slice_of(bytes, n));
}

void wire_write_string(struct wire_writer *writer, struct slice bytes)
{
	wire_write_varint(writer, bytes.len);
	wire_write_bytes(writer, bytes);
}
