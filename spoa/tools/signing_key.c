/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/tools/signing_key.h"

#include "common/codec.h"
#include "common/digest.h"
#include "common/file.h"

#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

enum { PEM_MAX_BYTES = 64 * 1024, NUMBER_MAX_BYTES = 2048 };

static bool fail(struct err *err, const char *what)
{
	ERR_clear_error();
	return err_set(err, "%s", what);
}

/* ---- types ----------------------------------------------------------------------------------- */

static const struct key_type {
	const char *name, *alg;
	const char *openssl, *curve;
	size_t bits;
} types[] = {
	{ "rsa", "RS256", "RSA", NULL, 2048 },
	{ "rsa-3072", "RS256", "RSA", NULL, 3072 },
	{ "rsa-4096", "RS256", "RSA", NULL, 4096 },
	{ "ec", "ES256", "EC", "P-256", 256 },
	{ "ec-384", "ES384", "EC", "P-384", 384 },
	{ "ec-521", "ES512", "EC", "P-521", 521 },
	{ "ed25519", "EdDSA", "ED25519", NULL, 0 },
};

/* The row of a key at hand: by type, and for curves by size. */
static const struct key_type *type_of(const EVP_PKEY *pkey)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (EVP_PKEY_is_a(pkey, types[i].openssl) &&
		    (!types[i].curve || (size_t)EVP_PKEY_get_bits(pkey) == types[i].bits))
			return &types[i];
	return NULL;
}

bool signing_key_fits(const struct signing_key *key, const struct alg *alg)
{
	const struct key_type *type = type_of(key->pkey);
	if (strcmp(alg->kty, "RSA") == 0)
		return strcmp(type->openssl, "RSA") == 0;
	return strcmp(alg->name, type->alg) == 0;
}

static bool add_number(
    json_t *jwk, const char *member, const EVP_PKEY *pkey, const char *param, size_t width)
{
	unsigned char bytes[NUMBER_MAX_BYTES];
	BIGNUM *number = NULL;
	struct buf text;
	int len = -1;
	if (EVP_PKEY_get_bn_param(pkey, param, &number) == 1 &&
	    BN_num_bytes(number) <= (int)sizeof(bytes))
		len = BN_bn2binpad(number, bytes, width ? (int)width : BN_num_bytes(number));
	BN_free(number);
	buf_init(&text, 0);
	base64url_encode(&text, slice_of(bytes, len > 0 ? (size_t)len : 0));
	bool ok = len > 0 && json_object_set_new(jwk, member, json_string(buf_cstr(&text))) == 0;
	buf_release(&text);
	return ok;
}

static bool add_raw(json_t *jwk, const char *member, const EVP_PKEY *pkey)
{
	unsigned char bytes[128];
	size_t len = sizeof(bytes);
	struct buf text;
	buf_init(&text, 0);
	bool ok = EVP_PKEY_get_raw_public_key(pkey, bytes, &len) == 1;
	base64url_encode(&text, slice_of(bytes, ok ? len : 0));
	ok = ok && json_object_set_new(jwk, member, json_string(buf_cstr(&text))) == 0;
	buf_release(&text);
	return ok;
}

/* The members that RFC 7638 hashes, and no others. */
static json_t *bare_jwk(const EVP_PKEY *pkey)
{
	const struct key_type *type = type_of(pkey);
	size_t width = (type->bits + 7) / 8;
	json_t *jwk = NULL;
	bool ok;
	if (strcmp(type->openssl, "RSA") == 0) {
		jwk = json_pack("{s:s}", "kty", "RSA");
		ok = add_number(jwk, "n", pkey, OSSL_PKEY_PARAM_RSA_N, 0) &&
		     add_number(jwk, "e", pkey, OSSL_PKEY_PARAM_RSA_E, 0);
	} else if (type->curve) {
		jwk = json_pack("{s:s,s:s}", "kty", "EC", "crv", type->curve);
		ok = add_number(jwk, "x", pkey, OSSL_PKEY_PARAM_EC_PUB_X, width) &&
		     add_number(jwk, "y", pkey, OSSL_PKEY_PARAM_EC_PUB_Y, width);
	} else {
		jwk = json_pack("{s:s,s:s}", "kty", "OKP", "crv", "Ed25519");
		ok = add_raw(jwk, "x", pkey);
	}
	if (ok)
		return jwk;
	json_decref(jwk);
	return NULL;
}

