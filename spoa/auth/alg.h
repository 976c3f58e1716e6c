/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * alg: the signature algorithms of RFC 7518 section 3.1 and RFC 8037 that are accepted at all. HMAC
 * and "none" have no row, so that no list can name them.
 */
#include "common/slice.h"

#include <openssl/evp.h>

enum alg_family { ALG_RSA_PKCS1, ALG_RSA_PSS, ALG_ECDSA, ALG_EDDSA };

enum {
	ALG_COUNT = 10,
	ALG_SIGNATURE_MAX = 1024, /* an RSA key of 8192 bits */
};

struct alg {
	const char *name;
	enum alg_family family;
	const char *kty;           /* of the JWK: "RSA", "EC", "OKP" */
	const char *digest;        /* NULL: EdDSA hashes by itself */
	const char *crv;           /* the one curve of an ECDSA algorithm */
	unsigned coordinate_bytes; /* ECDSA: the signature is twice as long */
	unsigned index;            /* in the table, 0 to ALG_COUNT - 1 */
};

/* A set of algorithms, one bit per index. */
typedef uint32_t alg_set;

/* Exact spelling, RFC 7515 section 4.1.1; NULL: not accepted. */
const struct alg *alg_find(struct slice name);
const struct alg *alg_at(unsigned index);

static inline alg_set alg_bit(const struct alg *alg)
{
	return (alg_set)1 << alg->index;
}

/* Digests, fetched on first use; NULL for EdDSA or without memory. */
const EVP_MD *alg_digest(const struct alg *alg);
