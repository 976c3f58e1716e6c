/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* siphash: SipHash-c-d of Aumasson and Bernstein, keyed hashing that an attacker cannot steer. */
#include "common/slice.h"

enum { SIPHASH_KEY_BYTES = 16 };

/* A key from the kernel. False: there was none to be had. */
bool siphash_new_key(unsigned char key[SIPHASH_KEY_BYTES]);

/* SipHash-1-3: for hash tables. */
uint64_t siphash13(const unsigned char key[SIPHASH_KEY_BYTES], struct slice bytes);
/* The same with 128 bits, in the order of the reference's output: where two texts must not be taken
 * for one. */
void siphash13_128(const unsigned char key[SIPHASH_KEY_BYTES], struct slice bytes, uint64_t out[2]);
/* SipHash-2-4: the variant with published vectors, which prove both. */
uint64_t siphash24(const unsigned char key[SIPHASH_KEY_BYTES], struct slice bytes);
