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

/* As one that tells it at once. */
static bool next(struct seqtrack *track, struct seq_finding *finding)
{
	if (!seqtrack_next(track, finding))
		return false;
	seqtrack_done(track);
	return true;
}

static void expect_gap(struct seqtrack *track, uint64_t source, uint64_t from, uint64_t to)
{
	struct seq_finding gap;
	assert_true(next(track, &gap));
	assert_int_equal(gap.what, SEQ_GAP);
	assert_int_equal(gap.source, source);
	assert_int_equal(gap.from, from);
	assert_int_equal(gap.to, to);
	assert_int_equal(gap.missing, to - from + 1);
}

static void expect_joined(struct seqtrack *track, uint64_t source, uint64_t at)
{
	struct seq_finding joined;
	assert_true(next(track, &joined));
	assert_int_equal(joined.what, SEQ_JOINED);
	assert_int_equal(joined.source, source);
	assert_int_equal(joined.from, at);
	assert_int_equal(joined.to, at + SEQ_BLIND);
}

static void expect_nothing(struct seqtrack *track)
{
	struct seq_finding finding;
	assert_false(next(track, &finding));
}

/* What the next process would know. */
static struct seqtrack *reloaded(struct seqtrack *track, char *text, size_t size)
{
	struct seqtrack *later = seqtrack_new();
	struct buf state;
	buf_init(&state, SEQ_SAVED_MAX_BYTES);
	seqtrack_save(track, &state);
	assert_false(buf_failed(&state));
	assert_non_null(later);
	assert_true(seqtrack_load(later, buf_slice(&state)));
	if (text)
		snprintf(text, size, "%.*s", (int)state.len, state.data);
	buf_release(&state);
	return later;
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
	expect_nothing(*state);
}

/* In which order its first records come is not known: what seems to be missing may stand before. */
static void a_source_that_is_joined_is_told_and_its_first_holes_do_not_count(void **state)
{
	note(*state, 7, 5000);
	expect_joined(*state, 7, 5000);
	assert_int_equal(note(*state, 7, 4999), SEQ_NEW);
	note(*state, 7, 5003);
	ticks(*state, 10);
	expect_nothing(*state);
	assert_int_equal(note(*state, 7, 5001), SEQ_NEW);
	note(*state, 7, 5000 + SEQ_BLIND + 2);
	ticks(*state, 10);
	expect_gap(*state, 7, 5000 + SEQ_BLIND, 5000 + SEQ_BLIND + 1);
	expect_nothing(*state);
}

static void the_first_records_of_a_source_can_be_missing(void **state)
{
	note(*state, 7, 3);
	note(*state, 8, SEQ_FIRST_MAX);
	ticks(*state, 10);
	expect_gap(*state, 7, 1, 2);
	expect_gap(*state, 8, 1, SEQ_FIRST_MAX - 1);
	expect_nothing(*state);
	note(*state, 9, SEQ_FIRST_MAX + 1);
	expect_joined(*state, 9, SEQ_FIRST_MAX + 1);
}

static void what_was_not_told_stays_due(void **state)
{
	struct seq_finding gap;
	note(*state, 7, 2);
	note(*state, 7, 4);
	ticks(*state, 10);
	for (int i = 0; i < 3; i++) {
		assert_true(seqtrack_next(*state, &gap));
		assert_int_equal(gap.to, 1);
	}
	seqtrack_done(*state);
	expect_gap(*state, 7, 3, 3);
	expect_nothing(*state);
}

static void a_hole_is_told_after_its_grace(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, 4);
	ticks(*state, SEQ_GRACE_TICKS);
	expect_nothing(*state);
	ticks(*state, 1);
	expect_gap(*state, 7, 2, 3);
	expect_nothing(*state);
	ticks(*state, 10);
	expect_nothing(*state);
}

static void numbers_that_overtake_each_other_are_no_hole(void **state)
{
	static const uint64_t order[] = { 1, 3, 2, 6, 5, 4, 7 };
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(note(*state, 7, order[i]), SEQ_NEW);
	ticks(*state, 10);
	expect_nothing(*state);
}

static void two_holes_are_two_gaps(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, 3);
	note(*state, 7, 5);
	ticks(*state, 10);
	expect_gap(*state, 7, 2, 2);
	expect_gap(*state, 7, 4, 4);
	expect_nothing(*state);
}

static void a_record_after_its_gap_is_late(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, 4);
	ticks(*state, 10);
	expect_gap(*state, 7, 2, 3);
	assert_int_equal(note(*state, 7, 2), SEQ_LATE);
	assert_int_equal(note(*state, 7, 4), SEQ_NEW); /* a new process */
}

static void a_number_that_comes_twice_is_a_duplicate(void **state)
{
	for (uint64_t i = 1; i <= 200; i++)
		assert_int_equal(note(*state, 7, i), SEQ_NEW);
	assert_int_equal(note(*state, 7, 100), SEQ_DUPLICATE);
	ticks(*state, 10);
	assert_int_equal(note(*state, 7, 100), SEQ_DUPLICATE);
	assert_int_equal(note(*state, 8, 1), SEQ_NEW);
	expect_nothing(*state);
}

