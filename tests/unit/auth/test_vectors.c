/* SPDX-License-Identifier: Apache-2.0 */
/* Published vectors: Wycheproof, the RFCs' examples, JSONTestSuite. They are not part of the
 * project. */
#include "common/codec.h"
#include "common/digest.h"
#include "common/file.h"
#include "spoa/auth/jws.h"

#include <dirent.h>
#include <glob.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define DATA "../shared/data/jose/"

static struct verifier verifier;
static struct arena arena;

static void need_data(void)
{
	if (access(DATA, R_OK) == 0)
		return;
	print_message("vectors are not at " DATA "\n");
	skip();
}

static json_t *load(const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error);
	if (!root)
		fail_msg("%s: %s", path, error.text);
	return root;
}

static const char *member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

/* ---- JWS and JWK of Wycheproof ------------------------------------------------------------------
 */

static bool is_symmetric(const json_t *keys)
{
	size_t i;
	const json_t *key;
	json_array_foreach(keys, i, key) if (strcmp(member(key, "kty"), "oct") != 0) return false;
	return true;
}

/* KEYS_UNAVAILABLE: the set has no key that could be used. */
static enum auth_reason reason_of(const json_t *set, struct slice text)
{
	struct keyset *keys = keyset_from_json(set, NULL);
	enum auth_reason reason =
	    keys ? jws_verify(&verifier, keys, UINT32_MAX, text, &arena) : AUTH_KEYS_UNAVAILABLE;
	keyset_unref(keys);
	return reason;
}

static bool accepts(const json_t *set, const char *text)
{
	bool ok = reason_of(set, slice_of_cstr(text)) == AUTH_OK;
	arena_reset(&arena);
	return ok;
}

static json_t *group_keys(const json_t *group)
{
	json_t *jwk = json_object_get(group, "public");
	jwk = jwk ? jwk : json_object_get(group, "private");
	return json_object_get(jwk, "keys") ? json_incref(jwk) : json_pack("{s:[O]}", "keys", jwk);
}

struct tally {
	size_t tests, differing;
	int ids[16];
};

/* What a validator without HMAC should say, compared with the label. */
static void run_group(const json_t *group, struct tally *tally)
{
	size_t i;
	const json_t *test;
	json_t *set = group_keys(group);
	bool symmetric = is_symmetric(json_object_get(set, "keys"));
	json_array_foreach(json_object_get(group, "tests"), i, test)
	{
		const char *jws = member(test, "jws");
		bool wanted = strcmp(member(test, "result"), "valid") == 0 && !symmetric;
		if (!jws)
			continue;
		tally->tests++;
		if (accepts(set, jws) == wanted)
			continue;
		assert_true(tally->differing < 16);
		tally->ids[tally->differing++] =
		    (int)json_integer_value(json_object_get(test, "tcId"));
	}
	json_decref(set);
}

static struct tally run_file(const char *path)
{
	struct tally tally = { 0 };
	size_t i;
	const json_t *group;
	json_t *root = load(path);
	json_array_foreach(json_object_get(root, "testGroups"), i, group) run_group(group, &tally);
	json_decref(root);
	return tally;
}

/*
 * The eight that the vectors' README names: 346, 347, 350 and 351 have a JWK alg that is not the
 * token's; 367 and 370 (labelled invalid, bytes of a valid one) and 372 and 373 (labelled valid, a
 * '?' inside) are HMAC, which is refused whatever the label.
 */
static void wycheproof_signatures_differ_where_the_data_is_wrong(void **state)
{
	(void)state;
	need_data();
	struct tally tally = run_file(DATA "wycheproof/json_web_signature_test.json");
	static const int known[] = { 346, 347, 350, 351 };
	assert_int_equal(tally.tests, 401);
	assert_int_equal(tally.differing, 4);
	assert_memory_equal(tally.ids, known, sizeof(known));
}

