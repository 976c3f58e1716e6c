/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/seqtrack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static enum seq_result note(struct seqtrack *track, uint64_t pid, uint64_t counter)
{
	char text[64];
	int n = snprintf(
	    text, sizeof(text), "%llu-%llu", (unsigned long long)pid, (unsigned long long)counter);
	return seqtrack_note(track, slice_of(text, (size_t)n));
}

static void ticks(struct seqtrack *track, int count)
{
	for (int i = 0; i < count; i++)
		seqtrack_tick(track);
}

static void expect_gap(struct seqtrack *track, uint64_t pid, uint64_t from, uint64_t to)
{
	struct seq_gap gap;
	assert_true(seqtrack_next_gap(track, &gap));
	assert_int_equal(gap.pid, pid);
	assert_int_equal(gap.from, from);
	assert_int_equal(gap.to, to);
}

static void expect_no_gap(struct seqtrack *track)
{
	struct seq_gap gap;
	assert_false(seqtrack_next_gap(track, &gap));
}

static int setup(void **state)
{
	*state = seqtrack_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	seqtrack_free(*state);
	return 0;
}

static void numbers_in_a_row_have_no_gap(void **state)
{
	for (uint64_t i = 1; i <= 200000; i++) {
		assert_int_equal(note(*state, 7, i), SEQ_NEW);
		if (i % 1000 == 0)
			ticks(*state, 1);
	}
	ticks(*state, 10);
	expect_no_gap(*state);
}

static void a_process_is_followed_from_where_it_is_first_heard(void **state)
{
	note(*state, 7, 5000);
	note(*state, 7, 5001);
	ticks(*state, 10);
	expect_no_gap(*state);
}

static void a_hole_is_told_after_its_grace(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, 4);
	ticks(*state, SEQ_GRACE_TICKS);
	expect_no_gap(*state);
	ticks(*state, 1);
	expect_gap(*state, 7, 2, 3);
	expect_no_gap(*state);
	ticks(*state, 10);
	expect_no_gap(*state);
}

static void numbers_that_overtake_each_other_are_no_hole(void **state)
{
	static const uint64_t order[] = { 1, 3, 2, 6, 5, 4, 7 };
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(note(*state, 7, order[i]), SEQ_NEW);
	ticks(*state, 10);
	expect_no_gap(*state);
}

static void two_holes_are_two_gaps(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, 3);
	note(*state, 7, 5);
	ticks(*state, 10);
	expect_gap(*state, 7, 2, 2);
	expect_gap(*state, 7, 4, 4);
	expect_no_gap(*state);
}

static void a_record_after_its_gap_is_late(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, 4);
	ticks(*state, 10);
	expect_gap(*state, 7, 2, 3);
	assert_int_equal(note(*state, 7, 2), SEQ_LATE);
	assert_int_equal(note(*state, 7, 1), SEQ_DUPLICATE);
}

static void a_number_that_comes_twice_is_a_duplicate(void **state)
{
	assert_int_equal(note(*state, 7, 1), SEQ_NEW);
	assert_int_equal(note(*state, 7, 1), SEQ_DUPLICATE);
	assert_int_equal(note(*state, 8, 1), SEQ_NEW);
}

/* A hole larger than the window is told at once, in one piece. */
static void a_large_hole_is_one_gap(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, 1000000);
	expect_gap(*state, 7, 2, 1000000 - SEQ_WINDOW);
	expect_no_gap(*state);
	ticks(*state, 10);
	expect_gap(*state, 7, 1000000 - SEQ_WINDOW + 1, 999999);
	expect_no_gap(*state);
}

static void the_window_holds_its_last_number(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, SEQ_WINDOW);
	expect_no_gap(*state);
	note(*state, 7, SEQ_WINDOW + 2);
	expect_gap(*state, 7, 2, 2);
	expect_no_gap(*state);
}

static void an_old_pid_may_start_again(void **state)
{
	note(*state, 7, 1);
	for (uint64_t i = 2; i <= 2 * SEQ_WINDOW; i++)
		note(*state, 7, i);
	assert_int_equal(note(*state, 7, 1), SEQ_NEW);
	assert_int_equal(note(*state, 7, 2), SEQ_NEW);
	ticks(*state, 10);
	expect_no_gap(*state);
}

static void what_is_no_number_is_said(void **state)
{
	static const char *const texts[] = { "", "7", "7-", "-1", "7-1x", "x-1", "7-1-1",
		"9999999999999999999-1", "7-99999999999999999999" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(seqtrack_note(*state, slice_of_cstr(texts[i])), SEQ_NO_NUMBER);
}

static void more_processes_than_places_give_way(void **state)
{
	for (uint64_t pid = 1; pid <= 2 * SEQ_SOURCES_MAX; pid++) {
		assert_int_equal(note(*state, pid, 1), SEQ_NEW);
		ticks(*state, 1);
	}
	expect_no_gap(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_in_a_row_have_no_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_process_is_followed_from_where_it_is_first_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hole_is_told_after_its_grace, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    numbers_that_overtake_each_other_are_no_hole, setup, teardown),
		cmocka_unit_test_setup_teardown(two_holes_are_two_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(a_record_after_its_gap_is_late, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_number_that_comes_twice_is_a_duplicate, setup, teardown),
		cmocka_unit_test_setup_teardown(a_large_hole_is_one_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(the_window_holds_its_last_number, setup, teardown),
		cmocka_unit_test_setup_teardown(an_old_pid_may_start_again, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_number_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    more_processes_than_places_give_way, setup, teardown),
	};
	return cmocka_run_group_tests_name("seqtrack", tests, NULL, NULL);
}
