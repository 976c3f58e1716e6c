/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* disconnect: the last frame of a connection, either way (SPOE.txt 3.2.8 and 3.2.9). */
#include "spoa/spop/frame.h"

struct disconnect {
	uint32_t status; /* enum spop_status, or the peer's own */
	struct slice message;
};

/* False when malformed or when an item is missing. */
bool disconnect_decode(const struct frame *frame, struct disconnect *out);

/* AGENT-DISCONNECT with the status's own text; false when it does not fit. */
bool disconnect_encode(struct wire_writer *writer, enum spop_status status);
