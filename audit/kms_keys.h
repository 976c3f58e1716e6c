/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* kms_keys: data keys wrapped, and checkpoints signed, by AWS KMS. Calls block. */
#include "audit/keyring.h"
#include "audit/signer.h"

/*
 * Adds a KMS key (id, ARN or alias) that wraps data keys. They are bound to log and segment by the
 * encryption context {"sallyport-log": hexadecimal id, "sallyport-segment": number}.
 */
bool kms_keyring_add(struct keyring *keyring, const char *key_id, struct err *err);

/* A KMS key of spec ECC_NIST_P256 or ECC_NIST_EDWARDS25519 that signs. NULL with err set. */
struct signer *kms_signer_open(const char *key_id, struct err *err);
/* Its public key, for the verifier. */
bool kms_verifier_add(struct verifier *verifier, const char *key_id, struct err *err);
