/* SPDX-License-Identifier: Apache-2.0 */
/* A segment file of any bytes: reading its blocks, opening their payloads, their JSON. */
#include "audit/anchor.h"
#include "audit/blame.h"
#include "audit/payload.h"
#include "audit/proof.h"
#include "audit/segment.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_block(struct payload_codec *codec, const struct block *block)
{
	struct segment_start start;
	struct tombstone tombstone;
	struct checkpoint checkpoint;
	struct record record;
	struct slice plain;
	bool bad;
	unsigned char again[BLOCK_HEAD_BYTES];

	block_encode(&block->head, again);
	assert(memcmp(again, block->head_bytes, sizeof(again)) == 0);
	segment_start_parse(block->payload, &start);
	tombstone_parse(block->payload, &tombstone);
	checkpoint_parse(
	    slice_of(block->head_bytes, BLOCK_HEAD_BYTES + block->payload.len), &checkpoint);
	if (payload_open(codec, &block->head, block->head_bytes, block->payload, &plain) ==
	    PAYLOAD_OK)
		while (record_next(&plain, &record, &bad))
			;
	if (block->head.kind == BLOCK_RECORDS)
		blame_find(codec, &block->head, block->head_bytes, block->payload);
	/* The framing without the encryption around it. */
	plain = block->payload;
	while (record_next(&plain, &record, &bad))
		;
}

static void read_segment(const char *path, struct payload_codec *codec)
{
	struct segment_reader reader;
	struct block block;
	enum block_result why;
	if (!segment_reader_open(&reader, path, NULL))
		return;
	while (segment_reader_next(&reader, &block, &why) == READ_BLOCK)
		open_block(codec, &block);
	segment_reader_close(&reader);
}

static void read_texts(struct slice text)
{
	static struct verifier *verifier;
	struct checkpoint checkpoint;
	struct proof proof;
	if (!verifier)
		verifier = verifier_new();
	anchor_parse(text, "fuzz", &checkpoint, NULL);
	assert(proof_check(text, verifier, &proof) != PROOF_OK);
	proof_release(&proof);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct payload_codec *codec;
	static const struct data_key key = { { 1 } };
	char path[64];
	int fd = memfd_create("segment", MFD_CLOEXEC);

	if (!codec)
		codec = payload_codec_new(&key);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_segment(path, codec);
	read_texts(slice_of(data, size));
	close(fd);
	return 0;
}