static void wycheproof_keys_and_older_signatures_all_agree(void **state)
{
	(void)state;
	need_data();
	struct tally keys = run_file(DATA "wycheproof/json_web_key_test.json");
	assert_int_equal(keys.tests, 26);
	assert_int_equal(keys.differing, 0);
	struct tally crypto = run_file(DATA "wycheproof/json_web_crypto_test.json");
	assert_int_equal(crypto.tests, 48);
	assert_int_equal(crypto.differing, 0);
}

static void encrypted_tokens_are_no_signatures(void **state)
{
	size_t i, k, seen = 0;
	const json_t *group, *test;
	struct token token;
	(void)state;
	need_data();
	json_t *root = load(DATA "wycheproof/json_web_encryption_test.json");
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	    json_array_foreach(json_object_get(group, "tests"), k, test)
	{
		const char *jwe = member(test, "jwe");
		if (!jwe)
			continue;
		seen++;
		assert_int_not_equal(
		    token_split(slice_of_cstr(jwe), TOKEN_MAX_BYTES, &arena, &token), AUTH_OK);
		arena_reset(&arena);
	}
	json_decref(root);
	assert_true(seen > 100);
}

/* ---- primitives ---------------------------------------------------------------------------------
 */

struct primitive {
	struct key key;
	const struct alg *alg; /* NULL: parameters that no JWS algorithm has */
};

static const struct alg *alg_of_group(const char *file, const json_t *group)
{
	char name[8];
	const char *sha = member(group, "sha"), *mgf_sha = member(group, "mgfSha");
	const json_t *salt = json_object_get(group, "sLen");
	if (!sha)
		return alg_find(SLICE("EdDSA"));
	const char *family = strstr(file, "ecdsa") ? "ES" : strstr(file, "pss") ? "PS" : "RS";
	snprintf(name, sizeof(name), "%s%s", family, sha + 4);
	if (salt && (strcmp(sha, mgf_sha) != 0 || json_integer_value(salt) * 8 != atoi(sha + 4)))
		return NULL;
	return alg_find(slice_of_cstr(name));
}

static struct primitive primitive_of(const char *file, const json_t *group)
{
	const char *pem = member(group, "publicKeyPem");
	BIO *bio = BIO_new_mem_buf(pem, -1);
	struct primitive p = { .alg = alg_of_group(file, group) };
	p.key.pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	assert_non_null(p.key.pkey);
	/* Parameters of no JWS algorithm: the one of the same digest must refuse them. */
	if (!p.alg)
		p.alg = alg_find(SLICE("PS256"));
	p.key.allowed = alg_bit(p.alg);
	p.key.signature_bytes = p.alg->family == ALG_ECDSA ? 2 * p.alg->coordinate_bytes
	                                                   : (size_t)EVP_PKEY_get_size(p.key.pkey);
	return p;
}

static struct slice unhex(const char *text)
{
	size_t len = strlen(text);
	char *bytes = arena_alloc(&arena, len / 2 + 1);
	assert_int_equal(hex_decode(slice_of_cstr(text), bytes), len / 2);
	return slice_of(bytes, len / 2);
}

static size_t run_primitives(const char *file)
{
	size_t i, k, count = 0;
	const json_t *group, *test;
	json_t *root = load(file);
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		struct primitive p = primitive_of(file, group);
		bool is_jws = alg_of_group(file, group) != NULL;
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			bool valid = strcmp(member(test, "result"), "valid") == 0,
			     wanted = is_jws && valid;
			enum signature_result result = signature_verify(&verifier, &p.key, p.alg,
			    unhex(member(test, "msg")), unhex(member(test, "sig")));
			/* With other parameters "invalid" may mean a salt as JWS wants it. */
			if ((is_jws || valid) && (result == SIGNATURE_GOOD) != wanted)
				fail_msg("%s: test %d", file,
				    (int)json_integer_value(json_object_get(test, "tcId")));
			count++;
			arena_reset(&arena);
		}
		EVP_PKEY_free(p.key.pkey);
	}
	json_decref(root);
	return count;
}

