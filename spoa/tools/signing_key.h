/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* signing_key: private keys of issuers: made, kept in PEM files, shown as JWK, used to sign. */
#include "common/buf.h"
#include "common/err.h"
#include "spoa/auth/alg.h"

#include <jansson.h>

enum { SIGNING_KEY_ID_MAX = 256 };

struct signing_key {
	EVP_PKEY *pkey;
	const struct alg *alg; /* what it signs with unless told otherwise */
	char kid[SIGNING_KEY_ID_MAX + 1];
};

/* `type`: rsa, rsa-3072, rsa-4096, ec (P-256), ec-384, ec-521, ed25519. The kid is the thumbprint
 * of RFC 7638. */
bool signing_key_generate(struct signing_key *key, const char *type, struct err *err);
/* A private key in PEM; its kid is the thumbprint. */
bool signing_key_load(struct signing_key *key, const char *path, struct err *err);
void signing_key_release(struct signing_key *key);
/* PKCS #8 PEM, mode 0600. */
bool signing_key_save(const struct signing_key *key, const char *path, struct err *err);

/* Whether a key of this type can sign with `alg`. */
bool signing_key_fits(const struct signing_key *key, const struct alg *alg);

/* The public JWK with kid, use and alg; NULL: no memory. */
json_t *signing_key_jwk(const struct signing_key *key);
/* {"keys":[...]} */
json_t *signing_key_set(const struct signing_key *keys, size_t count);

/*
 * Appends the compact JWS of `payload`. `alg` NULL: the key's own. The header has alg, kid and,
 * unless NULL, typ. RS256 with typ "JWT" is signed by libjwt, everything else by OpenSSL.
 */
bool signing_key_sign(const struct signing_key *key, const struct alg *alg, const char *typ,
    const json_t *payload, struct buf *out, struct err *err);
/* Signs header and payload bytes as they are: also what no issuer would make. */
bool signing_key_sign_raw(const struct signing_key *key, const struct alg *alg, struct slice header,
    struct slice payload, struct buf *out, struct err *err);
