/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/ack.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SET   "\x01\x03\x02\x07verdict\x03\xc8"
#define UNSET "\x02\x02\x01\x03www"

static void actions_have_their_exact_bytes(void **state)
{
	(void)state;
	struct slice expected = SLICE("\x00\x00\x00\x1b\x67\x00\x00\x00\x01\x05\x01" SET UNSET);
	char memory[64];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
	unsigned char *begin = ack_begin(&writer, 5, 1);

	ack_set(&writer, ACK_TXN, SLICE("verdict"), typed_uint32(200));
	ack_unset(&writer, ACK_SESS, SLICE("www"));
	assert_true(frame_end(&writer, begin));
	assert_true(slice_eq(wire_written(&writer), expected));
}

static void actions_are_read_back(void **state)
{
	(void)state;
	struct wire_reader reader = wire_reader_of(SLICE(SET UNSET));
	struct ack_action action;

	assert_true(ack_next_action(&reader, &action));
	assert_int_equal(action.type, ACK_SET_VAR);
	assert_int_equal(action.scope, ACK_TXN);
	assert_true(slice_eq(action.name, SLICE("verdict")));
	assert_int_equal(action.value.uint, 200);
	assert_true(ack_next_action(&reader, &action));
	assert_int_equal(action.type, ACK_UNSET_VAR);
	assert_int_equal(action.scope, ACK_SESS);
	assert_true(slice_eq(action.name, SLICE("www")));
	assert_false(ack_next_action(&reader, &action));
	assert_false(reader.failed);
}

static void every_truncation_within_an_action_fails(void **state)
{
	(void)state;
	struct slice whole = SLICE(SET UNSET);

	for (size_t len = 1; len < whole.len; len++) {
		struct wire_reader reader = wire_reader_of(slice_sub(whole, 0, len));
		struct ack_action action;

		while (ack_next_action(&reader, &action))
			;
		assert_int_equal(reader.failed, len != sizeof(SET) - 1);
	}
}

static void nonsense_actions_fail(void **state)
{
	(void)state;
	const struct slice nonsense[] = {
		SLICE_INIT("\x03\x03\x02\x01x\x00"), /* no such action */
		SLICE_INIT("\x01\x02\x02\x01x\x00"), /* wrong number of arguments */
		SLICE_INIT("\x02\x03\x02\x01x"),
		SLICE_INIT("\x01\x03\x05\x01x\x00"), /* no such scope */
	};

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		struct wire_reader reader = wire_reader_of(nonsense[i]);
		struct ack_action action;

		assert_false(ack_next_action(&reader, &action));
		assert_true(reader.failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actions_have_their_exact_bytes),
		cmocka_unit_test(actions_are_read_back),
		cmocka_unit_test(every_truncation_within_an_action_fails),
		cmocka_unit_test(nonsense_actions_fail),
	};

	return cmocka_run_group_tests_name("ack", tests, NULL, NULL);
}
