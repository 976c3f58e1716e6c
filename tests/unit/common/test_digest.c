/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

#include "common/codec.h"

#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_hex(const unsigned char digest[SHA256_BYTES], const char *hex)
{
	struct buf text;
	buf_init(&text, 0);
	hex_encode(&text, slice_of(digest, SHA256_BYTES));
	assert_string_equal(buf_cstr(&text), hex);
	buf_release(&text);
}

/* FIPS 180-4 examples, and the empty message. */
static void sha256_examples(void **state)
{
	(void)state;
	static const struct {
		struct slice bytes;
		const char *hex;
	} rows[] = {
		// clang-format off
		{ { NULL, 0 },        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ SLICE_INIT("abc"),  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ SLICE_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
		                      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		// clang-format on
	};
	unsigned char digest[SHA256_BYTES];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(digest_sha256(rows[i].bytes, digest));
		assert_hex(digest, rows[i].hex);
	}
}

/* RFC 4231 test cases 2, 6 (a key longer than a block) and 1; and an empty key. */
static void hmac_sha256_examples(void **state)
{
	(void)state;
	char long_key[131], key_0b[20];
	unsigned char mac[SHA256_BYTES];
	memset(long_key, 0xaa, sizeof(long_key));
	memset(key_0b, 0x0b, sizeof(key_0b));
	const struct {
		struct slice key, bytes;
		const char *hex;
	} rows[] = {
		// clang-format off
		{ SLICE("Jefe"), SLICE("what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ slice_of(long_key, sizeof(long_key)), SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
		                                                        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ slice_of(key_0b, sizeof(key_0b)), SLICE("Hi There"),  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ { NULL, 0 }, { NULL, 0 },                             "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
		// clang-format on
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(digest_hmac_sha256(rows[i].key, rows[i].bytes, mac));
		assert_hex(mac, rows[i].hex);
	}
}

static void *hash_often(void *wrong)
{
	unsigned char digest[SHA256_BYTES];
	for (int i = 0; i < 2000; i++)
		if (!digest_sha256(SLICE("abc"), digest) || digest[0] != 0xba || digest[31] != 0xad)
			*(bool *)wrong = true;
	return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
	(void)state;
	pthread_t threads[4];
	bool wrong[4] = { false };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_often, &wrong[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_false(wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_examples),
		cmocka_unit_test(hmac_sha256_examples),
		cmocka_unit_test(threads_do_not_disturb_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
