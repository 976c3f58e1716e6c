/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * frame: a length, a head and a payload (SPOE.txt 3.2). Sizes of frames never count the four bytes
 * of the length, as in the protocol's max-frame-size.
 */
#include "spoa/spop/spop.h"
#include "spoa/spop/typed.h"

enum { FRAME_FIN = 1, FRAME_ABORT = 2 };

struct frame {
	uint8_t type; /* enum frame_type, or a number not known */
	uint32_t flags;
	uint64_t stream_id;
	uint64_t frame_id;
	struct slice payload; /* a part of the input */
};

enum frame_result {
	FRAME_COMPLETE, /* *bytes: what the frame takes of the input, length included */
	FRAME_PARTIAL,  /* *bytes: what the input must hold at least before asking again pays */
	FRAME_TOO_BIG,  /* longer than max_bytes */
	FRAME_MALFORMED,
};

/* The frame at the beginning of `input`. The length is judged before the rest has arrived. */
enum frame_result frame_next(
    struct slice input, size_t max_bytes, struct frame *out, size_t *bytes);

/*
 * Writes the head of a frame with FIN and leaves room for its length; the payload follows.
 * frame_end() fills the length in. Returns where the frame begins.
 */
unsigned char *frame_begin(
    struct wire_writer *writer, enum frame_type type, uint64_t stream_id, uint64_t frame_id);
/* False, and nothing written since `begin`, when the writer was full; it may then be used again. */
bool frame_end(struct wire_writer *writer, unsigned char *begin);
/* Forgets all that was written since `begin`. */
void frame_abandon(struct wire_writer *writer, unsigned char *begin);

/* One item of a KV-LIST. */
void frame_write_item(struct wire_writer *writer, struct slice name, struct typed value);
