/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * payload: records in and out of a block: framed, compressed, encrypted (docs/audit.md, "Records",
 * "Keys"). One object per data key; one thread at a time.
 */
#include "audit/merkle.h"

enum {
	DATA_KEY_BYTES = 32,
	RECORD_HEAD_BYTES = 5,
	RECORD_MAX_BYTES = 128 * 1024,
	PLAIN_MAX_BYTES = 1 << 20, /* of a block, framed, before compression */
};

enum record_kind { RECORD_ACCESS, RECORD_INVALID, RECORD_EVENT };

struct record {
	enum record_kind kind;
	struct slice bytes;
};

/* ---- Framing. Pure. */

/* Appends; the caller keeps within RECORD_MAX_BYTES and PLAIN_MAX_BYTES. */
void record_append(struct buf *plain, const struct record *record);
/* Takes the first record off *plain. False at its end, and with *bad set when what is there is no
 * record. */
bool record_next(struct slice *plain, struct record *record, bool *bad);

/* ---- Keys. */

struct data_key {
	unsigned char bytes[DATA_KEY_BYTES];
};

void data_key_wipe(struct data_key *key);

struct payload_codec;

/* NULL: no memory. The key is copied. */
struct payload_codec *payload_codec_new(const struct data_key *key);
void payload_codec_free(struct payload_codec *codec);

/* What a segment says of its key, to tell a wrong key from changed content. */
struct hash payload_key_check(const struct payload_codec *codec);
/* 16 bytes for SipHash: the key of the segment's index. */
const unsigned char *payload_index_key(const struct payload_codec *codec);
struct salt payload_salt(const struct payload_codec *codec, uint64_t number);

/*
 * A payload is the leaves of its records, in the clear (they are salted), and the ciphertext.
 *
 * Compresses and encrypts `plain` for the block `head` describes, whose kind, log, segment, first,
 * count, time, offset and prev are set. Appends the payload to `out`; sets head->root, payload_len
 * and seal. False: no memory.
 */
bool payload_seal(
    struct payload_codec *codec, struct block_head *head, struct slice plain, struct buf *out);

enum payload_result {
	PAYLOAD_OK,
	PAYLOAD_FORGED,    /* the tag does not fit: other bytes, other place or other key */
	PAYLOAD_MALFORMED, /* decrypts, but is not what a writer makes */
	PAYLOAD_CHANGED,   /* well formed, but not the records of the head's root */
	PAYLOAD_NO_MEMORY,
};

/*
 * The opposite: *plain borrows from the codec until its next use. Whoever has the data key could
 * have made it; payload_open() also compares it with the head.
 */
enum payload_result payload_decode(struct payload_codec *codec, const struct block_head *head,
    const unsigned char head_bytes[BLOCK_HEAD_BYTES], struct slice payload, struct slice *plain);

/*
 * With PAYLOAD_OK the records are head->count in number and have the head's root. With
 * PAYLOAD_CHANGED *plain is given, too.
 */
enum payload_result payload_open(struct payload_codec *codec, const struct block_head *head,
    const unsigned char head_bytes[BLOCK_HEAD_BYTES], struct slice payload, struct slice *plain);

/*
 * What can still be had of a payload whose seal does not fit: *plain is as much as decrypts and
 * decompresses, whether the tag fits or not; *has_tag tells whether it does. False: nothing.
 */
bool payload_salvage(struct payload_codec *codec, const struct block_head *head,
    const unsigned char head_bytes[BLOCK_HEAD_BYTES], struct slice payload, struct slice *plain,
    bool *has_tag);

/* The leaves a payload begins with, head->count in number. False: it is too short for them. */
bool payload_stored_leaves(
    const struct block_head *head, struct slice payload, struct hash leaves[BLOCK_RECORDS_MAX]);

/*
 * The leaves of the records in `plain`, which begin with number `first`, into `leaves` (room for
 * BLOCK_RECORDS_MAX). Their count; 0 when they are malformed or too many.
 */
size_t payload_leaves(const struct payload_codec *codec, uint64_t first, struct slice plain,
    struct hash leaves[BLOCK_RECORDS_MAX]);
