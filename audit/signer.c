/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/signer.h"

#include "common/file.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_MAX_BYTES = 64 * 1024, KEYS_MAX = 64 };

struct signer {
	const struct signer_ops *ops;
	void *state;
	struct hash key_id;
	size_t signature_bytes;
};

struct signer *signer_new(
    const struct signer_ops *ops, void *state, const struct hash *key_id, size_t signature_bytes)
{
	struct signer *signer = malloc(sizeof(*signer));
	if (!signer) {
		ops->free(state);
		return NULL;
	}
	*signer = (struct signer){ ops, state, *key_id, signature_bytes };
	return signer;
}

void signer_free(struct signer *signer)
{
	if (!signer)
		return;
	signer->ops->free(signer->state);
	free(signer);
}

const struct hash *signer_key_id(const struct signer *signer)
{
	return &signer->key_id;
}

size_t signer_signature_bytes(const struct signer *signer)
{
	return signer->signature_bytes;
}

bool signer_sign(
    struct signer *signer, struct slice message, struct buf *signature, struct err *err)
{
	size_t end = signature->len + signer->signature_bytes;
	if (!buf_reserve(signature, signer->signature_bytes))
		return err_set(err, "cannot sign: no memory");
	if (!signer->ops->sign(signer->state, message, signature, err))
		return false;
	if (signature->len > end)
		return err_set(err, "cannot sign: the signature is too long");
	while (signature->len < end)
		buf_append_byte(signature, '\0');
	return true;
}

/* ---- Keys. */

/* What both halves of the house can use: Ed25519, and P-256 as KMS has it everywhere. */
static bool is_supported(EVP_PKEY *key)
{
	char group[32];
	if (EVP_PKEY_is_a(key, "ED25519"))
		return true;
	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

/* Ed25519 hashes by itself. */
static const char *digest_name(EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") ? NULL : "SHA256";
}

static bool key_id_of(EVP_PKEY *key, struct hash *id)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	if (len <= 0)
		return false;
	*id = hash_of(slice_of(der, (size_t)len));
	OPENSSL_free(der);
	return true;
}

static bool fail_at(struct err *err, const char *path, const char *text)
{
	ERR_clear_error();
	return err_set_at(err, (struct err_pos){ path, 0, 0 }, "%s", text);
}

/* ---- Private keys. */