static void wycheproof_primitives_all_agree(void **state)
{
	size_t count = 0;
	glob_t files;
	(void)state;
	need_data();
	assert_int_equal(glob(DATA "wycheproof/ecdsa_*_test.json", 0, NULL, &files), 0);
	glob(DATA "wycheproof/ed*_test.json", GLOB_APPEND, NULL, &files);
	glob(DATA "wycheproof/rsa_*_test.json", GLOB_APPEND, NULL, &files);
	for (size_t i = 0; i < files.gl_pathc; i++)
		count += run_primitives(files.gl_pathv[i]);
	globfree(&files);
	assert_int_equal(count, 4724);
}

/* ---- examples of the RFCs
 * ------------------------------------------------------------------------ */

static struct slice read_text(const char *path)
{
	struct buf text;
	buf_init(&text, 0);
	assert_true(file_read(path, 1 << 20, &text, NULL));
	struct slice copy = slice_trim(arena_dup(&arena, buf_slice(&text)));
	buf_release(&text);
	return copy;
}

/* A file of latchset's; some hold nothing but the name of another, which they were links to. */
static struct slice read_example(const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), DATA "rfc_latchset/%s", name);
	struct slice text = read_text(path);
	if (!slice_starts_with(text, SLICE("rfc")))
		return text;
	snprintf(path, sizeof(path), DATA "rfc_latchset/%.*s", SLICE_ARG(text));
	return read_text(path);
}

static json_t *load_example(const char *name)
{
	struct slice text = read_example(name);
	json_t *root = json_loadb(text.ptr, text.len, 0, NULL);
	if (!root)
		fail_msg("%s is no JSON", name);
	return root;
}

/* The key alone, or the keys of a set, without their private members. */
static json_t *public_set(json_t *jwk)
{
	static const char *const secret[] = { "d", "p", "q", "dp", "dq", "qi" };
	json_t *set = json_object_get(jwk, "keys") ? json_incref(jwk)
	                                           : json_pack("{s:[O]}", "keys", jwk),
	       *key;
	size_t i;
	json_array_foreach(json_object_get(set, "keys"), i, key) for (size_t k = 0; k < 6; k++)
	    json_object_del(key, secret[k]);
	return set;
}

struct example {
	const char *keys, *token;
	enum auth_reason reason;
};

static void check_example(json_t *keys, struct slice token, const struct example *example)
{
	json_t *set = public_set(keys);
	enum auth_reason got = reason_of(set, token);
	if (got != example->reason)
		fail_msg("%s: %s, expected %s", example->token, auth_reason_code(got),
		    auth_reason_code(example->reason));
	json_decref(set);
	arena_reset(&arena);
}

/* HMAC keys are no keys here, "none" is no algorithm, and of the serialisations only the compact
 * one is a token. */
static void rfc_examples_are_taken_and_refused_as_they_should(void **state)
{
	static const struct example rows[] = {
		{ "rfc7515_A.1.jwk", "rfc7515_A.1.jwsc", AUTH_KEYS_UNAVAILABLE }, /* HS256 */
		{ "rfc7515_A.2.jwk", "rfc7515_A.1.jwsc", AUTH_ALG_REFUSED }, /* HS256, RSA key */
		{ "rfc7515_A.2.jwk", "rfc7515_A.2.jwsc", AUTH_OK },          /* RS256 */
		{ "rfc7515_A.3.jwk", "rfc7515_A.2.jwsc",
		    AUTH_KEY_UNSUITABLE },                          /* RS256, P-256 key */
		{ "rfc7515_A.3.jwk", "rfc7515_A.3.jwsc", AUTH_OK }, /* ES256 */
		{ "rfc7515_A.4.jwk", "rfc7515_A.3.jwsc",
		    AUTH_KEY_UNSUITABLE },                          /* ES256, P-521 key */
		{ "rfc7515_A.4.jwk", "rfc7515_A.4.jwsc", AUTH_OK }, /* ES512 */
		{ "rfc7515_A.2.jwk", "rfc7515_A.5.jwsc",
		    AUTH_TOKEN_MALFORMED }, /* none, no signature */
		{ "rfc7515_A.6.jwkset", "rfc7515_A.6.jwsg", AUTH_TOKEN_MALFORMED },
		{ "rfc7515_A.7.jwk", "rfc7515_A.7.jwsf", AUTH_TOKEN_MALFORMED },
		{ "rfc7520_4.1.jwk", "rfc7520_4.1.jwsc", AUTH_OK },               /* RS256 */
		{ "rfc7520_4.2.jwk", "rfc7520_4.2.jwsc", AUTH_OK },               /* PS384 */
		{ "rfc7520_4.3.jwk", "rfc7520_4.3.jwsc", AUTH_OK },               /* ES512 */
		{ "rfc7520_4.4.jwk", "rfc7520_4.4.jwsc", AUTH_KEYS_UNAVAILABLE }, /* HS256 */
		{ "rfc7520_4.1.jwk", "rfc7520_4.5.jwsc", AUTH_ALG_REFUSED }, /* HS256, detached */
		{ "rfc7520_4.8.jwkset", "rfc7520_4.8.jwsg",
		    AUTH_KEYS_UNAVAILABLE }, /* one kid twice */
	};
	(void)state;
	need_data();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *keys = load_example(rows[i].keys);
		check_example(keys, read_example(rows[i].token), &rows[i]);
		json_decref(keys);
	}
}

