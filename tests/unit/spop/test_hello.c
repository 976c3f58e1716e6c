/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/hello.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define VERSIONS                                                                                   \
	"\x12supported-versions\x08\x03"                                                           \
	"2.0"
#define SIZE_16K "\x0emax-frame-size\x03\xfc\xf0\x06" /* 16380 */
#define PIPELINED                                                                                  \
	"\x0c"                                                                                     \
	"capabilities\x08\x10pipelining,async"
#define NONE                                                                                       \
	"\x0c"                                                                                     \
	"capabilities\x08\x00"
#define HEALTH "\x0bhealthcheck\x11"
#define ENGINE                                                                                     \
	"\x09"                                                                                     \
	"engine-id\x08\x04uuid"

static struct frame hello_frame(struct slice payload)
{
	return (
	    struct frame){ .type = FRAME_HAPROXY_HELLO, .flags = FRAME_FIN, .payload = payload };
}

static enum spop_status decode(struct slice payload, struct hello *out)
{
	struct frame frame = hello_frame(payload);

	return hello_decode(&frame, out);
}

static void the_hello_of_haproxy_2_6_is_understood(void **state)
{
	(void)state;
	struct hello hello;

	assert_int_equal(decode(SLICE(VERSIONS SIZE_16K PIPELINED ENGINE), &hello), SPOP_OK);
	assert_true(hello.version_2);
	assert_int_equal(hello.max_frame_size, 16380);
	assert_true(hello.pipelining);
	assert_false(hello.healthcheck);
	assert_true(slice_eq(hello.engine_id, SLICE("uuid")));
}

static void the_hello_of_a_health_check_is_understood(void **state)
{
	(void)state;
	struct hello hello;

	assert_int_equal(decode(SLICE(VERSIONS SIZE_16K NONE HEALTH), &hello), SPOP_OK);
	assert_true(hello.healthcheck);
	assert_false(hello.pipelining);
	assert_int_equal(hello.engine_id.len, 0);
}

static void unknown_items_are_skipped(void **state)
{
	(void)state;
	struct hello hello;

	assert_int_equal(
	    decode(SLICE("\x03new\x00" VERSIONS "\x03old\x11" SIZE_16K NONE), &hello), SPOP_OK);
	assert_int_equal(hello.max_frame_size, 16380);
}

struct refusal {
	struct slice payload;
	enum spop_status status;
};

static void what_is_missing_or_wrong_has_its_status(void **state)
{
	(void)state;
	const struct refusal refusals[] = {
		{ SLICE_INIT(""), SPOP_NO_VERSION },
		{ SLICE_INIT(SIZE_16K NONE), SPOP_NO_VERSION },
		{ SLICE_INIT(VERSIONS NONE), SPOP_NO_FRAME_SIZE },
		{ SLICE_INIT(VERSIONS SIZE_16K), SPOP_NO_CAPABILITIES },
		/* a known item of another type */
		{ SLICE_INIT("\x12supported-versions\x03\x02" SIZE_16K NONE), SPOP_INVALID },
		{ SLICE_INIT(VERSIONS "\x0emax-frame-size\x08\x03"
		                      "256" NONE),
		    SPOP_INVALID },
		{ SLICE_INIT(VERSIONS SIZE_16K "\x0c"
		                               "capabilities\x00"),
		    SPOP_INVALID },
		{ SLICE_INIT(VERSIONS SIZE_16K NONE "\x0bhealthcheck\x03\x01"), SPOP_INVALID },
		/* an unknown type */
		{ SLICE_INIT(VERSIONS SIZE_16K NONE "\x01x\x0f"), SPOP_INVALID },
	};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct hello hello;

		assert_int_equal(decode(refusals[i].payload, &hello), refusals[i].status);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	struct slice whole = SLICE(VERSIONS SIZE_16K PIPELINED);
	struct hello hello;

	for (size_t len = 0; len < whole.len; len++)
		assert_int_not_equal(decode(slice_sub(whole, 0, len), &hello), SPOP_OK);
}

static void identifiers_of_a_hello_are_zero(void **state)
{
	(void)state;
	struct frame frame = hello_frame(SLICE(VERSIONS SIZE_16K NONE));
	struct hello hello;

	frame.stream_id = 1;
	assert_int_equal(hello_decode(&frame, &hello), SPOP_INVALID);
	frame.stream_id = 0;
	frame.frame_id = 1;
	assert_int_equal(hello_decode(&frame, &hello), SPOP_INVALID);
}

struct version_row {
	const char *list;
	bool accepted;
};