/* A hole larger than the window is told at once, in one piece. */
static void a_large_hole_is_one_gap(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, 1000000);
	expect_gap(*state, 7, 2, 1000000 - SEQ_WINDOW);
	expect_nothing(*state);
	ticks(*state, 10);
	expect_gap(*state, 7, 1000000 - SEQ_WINDOW + 1, 999999);
	expect_nothing(*state);
}

static void the_window_holds_its_last_number(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, SEQ_WINDOW);
	expect_nothing(*state);
	note(*state, 7, SEQ_WINDOW + 2);
	expect_gap(*state, 7, 2, 2);
	expect_nothing(*state);
}

static void an_old_pid_may_start_again(void **state)
{
	note(*state, 7, 1);
	for (uint64_t i = 2; i <= 2 * SEQ_WINDOW; i++)
		note(*state, 7, i);
	assert_int_equal(note(*state, 7, 1), SEQ_NEW);
	assert_int_equal(note(*state, 7, 2), SEQ_NEW);
	ticks(*state, 10);
	expect_nothing(*state);
}

/* As in a container, where every process has the same number; however few records there were. */
static void an_old_pid_may_start_again_after_a_few_records(void **state)
{
	for (uint64_t i = 1; i <= 10; i++)
		note(*state, 7, i);
	note(*state, 7, 12);
	assert_int_equal(note(*state, 7, 2), SEQ_NEW);
	assert_int_equal(note(*state, 7, 1), SEQ_NEW);
	assert_int_equal(note(*state, 7, 3), SEQ_NEW);
	expect_gap(*state, 7, 11, 11);
	note(*state, 7, 5);
	ticks(*state, 10);
	expect_gap(*state, 7, 4, 4);
	assert_int_equal(note(*state, 7, 4), SEQ_LATE);
	expect_nothing(*state);
}

static void a_joined_source_may_start_again(void **state)
{
	note(*state, 7, 5000);
	expect_joined(*state, 7, 5000);
	assert_int_equal(note(*state, 7, 1), SEQ_NEW);
	note(*state, 7, 3);
	ticks(*state, 10);
	expect_gap(*state, 7, 2, 2);
	expect_nothing(*state);
}

/* More than are remembered: one says so for the rest, with the exact number. */
static void many_holes_lose_nothing(void **state)
{
	struct seq_finding gap;
	uint64_t missing = 0;
	int told = 0;
	for (uint64_t i = 1; i <= 4001; i += 2)
		note(*state, 7, i);
	ticks(*state, 10);
	for (; next(*state, &gap); told++)
		missing += gap.missing;
	assert_int_equal(missing, 2000);
	assert_int_equal(told, SEQ_GAPS_MAX);
	assert_int_equal(gap.to, 4000);
}

/* ---- Over a restart. */

static void a_state_is_text(void **state)
{
	char text[200];
	note(*state, 7, 1);
	note(*state, 7, 4);
	note(*state, 7, 6);
	note(*state, 8, 1);
	note(*state, 9, 100);
	seqtrack_free(reloaded(*state, text, sizeof(text)));
	assert_string_equal(text, "7:7:0:2-3,5-5;8:2:0:;9:101:1124:");
	seqtrack_free(reloaded(*state, text, sizeof(text)));
	assert_string_equal(text, "7:7:0:2-3,5-5;8:2:0:;9:101:1124:");
}

static void an_order_that_a_restart_cuts_is_no_gap(void **state)
{
	for (uint64_t i = 1; i <= 1000; i++)
		note(*state, 7, i);
	note(*state, 7, 1003);
	struct seqtrack *later = reloaded(*state, NULL, 0);
	assert_int_equal(note(later, 7, 1002), SEQ_NEW);
	assert_int_equal(note(later, 7, 1001), SEQ_NEW);
	assert_int_equal(note(later, 7, 1001), SEQ_DUPLICATE);
	ticks(later, 10);
	expect_nothing(later);
	seqtrack_free(later);
}

static void a_hole_before_a_restart_is_told_after_it(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, 3);
	struct seqtrack *later = reloaded(*state, NULL, 0);
	ticks(later, SEQ_GRACE_TICKS);
	expect_nothing(later);
	note(later, 7, 5);
	ticks(later, 10);
	expect_gap(later, 7, 2, 2);
	expect_gap(later, 7, 4, 4);
	expect_nothing(later);
	seqtrack_free(later);
}

static void a_hole_over_a_restart_is_told(void **state)
{
	note(*state, 7, 1);
	note(*state, 7, 2);
	struct seqtrack *later = reloaded(*state, NULL, 0);
	note(later, 7, 40);
	ticks(later, 10);
	expect_gap(later, 7, 3, 39);
	expect_nothing(later);
	seqtrack_free(later);
}

static void what_was_told_before_a_restart_is_not_told_again(void **state)
{
	note(*state, 7, 1);
	struct seqtrack *later = reloaded(*state, NULL, 0);
	note(later, 7, 3); /* noted again */
	note(later, 7, 6);
	seqtrack_gap_was_told(later, 7, 2, 2);
	ticks(later, 10);
	expect_gap(later, 7, 4, 5);
	expect_nothing(later);
	assert_int_equal(note(later, 7, 2), SEQ_LATE);
	seqtrack_free(later);
}

