/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/notify.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CHECK                                                                                      \
	"\x05"                                                                                     \
	"check\x03"                                                                                \
	"\x02id\x08\x01"                                                                           \
	"7"                                                                                        \
	"\x04path\x08\x02"                                                                         \
	"/a"                                                                                       \
	"\x04"                                                                                     \
	"body\x00"
#define OTHER "\x05other\x01\x01x\x11"
#define EMPTY                                                                                      \
	"\x05"                                                                                     \
	"empty\x00"

static void messages_and_arguments_come_in_order(void **state)
{
	(void)state;
	struct notify notify = notify_of(SLICE(CHECK EMPTY OTHER));
	struct slice name;
	struct typed value;

	assert_true(notify_next_message(&notify, &name));
	assert_true(slice_eq(name, SLICE("check")));
	assert_true(notify_next_arg(&notify, &name, &value));
	assert_true(slice_eq(name, SLICE("id")));
	assert_true(slice_eq(typed_text(&value), SLICE("7")));
	assert_true(notify_next_arg(&notify, &name, &value));
	assert_true(slice_eq(typed_text(&value), SLICE("/a")));
	assert_true(notify_next_arg(&notify, &name, &value));
	assert_int_equal(value.type, TYPED_NULL);
	assert_false(notify_next_arg(&notify, &name, &value));
	assert_true(notify_next_message(&notify, &name));
	assert_true(slice_eq(name, SLICE("empty")));
	assert_false(notify_next_arg(&notify, &name, &value));
	assert_true(notify_next_message(&notify, &name));
	assert_true(slice_eq(name, SLICE("other")));
	assert_true(notify_next_arg(&notify, &name, &value));
	assert_true(value.boolean);
	assert_false(notify_next_message(&notify, &name));
	assert_false(notify_failed(&notify));
}

static void a_message_that_is_not_read_is_skipped(void **state)
{
	(void)state;
	struct notify notify = notify_of(SLICE(CHECK OTHER));
	struct slice name;

	assert_true(notify_next_message(&notify, &name));
	assert_true(notify_next_message(&notify, &name));
	assert_true(slice_eq(name, SLICE("other")));
	assert_false(notify_next_message(&notify, &name));
	assert_false(notify_failed(&notify));
}

static void an_empty_payload_has_no_message(void **state)
{
	(void)state;
	struct notify notify = notify_of(slice_of(NULL, 0));
	struct slice name;

	assert_false(notify_next_message(&notify, &name));
	assert_false(notify_failed(&notify));
}

/* How many messages and arguments a payload has; reads to the end. */
static unsigned count_all(struct notify *notify)
{
	struct slice name;
	struct typed value;
	unsigned n = 0;

	while (notify_next_message(notify, &name)) {
		n++;
		while (notify_next_arg(notify, &name, &value))
			n++;
	}
	return n;
}

static void a_truncation_within_a_message_fails(void **state)
{
	(void)state;
	struct slice whole = SLICE(CHECK OTHER);
	const size_t boundary = sizeof(CHECK) - 1;

	for (size_t len = 1; len < whole.len; len++) {
		struct notify notify = notify_of(slice_sub(whole, 0, len));

		count_all(&notify);
		assert_int_equal(notify_failed(&notify), len != boundary);
	}
}

static void a_flipped_bit_never_loops_or_reads_outside(void **state)
{
	(void)state;
	struct slice whole = SLICE(CHECK OTHER);

	for (size_t bit = 0; bit < whole.len * 8; bit++) {
		char copy[sizeof(CHECK OTHER)];
		struct notify notify = notify_of(slice_of(copy, whole.len));

		memcpy(copy, whole.ptr, whole.len);
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
		assert_true(count_all(&notify) <= whole.len);
	}
}

static void more_arguments_announced_than_sent_fail(void **state)
{
	(void)state;
	struct notify notify = notify_of(SLICE("\x05"
	                                       "check\xff\x02id\x08\x01"
	                                       "7"));
	struct slice name;
	struct typed value;

	assert_true(notify_next_message(&notify, &name));
	assert_true(notify_next_arg(&notify, &name, &value));
	assert_false(notify_next_arg(&notify, &name, &value));
	assert_true(notify_failed(&notify));
	assert_false(notify_next_message(&notify, &name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_and_arguments_come_in_order),
		cmocka_unit_test(a_message_that_is_not_read_is_skipped),
		cmocka_unit_test(an_empty_payload_has_no_message),
		cmocka_unit_test(a_truncation_within_a_message_fails),
		cmocka_unit_test(a_flipped_bit_never_loops_or_reads_outside),
		cmocka_unit_test(more_arguments_announced_than_sent_fail),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
