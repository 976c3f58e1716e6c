/* SPDX-License-Identifier: Apache-2.0 */
/* A key set of any bytes: what is kept is whole, and can be asked about a signature. */
#include "spoa/auth/signature.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct verifier verifier;
	static const char zeros[ALG_SIGNATURE_MAX];
	struct err err = { 0 };
	if (!verifier.digest)
		assert(verifier_init(&verifier));
	struct keyset *set = keyset_parse(slice_of(data, size), "fuzz", &err);
	assert((set != NULL) != err.set);
	for (size_t i = 0; set && i < set->count; i++) {
		const struct key *key = &set->keys[i];
		assert(key->pkey && key->allowed && key->signature_bytes <= sizeof(zeros));
		assert(key->kid.len == 0 || keyset_find(set, key->kid) == key);
		for (unsigned k = 0; k < ALG_COUNT; k++)
			if (key->allowed & alg_bit(alg_at(k)))
				(void)signature_verify(&verifier, key, alg_at(k), SLICE("x"),
				    slice_of(zeros, key->signature_bytes));
	}
	keyset_unref(set);
	return 0;
}
