/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/kms_keys.h"

#include "aws/kms.h"
#include "common/codec.h"

#include <inttypes.h>
#include <stdlib.h>

struct kms_key {
	struct aws_client *client;
	char *id;
	const char *algorithm; /* of signing keys */
};

static void key_free(void *state)
{
	struct kms_key *key = state;
	if (!key)
		return;
	aws_client_free(key->client);
	free(key->id);
	free(key);
}

static struct kms_key *key_new(const char *id, struct err *err)
{
	const struct aws_client_options options = { .service = "kms" };
	struct kms_key *key = calloc(1, sizeof(*key));
	if (key)
		key->id = strdup(id);
	if (!key || !key->id) {
		key_free(key);
		err_set(err, "no memory for a KMS key");
		return NULL;
	}
	key->client = aws_client_new(&options, err);
	if (!key->client) {
		key_free(key);
		return NULL;
	}
	return key;
}

/* ---- Wrapping. */

struct context_text {
	struct kms_context pairs[3];
	char log[2 * LOG_ID_BYTES + 1], segment[24];
};

static const struct kms_context *context_of(
    const struct key_context *context, struct context_text *text)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < LOG_ID_BYTES; i++) {
		text->log[2 * i] = digits[context->log.bytes[i] >> 4];
		text->log[2 * i + 1] = digits[context->log.bytes[i] & 15];
	}
	text->log[2 * LOG_ID_BYTES] = '\0';
	snprintf(text->segment, sizeof(text->segment), "%" PRIu64, context->segment);
	text->pairs[0] = (struct kms_context){ "sallyport-log", text->log };
	text->pairs[1] = (struct kms_context){ "sallyport-segment", text->segment };
	text->pairs[2] = (struct kms_context){ NULL, NULL };
	return text->pairs;
}

static bool wrap_generate(void *state, const struct key_context *context, struct data_key *key,
    struct buf *wrapped, struct err *err)
{
	struct kms_key *kms = state;
	struct context_text text;
	return kms_generate_data_key(
	    kms->client, kms->id, context_of(context, &text), key->bytes, wrapped, NULL, err);
}

static bool wrap_seal(void *state, const struct key_context *context, const struct data_key *key,
    struct buf *wrapped, struct err *err)
{
	(void)state;
	(void)context;
	(void)key;
	(void)wrapped;
	return err_set(
	    err, "KMS wraps the data keys of new segments only; it rotates its own keys");
}

static bool wrap_open(void *state, const struct key_context *context, struct slice wrapped,
    struct data_key *key, struct err *err)
{
	struct kms_key *kms = state;
	struct context_text text;
	return kms_decrypt_data_key(
	    kms->client, kms->id, context_of(context, &text), wrapped, key->bytes, NULL, err);
}

static const struct wrapper_ops wrap_ops = {
	"kms",
	wrap_generate,
	wrap_seal,
	wrap_open,
	key_free,
};

bool kms_keyring_add(struct keyring *keyring, const char *key_id, struct err *err)
{
	struct kms_key *key = key_new(key_id, err);
	return key && keyring_add(keyring, &wrap_ops, key, key_id, err);
}

/* ---- Signing. */

static bool sign(void *state, struct slice message, struct buf *signature, struct err *err)
{
	struct kms_key *key = state;
	return kms_sign(key->client, key->id, key->algorithm, message, false, signature, NULL, err);
}

static const struct signer_ops sign_ops = { sign, key_free };

// clang-format off
static const struct {
	const char *spec, *algorithm;
	size_t signature_bytes;
} specs[] = {
	{ "ECC_NIST_P256",          "ECDSA_SHA_256",   SIGNATURE_P256_BYTES },
	{ "ECC_NIST_EDWARDS25519",  "ED25519_SHA_512", SIGNATURE_ED25519_BYTES },
};
// clang-format on

static size_t spec_find(const char *spec)
{
	size_t count = sizeof(specs) / sizeof(specs[0]), i = 0;
	while (i < count && strcmp(specs[i].spec, spec) != 0)
		i++;
	return i;
}

struct signer *kms_signer_open(const char *key_id, struct err *err)
{
	char spec[64];
	struct buf der;
	struct kms_key *key = key_new(key_id, err);
	if (!key)
		return NULL;
	buf_init(&der, KMS_PUBLIC_KEY_MAX);
	bool ok = kms_get_public_key(key->client, key_id, &der, spec, NULL, err);
	size_t row = ok ? spec_find(spec) : 0;
	if (ok && row == sizeof(specs) / sizeof(specs[0]))
		ok = err_set(err,
		    "KMS key '%s' is of spec %s; ECC_NIST_P256 or ECC_NIST_EDWARDS25519 can sign "
		    "checkpoints",
		    key_id, spec);
	struct hash id = hash_of(buf_slice(&der));
	buf_release(&der);
	if (!ok) {
		key_free(key);
		return NULL;
	}
	key->algorithm = specs[row].algorithm;
	struct signer *signer = signer_new(&sign_ops, key, &id, specs[row].signature_bytes);
	if (!signer)
		err_set(err, "no memory for a KMS key");
	return signer;
}

bool kms_verifier_add(struct verifier *verifier, const char *key_id, struct err *err)
{
	struct buf der;
	struct kms_key *key = key_new(key_id, err);
	if (!key)
		return false;
	buf_init(&der, KMS_PUBLIC_KEY_MAX);
	bool ok = kms_get_public_key(key->client, key_id, &der, NULL, NULL, err) &&
	          verifier_add_der(verifier, buf_slice(&der), err);
	buf_release(&der);
	key_free(key);
	return ok;
}
