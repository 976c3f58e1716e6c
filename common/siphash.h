/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* siphash: SipHash-1-3, the keyed hash of strmap (Aumasson and Bernstein, "SipHash: a fast short-input PRF"). */
#include "common/slice.h"

struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash13(struct siphash_key key, struct slice bytes);
/* The variant whose test vectors the authors published; shares all but the number of rounds. */
uint64_t siphash24(struct siphash_key key, struct slice bytes);