/* JWE in all three serialisations, JWS in the two of JSON, whatever the key. */
static void no_other_serialisation_is_a_token(void **state)
{
	static const char *const kinds[] = { "jwsf", "jwsg", "jwec", "jwef", "jweg" };
	size_t count = 0;
	(void)state;
	need_data();
	json_t *keys = load_example("rfc7520_4.1.jwk");
	json_t *set = public_set(keys);
	for (size_t k = 0; k < 5; k++) {
		char pattern[128];
		glob_t files;
		snprintf(pattern, sizeof(pattern), DATA "rfc_latchset/*.%s", kinds[k]);
		assert_int_equal(glob(pattern, 0, NULL, &files), 0);
		for (size_t i = 0; i < files.gl_pathc; i++, count++)
			if (reason_of(set, read_text(files.gl_pathv[i])) == AUTH_OK)
				fail_msg("%s was accepted", files.gl_pathv[i]);
		globfree(&files);
		arena_reset(&arena);
	}
	assert_int_equal(count, 49);
	json_decref(set);
	json_decref(keys);
}

/* RFC 7517: of A.1 the key for encryption is dropped, of A.2 and A.3 private and symmetric keys. */
static void rfc_key_sets_keep_what_verifies(void **state)
{
	static const struct {
		const char *file;
		const char *kept, *dropped;
	} rows[] = {
		{ "rfc7517_A.1.jwkset", "2011-04-29", "1" }, { "rfc7517_A.2.jwkset", NULL, "1" },
		{ "rfc7517_A.3.jwkset", NULL, "HMAC key used in JWS spec Appendix A.1 example" },
		{ "rfc7638_3.1.jwk", "2011-04-29", NULL },
		{ "rfc7517_B.jwk", "1b94c", NULL }, /* its certificates are not looked at */
	};
	(void)state;
	need_data();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *jwk = load_example(rows[i].file);
		json_t *set = json_object_get(jwk, "keys") ? json_incref(jwk)
		                                           : json_pack("{s:[O]}", "keys", jwk);
		struct keyset *keys = keyset_from_json(set, NULL);
		if (!keys != !rows[i].kept)
			fail_msg("%s: %s", rows[i].file, keys ? "a set" : "no set");
		if (keys) {
			assert_non_null(keyset_find(keys, slice_of_cstr(rows[i].kept)));
			assert_true(
			    !rows[i].dropped || !keyset_find(keys, slice_of_cstr(rows[i].dropped)));
		}
		keyset_unref(keys);
		json_decref(set);
		json_decref(jwk);
	}
}

