/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/wire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct row {
	uint64_t value;
	struct slice bytes;
};

/* SPOE.txt 3.1: the first and the last number of each length. */
// clang-format off
static const struct row rows[] = {
	{ 0,          SLICE_INIT("\x00") },
	{ 239,        SLICE_INIT("\xef") },
	{ 240,        SLICE_INIT("\xf0\x00") },
	{ 2287,       SLICE_INIT("\xff\x7f") },
	{ 2288,       SLICE_INIT("\xf0\x80\x00") },
	{ 264431,     SLICE_INIT("\xff\xff\x7f") },
	{ 264432,     SLICE_INIT("\xf0\x80\x80\x00") },
	{ 33818863,   SLICE_INIT("\xff\xff\xff\x7f") },
	{ 33818864,   SLICE_INIT("\xf0\x80\x80\x80\x00") },
	{ UINT32_MAX, SLICE_INIT("\xff\xf0\xfe\xfe\x7e") },
	{ 4328786159, SLICE_INIT("\xff\xff\xff\xff\x7f") },
	{ 4328786160, SLICE_INIT("\xf0\x80\x80\x80\x80\x00") },
	{ UINT64_MAX, SLICE_INIT("\xff\xf0\xfe\xfe\xfe\xfe\xfe\xfe\xfe\x0e") },
};
// clang-format on

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void varints_have_the_bytes_of_the_specification(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		unsigned char memory[WIRE_VARINT_MAX];
		struct wire_writer writer = wire_writer_of(memory, sizeof(memory));

		wire_write_varint(&writer, rows[i].value);
		assert_false(writer.failed);
		assert_int_equal(wire_written(&writer).len, rows[i].bytes.len);
		assert_memory_equal(memory, rows[i].bytes.ptr, rows[i].bytes.len);
	}
}

static void varints_are_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct wire_reader reader = wire_reader_of(rows[i].bytes);

		assert_int_equal(wire_read_varint(&reader), rows[i].value);
		assert_false(reader.failed);
		assert_int_equal(wire_left(&reader), 0);
	}
}

static void every_truncation_of_a_varint_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		for (size_t len = 0; len < rows[i].bytes.len; len++) {
			struct wire_reader reader =
			    wire_reader_of(slice_sub(rows[i].bytes, 0, len));

			assert_int_equal(wire_read_varint(&reader), 0);
			assert_true(reader.failed);
		}
	}
}

static void a_varint_of_more_than_64_bits_fails(void **state)
{
	(void)state;
	const struct slice too_large[] = {
		/* 2^64 */
		SLICE_INIT("\xf0\xf1\xfe\xfe\xfe\xfe\xfe\xfe\xfe\x0e"),
		SLICE_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x10"),
		/* never ends */
		SLICE_INIT("\xff\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
		SLICE_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"),
	};

	for (size_t i = 0; i < sizeof(too_large) / sizeof(too_large[0]); i++) {
		struct wire_reader reader = wire_reader_of(too_large[i]);

		assert_int_equal(wire_read_varint(&reader), 0);
		assert_true(reader.failed);
	}
}

static void a_reader_that_failed_stays_failed_and_reads_nothing(void **state)
{
	(void)state;
	struct wire_reader reader = wire_reader_of(SLICE("\x05"
	                                                 "abc"));

	assert_int_equal(wire_read_string(&reader).len, 0);
	assert_true(reader.failed);
	assert_int_equal(wire_left(&reader), 0);
	assert_int_equal(wire_read_u8(&reader), 0);
	assert_int_equal(wire_read_be32(&reader), 0);
	assert_int_equal(wire_read_varint(&reader), 0);
	assert_int_equal(wire_read_bytes(&reader, 0).len, 0);
	assert_true(reader.failed);
}

static void a_string_may_be_empty_and_may_end_the_input(void **state)
{
	(void)state;
	struct wire_reader reader = wire_reader_of(SLICE("\x00\x03"
	                                                 "abc"));

	assert_int_equal(wire_read_string(&reader).len, 0);
	assert_false(reader.failed);
	assert_true(slice_eq(wire_read_string(&reader), SLICE("abc")));
	assert_false(reader.failed);
	assert_int_equal(wire_left(&reader), 0);
}

static void a_length_near_2_to_64_does_not_wrap(void **state)
{
	(void)state;
	struct wire_reader reader = wire_reader_of(rows[ROWS - 1].bytes);

	assert_int_equal(wire_read_string(&reader).len, 0);
	assert_true(reader.failed);
}

static void the_empty_input_without_memory_is_read_as_an_end(void **state)
{
	(void)state;
	struct wire_reader reader = wire_reader_of(slice_of(NULL, 0));

	assert_int_equal(wire_left(&reader), 0);
	assert_int_equal(wire_read_bytes(&reader, 0).len, 0);
	assert_false(reader.failed);
	assert_int_equal(wire_read_u8(&reader), 0);
	assert_true(reader.failed);
}

static void big_endian_numbers_round_trip(void **state)
{
	(void)state;
	unsigned char memory[4];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
	struct wire_reader reader;

	wire_write_be32(&writer, 0x01fe80ff);
	assert_memory_equal(memory, "\x01\xfe\x80\xff", 4);
	reader = wire_reader_of(wire_written(&writer));
	assert_int_equal(wire_read_be32(&reader), 0x01fe80ff);
	assert_false(reader.failed);
}

static void a_full_writer_writes_nothing_more(void **state)
{
	(void)state;
	unsigned char memory[8] = "........";
	struct wire_writer writer = wire_writer_of(memory, 4);

	wire_write_string(&writer, SLICE("abc"));
	assert_false(writer.failed);
	wire_write_u8(&writer, 0);
	assert_true(writer.failed);
	wire_write_bytes(&writer, slice_of(NULL, 0));
	assert_true(writer.failed);
	assert_int_equal(wire_written(&writer).len, 4);
	assert_memory_equal(memory,
	    "\x03"
	    "abc....",
	    8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints_have_the_bytes_of_the_specification),
		cmocka_unit_test(varints_are_read_back),
		cmocka_unit_test(every_truncation_of_a_varint_fails),
		cmocka_unit_test(a_varint_of_more_than_64_bits_fails),
		cmocka_unit_test(a_reader_that_failed_stays_failed_and_reads_nothing),
		cmocka_unit_test(a_string_may_be_empty_and_may_end_the_input),
		cmocka_unit_test(a_length_near_2_to_64_does_not_wrap),
		cmocka_unit_test(the_empty_input_without_memory_is_read_as_an_end),
		cmocka_unit_test(big_endian_numbers_round_trip),
		cmocka_unit_test(a_full_writer_writes_nothing_more),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
