/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/keyset.h"

#include "common/codec.h"
#include "common/json_read.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, NUMBER_MAX_BYTES = RSA_BITS_MAX / 8 + 8 };

/* A base64url member as bytes. */
struct octets {
	unsigned char bytes[NUMBER_MAX_BYTES];
	size_t len;
};

static const char *text_member(const json_t *jwk, const char *name)
{
	return json_string_value(json_object_get(jwk, name));
}

static bool octets_member(const json_t *jwk, const char *name, struct octets *out)
{
	const json_t *value = json_object_get(jwk, name);
	struct slice text = slice_of(json_string_value(value), json_string_length(value));
	if (!text.ptr || text.len == 0 || BASE64_DECODED_MAX(text.len) > sizeof(out->bytes))
		return false;
	ptrdiff_t len = base64url_decode(text, (char *)out->bytes);
	out->len = len > 0 ? (size_t)len : 0;
	return len > 0;
}

/* ---- from parameters to EVP_PKEY
 * ----------------------------------------------------------------- */

static EVP_PKEY *pkey_from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return pkey;
}

static bool pkey_is_sound(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool sound = ctx && EVP_PKEY_public_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	return sound;
}

static const char *rsa_check(const struct octets *n, const struct octets *e)
{
	if (n->bytes[0] == 0 || e->bytes[0] == 0)
		return "a number with a leading zero byte";
	if (e->len == 1 && e->bytes[0] < 3)
		return "an RSA exponent below 3";
	if (e->len > 8 || !(e->bytes[e->len - 1] & 1))
		return "an RSA exponent that is even or too large";
	return NULL;
}

/*
 * CVE-2017-15361 (ROCA): primes of a faulty generator are powers of 65537 modulo all small primes,
 * and so is their product. A sound modulus passes for one of them once in some 2^27.
 */
static bool is_roca(const BIGNUM *modulus)
{
	static const unsigned char primes[] = { 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47,
		53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139,
		149, 151, 157, 163, 167 };
	for (size_t i = 0; i < sizeof(primes); i++) {
		BN_ULONG p = primes[i], rest = BN_mod_word(modulus, p), power = 1;
		do
			power = power * (65537 % p) % p;
		while (power != rest && power != 1);
		if (power != rest)
			return false;
	}
	return true;
}

static const char *rsa_key(const json_t *jwk, struct key *out)
{
	struct octets n, e;
	if (!octets_member(jwk, "n", &n) || !octets_member(jwk, "e", &e))
		return "'n' or 'e' is missing or not base64url";
	const char *bad = rsa_check(&n, &e);
	if (bad)
		return bad;
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *modulus = BN_bin2bn(n.bytes, (int)n.len, NULL),
	       *exponent = BN_bin2bn(e.bytes, (int)e.len, NULL);
	OSSL_PARAM *params = NULL;
	if (builder && modulus && exponent &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	int bits = modulus ? BN_num_bits(modulus) : 0;
	bool roca = modulus && is_roca(modulus);
	if (!roca && bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX)
		out->pkey = pkey_from_params("RSA", params);
	else
		OSSL_PARAM_free(params);
	BN_free(modulus);
	BN_free(exponent);
	OSSL_PARAM_BLD_free(builder);
	if (roca)
		return "an RSA key that can be factored (CVE-2017-15361)";
	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return "an RSA modulus of less than 2048 or more than 8192 bits";
	out->signature_bytes = ((size_t)bits + 7) / 8;
	return NULL;
}

static const char *ec_key(const json_t *jwk, struct key *out)
{
	static const struct {
		const char *crv, *group;
		size_t bytes;
	} curves[] = { { "P-256", "P-256", 32 }, { "P-384", "P-384", 48 },
		{ "P-521", "P-521", 66 } };
	const char *crv = text_member(jwk, "crv");
	struct octets x, y;
	if (!octets_member(jwk, "x", &x) || !octets_member(jwk, "y", &y))
		return "'x' or 'y' is missing or not base64url";
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (!crv || strcmp(crv, curves[i].crv) != 0)
			continue;
		/* RFC 7518 section 6.2.1.2: full length, leading zeros kept. */
		size_t bytes = curves[i].bytes;
		if (x.len != bytes || y.len != bytes)
			return "a coordinate of the wrong length";
		unsigned char point[1 + 2 * 66] = { 4 };
		memcpy(point + 1, x.bytes, bytes);
		memcpy(point + 1 + bytes, y.bytes, bytes);
		char group[8];
		snprintf(group, sizeof(group), "%s", curves[i].group);
		OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
			OSSL_PARAM_construct_octet_string(
			    OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * bytes),
			OSSL_PARAM_construct_end(),
		};
		out->pkey = pkey_from_params("EC", OSSL_PARAM_dup(params));
		out->signature_bytes = 2 * bytes;
		return NULL;
	}
	return "an unsupported curve";
}

