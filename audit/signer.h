/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signer: signs checkpoints with a private key from a file; kms_signer.h makes one that asks KMS.
 * verifier: the public keys an auditor trusts.
 */
#include "audit/hash.h"
#include "common/err.h"

/*
 * A checkpoint's head says how long the signature is before it is made: signatures have one length
 * per kind of key. DER of P-256 is filled up with zeros.
 */
enum { SIGNATURE_ED25519_BYTES = 64, SIGNATURE_P256_BYTES = 72, SIGNATURE_MAX_BYTES = 72 };

struct signer;

/* What makes a signer; kms_signer.c has another. */
struct signer_ops {
	/* Appends the signature of `message`, not filled up. May block. */
	bool (*sign)(void *state, struct slice message, struct buf *signature, struct err *err);
	void (*free)(void *state);
};

/* Takes `state` over, also when it fails for want of memory (NULL). */
struct signer *signer_new(
    const struct signer_ops *ops, void *state, const struct hash *key_id, size_t signature_bytes);
void signer_free(struct signer *signer);

/* A PKCS#8 PEM file with an Ed25519 or a P-256 key, readable by nobody but its owner. */
struct signer *signer_open_file(const char *path, struct err *err);

/* The hash of the public key's DER SubjectPublicKeyInfo. */
const struct hash *signer_key_id(const struct signer *signer);
size_t signer_signature_bytes(const struct signer *signer);
/* Appends signer_signature_bytes() bytes. */
bool signer_sign(
    struct signer *signer, struct slice message, struct buf *signature, struct err *err);

struct verifier;

struct verifier *verifier_new(void);
void verifier_free(struct verifier *verifier);
/* A PEM file with one or more public keys. */
bool verifier_add_file(struct verifier *verifier, const char *path, struct err *err);
bool verifier_add_pem(
    struct verifier *verifier, struct slice pem, const char *name, struct err *err);
/* The public half of a private key file: for the daemon, which checks its own log. */
bool verifier_add_private_file(struct verifier *verifier, const char *path, struct err *err);
bool verifier_add_der(struct verifier *verifier, struct slice der, struct err *err);

enum signature_result { SIGNATURE_OK, SIGNATURE_BAD, SIGNATURE_UNKNOWN_KEY };

enum signature_result verifier_check(const struct verifier *verifier, const struct hash *key_id,
    struct slice message, struct slice signature);

/* Writes a new Ed25519 pair: `private_path` (0600) and `public_path` (0644). Existing files are an
 * error. */
bool signer_generate_files(const char *private_path, const char *public_path, struct err *err);
