/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * checkpoint: a head and the signature over it. Found in segments, in HEAD, in anchors and in
 * proofs.
 */
#include "audit/block.h"
#include "audit/signer.h"

enum { CHECKPOINT_MAX_BYTES = BLOCK_HEAD_BYTES + SIGNATURE_MAX_BYTES };

struct checkpoint {
	struct block_head head;
	unsigned char bytes[CHECKPOINT_MAX_BYTES]; /* the head, then the signature */
	size_t len;
};

/* The bytes of a checkpoint or an end block, and nothing behind them. */
bool checkpoint_parse(struct slice bytes, struct checkpoint *checkpoint);
enum signature_result checkpoint_check(
    const struct checkpoint *checkpoint, const struct verifier *verifier);

static inline struct slice checkpoint_slice(const struct checkpoint *checkpoint)
{
	return slice_of(checkpoint->bytes, checkpoint->len);
}

/* What the block behind it links to. */
static inline struct hash checkpoint_link(const struct checkpoint *checkpoint)
{
	return block_link(checkpoint->bytes);
}

/* Where in its segment it ends. */
static inline uint64_t checkpoint_end(const struct checkpoint *checkpoint)
{
	return checkpoint->head.offset + checkpoint->len;
}

enum head_file {
	HEAD_FILE_OK,
	HEAD_FILE_MISSING,
	HEAD_FILE_BAD, /* not a checkpoint */
};

/* The file HEAD of a log. */
enum head_file head_file_read(const char *folder, struct checkpoint *checkpoint);
/* In place, without syncing: a crash may leave an older one. False with errno set. */
bool head_file_write(const char *folder, const struct checkpoint *checkpoint);
