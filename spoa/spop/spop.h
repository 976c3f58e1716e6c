/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* spop: the numbers of SPOP 2.0 (HAProxy's SPOE.txt, sections 3.2 to 3.5). */

enum frame_type {
#define FRAME(name, type) FRAME_##name = type,
#include "spoa/spop/spop.def"
#undef FRAME
};

/* What a DISCONNECT frame says, in either direction. */
enum spop_status {
#define STATUS(name, code, text) SPOP_##name = code,
#include "spoa/spop/spop.def"
#undef STATUS
};

enum {
	/* SPOE.txt 3.2: a peer must take frames of at least this size. */
	SPOP_FRAME_SIZE_MIN = 256,
	/* An implementation's limit: what a HELLO or DISCONNECT of ours never exceeds. */
	SPOP_HANDSHAKE_MAX = 4096,
	/* Type, flags and two one-byte identifiers: no frame is shorter. */
	SPOP_FRAME_HEAD_MIN = 7,
	SPOP_LENGTH_BYTES = 4,
};

/* The text of SPOE.txt 3.5; "unknown status" for any other number. */
const char *spop_status_text(unsigned status);