static bool file_sign(void *state, struct slice message, struct buf *signature, struct err *err)
{
	EVP_PKEY *key = state;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = SIGNATURE_MAX_BYTES;
	bool ok = ctx && buf_reserve(signature, len) &&
	          EVP_DigestSignInit_ex(ctx, NULL, digest_name(key), NULL, NULL, key, NULL) == 1 &&
	          EVP_DigestSign(ctx, (unsigned char *)signature->data + signature->len, &len,
	              (const unsigned char *)message.ptr, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return err_set(err, "cannot sign");
	signature->len += len;
	return true;
}

static void file_free(void *state)
{
	EVP_PKEY_free(state);
}

static const struct signer_ops file_ops = { file_sign, file_free };

/* A key that others can read is as good as published: better no start than a false promise. */
static bool is_private(const char *path, struct err *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return fail_at(err, path, "cannot open");
	return (st.st_mode & 077) == 0 || fail_at(err, path, "others may read this key: chmod 600");
}

static EVP_PKEY *private_key_read(const char *path, struct err *err)
{
	struct buf pem;
	EVP_PKEY *key = NULL;
	buf_init(&pem, 0);
	if (is_private(path, err) && file_read(path, PEM_MAX_BYTES, &pem, err)) {
		BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
		key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
		BIO_free(bio);
		if (!key)
			fail_at(err, path, "no private key in PEM without a passphrase");
	}
	if (pem.data)
		OPENSSL_cleanse(pem.data, pem.cap);
	buf_release(&pem);
	if (key && !is_supported(key)) {
		fail_at(err, path, "a key for signing is Ed25519 or P-256");
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

struct signer *signer_open_file(const char *path, struct err *err)
{
	struct hash id;
	EVP_PKEY *key = private_key_read(path, err);
	if (!key)
		return NULL;
	if (!key_id_of(key, &id)) {
		EVP_PKEY_free(key);
		fail_at(err, path, "no memory");
		return NULL;
	}
	struct signer *signer = signer_new(
	    &file_ops, key, &id, digest_name(key) ? SIGNATURE_P256_BYTES : SIGNATURE_ED25519_BYTES);
	if (!signer)
		fail_at(err, path, "no memory");
	return signer;
}

/* ---- Public keys. */

struct verifier {
	struct {
		struct hash id;
		EVP_PKEY *key;
	} keys[KEYS_MAX];
	size_t count;
};

struct verifier *verifier_new(void)
{
	return calloc(1, sizeof(struct verifier));
}

void verifier_free(struct verifier *verifier)
{
	if (!verifier)
		return;
	for (size_t i = 0; i < verifier->count; i++)
		EVP_PKEY_free(verifier->keys[i].key);
	free(verifier);
}

/* Takes the key over. */
static bool verifier_add(
    struct verifier *verifier, EVP_PKEY *key, const char *name, struct err *err)
{
	struct hash id;
	const char *why = NULL;
	if (!is_supported(key))
		why = "a key for signing is Ed25519 or P-256";
	else if (verifier->count == KEYS_MAX)
		why = "too many public keys";
	else if (!key_id_of(key, &id))
		why = "no memory";
	if (why) {
		EVP_PKEY_free(key);
		return fail_at(err, name, why);
	}
	verifier->keys[verifier->count].id = id;
	verifier->keys[verifier->count++].key = key;
	return true;
}

bool verifier_add_der(struct verifier *verifier, struct slice der, struct err *err)
{
	const unsigned char *p = (const unsigned char *)der.ptr;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der.len);
	return key ? verifier_add(verifier, key, NULL, err)
	           : fail_at(err, NULL, "not a public key in DER");
}

bool verifier_add_pem(
    struct verifier *verifier, struct slice pem, const char *name, struct err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	size_t before = verifier->count;
	bool ok = bio != NULL;
	for (EVP_PKEY *key; ok && (key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL)) != NULL;)
		ok = verifier_add(verifier, key, name, err);
	BIO_free(bio);
	ERR_clear_error(); /* the end of the file is an error to OpenSSL */
	if (ok && verifier->count == before)
		return fail_at(err, name, "no public key in PEM");
	return ok || fail_at(err, name, "no memory");
}

bool verifier_add_file(struct verifier *verifier, const char *path, struct err *err)
{
	struct buf pem;
	buf_init(&pem, 0);
	bool ok = file_read(path, PEM_MAX_BYTES, &pem, err) &&
	          verifier_add_pem(verifier, buf_slice(&pem), path, err);
	buf_release(&pem);
	return ok;
}

bool verifier_add_private_file(struct verifier *verifier, const char *path, struct err *err)
{
	EVP_PKEY *key = private_key_read(path, err);
	return key && verifier_add(verifier, key, path, err);
}

/* The DER in a signature that is filled up with zeros; all of it when it is anything else. */
static struct slice unfilled(struct slice signature)
{
	size_t der = signature.len > 2 ? 2 + (size_t)slice_at(signature, 1) : signature.len;
	for (size_t i = der; i < signature.len; i++)
		if (signature.ptr[i])
			return signature;
	return slice_sub(signature, 0, der);
}

static bool check(EVP_PKEY *key, struct slice message, struct slice signature)
{
	if (digest_name(key))
		signature = unfilled(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok =
	    ctx &&
	    EVP_DigestVerifyInit_ex(ctx, NULL, digest_name(key), NULL, NULL, key, NULL) == 1 &&
	    EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
	        (const unsigned char *)message.ptr, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

enum signature_result verifier_check(const struct verifier *verifier, const struct hash *key_id,
    struct slice message, struct slice signature)
{
	for (size_t i = 0; i < verifier->count; i++)
		if (hash_eq(&verifier->keys[i].id, key_id))
			return check(verifier->keys[i].key, message, signature) ? SIGNATURE_OK
			                                                        : SIGNATURE_BAD;
	return SIGNATURE_UNKNOWN_KEY;
}

/* ---- A new pair. */

static bool write_new(const char *path, BIO *bio, mode_t mode, struct err *err)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	if (access(path, F_OK) == 0)
		return fail_at(err, path, "exists already");
	return file_write_atomic(path, slice_of(data, (size_t)len), mode, err);
}

bool signer_generate_files(const char *private_path, const char *public_path, struct err *err)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *private_pem = BIO_new(BIO_s_secmem()), *public_pem = BIO_new(BIO_s_mem());
	bool ok = key && private_pem && public_pem &&
	          PEM_write_bio_PKCS8PrivateKey(private_pem, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	          PEM_write_bio_PUBKEY(public_pem, key) == 1;
	if (!ok)
		fail_at(err, private_path, "cannot generate a key");
	ok = ok &&
	     (access(public_path, F_OK) != 0 || fail_at(err, public_path, "exists already")) &&
	     write_new(private_path, private_pem, 0600, err) &&
	     write_new(public_path, public_pem, 0644, err);
	BIO_free(private_pem);
	BIO_free(public_pem);
	EVP_PKEY_free(key);
	return ok;
}
