/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ack: the actions of an ACK frame (SPOE.txt 3.2.7 and 3.4).
 *
 *     begin = ack_begin(writer, stream_id, frame_id);
 *     ack_set(writer, ACK_TXN, SLICE("verdict"), typed_uint32(200));
 *     frame_end(writer, begin)
 */
#include "spoa/spop/frame.h"

enum ack_scope { ACK_PROC = 0, ACK_SESS = 1, ACK_TXN = 2, ACK_REQ = 3, ACK_RES = 4 };
enum ack_action_type { ACK_SET_VAR = 1, ACK_UNSET_VAR = 2 };

unsigned char *ack_begin(struct wire_writer *writer, uint64_t stream_id, uint64_t frame_id);
void ack_set(
    struct wire_writer *writer, enum ack_scope scope, struct slice name, struct typed value);
void ack_unset(struct wire_writer *writer, enum ack_scope scope, struct slice name);

/* The other direction, for peers of an agent. */
struct ack_action {
	enum ack_action_type type;
	enum ack_scope scope;
	struct slice name;
	struct typed value; /* of ACK_SET_VAR */
};

/* False at the end and, with reader->failed, on a malformed payload. */
bool ack_next_action(struct wire_reader *reader, struct ack_action *out);
