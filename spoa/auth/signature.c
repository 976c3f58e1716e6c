/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/signature.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

enum { COORDINATE_MAX = 66, DER_MAX = 2 * (COORDINATE_MAX + 1 + 3) + 4 };

bool verifier_init(struct verifier *verifier)
{
	verifier->digest = EVP_MD_CTX_new();
	return verifier->digest != NULL;
}

void verifier_release(struct verifier *verifier)
{
	EVP_MD_CTX_free(verifier->digest);
	verifier->digest = NULL;
}

/* INTEGER: no leading zero bytes, but one where the first bit is set. Where it ends. */
static unsigned char *der_integer(unsigned char *at, struct slice number)
{
	while (number.len > 1 && number.ptr[0] == 0)
		number = slice_from(number, 1);
	bool pad = slice_at(number, 0) & 0x80;
	*at++ = 0x02;
	*at++ = (unsigned char)(number.len + pad);
	if (pad)
		*at++ = 0;
	memcpy(at, number.ptr, number.len);
	return at + number.len;
}

/* r || s (RFC 7518 section 3.4) as the SEQUENCE that OpenSSL takes; its length. */
static size_t der_from_raw(struct slice raw, unsigned char der[DER_MAX])
{
	unsigned char body[DER_MAX], *end, *at = der;
	end = der_integer(body, slice_sub(raw, 0, raw.len / 2));
	end = der_integer(end, slice_from(raw, raw.len / 2));
	size_t len = (size_t)(end - body);
	*at++ = 0x30;
	if (len >= 0x80)
		*at++ = 0x81;
	*at++ = (unsigned char)len;
	memcpy(at, body, len);
	return (size_t)(at - der) + len;
}

/*
 * A fresh EVP_PKEY_CTX per call costs some 3 µs and shares nothing between threads or keys.
 * PSS: the salt is exactly as long as the digest (RFC 7518 section 3.5); OpenSSL's default would
 * take any.
 */
static bool set_padding(EVP_PKEY_CTX *ctx, const struct alg *alg, const EVP_MD *digest)
{
	if (alg->family == ALG_RSA_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	if (alg->family == ALG_RSA_PSS)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, digest) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	return true;
}

static enum signature_result verify_digest(struct verifier *verifier, const struct key *key,
    const struct alg *alg, struct slice input, struct slice signature)
{
	unsigned char hash[EVP_MAX_MD_SIZE], der[DER_MAX];
	unsigned int hash_len = 0;
	const EVP_MD *digest = alg_digest(alg);
	enum signature_result result = SIGNATURE_NO_MEMORY;
	if (!digest || EVP_DigestInit_ex2(verifier->digest, digest, NULL) != 1 ||
	    EVP_DigestUpdate(verifier->digest, input.ptr, input.len) != 1 ||
	    EVP_DigestFinal_ex(verifier->digest, hash, &hash_len) != 1)
		return result;
	if (alg->family == ALG_ECDSA)
		signature = slice_of(der, der_from_raw(signature, der));
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
	if (ctx && EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, digest) == 1 && set_padding(ctx, alg, digest))
		result = EVP_PKEY_verify(ctx, (const unsigned char *)signature.ptr, signature.len,
		             hash, hash_len) == 1
		             ? SIGNATURE_GOOD
		             : SIGNATURE_BAD;
	EVP_PKEY_CTX_free(ctx);
	return result;
}

static enum signature_result verify_message(
    const struct key *key, struct slice input, struct slice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	enum signature_result result = SIGNATURE_NO_MEMORY;
	if (ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key->pkey, NULL) == 1)
		result = EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
		             (const unsigned char *)input.ptr, input.len) == 1
		             ? SIGNATURE_GOOD
		             : SIGNATURE_BAD;
	EVP_MD_CTX_free(ctx);
	return result;
}

enum signature_result signature_verify(struct verifier *verifier, const struct key *key,
    const struct alg *alg, struct slice signing_input, struct slice signature)
{
	assert(key->allowed & alg_bit(alg));
	if (signature.len != key->signature_bytes)
		return SIGNATURE_BAD;
	enum signature_result result =
	    alg->family == ALG_EDDSA ? verify_message(key, signing_input, signature)
	                             : verify_digest(verifier, key, alg, signing_input, signature);
	ERR_clear_error();
	return result;
}
