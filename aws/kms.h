/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * kms: the AWS Key Management Service, by a client of the service "kms".
 * All return false with err set, and *error filled when it is given.
 */
#include "aws/aws_client.h"

enum {
	KMS_DATA_KEY_BYTES = 32,
	KMS_CIPHERTEXT_MAX = 6144,
	KMS_MESSAGE_MAX = 4096, /* bytes that Sign takes raw */
	KMS_SIGNATURE_MAX = 6144,
	KMS_PUBLIC_KEY_MAX = 8192,
};

/* Pairs bound to a data key as additional authenticated data; the same are needed to decrypt. */
struct kms_context {
	const char *name; /* NULL ends the array */
	const char *value;
};

/*
 * `algorithm` as KMS spells it: ED25519_SHA_512, ECDSA_SHA_256, RSASSA_PSS_SHA_256, ...
 * `is_digest`: `message` is the digest already; otherwise KMS hashes, at most KMS_MESSAGE_MAX
 * bytes. The signature is appended: DER for ECDSA.
 */
bool kms_sign(struct aws_client *client, const char *key_id, const char *algorithm,
    struct slice message, bool is_digest, struct buf *signature, struct aws_error *error,
    struct err *err);

/* True with *valid set when KMS has an answer; a signature that does not fit is no error. */
bool kms_verify(struct aws_client *client, const char *key_id, const char *algorithm,
    struct slice message, bool is_digest, struct slice signature, bool *valid,
    struct aws_error *error, struct err *err);

/* Appends the DER SubjectPublicKeyInfo. `key_spec` ("ECC_NIST_P256") may be NULL. */
bool kms_get_public_key(struct aws_client *client, const char *key_id, struct buf *der,
    char key_spec[64], struct aws_error *error, struct err *err);

/* An AES-256 key: in the clear, which the caller wipes after use, and wrapped (appended). `context`
 * may be NULL. */
bool kms_generate_data_key(struct aws_client *client, const char *key_id,
    const struct kms_context *context, unsigned char key[KMS_DATA_KEY_BYTES], struct buf *wrapped,
    struct aws_error *error, struct err *err);

/* Unwraps. `key_id` may be NULL: then the wrapped bytes name their key. */
bool kms_decrypt_data_key(struct aws_client *client, const char *key_id,
    const struct kms_context *context, struct slice wrapped, unsigned char key[KMS_DATA_KEY_BYTES],
    struct aws_error *error, struct err *err);