static const char *okp_key(const json_t *jwk, struct key *out)
{
	static const struct {
		const char *crv;
		size_t key_bytes, signature_bytes;
	} curves[] = { { "Ed25519", 32, 64 }, { "Ed448", 57, 114 } };
	const char *crv = text_member(jwk, "crv");
	struct octets x;
	if (!octets_member(jwk, "x", &x))
		return "'x' is missing or not base64url";
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (!crv || strcmp(crv, curves[i].crv) != 0)
			continue;
		if (x.len != curves[i].key_bytes)
			return "a key of the wrong length";
		out->pkey =
		    EVP_PKEY_new_raw_public_key_ex(NULL, curves[i].crv, NULL, x.bytes, x.len);
		out->signature_bytes = curves[i].signature_bytes;
		return NULL;
	}
	return "an unsupported curve";
}

/* ---- one JWK
 * ------------------------------------------------------------------------------------- */

static bool key_ops_allow(const json_t *ops)
{
	size_t index;
	json_t *op;
	if (!ops)
		return true;
	json_array_foreach(ops, index,
	    op) if (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0) return true;
	return false;
}

static const char *check_purpose(const json_t *jwk)
{
	const json_t *use = json_object_get(jwk, "use");
	static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi", "oth",
		"k" };
	if (use && (!json_is_string(use) || strcmp(json_string_value(use), "sig") != 0))
		return "not for signatures ('use')";
	if (!key_ops_allow(json_object_get(jwk, "key_ops")))
		return "not for verification ('key_ops')";
	for (size_t i = 0; i < sizeof(private_members) / sizeof(private_members[0]); i++)
		if (json_object_get(jwk, private_members[i]))
			return "a private or symmetric key, which does not belong in a key set";
	return NULL;
}

/* The algorithms that type and curve allow. */
static alg_set algs_of(const char *kty, const char *crv)
{
	alg_set set = 0;
	for (unsigned i = 0; i < ALG_COUNT; i++) {
		const struct alg *alg = alg_at(i);
		if (strcmp(alg->kty, kty) == 0 &&
		    (!alg->crv || (crv && strcmp(alg->crv, crv) == 0)))
			set |= alg_bit(alg);
	}
	return set;
}

static const char *narrow_by_alg(const json_t *jwk, struct key *out)
{
	const json_t *alg = json_object_get(jwk, "alg");
	if (!alg)
		return NULL;
	out->alg = alg_find(slice_of(json_string_value(alg), json_string_length(alg)));
	if (!out->alg || !(out->allowed & alg_bit(out->alg)))
		return "'alg' is not supported or does not fit the key";
	out->allowed = alg_bit(out->alg);
	return NULL;
}

static const char *read_kid(const json_t *jwk, struct key *out)
{
	const json_t *kid = json_object_get(jwk, "kid");
	if (!kid)
		return NULL;
	size_t len = json_string_length(kid);
	if (!json_is_string(kid) || len == 0 || len > KEY_ID_MAX)
		return "'kid' is not a string of 1 to 256 bytes";
	char *copy = malloc(len);
	if (!copy)
		return "no memory";
	out->kid = slice_of(memcpy(copy, json_string_value(kid), len), len);
	return NULL;
}

static void key_release(struct key *key)
{
	EVP_PKEY_free(key->pkey);
	free((void *)(uintptr_t)key->kid.ptr);
	*key = (struct key){ 0 };
}

