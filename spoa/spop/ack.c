/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/ack.h"

enum { SET_VAR_ARGS = 3, UNSET_VAR_ARGS = 2 };

unsigned char *ack_begin(struct wire_writer *writer, uint64_t stream_id, uint64_t frame_id)
{
	return frame_begin(writer, FRAME_ACK, stream_id, frame_id);
}

void ack_set(
    struct wire_writer *writer, enum ack_scope scope, struct slice name, struct typed value)
{
	wire_write_u8(writer, ACK_SET_VAR);
	wire_write_u8(writer, SET_VAR_ARGS);
	wire_write_u8(writer, (uint8_t)scope);
	frame_write_item(writer, name, value);
}

void ack_unset(struct wire_writer *writer, enum ack_scope scope, struct slice name)
{
	wire_write_u8(writer, ACK_UNSET_VAR);
	wire_write_u8(writer, UNSET_VAR_ARGS);
	wire_write_u8(writer, (uint8_t)scope);
	wire_write_string(writer, name);
}

bool ack_next_action(struct wire_reader *reader, struct ack_action *out)
{
	uint8_t type, args, scope;

	if (wire_left(reader) == 0)
		return false;
	type = wire_read_u8(reader);
	args = wire_read_u8(reader);
	scope = wire_read_u8(reader);
	*out = (struct ack_action){
		.type = (enum ack_action_type)type,
		.scope = (enum ack_scope)scope,
		.name = wire_read_string(reader),
	};
	if (type == ACK_SET_VAR && args == SET_VAR_ARGS)
		out->value = typed_read(reader);
	else if (type != ACK_UNSET_VAR || args != UNSET_VAR_ARGS)
		wire_fail(reader);
	if (scope > ACK_RES)
		wire_fail(reader);
	return !reader->failed;
}
