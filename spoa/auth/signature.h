/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signature: JWS signatures (RFC 7518 section 3, RFC 8037) by OpenSSL EVP on keys parsed once.
 * One verifier per thread; it keeps the digest context between calls.
 */
#include "spoa/auth/keyset.h"

struct verifier {
	EVP_MD_CTX *digest;
};

/* False: no memory. */
bool verifier_init(struct verifier *verifier);
void verifier_release(struct verifier *verifier);

enum signature_result {
	SIGNATURE_GOOD,
	SIGNATURE_BAD,
	SIGNATURE_NO_MEMORY,
};

/*
 * `alg` must be one of key->allowed. `signature` is the decoded third segment; its length is
 * checked before any arithmetic. Leaves OpenSSL's error queue empty.
 */
enum signature_result signature_verify(struct verifier *verifier, const struct key *key,
    const struct alg *alg, struct slice signing_input, struct slice signature);
