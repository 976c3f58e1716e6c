/* SPDX-License-Identifier: Apache-2.0 */
#include "common/siphash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const unsigned char key[SIPHASH_KEY_BYTES] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	14, 15 };
static const char input[] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e";

/* The authors' vectors: key 00..0f, input 00..(n-1); n = 15 is appendix A of the paper. */
static void siphash24_agrees_with_the_published_vectors(void **state)
{
	(void)state;
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
		{ 0, 0x726fdb47dd0e0e31 },
		{ 1, 0x74f839c593dc67fd },
		{ 2, 0x0d6c8009d9a94f5a },
		{ 3, 0x85676696d7fb7e2d },
		{ 4, 0xcf2794e0277187b7 },
		{ 5, 0x18765564cd99a68d },
		{ 6, 0xcbc9466e58fee3ce },
		{ 7, 0xab0200f58b01d137 },
		{ 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(siphash24(key, slice_of(input, rows[i].len)) == rows[i].hash);
}

/* The variants share all but their rounds. OpenSSL computes 1-3 too, of 8 bytes and of 16. */
static void by_openssl(struct slice bytes, size_t size, uint64_t *hash)
{
	unsigned int c = 1, d = 3;
	size_t len = 0;
	unsigned char out[16];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c),
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d),
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	assert_int_equal(EVP_MAC_init(ctx, key, sizeof(key), params), 1);
	assert_int_equal(EVP_MAC_update(ctx, (const unsigned char *)bytes.ptr, bytes.len), 1);
	assert_int_equal(EVP_MAC_final(ctx, out, &len, sizeof(out)), 1);
	assert_int_equal(len, size);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	memset(hash, 0, size);
	for (size_t i = 0; i < len; i++)
		hash[i / 8] |= (uint64_t)out[i] << (8 * (i % 8));
}

static void siphash13_agrees_with_openssl(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(input); len++) {
		struct slice bytes = slice_of(input, len);
		uint64_t wanted, wide[2], wide_wanted[2];
		by_openssl(bytes, 8, &wanted);
		assert_true(siphash13(key, bytes) == wanted);
		assert_true(siphash13(key, bytes) != siphash24(key, bytes));
		by_openssl(bytes, 16, wide_wanted);
		siphash13_128(key, bytes, wide);
		assert_memory_equal(wide, wide_wanted, sizeof(wide));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash24_agrees_with_the_published_vectors),
		cmocka_unit_test(siphash13_agrees_with_openssl),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