/* RFC 7520's JWS and those of RFC 8037; b64=false of RFC 7797 has no compact form. */
static void cookbook_signatures_are_taken_and_refused_as_they_should(void **state)
{
	static const struct example rows[] = {
		{ NULL, "jws/4_1.rsa_v15_signature", AUTH_OK },
		{ NULL, "jws/4_2.rsa-pss_signature", AUTH_OK },
		{ NULL, "jws/4_3.ecdsa_signature", AUTH_OK },
		{ NULL, "jws/4_4.hmac-sha2_integrity_protection", AUTH_KEYS_UNAVAILABLE },
		{ NULL, "jws/4_5.signature_with_detached_content", AUTH_KEYS_UNAVAILABLE },
		{ NULL, "curve25519/jws", AUTH_OK },
	};
	(void)state;
	need_data();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[256];
		snprintf(path, sizeof(path), DATA "rfc7520_cookbook/%s.json", rows[i].token);
		json_t *root = load(path);
		const char *compact = member(json_object_get(root, "output"), "compact");
		check_example(json_object_get(json_object_get(root, "input"), "key"),
		    slice_of_cstr(compact ? compact : ""), &rows[i]);
		json_decref(root);
	}
}

/* A header of RFC 7797 is refused for what it says, before any key is looked for. */
static void unencoded_payloads_are_refused_by_their_header(void **state)
{
	(void)state;
	need_data();
	json_t *root = load(DATA "rfc7520_cookbook/rfc7797/4.2.hmac-sha2_b64_false.json");
	json_t *header =
	    json_deep_copy(json_object_get(json_object_get(root, "signing"), "protected"));
	json_object_set_new(header, "alg", json_string("RS256"));
	char *text = json_dumps(header, JSON_COMPACT);
	struct token token = { .header = slice_of_cstr(text) };
	assert_int_equal(token_read_header(&token, &arena), AUTH_CRIT_REFUSED);
	free(text);
	json_decref(header);
	json_decref(root);
}

/* RFC 8705: SHA-256 of the certificate is what cnf says. */
static void a_certificate_has_the_thumbprint_that_rfc_8705_says(void **state)
{
	unsigned char digest[32], *der = NULL;
	struct buf text;
	(void)state;
	need_data();
	json_t *root = load(DATA "rfc8705_x5t_s256.json");
	const char *pem = member(root, "client_certificate_pem");
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	int len = i2d_X509(cert, &der);
	assert_true(len > 0);
	assert_true(digest_sha256(slice_of((char *)der, (size_t)len), digest));
	buf_init(&text, 0);
	base64url_encode(&text, slice_of((char *)digest, 32));
	assert_string_equal(buf_cstr(&text), member(root, "x5t#S256"));
	buf_release(&text);
	OPENSSL_free(der);
	X509_free(cert);
	BIO_free(bio);
	json_decref(root);
}

/* RFC 9449: a proof verifies with the key it carries only when that key is given, never by itself.
 */
static void a_dpop_proof_brings_no_key_of_its_own(void **state)
{
	(void)state;
	need_data();
	json_t *root = load(DATA "rfc9449_dpop.json");
	struct slice proof = slice_of_cstr(member(root, "proof"));
	struct token token;
	assert_int_equal(token_split(proof, TOKEN_MAX_BYTES, &arena, &token), AUTH_OK);
	json_t *header = token_json_object(token.header);
	json_t *own = json_pack("{s:[O]}", "keys", json_object_get(header, "jwk"));
	json_t *other = load_example("rfc7515_A.3.jwk");
	json_t *others = public_set(other);
	assert_int_equal(reason_of(own, proof), AUTH_OK);
	assert_int_equal(reason_of(others, proof), AUTH_SIGNATURE_INVALID);
	json_decref(others);
	json_decref(other);
	json_decref(own);
	json_decref(header);
	json_decref(root);
}

/* ---- JSON
 * ---------------------------------------------------------------------------------------- */

