/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/disconnect.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CODE "\x0bstatus-code\x03\x03"
#define MESSAGE                                                                                    \
	"\x07message\x08\x10"                                                                      \
	"frame is too big"

static struct frame frame_of(struct slice payload)
{
	return (struct frame){ .type = FRAME_HAPROXY_DISCONNECT, .payload = payload };
}

static void a_disconnect_has_its_exact_bytes(void **state)
{
	(void)state;
	char memory[128];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));

	assert_true(disconnect_encode(&writer, SPOP_TOO_BIG));
	assert_true(slice_eq(wire_written(&writer),
	    SLICE("\x00\x00\x00\x2f\x66\x00\x00\x00\x01\x00\x00" CODE MESSAGE)));
}

static void every_status_fits_a_small_buffer_and_is_read_back(void **state)
{
	(void)state;
	const enum spop_status statuses[] = {
#define STATUS(name, code, text) SPOP_##name,
#include "spoa/spop/spop.def"
#undef STATUS
	};

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		char memory[128];
		struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
		struct disconnect disconnect;
		struct frame frame;
		size_t bytes;

		assert_true(disconnect_encode(&writer, statuses[i]));
		assert_int_equal(
		    frame_next(wire_written(&writer), 4096, &frame, &bytes), FRAME_COMPLETE);
		assert_true(disconnect_decode(&frame, &disconnect));
		assert_int_equal(disconnect.status, statuses[i]);
		assert_true(
		    slice_eq(disconnect.message, slice_of_cstr(spop_status_text(statuses[i]))));
	}
}

static void both_items_are_needed(void **state)
{
	(void)state;
	struct frame code = frame_of(SLICE(CODE));
	struct frame message = frame_of(SLICE(MESSAGE));
	struct frame both = frame_of(SLICE(MESSAGE "\x01x\x00" CODE));
	struct disconnect disconnect;

	assert_false(disconnect_decode(&code, &disconnect));
	assert_false(disconnect_decode(&message, &disconnect));
	assert_true(disconnect_decode(&both, &disconnect));
	assert_int_equal(disconnect.status, 3);
}

static void every_truncation_fails(void **state)
{
	(void)state;
	struct slice whole = SLICE(CODE MESSAGE);

	for (size_t len = 0; len < whole.len; len++) {
		struct frame frame = frame_of(slice_sub(whole, 0, len));
		struct disconnect disconnect;

		assert_false(disconnect_decode(&frame, &disconnect));
	}
}

static void an_unknown_status_has_a_text(void **state)
{
	(void)state;
	assert_string_equal(spop_status_text(42), "unknown status");
	assert_string_equal(spop_status_text(SPOP_INVALID), "invalid frame received");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disconnect_has_its_exact_bytes),
		cmocka_unit_test(every_status_fits_a_small_buffer_and_is_read_back),
		cmocka_unit_test(both_items_are_needed),
		cmocka_unit_test(every_truncation_fails),
		cmocka_unit_test(an_unknown_status_has_a_text),
	};

	return cmocka_run_group_tests_name("disconnect", tests, NULL, NULL);
}
