/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/payload.h"

#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct data_key key = { { 1, 2, 3 } };

static void add(struct buf *plain, enum record_kind kind, const char *text)
{
	const struct record record = { kind, slice_of_cstr(text) };
	record_append(plain, &record);
}

static struct block_head head_of(uint32_t count)
{
	return (struct block_head){
		.kind = BLOCK_RECORDS,
		.segment = 1,
		.first = 7,
		.count = count,
		.time_ms = 1000,
		.offset = 4096,
	};
}

static void records_are_framed_and_read(void **state)
{
	struct buf plain;
	struct record record;
	bool bad;
	(void)state;
	buf_init(&plain, 0);
	add(&plain, RECORD_ACCESS, "{}");
	add(&plain, RECORD_EVENT, "");
	assert_memory_equal(plain.data, "\0\0\0\0\2{}\2\0\0\0\0", 12);
	struct slice rest = buf_slice(&plain);
	assert_true(record_next(&rest, &record, &bad));
	assert_int_equal(record.kind, RECORD_ACCESS);
	assert_true(slice_eq(record.bytes, SLICE("{}")));
	assert_true(record_next(&rest, &record, &bad));
	assert_int_equal(record.kind, RECORD_EVENT);
	assert_false(record_next(&rest, &record, &bad));
	assert_false(bad);
	buf_release(&plain);
}

static void cut_and_impossible_records_are_bad(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = { { "\0", 1 }, { "\0\0\0\0", 4 }, { "\0\0\0\0\1", 5 }, { "\0\0\0\0\3ab", 7 },
		{ "\3\0\0\0\0", 5 }, { "\0\0\2\0\1", 5 }, { "\0\xff\xff\xff\xff", 5 } };
	struct record record;
	bool bad;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice rest = slice_of(rows[i].bytes, rows[i].len);
		assert_false(record_next(&rest, &record, &bad));
		assert_true(bad);
	}
}

static void what_is_sealed_is_opened(void **state)
{
	struct payload_codec *codec = payload_codec_new(&key);
	struct block_head head = head_of(2);
	unsigned char bytes[BLOCK_HEAD_BYTES];
	struct buf plain, sealed;
	struct slice opened;
	(void)state;
	buf_init(&plain, 0);
	buf_init(&sealed, 0);
	add(&plain, RECORD_ACCESS, "{\"a\":1}");
	add(&plain, RECORD_INVALID, "{\"audit\":\"invalid\"}");
	assert_true(payload_seal(codec, &head, buf_slice(&plain), &sealed));
	assert_int_equal(head.payload_len, sealed.len);
	assert_int_equal(slice_find(buf_slice(&sealed), SLICE("audit")), SIZE_MAX);
	block_encode(&head, bytes);
	assert_int_equal(
	    payload_open(codec, &head, bytes, buf_slice(&sealed), &opened), PAYLOAD_OK);
	assert_true(slice_eq(opened, buf_slice(&plain)));
	buf_release(&plain);
	buf_release(&sealed);
	payload_codec_free(codec);
}