static void what_did_not_fit_and_was_told_is_not_told_again(void **state)
{
	note(*state, 7, 1);
	struct seqtrack *later = reloaded(*state, NULL, 0);
	note(later, 7, 1000000);
	seqtrack_gap_was_told(later, 7, 2, 1000000 - SEQ_WINDOW);
	expect_nothing(later);
	ticks(later, 10);
	expect_gap(later, 7, 1000000 - SEQ_WINDOW + 1, 999999);
	expect_nothing(later);
	seqtrack_free(later);
}

/* Nothing is known of what came before, so that a small counter is no new source. */
static void what_was_forgotten_is_no_gap(void **state)
{
	char text[100];
	seqtrack_forget(*state);
	note(*state, 7, 40);
	expect_joined(*state, 7, 40);
	struct seqtrack *later = reloaded(*state, text, sizeof(text));
	assert_string_equal(text, "~7:41:1064:");
	note(later, 8, 20);
	expect_joined(later, 8, 20);
	note(later, 9, 1);
	note(later, 9, 3);
	ticks(later, 10);
	expect_gap(later, 9, 2, 2);
	expect_nothing(later);
	seqtrack_free(later);
}

static void a_source_that_gave_way_is_no_gap(void **state)
{
	for (uint64_t source = 0; source <= SEQ_SOURCES_MAX; source++) {
		for (uint64_t i = 1; i <= 10; i++)
			note(*state, source, i);
		ticks(*state, 1);
	}
	note(*state, 0, 11);
	expect_joined(*state, 0, 11);
	ticks(*state, 10);
	expect_nothing(*state);
}

static void a_joined_source_stays_one(void **state)
{
	note(*state, 7, 5000);
	expect_joined(*state, 7, 5000);
	struct seqtrack *later = reloaded(*state, NULL, 0);
	note(later, 7, 5005);
	ticks(later, 10);
	expect_nothing(later);
	seqtrack_free(later);
}

/* Of many holes the oldest are told when the state is saved, so that none is lost. */
static void many_holes_are_not_lost_over_a_restart(void **state)
{
	struct seq_finding gap;
	uint64_t missing = 0;
	for (uint64_t i = 1; i <= 41; i += 2)
		note(*state, 7, i);
	struct seqtrack *later = reloaded(*state, NULL, 0);
	for (; next(*state, &gap); missing += gap.missing)
		assert_int_equal(gap.missing, 1);
	assert_int_equal(missing, 20 - SEQ_SAVED_HOLES_MAX);
	ticks(later, 10);
	for (; next(later, &gap); missing += gap.missing)
		assert_int_equal(gap.missing, 1);
	assert_int_equal(missing, 20);
	seqtrack_free(later);
}

static void a_full_state_fits(void **state)
{
	for (uint64_t source = 0; source < SEQ_SOURCES_MAX; source++)
		for (uint64_t i = 0; i <= SEQ_SAVED_HOLES_MAX; i++)
			note(*state, (UINT64_C(1) << 53) - source,
			    (UINT64_C(1) << 53) - 2 * SEQ_SAVED_HOLES_MAX - 2 + 2 * i);
	seqtrack_free(reloaded(*state, NULL, 0));
}

static void what_is_no_state_is_not_loaded(void **state)
{
	static const char *const texts[] = { "7", "7:1", "7:1:0", ":1:0:", "7:1:0:;", "7:5:0:3",
		"7:5:0:3-", "7:5:0:4-3", "7:5:0:4-5", "7:5:0:2-2,1-1", "7:5:0:2-2,",
		"7:5:0:2-3,3-4", "7:5:0:;7:5:0:", "7:100000:0:1-1",
		"7:-5:0:", "7:2000000000000000000:0:" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(seqtrack_load(*state, SLICE("9:5:0:")));
		assert_false(seqtrack_load(*state, slice_of_cstr(texts[i])));
		note(*state, 9, 4); /* is followed anew */
		ticks(*state, 10);
		expect_gap(*state, 9, 1, 3);
		expect_nothing(*state);
	}
	assert_true(seqtrack_load(*state, SLICE("")));
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
	expect_nothing(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_in_a_row_have_no_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_source_that_is_joined_is_told_and_its_first_holes_do_not_count, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    the_first_records_of_a_source_can_be_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    an_old_pid_may_start_again_after_a_few_records, setup, teardown),
		cmocka_unit_test_setup_teardown(a_joined_source_may_start_again, setup, teardown),
		cmocka_unit_test_setup_teardown(many_holes_lose_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_state_is_text, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    an_order_that_a_restart_cuts_is_no_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_hole_before_a_restart_is_told_after_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hole_over_a_restart_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_was_told_before_a_restart_is_not_told_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_did_not_fit_and_was_told_is_not_told_again, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_forgotten_is_no_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(a_source_that_gave_way_is_no_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(a_joined_source_stays_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    many_holes_are_not_lost_over_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_state_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_state_is_not_loaded, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_not_told_stays_due, setup, teardown),
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
