/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/typed.h"

#include <assert.h>

enum { TYPE_MASK = 0x0f, FLAG_TRUE = 0x10, IPV4_BYTES = 4, IPV6_BYTES = 16 };

/* Negative numbers travel as 64-bit two's complement, whatever their type. */
static int64_t read_signed(struct wire_reader *reader, int64_t min, int64_t max)
{
	int64_t value = (int64_t)wire_read_varint(reader);

	if (value < min || value > max)
		wire_fail(reader);
	return reader->failed ? 0 : value;
}

static uint64_t read_unsigned(struct wire_reader *reader, uint64_t max)
{
	uint64_t value = wire_read_varint(reader);

	if (value > max)
		wire_fail(reader);
	return reader->failed ? 0 : value;
}

struct typed typed_read(struct wire_reader *reader)
{
	uint8_t head = wire_read_u8(reader);
	struct typed value = { .type = (enum typed_type)(head & TYPE_MASK) };

	switch (value.type) {
	case TYPED_NULL:
		break;
	case TYPED_BOOL:
		value.boolean = (head & FLAG_TRUE) != 0;
		break;
	case TYPED_INT32:
		value.sint = read_signed(reader, INT32_MIN, INT32_MAX);
		break;
	case TYPED_UINT32:
		value.uint = read_unsigned(reader, UINT32_MAX);
		break;
	case TYPED_INT64:
		value.sint = read_signed(reader, INT64_MIN, INT64_MAX);
		break;
	case TYPED_UINT64:
		value.uint = read_unsigned(reader, UINT64_MAX);
		break;
	case TYPED_IPV4:
		value.bytes = wire_read_bytes(reader, IPV4_BYTES);
		break;
	case TYPED_IPV6:
		value.bytes = wire_read_bytes(reader, IPV6_BYTES);
		break;
	case TYPED_STRING:
	case TYPED_BINARY:
		value.bytes = wire_read_string(reader);
		break;
	default:
		wire_fail(reader);
		break;
	}
	return reader->failed ? (struct typed){ .type = TYPED_NULL } : value;
}

void typed_write(struct wire_writer *writer, const struct typed *value)
{
	bool flag = value->type == TYPED_BOOL && value->boolean;

	wire_write_u8(writer, (uint8_t)(value->type | (flag ? FLAG_TRUE : 0)));
	switch (value->type) {
	case TYPED_NULL:
	case TYPED_BOOL:
		break;
	case TYPED_INT32:
	case TYPED_INT64:
		wire_write_varint(writer, (uint64_t)value->sint);
		break;
	case TYPED_UINT32:
	case TYPED_UINT64:
		wire_write_varint(writer, value->uint);
		break;
	case TYPED_IPV4:
	case TYPED_IPV6:
		assert(value->bytes.len == (value->type == TYPED_IPV4 ? IPV4_BYTES : IPV6_BYTES));
		wire_write_bytes(writer, value->bytes);
		break;
	case TYPED_STRING:
	case TYPED_BINARY:
		wire_write_string(writer, value->bytes);
		break;
	}
}

struct slice typed_text(const struct typed *value)
{
	bool has_text = value->type == TYPED_STRING || value->type == TYPED_BINARY;

	return has_text ? value->bytes : slice_of(NULL, 0);
}