/* Takes over `pkey`. */
static bool adopt(struct signing_key *key, EVP_PKEY *pkey, struct err *err)
{
	const struct key_type *type = pkey ? type_of(pkey) : NULL;
	unsigned char digest[SHA256_BYTES];
	struct buf text;
	*key = (struct signing_key){ .pkey = pkey };
	if (!type) {
		signing_key_release(key);
		return fail(err, "the key is not RSA, P-256, P-384, P-521 or Ed25519");
	}
	key->alg = alg_find(slice_of_cstr(type->alg));
	json_t *jwk = bare_jwk(pkey);
	char *canonical = jwk ? json_dumps(jwk, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
	buf_init(&text, 0);
	bool ok = canonical && digest_sha256(slice_of_cstr(canonical), digest);
	base64url_encode(&text, slice_of(digest, ok ? sizeof(digest) : 0));
	snprintf(key->kid, sizeof(key->kid), "%s", buf_cstr(&text));
	buf_release(&text);
	free(canonical);
	json_decref(jwk);
	return ok || fail(err, "no memory");
}

bool signing_key_generate(struct signing_key *key, const char *name, struct err *err)
{
	EVP_PKEY *pkey = NULL;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct key_type *type = &types[i];
		if (strcmp(name, type->name) != 0)
			continue;
		if (type->curve)
			pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", type->curve);
		else if (type->bits)
			pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", type->bits);
		else
			pkey = EVP_PKEY_Q_keygen(NULL, NULL, type->openssl);
		return pkey ? adopt(key, pkey, err) : fail(err, "the key cannot be made");
	}
	*key = (struct signing_key){ 0 };
	return err_set(err, "unknown key type '%s'", name);
}

void signing_key_release(struct signing_key *key)
{
	EVP_PKEY_free(key->pkey);
	*key = (struct signing_key){ 0 };
}

/* An encrypted file is an error, not a question on the terminal. */
static int no_passphrase(char *text, int size, int writing, void *arg)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

bool signing_key_load(struct signing_key *key, const char *path, struct err *err)
{
	struct buf text;
	*key = (struct signing_key){ 0 };
	buf_init(&text, 0);
	EVP_PKEY *pkey = NULL;
	if (file_read(path, PEM_MAX_BYTES, &text, err)) {
		BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
		pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
		BIO_free(bio);
		if (!pkey)
			err_set(err, "'%s' has no private key in PEM", path);
	}
	if (text.data)
		OPENSSL_cleanse(text.data, text.len);
	buf_release(&text);
	ERR_clear_error();
	return pkey && adopt(key, pkey, err);
}

/* PKCS #8; the bytes are in the BIO, which the caller frees. */
static BIO *to_pem(const struct signing_key *key, struct slice *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *bytes = NULL;
	if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) != 1) {
		BIO_free(bio);
		return NULL;
	}
	long len = BIO_get_mem_data(bio, &bytes);
	*out = slice_of(bytes, (size_t)len);
	return bio;
}

bool signing_key_save(const struct signing_key *key, const char *path, struct err *err)
{
	struct slice pem;
	BIO *bio = to_pem(key, &pem);
	bool ok = bio ? file_write_atomic(path, pem, 0600, err) : fail(err, "no memory");
	BIO_free(bio);
	return ok;
}

json_t *signing_key_jwk(const struct signing_key *key)
{
	json_t *jwk = bare_jwk(key->pkey);
	if (jwk && (json_object_set_new(jwk, "kid", json_string(key->kid)) != 0 ||
	               json_object_set_new(jwk, "use", json_string("sig")) != 0 ||
	               json_object_set_new(jwk, "alg", json_string(key->alg->name)) != 0)) {
		json_decref(jwk);
		return NULL;
	}
	return jwk;
}