static void a_list_of_versions_needs_some_2(void **state)
{
	(void)state;
	const struct version_row versions[] = {
		{ "2.0", true },
		{ "1.0, 2.0", true },
		{ "1.0,2.7", true },
		{ " 2.1 ,3.0", true },
		{ "1.0", false },
		{ "20.1", false },
		{ "3.2.0", false },
		{ "2", false },
		{ "", false },
		{ ",,", false },
	};

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		char memory[128];
		struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
		struct hello hello;

		frame_write_item(&writer, SLICE("supported-versions"),
		    typed_string(slice_of_cstr(versions[i].list)));
		wire_write_bytes(&writer, SLICE(SIZE_16K NONE));
		assert_int_equal(decode(wire_written(&writer), &hello), SPOP_OK);
		assert_int_equal(hello.version_2, versions[i].accepted);
	}
}

static void pipelining_is_found_as_a_whole_word(void **state)
{
	(void)state;
	struct hello hello;

	assert_int_equal(decode(SLICE(VERSIONS SIZE_16K "\x0c"
	                                                "capabilities\x08\x17"
	                                                "pipelining2, pipelining"),
	                     &hello),
	    SPOP_OK);
	assert_true(hello.pipelining);
	assert_int_equal(decode(SLICE(VERSIONS SIZE_16K "\x0c"
	                                                "capabilities\x08\x0b"
	                                                "pipelining2"),
	                     &hello),
	    SPOP_OK);
	assert_false(hello.pipelining);
}

static void the_lower_frame_size_is_agreed(void **state)
{
	(void)state;
	struct hello hello = { .version_2 = true, .max_frame_size = 131068 };
	struct hello_reply reply;

	assert_int_equal(hello_negotiate(&hello, 1048576, &reply), SPOP_OK);
	assert_int_equal(reply.max_frame_size, 131068);
	assert_int_equal(hello_negotiate(&hello, 65536, &reply), SPOP_OK);
	assert_int_equal(reply.max_frame_size, 65536);
}

static void a_frame_size_below_256_is_refused(void **state)
{
	(void)state;
	struct hello hello = { .version_2 = true, .max_frame_size = 256 };
	struct hello_reply reply;

	assert_int_equal(hello_negotiate(&hello, 65536, &reply), SPOP_OK);
	hello.max_frame_size = 255;
	assert_int_equal(hello_negotiate(&hello, 65536, &reply), SPOP_BAD_FRAME_SIZE);
}

static void another_major_version_is_refused(void **state)
{
	(void)state;
	struct hello hello = { .max_frame_size = 16380 };
	struct hello_reply reply;

	assert_int_equal(hello_negotiate(&hello, 65536, &reply), SPOP_BAD_VERSION);
}

static void the_reply_has_its_exact_bytes(void **state)
{
	(void)state;
	struct hello_reply reply = { .max_frame_size = 16380, .pipelining = true };
	struct slice expected = SLICE("\x00\x00\x00\x40\x65\x00\x00\x00\x01\x00\x00"
	                              "\x07version\x08\x03"
	                              "2.0" SIZE_16K "\x0c"
	                              "capabilities\x08\x0a"
	                              "pipelining");
	char memory[128];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));

	assert_true(hello_encode(&writer, &reply));
	assert_true(slice_eq(wire_written(&writer), expected));
	for (size_t size = 0; size < expected.len; size++) {
		writer = wire_writer_of(memory, size);
		assert_false(hello_encode(&writer, &reply));
	}
}

static void pipelining_is_announced_only_when_offered(void **state)
{
	(void)state;
	struct hello_reply reply = { .max_frame_size = 16380 };
	char memory[128];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));

	assert_true(hello_encode(&writer, &reply));
	assert_true(slice_ends_with(wire_written(&writer), SLICE(NONE)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hello_of_haproxy_2_6_is_understood),
		cmocka_unit_test(the_hello_of_a_health_check_is_understood),
		cmocka_unit_test(unknown_items_are_skipped),
		cmocka_unit_test(what_is_missing_or_wrong_has_its_status),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(identifiers_of_a_hello_are_zero),
		cmocka_unit_test(a_list_of_versions_needs_some_2),
		cmocka_unit_test(pipelining_is_found_as_a_whole_word),
		cmocka_unit_test(the_lower_frame_size_is_agreed),
		cmocka_unit_test(a_frame_size_below_256_is_refused),
		cmocka_unit_test(another_major_version_is_refused),
		cmocka_unit_test(the_reply_has_its_exact_bytes),
		cmocka_unit_test(pipelining_is_announced_only_when_offered),
	};

	return cmocka_run_group_tests_name("hello", tests, NULL, NULL);
}
