/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * blame: which record of a block whose payload was changed is not the one that was written? The
 * leaves in front of the payload have the root that the head has, and the head is vouched for: each
 * leaf tells whether its record is the one that was written, to whoever has the data key.
 */
#include "audit/payload.h"

enum blame_kind {
	BLAME_UNKNOWN, /* the leaves were changed, too, or nothing can be decrypted */
	BLAME_CHANGED,
	BLAME_MISSING,
	BLAME_INSERTED,
	BLAME_REORDERED,
	BLAME_DAMAGED, /* from this record on nothing can be read: ciphertext was changed */
	BLAME_NONE,    /* the records are those that were written; the leaves or the tag are not */
};

struct blame {
	enum blame_kind kind;
	uint64_t first; /* the first bad record, by its number as it was written */
	uint64_t last;  /* the last one */
};

struct blame blame_find(struct payload_codec *codec, const struct block_head *head,
    const unsigned char head_bytes[BLOCK_HEAD_BYTES], struct slice payload);
