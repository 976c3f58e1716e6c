/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/typed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct row {
	struct typed value;
	struct slice bytes;
};

#define MINUS_1 "\xff\xf0\xfe\xfe\xfe\xfe\xfe\xfe\xfe\x0e"

// clang-format off
static const struct row rows[] = {
	{ { .type = TYPED_NULL },                                            SLICE_INIT("\x00") },
	{ { .type = TYPED_BOOL, .boolean = true },                           SLICE_INIT("\x11") },
	{ { .type = TYPED_BOOL, .boolean = false },                          SLICE_INIT("\x01") },
	{ { .type = TYPED_INT32, .sint = 7 },                                SLICE_INIT("\x02\x07") },
	{ { .type = TYPED_INT32, .sint = -1 },                               SLICE_INIT("\x02" MINUS_1) },
	{ { .type = TYPED_INT32, .sint = INT32_MAX },                        SLICE_INIT("\x02\xff\xf0\xfe\xfe\x3e") },
	{ { .type = TYPED_UINT32, .uint = UINT32_MAX },                      SLICE_INIT("\x03\xff\xf0\xfe\xfe\x7e") },
	{ { .type = TYPED_INT64, .sint = -1 },                               SLICE_INIT("\x04" MINUS_1) },
	{ { .type = TYPED_UINT64, .uint = UINT64_MAX },                      SLICE_INIT("\x05" MINUS_1) },
	{ { .type = TYPED_IPV4, .bytes = SLICE_INIT("\x7f\0\0\x01") },       SLICE_INIT("\x06\x7f\0\0\x01") },
	{ { .type = TYPED_IPV6, .bytes = SLICE_INIT("0123456789abcdef") },   SLICE_INIT("\x07" "0123456789abcdef") },
	{ { .type = TYPED_STRING, .bytes = SLICE_INIT("") },                 SLICE_INIT("\x08\x00") },
	{ { .type = TYPED_STRING, .bytes = SLICE_INIT("abc") },              SLICE_INIT("\x08\x03" "abc") },
	{ { .type = TYPED_BINARY, .bytes = SLICE_INIT("\0\xff") },           SLICE_INIT("\x09\x02\0\xff") },
};
// clang-format on

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void assert_same(const struct typed *a, const struct typed *b)
{
	assert_int_equal(a->type, b->type);
	switch (a->type) {
	case TYPED_NULL:
		break;
	case TYPED_BOOL:
		assert_int_equal(a->boolean, b->boolean);
		break;
	case TYPED_INT32:
	case TYPED_UINT32:
	case TYPED_INT64:
	case TYPED_UINT64:
		assert_int_equal(a->uint, b->uint);
		break;
	default:
		assert_true(slice_eq(a->bytes, b->bytes));
		break;
	}
}

static void every_type_has_its_exact_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		unsigned char memory[64];
		struct wire_writer writer = wire_writer_of(memory, sizeof(memory));

		typed_write(&writer, &rows[i].value);
		assert_false(writer.failed);
		assert_true(slice_eq(wire_written(&writer), rows[i].bytes));
	}
}

static void every_type_is_read_back_and_nothing_behind_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct wire_reader reader = wire_reader_of(rows[i].bytes);
		struct typed value = typed_read(&reader);

		assert_false(reader.failed);
		assert_int_equal(wire_left(&reader), 0);
		assert_same(&value, &rows[i].value);
	}
}

static void every_truncation_fails_and_gives_null(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		for (size_t len = 0; len < rows[i].bytes.len; len++) {
			struct wire_reader reader =
			    wire_reader_of(slice_sub(rows[i].bytes, 0, len));

			assert_int_equal(typed_read(&reader).type, TYPED_NULL);
			assert_true(reader.failed);
		}
	}
}

static void flags_of_other_types_than_bool_are_ignored(void **state)
{
	(void)state;
	struct wire_reader reader = wire_reader_of(SLICE("\xf3\x05"));
	struct typed value = typed_read(&reader);

	assert_false(reader.failed);
	assert_int_equal(value.type, TYPED_UINT32);
	assert_int_equal(value.uint, 5);
}

static void reserved_types_fail(void **state)
{
	(void)state;
	for (unsigned type = 10; type < 16; type++) {
		const char bytes[3] = { (char)type, 1, 'a' };
		struct wire_reader reader = wire_reader_of(slice_of(bytes, sizeof(bytes)));

		assert_int_equal(typed_read(&reader).type, TYPED_NULL);
		assert_true(reader.failed);
	}
}

static void a_number_outside_its_type_fails(void **state)
{
	(void)state;
	const struct slice outside[] = {
		SLICE_INIT("\x03\xf0\xf1\xfe\xfe\x7e"), /* UINT32_MAX + 1 */
		SLICE_INIT("\x02\xf0\xf1\xfe\xfe\x3e"), /* INT32_MAX + 1 */
		SLICE_INIT("\x02\xff\xf0\xfe\xfe\x7e"), /* -1 in 32 bits only */
	};

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		struct wire_reader reader = wire_reader_of(outside[i]);

		typed_read(&reader);
		assert_true(reader.failed);
	}
}

static void only_strings_and_binaries_have_text(void **state)
{
	(void)state;
	struct typed number = typed_uint32(5);
	struct typed address = typed_bytes(TYPED_IPV4, SLICE("1234"));
	struct typed text = typed_string(SLICE("abc"));

	assert_int_equal(typed_text(&number).len, 0);
	assert_int_equal(typed_text(&address).len, 0);
	assert_true(slice_eq(typed_text(&text), SLICE("abc")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_has_its_exact_bytes),
		cmocka_unit_test(every_type_is_read_back_and_nothing_behind_it),
		cmocka_unit_test(every_truncation_fails_and_gives_null),
		cmocka_unit_test(flags_of_other_types_than_bool_are_ignored),
		cmocka_unit_test(reserved_types_fail),
		cmocka_unit_test(a_number_outside_its_type_fails),
		cmocka_unit_test(only_strings_and_binaries_have_text),
	};

	return cmocka_run_group_tests_name("typed", tests, NULL, NULL);
}
