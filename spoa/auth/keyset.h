/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * keyset: an issuer's keys (RFC 7517), parsed once into OpenSSL's form. Immutable and counted by
 * reference; a new document is a new set.
 *
 * Kept: RSA of 2048 to 8192 bits with an odd exponent of at least 3, P-256, P-384, P-521, Ed25519
 * and Ed448, for verification (`use` absent or "sig", `key_ops` absent or with "verify"). Dropped
 * with a note: symmetric keys, private keys, other types and curves, weak and malformed keys.
 * Refused as a whole: a document with two usable keys of the same kid, more than KEYSET_KEYS_MAX
 * keys, or no usable key.
 */
#include "common/err.h"
#include "spoa/auth/alg.h"

#include <jansson.h>
#include <stdatomic.h>

enum { KEYSET_KEYS_MAX = 64, KEYSET_DOCUMENT_MAX_BYTES = 256 * 1024, KEY_ID_MAX = 256 };

struct key {
	struct slice kid;      /* empty: the document has none */
	const struct alg *alg; /* NULL: the key serves every algorithm of `allowed` */
	alg_set allowed;       /* what type and curve can do, narrowed by `alg` */
	EVP_PKEY *pkey;
	size_t signature_bytes;
};

struct keyset {
	atomic_uint refs;
	uint64_t generation; /* differs between any two sets of a process */
	size_t count;
	size_t dropped;
	char first_dropped[160]; /* why the first one was; empty: none was */
	struct key keys[];
};

/* One reference for the caller. NULL with err set: not JSON, not a key set, or nothing usable in
 * it. */
struct keyset *keyset_parse(struct slice document, const char *name, struct err *err);
struct keyset *keyset_from_json(const json_t *document, struct err *err);
struct keyset *keyset_ref(struct keyset *set);
void keyset_unref(struct keyset *set);

/* By exact kid; NULL when there is none. */
const struct key *keyset_find(const struct keyset *set, struct slice kid);
/* The set's only key; NULL when it has several. */
const struct key *keyset_single(const struct keyset *set);
