/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct block_head sample(void)
{
	struct block_head head = {
		.kind = BLOCK_RECORDS,
		.segment = 0x0102030405060708,
		.first = 0x1112131415161718,
		.count = 0x21,
		.payload_len = 0x3132,
		.time_ms = 0x4142434445464748,
		.offset = 0x2122232425262728,
	};
	memset(head.log.bytes, 0xaa, LOG_ID_BYTES);
	memset(head.prev.bytes, 0xbb, SHA256_BYTES);
	memset(head.root.bytes, 0xcc, SHA256_BYTES);
	memset(head.seal.bytes, 0xdd, SHA256_BYTES);
	return head;
}

static void a_head_has_these_bytes(void **state)
{
	static const unsigned char expected[64] = { 'S', 'A', 'L', '1', 2, 0, 0, 0, 0xaa, 0xaa,
		0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa,
		1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0, 0, 0,
		0x21, 0, 0, 0x31, 0x32, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x21, 0x22,
		0x23, 0x24, 0x25, 0x26, 0x27, 0x28 };
	unsigned char bytes[BLOCK_HEAD_BYTES];
	struct block_head head = sample();
	(void)state;
	block_encode(&head, bytes);
	assert_memory_equal(bytes, expected, sizeof(expected));
	for (int i = 0; i < 32; i++) {
		assert_int_equal(bytes[64 + i], 0xbb);
		assert_int_equal(bytes[96 + i], 0xcc);
		assert_int_equal(bytes[128 + i], 0xdd);
	}
}

static void what_is_written_is_read(void **state)
{
	unsigned char bytes[BLOCK_HEAD_BYTES], again[BLOCK_HEAD_BYTES];
	struct block_head head = sample(), read;
	(void)state;
	block_encode(&head, bytes);
	assert_int_equal(block_decode(bytes, &read), BLOCK_OK);
	block_encode(&read, again);
	assert_memory_equal(bytes, again, sizeof(bytes));
}

static void impossible_heads_are_refused(void **state)
{
	struct row {
		size_t at;
		unsigned char value[8];
		size_t len;
		enum block_result result;
	};
	// clang-format off
	static const struct row rows[] = {
		{ 0, { 'X' }, 1, BLOCK_BAD_MAGIC },
		{ 4, { 0 }, 1, BLOCK_BAD_KIND },
		{ 4, { 6 }, 1, BLOCK_BAD_KIND },
		{ 4, { 1 }, 1, BLOCK_BAD_COUNT }, /* records in a block that has none */
		{ 6, { 1 }, 1, BLOCK_BAD_RESERVED },
		{ 24, { 0 }, 8, BLOCK_BAD_NUMBER },
		{ 32, { 0 }, 8, BLOCK_BAD_NUMBER },
		{ 32, { 0x80 }, 8, BLOCK_BAD_NUMBER },
		{ 56, { 0x80 }, 8, BLOCK_BAD_NUMBER },
		{ 40, { 0, 0, 0, 0 }, 4, BLOCK_BAD_COUNT },
		{ 40, { 0, 0, 1, 0 }, 4, BLOCK_OK },
		{ 40, { 0, 0, 1, 1 }, 4, BLOCK_BAD_COUNT },
		{ 44, { 0, 0, 0, 0 }, 4, BLOCK_BAD_LENGTH },
		{ 44, { 0, 0x20, 0, 0 }, 4, BLOCK_OK },
		{ 44, { 0, 0x20, 0, 1 }, 4, BLOCK_BAD_LENGTH },
		{ 48, { 0x80 }, 1, BLOCK_BAD_TIME },
	};
	// clang-format on
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char bytes[BLOCK_HEAD_BYTES];
		struct block_head head = sample(), read;
		block_encode(&head, bytes);
		memcpy(bytes + rows[i].at, rows[i].value, rows[i].len);
		if (block_decode(bytes, &read) != rows[i].result)
			print_message(
			    "row %zu: %s\n", i, block_result_text(block_decode(bytes, &read)));
		assert_int_equal(block_decode(bytes, &read), rows[i].result);
	}
}

static void blocks_without_records_are_small(void **state)
{
	unsigned char bytes[BLOCK_HEAD_BYTES];
	struct block_head head = sample(), read;
	(void)state;
	head.kind = BLOCK_CHECKPOINT;
	head.count = 0;
	head.payload_len = BLOCK_SMALL_PAYLOAD_MAX;
	block_encode(&head, bytes);
	assert_int_equal(block_decode(bytes, &read), BLOCK_OK);
	head.payload_len++;
	block_encode(&head, bytes);
	assert_int_equal(block_decode(bytes, &read), BLOCK_BAD_LENGTH);
}

static void every_byte_counts_in_the_link(void **state)
{
	unsigned char bytes[BLOCK_HEAD_BYTES];
	struct block_head head = sample();
	(void)state;
	block_encode(&head, bytes);
	struct hash link = block_link(bytes);
	for (size_t at = 0; at < sizeof(bytes); at++) {
		bytes[at] ^= 1;
		struct hash other = block_link(bytes);
		assert_false(hash_eq(&link, &other));
		bytes[at] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_has_these_bytes),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(impossible_heads_are_refused),
		cmocka_unit_test(blocks_without_records_are_small),
		cmocka_unit_test(every_byte_counts_in_the_link),
	};
	return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