static const char *key_fill(const json_t *jwk, struct key *out)
{
	static const struct {
		const char *kty;
		const char *(*make)(const json_t *, struct key *);
	} types[] = { { "RSA", rsa_key }, { "EC", ec_key }, { "OKP", okp_key } };
	const char *kty = text_member(jwk, "kty"), *bad = check_purpose(jwk);
	if (bad)
		return bad;
	for (size_t i = 0; kty && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(kty, types[i].kty) != 0)
			continue;
		out->allowed = algs_of(kty, text_member(jwk, "crv"));
		if ((bad = narrow_by_alg(jwk, out)) || (bad = read_kid(jwk, out)) ||
		    (bad = types[i].make(jwk, out)))
			return bad;
		return out->pkey && pkey_is_sound(out->pkey) ? NULL : "not a sound public key";
	}
	return "an unsupported key type";
}

/* NULL: `out` is a key; else why not, and `out` is empty. */
static const char *key_parse(const json_t *jwk, struct key *out)
{
	*out = (struct key){ 0 };
	const char *bad = json_is_object(jwk) ? key_fill(jwk, out) : "not an object";
	if (bad)
		key_release(out);
	ERR_clear_error();
	return bad;
}

/* ---- the set
 * --------------------------------------------------------------------------------------- */

static void note_dropped(struct keyset *set, size_t index, const json_t *jwk, const char *why)
{
	const char *kid = text_member(jwk, "kid");
	if (set->dropped++ == 0)
		snprintf(set->first_dropped, sizeof(set->first_dropped), "key %zu ('%.40s'): %s",
		    index, kid ? kid : "no kid", why);
}

static bool add_keys(struct keyset *set, const json_t *keys, struct err *err)
{
	size_t index;
	json_t *jwk;
	json_array_foreach(keys, index, jwk)
	{
		struct key key;
		const char *bad = key_parse(jwk, &key);
		if (bad) {
			note_dropped(set, index, jwk, bad);
			continue;
		}
		if (key.kid.len && keyset_find(set, key.kid)) {
			err_set(err, "two keys have the kid '%.*s'", SLICE_ARG(key.kid));
			key_release(&key);
			return false;
		}
		set->keys[set->count++] = key;
	}
	return set->count > 0 ||
	       err_set(err, "no usable key%s%s", set->dropped ? ": " : "", set->first_dropped);
}

struct keyset *keyset_from_json(const json_t *document, struct err *err)
{
	static _Atomic uint64_t generations;
	const json_t *keys = json_object_get(document, "keys");
	size_t count = json_array_size(keys);
	if (!json_is_array(keys)) {
		err_set(err, "not a key set: no array 'keys'");
		return NULL;
	}
	if (count > KEYSET_KEYS_MAX) {
		err_set(err, "more than %d keys", KEYSET_KEYS_MAX);
		return NULL;
	}
	struct keyset *set = calloc(1, sizeof(*set) + count * sizeof(set->keys[0]));
	if (!set) {
		err_set(err, "no memory");
		return NULL;
	}
	atomic_init(&set->refs, 1);
	set->generation = atomic_fetch_add(&generations, 1) + 1;
	if (!add_keys(set, keys, err)) {
		keyset_unref(set);
		return NULL;
	}
	return set;
}

struct keyset *keyset_parse(struct slice document, const char *name, struct err *err)
{
	if (document.len > KEYSET_DOCUMENT_MAX_BYTES) {
		err_set(err, "longer than %d bytes", KEYSET_DOCUMENT_MAX_BYTES);
		return NULL;
	}
	json_t *root = json_read_text(document, name, err);
	struct keyset *set = root ? keyset_from_json(root, err) : NULL;
	json_decref(root);
	return set;
}

struct keyset *keyset_ref(struct keyset *set)
{
	atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void keyset_unref(struct keyset *set)
{
	if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < set->count; i++)
		key_release(&set->keys[i]);
	free(set);
}

const struct key *keyset_find(const struct keyset *set, struct slice kid)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->keys[i].kid.len && slice_eq(set->keys[i].kid, kid))
			return &set->keys[i];
	return NULL;
}

const struct key *keyset_single(const struct keyset *set)
{
	return set->count == 1 ? &set->keys[0] : NULL;
}
