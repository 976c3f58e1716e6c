/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/frame.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* NOTIFY, FIN, stream 300, frame 2, payload "xy". */
#define NOTIFY_XY "\x00\x00\x00\x0a\x03\x00\x00\x00\x01\xfc\x03\x02xy"

static void a_whole_frame_is_taken_apart(void **state)
{
	(void)state;
	struct slice input = SLICE(NOTIFY_XY "rest");
	struct frame frame;
	size_t bytes;

	assert_int_equal(frame_next(input, 4096, &frame, &bytes), FRAME_COMPLETE);
	assert_int_equal(bytes, 14);
	assert_int_equal(frame.type, FRAME_NOTIFY);
	assert_int_equal(frame.flags, FRAME_FIN);
	assert_int_equal(frame.stream_id, 300);
	assert_int_equal(frame.frame_id, 2);
	assert_true(slice_eq(frame.payload, SLICE("xy")));
	assert_ptr_equal(frame.payload.ptr, input.ptr + 12);
}

static void every_truncation_is_partial_and_says_what_is_needed(void **state)
{
	(void)state;
	struct slice whole = SLICE(NOTIFY_XY);
	struct frame frame;
	size_t bytes;

	for (size_t len = 0; len < whole.len; len++) {
		assert_int_equal(
		    frame_next(slice_sub(whole, 0, len), 4096, &frame, &bytes), FRAME_PARTIAL);
		assert_int_equal(bytes, len < 4 ? 4 : whole.len);
	}
}

static void the_limit_is_inclusive_and_judged_by_the_length_alone(void **state)
{
	(void)state;
	struct frame frame;
	size_t bytes;

	assert_int_equal(
	    frame_next(SLICE("\x00\x00\x10\x00"), 4096, &frame, &bytes), FRAME_PARTIAL);
	assert_int_equal(bytes, 4100);
	assert_int_equal(
	    frame_next(SLICE("\x00\x00\x10\x01"), 4096, &frame, &bytes), FRAME_TOO_BIG);
	assert_int_equal(
	    frame_next(SLICE("\xff\xff\xff\xff"), 4096, &frame, &bytes), FRAME_TOO_BIG);
}

static void frames_above_65535_bytes_are_taken(void **state)
{
	(void)state;
	struct frame frame;
	size_t bytes;

	assert_int_equal(
	    frame_next(SLICE("\x00\x01\xff\xfc"), 131068, &frame, &bytes), FRAME_PARTIAL);
	assert_int_equal(bytes, 131072);
}

static void a_frame_shorter_than_its_head_is_malformed(void **state)
{
	(void)state;
	struct frame frame;
	size_t bytes;

	for (unsigned size = 0; size < 7; size++) {
		char input[11] = { 0, 0, 0, (char)size, 3, 0, 0, 0, 1, 0, 0 };

		assert_int_equal(frame_next(slice_of(input, sizeof(input)), 4096, &frame, &bytes),
		    FRAME_MALFORMED);
	}
}

static void identifiers_that_run_out_of_the_frame_are_malformed(void **state)
{
	(void)state;
	const struct slice inputs[] = {
		SLICE_INIT("\x00\x00\x00\x07\x03\x00\x00\x00\x01\x00\xf0\x00\x00"),
		SLICE_INIT("\x00\x00\x00\x07\x03\x00\x00\x00\x01\xf0\x00\x00"),
		SLICE_INIT("\x00\x00\x00\x07\x03\x00\x00\x00\x01\xf0\x80\x00"),
	};
	struct frame frame;
	size_t bytes;

	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		assert_int_equal(frame_next(inputs[i], 4096, &frame, &bytes), FRAME_MALFORMED);
}

static void a_written_frame_has_its_exact_bytes(void **state)
{
	(void)state;
	unsigned char memory[64];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
	unsigned char *begin = frame_begin(&writer, FRAME_NOTIFY, 300, 2);

	wire_write_bytes(&writer, SLICE("xy"));
	assert_true(frame_end(&writer, begin));
	assert_true(slice_eq(wire_written(&writer), SLICE(NOTIFY_XY)));
}

static void a_frame_that_does_not_fit_leaves_the_writer_as_it_was(void **state)
{
	(void)state;
	for (size_t size = 0; size < 14; size++) {
		unsigned char memory[4 + 14];
		struct wire_writer writer = wire_writer_of(memory, 4 + size);
		unsigned char *begin;

		wire_write_bytes(&writer, SLICE("head"));
		begin = frame_begin(&writer, FRAME_NOTIFY, 300, 2);
		wire_write_bytes(&writer, SLICE("xy"));
		assert_false(frame_end(&writer, begin));
		assert_false(writer.failed);
		assert_true(slice_eq(wire_written(&writer), SLICE("head")));
	}
}

static void a_flipped_bit_never_reads_outside_the_input(void **state)
{
	(void)state;
	struct slice whole = SLICE(NOTIFY_XY);

	for (size_t bit = 0; bit < whole.len * 8; bit++) {
		char copy[16];
		struct frame frame;
		size_t bytes;

		memcpy(copy, whole.ptr, whole.len);
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
		if (frame_next(slice_of(copy, whole.len), 4096, &frame, &bytes) == FRAME_COMPLETE) {
			assert_true(bytes <= whole.len);
			assert_true(frame.payload.ptr + frame.payload.len == copy + bytes);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_frame_is_taken_apart),
		cmocka_unit_test(every_truncation_is_partial_and_says_what_is_needed),
		cmocka_unit_test(the_limit_is_inclusive_and_judged_by_the_length_alone),
		cmocka_unit_test(frames_above_65535_bytes_are_taken),
		cmocka_unit_test(a_frame_shorter_than_its_head_is_malformed),
		cmocka_unit_test(identifiers_that_run_out_of_the_frame_are_malformed),
		cmocka_unit_test(a_written_frame_has_its_exact_bytes),
		cmocka_unit_test(a_frame_that_does_not_fit_leaves_the_writer_as_it_was),
		cmocka_unit_test(a_flipped_bit_never_reads_outside_the_input),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
