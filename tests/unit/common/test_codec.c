/* SPDX-License-Identifier: Apache-2.0 */
#include "common/codec.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef ptrdiff_t decoder(struct slice src, char *dst);
typedef void encoder(struct buf *out, struct slice bytes);

/* RFC 4648 section 10. */
static const struct {
	struct slice bytes;
	const char *base64, *base64url, *hex;
} vectors[] = {
	// clang-format off
	{ SLICE_INIT(""),             "",         "",         "" },
	{ SLICE_INIT("f"),            "Zg==",     "Zg",       "66" },
	{ SLICE_INIT("fo"),           "Zm8=",     "Zm8",      "666f" },
	{ SLICE_INIT("foo"),          "Zm9v",     "Zm9v",     "666f6f" },
	{ SLICE_INIT("foob"),         "Zm9vYg==", "Zm9vYg",   "666f6f62" },
	{ SLICE_INIT("fooba"),        "Zm9vYmE=", "Zm9vYmE",  "666f6f6261" },
	{ SLICE_INIT("foobar"),       "Zm9vYmFy", "Zm9vYmFy", "666f6f626172" },
	{ SLICE_INIT("\xfb\xff\xfe"), "+//+",     "-__-",     "fbfffe" },
	// clang-format on
};

static void check(encoder *encode, decoder *decode, struct slice bytes, const char *text)
{
	struct buf out;
	char decoded[16];
	buf_init(&out, 0);
	encode(&out, bytes);
	assert_string_equal(buf_cstr(&out), text);
	assert_int_equal(decode(slice_of_cstr(text), decoded), bytes.len);
	assert_true(slice_eq(slice_of(decoded, bytes.len), bytes));
	buf_release(&out);
}

static void rfc_4648_vectors_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		check(base64_encode, base64_decode, vectors[i].bytes, vectors[i].base64);
		check(base64url_encode, base64url_decode, vectors[i].bytes, vectors[i].base64url);
		check(hex_encode, hex_decode, vectors[i].bytes, vectors[i].hex);
	}
}

static void refuse(decoder *decode, const struct slice *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* As large as needed and no more, so that ASan sees an overrun. */
		char *dst = malloc(BASE64_DECODED_MAX(rows[i].len));
		assert_int_equal(decode(rows[i], dst), -1);
		free(dst);
	}
}

static void base64url_has_one_spelling(void **state)
{
	(void)state;
	static const struct slice rows[] = { SLICE_INIT("Z"), SLICE_INIT("Zm9vY"),
		SLICE_INIT("Zg=="), SLICE_INIT("Zm8="), SLICE_INIT("Zh"), SLICE_INIT("Zm9"),
		SLICE_INIT("+//+"), SLICE_INIT("Zm 8"), SLICE_INIT("Zm9v\n"), SLICE_INIT("\nZm9"),
		SLICE_INIT("Zm\0v"), SLICE_INIT("Zm9\xc4"), SLICE_INIT("===="),
		SLICE_INIT("Zm.v") };
	refuse(base64url_decode, rows, sizeof(rows) / sizeof(rows[0]));
}

static void base64_has_one_spelling(void **state)
{
	(void)state;
	static const struct slice rows[] = { SLICE_INIT("Zg"), SLICE_INIT("Zg="),
		SLICE_INIT("Zg==="), SLICE_INIT("Zh=="), SLICE_INIT("Zm9="), SLICE_INIT("Z==="),
		SLICE_INIT("===="), SLICE_INIT("="), SLICE_INIT("Zg==Zg=="), SLICE_INIT("Z=g="),
		SLICE_INIT("-__-"), SLICE_INIT("Zm9v\n"), SLICE_INIT(" Zm9") };
	refuse(base64_decode, rows, sizeof(rows) / sizeof(rows[0]));
}

static void hexadecimal_takes_both_cases_and_nothing_else(void **state)
{
	(void)state;
	static const struct slice rows[] = { SLICE_INIT("0"), SLICE_INIT("0g"), SLICE_INIT("g0"),
		SLICE_INIT("0x"), SLICE_INIT(" 0"), SLICE_INIT("00\0") };
	char dst[4];
	refuse(hex_decode, rows, sizeof(rows) / sizeof(rows[0]));
	assert_int_equal(hex_decode(SLICE("aBcD09"), dst), 3);
	assert_memory_equal(dst, "\xab\xcd\x09", 3);
}

static void round_trip(encoder *encode, decoder *decode, struct slice bytes)
{
	struct buf text;
	char decoded[300];
	buf_init(&text, 0);
	encode(&text, bytes);
	assert_int_equal(decode(buf_slice(&text), decoded), bytes.len);
	assert_true(slice_eq(slice_of(decoded, bytes.len), bytes));
	assert_true(text.len == 0 || (size_t)bytes.len <= BASE64_DECODED_MAX(text.len));
	buf_release(&text);
}

static void every_byte_and_length_comes_back(void **state)
{
	(void)state;
	unsigned char bytes[256];
	for (int i = 0; i < 256; i++)
		bytes[i] = (unsigned char)(i * 7);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		round_trip(base64_encode, base64_decode, slice_of(bytes, len));
		round_trip(base64url_encode, base64url_decode, slice_of(bytes, len));
		round_trip(hex_encode, hex_decode, slice_of(bytes, len));
	}
}

static void encoded_length_is_foretold(void **state)
{
	(void)state;
	for (size_t len = 0; len < 50; len++) {
		struct buf text;
		buf_init(&text, 0);
		base64_encode(
		    &text, slice_of("0123456789012345678901234567890123456789012345678", len));
		assert_int_equal(text.len, BASE64_ENCODED_LEN(len));
		buf_release(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_4648_vectors_both_ways),
		cmocka_unit_test(base64url_has_one_spelling),
		cmocka_unit_test(base64_has_one_spelling),
		cmocka_unit_test(hexadecimal_takes_both_cases_and_nothing_else),
		cmocka_unit_test(every_byte_and_length_comes_back),
		cmocka_unit_test(encoded_length_is_foretold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