json_t *signing_key_set(const struct signing_key *keys, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < count; i++)
		if (json_array_append_new(list, signing_key_jwk(&keys[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	return list ? json_pack("{s:o}", "keys", list) : NULL;
}

/* ---- signing -----------------------------------------------------------------------------------
 */

static bool set_padding(EVP_PKEY_CTX *ctx, const struct alg *alg)
{
	return alg->family != ALG_RSA_PSS ||
	       (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static bool sign_bytes(const struct signing_key *key, const struct alg *alg, struct slice input,
    unsigned char *out, size_t *len)
{
	EVP_PKEY_CTX *pkey_ctx = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok =
	    ctx &&
	    EVP_DigestSignInit_ex(ctx, &pkey_ctx, alg->digest, NULL, NULL, key->pkey, NULL) == 1 &&
	    set_padding(pkey_ctx, alg) &&
	    EVP_DigestSign(ctx, out, len, (const unsigned char *)input.ptr, input.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* r || s of RFC 7518 section 3.4, in place. */
static bool raw_from_der(unsigned char *bytes, size_t *len, size_t width)
{
	const unsigned char *at = bytes;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)*len);
	bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), bytes, (int)width) > 0 &&
	          BN_bn2binpad(ECDSA_SIG_get0_s(sig), bytes + width, (int)width) > 0;
	ECDSA_SIG_free(sig);
	*len = 2 * width;
	return ok;
}

bool signing_key_sign_raw(const struct signing_key *key, const struct alg *alg, struct slice header,
    struct slice payload, struct buf *out, struct err *err)
{
	unsigned char signature[ALG_SIGNATURE_MAX];
	size_t len = sizeof(signature), start = out->len;
	base64url_encode(out, header);
	buf_append_byte(out, '.');
	base64url_encode(out, payload);
	struct slice input = slice_from(buf_slice(out), start);
	bool ok = !buf_failed(out) && sign_bytes(key, alg, input, signature, &len);
	if (ok && alg->family == ALG_ECDSA)
		ok = raw_from_der(signature, &len, alg->coordinate_bytes);
	if (!ok)
		return fail(err, "the token cannot be signed");
	buf_append_byte(out, '.');
	base64url_encode(out, slice_of(signature, len));
	return !buf_failed(out) || fail(err, "no memory");
}

static bool sign_by_libjwt(
    const struct signing_key *key, const char *payload, struct buf *out, struct err *err)
{
	struct slice pem;
	jwt_t *jwt = NULL;
	char *text = NULL;
	BIO *bio = to_pem(key, &pem);
	if (bio && jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, payload) == 0 &&
	    jwt_add_header(jwt, "kid", key->kid) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_RS256, (const unsigned char *)pem.ptr, (int)pem.len) == 0)
		text = jwt_encode_str(jwt);
	buf_append_cstr(out, text ? text : "");
#ifdef JWT_VALIDATION_SUCCESS
	jwt_free_str(text);
#else
	free(text);
#endif
	jwt_free(jwt);
	BIO_free(bio);
	ERR_clear_error();
	return (text && !buf_failed(out)) || fail(err, "libjwt cannot sign the token");
}

static bool sign_by_openssl(const struct signing_key *key, const struct alg *alg, const char *typ,
    const char *payload, struct buf *out, struct err *err)
{
	json_t *header = json_pack("{s:s,s:s,s:s*}", "alg", alg->name, "kid", key->kid, "typ", typ);
	char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
	bool ok = text ? signing_key_sign_raw(
	                     key, alg, slice_of_cstr(text), slice_of_cstr(payload), out, err)
	               : fail(err, "no memory");
	free(text);
	json_decref(header);
	return ok;
}

bool signing_key_sign(const struct signing_key *key, const struct alg *alg, const char *typ,
    const json_t *payload, struct buf *out, struct err *err)
{
	alg = alg ? alg : key->alg;
	if (!signing_key_fits(key, alg))
		return err_set(err, "the key cannot sign with '%s'", alg->name);
	char *text = json_dumps(payload, JSON_COMPACT);
	if (!text)
		return fail(err, "no memory");
	bool ok = strcmp(alg->name, "RS256") == 0 && typ && strcmp(typ, "JWT") == 0
	              ? sign_by_libjwt(key, text, out, err)
	              : sign_by_openssl(key, alg, typ, text, out, err);
	free(text);
	return ok;
}
