/* SPDX-License-Identifier: Apache-2.0 */
/* Published vectors: Wycheproof, the RFCs' examples, JSONTestSuite. They are not part of the
 * project. */
#include "common/codec.h"
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

static bool accepts(const json_t *set, const char *text)
{
	struct keyset *keys = keyset_from_json(set, NULL);
	bool ok =
	    keys && jws_verify(&verifier, keys, UINT32_MAX, slice_of_cstr(text), &arena) == AUTH_OK;
	keyset_unref(keys);
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

static void rfc_7520_signatures_are_good(void **state)
{
	/* 4.1 RS256, 4.2 PS384, 4.3 ES512; the keys of 3.1 and 3.3. */
	static const struct {
		const char *key, *jws;
	} rows[] = {
		{ "3_3.rsa_public_key", "4_1.rsa_v15_signature" },
		{ "3_3.rsa_public_key", "4_2.rsa-pss_signature" },
		{ "3_1.ec_public_key", "4_3.ecdsa_signature" },
	};
	(void)state;
	need_data();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[256];
		glob_t found;
		snprintf(path, sizeof(path), DATA "rfc7520_cookbook/jws/%s.json", rows[i].jws);
		if (glob(path, 0, NULL, &found) != 0)
			fail_msg("%s is not there", path);
		globfree(&found);
		json_t *root = load(path);
		const json_t *key = json_object_get(json_object_get(root, "input"), "key");
		json_t *set = json_pack("{s:[O]}", "keys", key);
		json_t *public = json_array_get(json_object_get(set, "keys"), 0);
		static const char *const secret[] = { "d", "p", "q", "dp", "dq", "qi" };
		for (size_t k = 0; k < 6; k++)
			json_object_del(public, secret[k]);
		assert_true(accepts(set, member(json_object_get(root, "output"), "compact")));
		json_decref(set);
		json_decref(root);
	}
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

static void json_objects_that_must_be_accepted_are(void **state)
{
	glob_t files;
	size_t refused = 0;
	(void)state;
	need_data();
	assert_int_equal(
	    glob(DATA "jsontestsuite/test_parsing/y_object*.json", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct slice text = read_text(files.gl_pathv[i]);
		json_t *object = token_json_object(text);
		refused += !object;
		json_decref(object);
	}
	globfree(&files);
	/* Two with duplicate members, one with a NUL. */
	assert_int_equal(refused, 3);
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
		cmocka_unit_test(rfc_7520_signatures_are_good),
		cmocka_unit_test(json_that_must_be_refused_is_refused),
		cmocka_unit_test(json_objects_that_must_be_accepted_are),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
