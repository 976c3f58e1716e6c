/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/signer.h"

#include "audit/anchor.h"
#include "common/file.h"
#include "tests/support/audit_fixture.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct audit_fixture f;

static int setup(void **state)
{
	(void)state;
	audit_fixture_init(&f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	audit_fixture_release(&f);
	return 0;
}

static void a_signature_verifies_and_no_other_does(void **state)
{
	struct buf signature;
	struct err err = { 0 };
	const struct hash *id = signer_key_id(f.signer);
	(void)state;
	buf_init(&signature, 0);
	assert_true(signer_sign(f.signer, SLICE("message"), &signature, &err));
	assert_int_equal(signature.len, SIGNATURE_ED25519_BYTES);
	assert_int_equal(
	    verifier_check(f.verifier, id, SLICE("message"), buf_slice(&signature)), SIGNATURE_OK);
	assert_int_equal(
	    verifier_check(f.verifier, id, SLICE("Message"), buf_slice(&signature)), SIGNATURE_BAD);
	for (size_t at = 0; at < signature.len; at++) {
		signature.data[at] = (char)(signature.data[at] ^ 1);
		assert_int_equal(
		    verifier_check(f.verifier, id, SLICE("message"), buf_slice(&signature)),
		    SIGNATURE_BAD);
		signature.data[at] = (char)(signature.data[at] ^ 1);
	}
	struct hash other = *id;
	other.bytes[0] ^= 1;
	assert_int_equal(
	    verifier_check(f.verifier, &other, SLICE("message"), buf_slice(&signature)),
	    SIGNATURE_UNKNOWN_KEY);
	buf_release(&signature);
}

static const char *write_key(EVP_PKEY *key, mode_t mode)
{
	static char path[128];
	struct err err = { 0 };
	char *data;
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	long len = BIO_get_mem_data(bio, &data);
	snprintf(path, sizeof(path), "%s/other.pem", f.root);
	assert_true(file_write_atomic(path, slice_of(data, (size_t)len), mode, &err));
	BIO_free(bio);
	EVP_PKEY_free(key);
	return path;
}

/* DER has several lengths; in the log it has one. */
static void p256_signatures_have_one_length(void **state)
{
	struct err err = { 0 };
	struct verifier *verifier = verifier_new();
	const char *path = write_key(EVP_EC_gen("P-256"), 0600);
	struct signer *signer = signer_open_file(path, &err);
	(void)state;
	assert_non_null(signer);
	assert_true(verifier_add_private_file(verifier, path, &err));
	for (int i = 0; i < 200; i++) {
		struct buf signature;
		buf_init(&signature, 0);
		assert_true(signer_sign(signer, slice_of(&i, sizeof(i)), &signature, &err));
		assert_int_equal(signature.len, SIGNATURE_P256_BYTES);
		assert_int_equal(verifier_check(verifier, signer_key_id(signer),
		                     slice_of(&i, sizeof(i)), buf_slice(&signature)),
		    SIGNATURE_OK);
		/* The filling counts, too. */
		signature.data[SIGNATURE_P256_BYTES - 1] ^= 1;
		assert_int_equal(verifier_check(verifier, signer_key_id(signer),
		                     slice_of(&i, sizeof(i)), buf_slice(&signature)),
		    SIGNATURE_BAD);
		buf_release(&signature);
	}
	signer_free(signer);
	verifier_free(verifier);
}

static void keys_that_do_not_serve_are_refused(void **state)
{
	struct err err = { 0 };
	(void)state;
	assert_null(signer_open_file(write_key(EVP_RSA_gen(2048), 0600), &err));
	assert_string_equal(err.text, "a key for signing is Ed25519 or P-256");
	err_clear(&err);
	assert_null(signer_open_file(write_key(EVP_EC_gen("P-384"), 0600), &err));
	assert_string_equal(err.text, "a key for signing is Ed25519 or P-256");
	err_clear(&err);
	assert_null(signer_open_file(write_key(EVP_EC_gen("P-256"), 0640), &err));
	assert_string_equal(err.text, "others may read this key: chmod 600");
	err_clear(&err);
	assert_null(signer_open_file("/nonexistent", &err));
	assert_string_equal(err.text, "cannot open");
	err_clear(&err);
	assert_null(signer_open_file(f.wrapping, &err));
	assert_string_equal(err.text, "no private key in PEM without a passphrase");
	err_clear(&err);
	assert_false(verifier_add_file(f.verifier, f.wrapping, &err));
	assert_string_equal(err.text, "no public key in PEM");
}

static void keys_are_not_replaced(void **state)
{
	struct err err = { 0 };
	(void)state;
	assert_false(signer_generate_files(f.signing, f.public, &err));
	assert_string_equal(err.text, "exists already");
	err_clear(&err);
	assert_false(keyring_generate_file(f.wrapping, &err));
	assert_string_equal(err.text, "exists already");
}

static void data_keys_are_wrapped_and_opened(void **state)
{
	const struct key_context context = { { { 1 } }, 7 };
	struct data_key key, again;
	struct buf text;
	struct err err = { 0 };
	(void)state;
	buf_init(&text, 0);
	assert_true(keyring_generate(f.keyring, &context, &key, &text, &err));
	assert_true(keyring_open(f.keyring, &context, buf_slice(&text), "x", &again, &err));
	assert_memory_equal(key.bytes, again.bytes, DATA_KEY_BYTES);
	/* Every changed byte: refused, or the same key. */
	for (size_t at = 0; at < text.len; at++) {
		text.data[at] = (char)(text.data[at] ^ 1);
		err_clear(&err);
		if (keyring_open(f.keyring, &context, buf_slice(&text), "x", &again, &err))
			assert_memory_equal(key.bytes, again.bytes, DATA_KEY_BYTES);
		text.data[at] = (char)(text.data[at] ^ 1);
	}
	for (size_t len = 0; len + 1 < text.len; len++)
		assert_false(
		    keyring_open(f.keyring, &context, slice_of(text.data, len), "x", &again, NULL));
	buf_release(&text);
}

static void keys_are_wrapped_anew_by_the_first(void **state)
{
	const struct key_context context = { { { 1 } }, 7 };
	char path[128];
	struct data_key key, again;
	struct buf old, new;
	struct err err = { 0 };
	bool changed;
	(void)state;
	snprintf(path, sizeof(path), "%s/second.key", f.root);
	buf_init(&old, 0);
	buf_init(&new, 0);
	assert_true(keyring_generate(f.keyring, &context, &key, &old, &err));
	assert_true(keyring_generate_file(path, &err));
	struct keyring *both = keyring_new(), *second = keyring_new();
	assert_true(keyring_add_file(both, path, &err) && keyring_add_file(both, f.wrapping, &err));
	assert_true(keyring_add_file(second, path, &err));
	assert_false(keyring_open(second, &context, buf_slice(&old), "x", &again, &err));
	assert_non_null(strstr(err.text, "which was not given"));
	err_clear(&err);
	assert_true(keyring_rewrap(both, &context, buf_slice(&old), "x", &new, &changed, &err));
	assert_true(changed);
	assert_true(keyring_open(second, &context, buf_slice(&new), "x", &again, &err));
	assert_memory_equal(key.bytes, again.bytes, DATA_KEY_BYTES);
	assert_true(keyring_rewrap(both, &context, buf_slice(&new), "x", &old, &changed, &err));
	assert_false(changed);
	keyring_free(both);
	keyring_free(second);
	buf_release(&old);
	buf_release(&new);
}

static void wrapping_keys_are_checked(void **state)
{
	static const char *const texts[] = { "", "00", "xyz",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00" };
	char path[128];
	(void)state;
	snprintf(path, sizeof(path), "%s/bad.key", f.root);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err = { 0 };
		assert_true(file_write_atomic(path, slice_of_cstr(texts[i]), 0600, &err));
		assert_false(keyring_add_file(f.keyring, path, &err));
		assert_string_equal(err.text, "a wrapping key is 64 hexadecimal digits");
	}
}

static void an_anchor_is_read_as_written(void **state)
{
	struct checkpoint checkpoint, again;
	struct buf text;
	struct err err = { 0 };
	(void)state;
	audit_fixture_write(&f, 1, 1, 3);
	assert_int_equal(head_file_read(f.folder, &checkpoint), HEAD_FILE_OK);
	buf_init(&text, 0);
	assert_true(anchor_write(&checkpoint, &text));
	assert_true(anchor_parse(buf_slice(&text), "x", &again, &err));
	assert_int_equal(again.len, checkpoint.len);
	assert_memory_equal(again.bytes, checkpoint.bytes, checkpoint.len);
	for (size_t len = 0; len < text.len; len++)
		assert_false(anchor_parse(slice_of(text.data, len), "x", &again, NULL));
	assert_false(anchor_parse(SLICE("{\"checkpoint\":\"AAAA\"}"), "x", &again, &err));
	assert_string_equal(err.text, "not an anchor of an audit log");
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_signature_verifies_and_no_other_does, setup, teardown),
		cmocka_unit_test_setup_teardown(p256_signatures_have_one_length, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    keys_that_do_not_serve_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_not_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(data_keys_are_wrapped_and_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    keys_are_wrapped_anew_by_the_first, setup, teardown),
		cmocka_unit_test_setup_teardown(wrapping_keys_are_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(an_anchor_is_read_as_written, setup, teardown),
	};
	return cmocka_run_group_tests_name("signer", tests, NULL, NULL);
}
