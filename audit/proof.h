/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * proof: that one record is in the log, for somebody who has the public key and nothing else of the
 * log. JSON: the record and its salt, the path to the Merkle root of its block, the heads of the
 * blocks from there to the next checkpoint, the checkpoint (docs/audit.md, "Proofs").
 */
#include "audit/checkpoint.h"
#include "audit/keyring.h"

enum { PROOF_MAX_BYTES = 4 << 20, PROOF_HEADS_MAX = 8192 };

/* Appends the proof of record `number`. False with err set: not there, not readable, not yet
 * signed. */
bool proof_make(
    const char *folder, struct keyring *keyring, uint64_t number, struct buf *out, struct err *err);

enum proof_result {
	PROOF_OK,
	PROOF_MALFORMED,
	PROOF_WRONG_PATH,  /* the record does not lead to the block's root */
	PROOF_WRONG_CHAIN, /* the blocks do not lead to the checkpoint */
	PROOF_WRONG_SIGNATURE,
	PROOF_UNKNOWN_KEY,
	PROOF_NO_MEMORY,
};

struct proof {
	uint64_t number;
	struct buf record;
	struct checkpoint checkpoint;
	int64_t written_ms; /* when its block was made */
};

/* With PROOF_OK *proof says what was proven; release it in any case. */
enum proof_result proof_check(
    struct slice text, const struct verifier *verifier, struct proof *proof);
void proof_release(struct proof *proof);
const char *proof_result_text(enum proof_result result);
