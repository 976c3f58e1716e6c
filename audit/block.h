/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * block: the head that each block of a segment starts with (docs/audit.md, "The head of a block").
 * Pure. A decoder of hostile bytes: enums, no text.
 */
#include "audit/hash.h"

enum block_kind {
	BLOCK_SEGMENT = 1,
	BLOCK_RECORDS,
	BLOCK_CHECKPOINT,
	BLOCK_END,
	BLOCK_TOMBSTONE,
};

enum {
	BLOCK_HEAD_BYTES = 160,
	BLOCK_AAD_BYTES = 128, /* of the head: all but the payload's hash */
	BLOCK_RECORDS_MAX = 256,
	BLOCK_PAYLOAD_MAX = 2 << 20,
	BLOCK_SMALL_PAYLOAD_MAX = 4096, /* of every kind but records */
	LOG_ID_BYTES = 16,
};

struct log_id {
	unsigned char bytes[LOG_ID_BYTES];
};

struct block_head {
	enum block_kind kind;
	struct log_id log;
	uint64_t segment;
	uint64_t first; /* number of the first record; without records, of the next one */
	uint32_t count;
	uint32_t payload_len;
	int64_t time_ms;
	uint64_t offset;
	struct hash prev;
	struct hash root;
	struct hash seal; /* of the payload; in checkpoints the id of the key that signed */
};

enum block_result {
	BLOCK_OK,
	BLOCK_BAD_MAGIC,
	BLOCK_BAD_KIND,
	BLOCK_BAD_RESERVED,
	BLOCK_BAD_NUMBER, /* a segment or record number of 0, or beyond 2^62 */
	BLOCK_BAD_COUNT,
	BLOCK_BAD_LENGTH,
	BLOCK_BAD_TIME,
};

void block_encode(const struct block_head *head, unsigned char dst[BLOCK_HEAD_BYTES]);
/* *head is filled only with BLOCK_OK. */
enum block_result block_decode(const unsigned char src[BLOCK_HEAD_BYTES], struct block_head *head);
/* Such as "no block starts here". */
const char *block_result_text(enum block_result result);
const char *block_kind_name(enum block_kind kind);

/* What the next head's `prev` must be. */
struct hash block_link(const unsigned char head[BLOCK_HEAD_BYTES]);

static inline bool block_is_signed(enum block_kind kind)
{
	return kind == BLOCK_CHECKPOINT || kind == BLOCK_END;
}

static inline bool log_id_eq(const struct log_id *a, const struct log_id *b)
{
	return memcmp(a->bytes, b->bytes, LOG_ID_BYTES) == 0;
}