static void every_changed_byte_is_noticed(void **state)
{
	struct payload_codec *codec = payload_codec_new(&key);
	struct block_head head = head_of(1);
	unsigned char bytes[BLOCK_HEAD_BYTES];
	struct buf plain, sealed;
	struct slice opened;
	(void)state;
	buf_init(&plain, 0);
	buf_init(&sealed, 0);
	add(&plain, RECORD_ACCESS, "{\"a\":1}");
	assert_true(payload_seal(codec, &head, buf_slice(&plain), &sealed));
	block_encode(&head, bytes);
	for (size_t at = 0; at < sealed.len; at++) {
		sealed.data[at] = (char)(sealed.data[at] ^ 1);
		assert_int_equal(payload_open(codec, &head, bytes, buf_slice(&sealed), &opened),
		    at < sizeof(struct hash) ? PAYLOAD_CHANGED : PAYLOAD_FORGED);
		sealed.data[at] = (char)(sealed.data[at] ^ 1);
	}
	for (size_t at = 0; at < BLOCK_AAD_BYTES; at++) {
		bytes[at] ^= 1;
		assert_int_equal(
		    payload_open(codec, &head, bytes, buf_slice(&sealed), &opened), PAYLOAD_FORGED);
		bytes[at] ^= 1;
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_not_equal(
		    payload_open(codec, &head, bytes, slice_of(sealed.data, len), &opened),
		    PAYLOAD_OK);
	/* Another place is another nonce. */
	head.offset++;
	assert_int_equal(
	    payload_open(codec, &head, bytes, buf_slice(&sealed), &opened), PAYLOAD_FORGED);
	buf_release(&plain);
	buf_release(&sealed);
	payload_codec_free(codec);
}

/* Whoever has the data key can encrypt other records; the root in the signed head shows it. */
static void other_records_are_noticed_by_the_root(void **state)
{
	struct payload_codec *codec = payload_codec_new(&key);
	struct block_head head = head_of(1);
	unsigned char bytes[BLOCK_HEAD_BYTES];
	struct buf plain, sealed;
	struct slice opened;
	(void)state;
	buf_init(&plain, 0);
	buf_init(&sealed, 0);
	add(&plain, RECORD_ACCESS, "{\"a\":1}");
	assert_true(payload_seal(codec, &head, buf_slice(&plain), &sealed));
	block_encode(&head, bytes);
	head.root.bytes[0] ^= 1;
	assert_int_equal(
	    payload_open(codec, &head, bytes, buf_slice(&sealed), &opened), PAYLOAD_CHANGED);
	assert_true(slice_eq(opened, buf_slice(&plain)));
	buf_release(&plain);
	buf_release(&sealed);
	payload_codec_free(codec);
}

static void keys_are_apart(void **state)
{
	struct data_key other_key = { { 9 } };
	struct payload_codec *codec = payload_codec_new(&key),
	                     *other = payload_codec_new(&other_key);
	struct hash a = payload_key_check(codec), b = payload_key_check(other);
	struct salt first = payload_salt(codec, 1), second = payload_salt(codec, 2);
	(void)state;
	assert_false(hash_eq(&a, &b));
	assert_memory_not_equal(first.bytes, second.bytes, SALT_BYTES);
	assert_memory_not_equal(payload_index_key(codec), payload_index_key(other), 16);
	payload_codec_free(codec);
	payload_codec_free(other);
}

/* The largest block: 256 records that do not compress. */
static void the_largest_block_fits(void **state)
{
	struct payload_codec *codec = payload_codec_new(&key);
	struct block_head head = head_of(7);
	unsigned char bytes[BLOCK_HEAD_BYTES];
	struct buf plain, sealed, noise;
	struct slice opened;
	uint64_t x = 88172645463325252;
	(void)state;
	buf_init(&plain, 0);
	buf_init(&sealed, 0);
	buf_init(&noise, 0);
	while (noise.len < RECORD_MAX_BYTES) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		buf_append(&noise, &x, sizeof(x));
	}
	for (int i = 0; i < 7; i++) {
		const struct record record = { RECORD_ACCESS, buf_slice(&noise) };
		record_append(&plain, &record);
		noise.data[0]++;
	}
	assert_true(plain.len <= PLAIN_MAX_BYTES);
	assert_true(payload_seal(codec, &head, buf_slice(&plain), &sealed));
	assert_true(head.payload_len <= BLOCK_PAYLOAD_MAX);
	block_encode(&head, bytes);
	assert_int_equal(
	    payload_open(codec, &head, bytes, buf_slice(&sealed), &opened), PAYLOAD_OK);
	buf_release(&plain);
	buf_release(&sealed);
	buf_release(&noise);
	payload_codec_free(codec);
}

static void no_memory_is_an_answer(void **state)
{
	struct hash warm = hash_of(SLICE("x"));
	(void)state;
	(void)warm;
	for (long n = 1;; n++) {
		struct block_head head = head_of(1);
		unsigned char bytes[BLOCK_HEAD_BYTES];
		struct buf plain, sealed;
		struct slice opened;
		bool ok = false;
		buf_init(&plain, 0);
		buf_init(&sealed, 0);
		add(&plain, RECORD_ACCESS, "{}");
		fail_alloc_at(n);
		struct payload_codec *codec = payload_codec_new(&key);
		if (codec && payload_seal(codec, &head, buf_slice(&plain), &sealed)) {
			block_encode(&head, bytes);
			ok = payload_open(codec, &head, bytes, buf_slice(&sealed), &opened) ==
			     PAYLOAD_OK;
		}
		bool failed = fail_alloc_happened();
		fail_alloc_off();
		payload_codec_free(codec);
		buf_release(&plain);
		buf_release(&sealed);
		if (!failed) {
			assert_true(ok);
			break;
		}
		assert_false(ok);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_framed_and_read),
		cmocka_unit_test(cut_and_impossible_records_are_bad),
		cmocka_unit_test(what_is_sealed_is_opened),
		cmocka_unit_test(every_changed_byte_is_noticed),
		cmocka_unit_test(other_records_are_noticed_by_the_root),
		cmocka_unit_test(keys_are_apart),
		cmocka_unit_test(the_largest_block_fits),
		cmocka_unit_test(no_memory_is_an_answer),
	};
	return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