static void json_that_must_be_refused_is_refused(void **state)
{
	glob_t files;
	(void)state;
	need_data();
	assert_int_equal(glob(DATA "jsontestsuite/test_parsing/n_*.json", 0, NULL, &files), 0);
	assert_int_equal(files.gl_pathc, 188);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct buf text;
		buf_init(&text, 0);
		assert_true(file_read(files.gl_pathv[i], 1 << 20, &text, NULL));
		json_t *object = token_json_object(buf_slice(&text));
		if (object)
			fail_msg("%s was accepted", files.gl_pathv[i]);
		buf_release(&text);
	}
	globfree(&files);
}

/* Any JSON text is a member's value: all are accepted but duplicates and NUL. */
static void json_that_must_be_accepted_is(void **state)
{
	static const char *const refused[] = { "y_object_duplicated_key.json",
		"y_object_duplicated_key_and_value.json", "y_object_escaped_null_in_key.json",
		"y_string_null_escape.json", "y_string_backslash_and_u_escaped_zero.json" };
	glob_t files;
	size_t count = 0;
	(void)state;
	need_data();
	assert_int_equal(glob(DATA "jsontestsuite/test_parsing/y_*.json", 0, NULL, &files), 0);
	assert_int_equal(files.gl_pathc, 95);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		bool wanted = true;
		const char *name = strrchr(files.gl_pathv[i], '/') + 1;
		for (size_t k = 0; k < 4; k++)
			wanted &= strcmp(name, refused[k]) != 0;
		struct slice text = read_text(files.gl_pathv[i]);
		json_t *object = token_json_object(
		    slice_of_cstr(arena_printf(&arena, "{\"a\":%.*s}", SLICE_ARG(text))));
		count += object != NULL;
		if (!object == wanted)
			fail_msg("%s was %s", name, object ? "accepted" : "refused");
		json_decref(object);
	}
	globfree(&files);
	assert_int_equal(count, 95 - 4);
}

/* What readers of JSON differ about must not be read in two ways: duplicates are refused. */
static void json_that_is_read_in_several_ways_is_refused(void **state)
{
	static const struct {
		const char *file;
		bool accepted;
	} rows[] = {
		{ "object_same_key_different_values", false },
		{ "object_same_key_same_value", false },
		{ "object_same_key_unclear_values", false },
		{ "object_key_nfc_nfd", true }, /* two keys, for they differ in bytes */
		{ "object_key_nfd_nfc", true },
		{ "string_with_escaped_NULL", false },
		{ "string_1_escaped_invalid_codepoint", false },
		{ "string_1_invalid_codepoint", false },
	};
	(void)state;
	need_data();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[256];
		snprintf(
		    path, sizeof(path), DATA "jsontestsuite/test_transform/%s.json", rows[i].file);
		struct slice text = read_text(path);
		json_t *object = token_json_object(
		    slice_of_cstr(arena_printf(&arena, "{\"a\":%.*s}", SLICE_ARG(text))));
		if (!object == rows[i].accepted)
			fail_msg("%s was %s", rows[i].file, object ? "accepted" : "refused");
		json_decref(object);
	}
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return verifier_init(&verifier) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	verifier_release(&verifier);
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wycheproof_signatures_differ_where_the_data_is_wrong),
		cmocka_unit_test(wycheproof_keys_and_older_signatures_all_agree),
		cmocka_unit_test(encrypted_tokens_are_no_signatures),
		cmocka_unit_test(wycheproof_primitives_all_agree),
		cmocka_unit_test(rfc_examples_are_taken_and_refused_as_they_should),
		cmocka_unit_test(no_other_serialisation_is_a_token),
		cmocka_unit_test(rfc_key_sets_keep_what_verifies),
		cmocka_unit_test(cookbook_signatures_are_taken_and_refused_as_they_should),
		cmocka_unit_test(unencoded_payloads_are_refused_by_their_header),
		cmocka_unit_test(a_certificate_has_the_thumbprint_that_rfc_8705_says),
		cmocka_unit_test(a_dpop_proof_brings_no_key_of_its_own),
		cmocka_unit_test(json_that_must_be_refused_is_refused),
		cmocka_unit_test(json_that_must_be_accepted_is),
		cmocka_unit_test(json_that_is_read_in_several_ways_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
