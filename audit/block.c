/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/block.h"

#include "audit/bytes.h"

enum {
	AT_KIND = 4,
	AT_RESERVED = 5,
	AT_LOG = 8,
	AT_SEGMENT = 24,
	AT_FIRST = 32,
	AT_COUNT = 40,
	AT_PAYLOAD_LEN = 44,
	AT_TIME = 48,
	AT_OFFSET = 56,
	AT_PREV = 64,
	AT_ROOT = 96,
	AT_SEAL = 128,
};

#define NUMBER_MAX (UINT64_C(1) << 62)

static const char magic[4] = { 'S', 'A', 'L', '1' };

void block_encode(const struct block_head *head, unsigned char dst[BLOCK_HEAD_BYTES])
{
	memcpy(dst, magic, sizeof(magic));
	dst[AT_KIND] = (unsigned char)head->kind;
	memset(dst + AT_RESERVED, 0, AT_LOG - AT_RESERVED);
	memcpy(dst + AT_LOG, head->log.bytes, LOG_ID_BYTES);
	put_be64(dst + AT_SEGMENT, head->segment);
	put_be64(dst + AT_FIRST, head->first);
	put_be32(dst + AT_COUNT, head->count);
	put_be32(dst + AT_PAYLOAD_LEN, head->payload_len);
	put_be64(dst + AT_TIME, (uint64_t)head->time_ms);
	put_be64(dst + AT_OFFSET, head->offset);
	memcpy(dst + AT_PREV, head->prev.bytes, SHA256_BYTES);
	memcpy(dst + AT_ROOT, head->root.bytes, SHA256_BYTES);
	memcpy(dst + AT_SEAL, head->seal.bytes, SHA256_BYTES);
}

/* Bounds of count and payload by kind: what a hostile head may ask a reader to hold. */
static enum block_result check(const struct block_head *head, const unsigned char *reserved)
{
	bool records = head->kind == BLOCK_RECORDS;
	uint32_t max = records ? BLOCK_PAYLOAD_MAX : BLOCK_SMALL_PAYLOAD_MAX;

	if (head->kind < BLOCK_SEGMENT || head->kind > BLOCK_TOMBSTONE)
		return BLOCK_BAD_KIND;
	if (reserved[0] || reserved[1] || reserved[2])
		return BLOCK_BAD_RESERVED;
	if (head->segment == 0 || head->segment > NUMBER_MAX || head->first == 0 ||
	    head->first > NUMBER_MAX || head->offset > NUMBER_MAX)
		return BLOCK_BAD_NUMBER;
	if (records ? head->count == 0 || head->count > BLOCK_RECORDS_MAX : head->count != 0)
		return BLOCK_BAD_COUNT;
	if (head->payload_len == 0 || head->payload_len > max)
		return BLOCK_BAD_LENGTH;
	return head->time_ms < 0 ? BLOCK_BAD_TIME : BLOCK_OK;
}

enum block_result block_decode(const unsigned char src[BLOCK_HEAD_BYTES], struct block_head *head)
{
	struct block_head read = {
		.kind = (enum block_kind)src[AT_KIND],
		.segment = get_be64(src + AT_SEGMENT),
		.first = get_be64(src + AT_FIRST),
		.count = get_be32(src + AT_COUNT),
		.payload_len = get_be32(src + AT_PAYLOAD_LEN),
		.time_ms = (int64_t)get_be64(src + AT_TIME),
		.offset = get_be64(src + AT_OFFSET),
	};
	if (memcmp(src, magic, sizeof(magic)) != 0)
		return BLOCK_BAD_MAGIC;
	enum block_result result = check(&read, src + AT_RESERVED);
	if (result != BLOCK_OK)
		return result;
	memcpy(read.log.bytes, src + AT_LOG, LOG_ID_BYTES);
	memcpy(read.prev.bytes, src + AT_PREV, SHA256_BYTES);
	memcpy(read.root.bytes, src + AT_ROOT, SHA256_BYTES);
	memcpy(read.seal.bytes, src + AT_SEAL, SHA256_BYTES);
	*head = read;
	return BLOCK_OK;
}

const char *block_result_text(enum block_result result)
{
	static const char *const texts[] = {
		[BLOCK_OK] = "well formed",
		[BLOCK_BAD_MAGIC] = "no block starts here",
		[BLOCK_BAD_KIND] = "unknown kind of block",
		[BLOCK_BAD_RESERVED] = "reserved bytes are not zero",
		[BLOCK_BAD_NUMBER] = "impossible segment, record number or offset",
		[BLOCK_BAD_COUNT] = "impossible number of records",
		[BLOCK_BAD_LENGTH] = "impossible payload length",
		[BLOCK_BAD_TIME] = "impossible time",
	};
	return texts[result];
}

const char *block_kind_name(enum block_kind kind)
{
	static const char *const names[] = {
		[BLOCK_SEGMENT] = "segment",
		[BLOCK_RECORDS] = "records",
		[BLOCK_CHECKPOINT] = "checkpoint",
		[BLOCK_END] = "end",
		[BLOCK_TOMBSTONE] = "tombstone",
	};
	return kind >= BLOCK_SEGMENT && kind <= BLOCK_TOMBSTONE ? names[kind] : "unknown";
}

struct hash block_link(const unsigned char head[BLOCK_HEAD_BYTES])
{
	return hash_of(slice_of(head, BLOCK_HEAD_BYTES));
}
