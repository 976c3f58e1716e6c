/* SPDX-License-Identifier: Apache-2.0 */
/* From lines to records, and what a restart makes of their numbers. */
#include "audit/intake.h"

#include "audit/query.h"
#include "audit/replay.h"
#include "tests/support/audit_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TICKS = SEQ_GRACE_TICKS + 2 };

static struct audit_fixture f;
static struct journal *journal;
static struct intake *intake;

static void start(void)
{
	struct journal_status status;
	journal = audit_fixture_open(&f);
	journal_status(journal, &status);
	intake = intake_new(journal);
	assert_non_null(intake);
	replay_log(intake, f.folder, f.keyring, status.next_record);
	assert_true(intake_tell_state(intake, f.now_ms));
}

/* What is not committed is lost, as with a kill; the spool would bring it back. */
static void die(void)
{
	intake_free(intake);
	journal_abandon(journal);
}

static void restart(void)
{
	audit_fixture_commit(&f, journal);
	die();
	start();
}

static void take(uint64_t source, uint64_t counter)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "<134>1 - - - - - - {\"seq\":\"%llu-%llu\"}",
	    (unsigned long long)source, (unsigned long long)counter);
	assert_true(intake_line(intake, slice_of(text, (size_t)n), f.now_ms));
}

/* As two threads send them: neighbours in the wrong order. */
static void take_swapped(uint64_t source, uint64_t from, uint64_t to)
{
	for (uint64_t c = from; c < to; c += 2) {
		take(source, c + 1);
		take(source, c);
	}
}

static void ticks(int count)
{
	for (int i = 0; i < count; i++)
		assert_true(intake_tick(intake, f.now_ms));
}

struct found {
	char text[512];
	uint64_t count;
};

static bool on_event(void *context, const struct query_hit *hit)
{
	struct found *found = context;
	static const char *const names[] = { "source", "from", "to", "missing", "at" };
	found->count++;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct scan_member *m = scan_find(hit->object, slice_of_cstr(names[i]));
		size_t len = strlen(found->text);
		if (m)
			snprintf(found->text + len, sizeof(found->text) - len, "%.*s ",
			    (int)m->value.len, m->value.ptr);
	}
	return true;
}

/* The events of that name in the log, their numbers in a row. */
static const char *events(const char *name)
{
	static struct found found;
	struct query_stats stats;
	struct err err = { 0 };
	const struct query query = {
		.folder = f.folder,
		.keyring = f.keyring,
		.terms = { { SLICE("audit"), slice_of_cstr(name) } },
		.term_count = 1,
		.with_events = true,
	};
	found = (struct found){ 0 };
	audit_fixture_commit(&f, journal);
	assert_true(query_run(&query, on_event, &found, &stats, &err));
	return found.text;
}

static int setup(void **state)
{
	(void)state;
	audit_fixture_init(&f);
	f.options.segment_max_bytes = 64 * 1024;
	start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	die();
	audit_fixture_release(&f);
	return 0;
}

/* Wherever the restarts come, also between two records in the wrong order. */
static void restarts_are_no_gaps(void **state)
{
	(void)state;
	for (uint64_t at = 1; at < 4000; at += 100) {
		take_swapped(7, at, at + 97);
		take(7, at + 99); /* its predecessor comes after the restart */
		restart();
		take(7, at + 98);
		ticks(1);
	}
	ticks(TICKS);
	assert_string_equal(events("gap"), "");
	assert_string_equal(events("joined"), "");
	assert_int_equal(intake_counters(intake)->duplicates, 0);
}

/* More than is replayed: the state is found in it. */
static void restarts_of_a_long_log_are_no_gaps(void **state)
{
	(void)state;
	take(8, 1);
	take(8, 3);
	for (uint64_t at = 1; at < 3 * INTAKE_REPLAY; at += 1000) {
		take_swapped(7, at, at + 999);
		audit_fixture_commit(&f, journal);
	}
	restart();
	take_swapped(
	    7, 3 * INTAKE_REPLAY / 1000 * 1000 + 1001, 3 * INTAKE_REPLAY / 1000 * 1000 + 1011);
	take(8, 4);
	ticks(TICKS);
	assert_string_equal(events("gap"), "8 2 2 1 ");
	assert_string_equal(events("joined"), "");
}

static void a_hole_is_told_once_over_restarts(void **state)
{
	(void)state;
	take_swapped(7, 1, 200);
	take(7, 204);
	restart();
	take(7, 205);
	ticks(TICKS);
	assert_string_equal(events("gap"), "7 201 203 3 ");
	restart();
	ticks(TICKS);
	restart();
	ticks(TICKS);
	assert_string_equal(events("gap"), "7 201 203 3 ");
	assert_int_equal(intake_counters(intake)->gaps, 0);
	take(7, 202);
	assert_int_equal(intake_counters(intake)->late, 0); /* of a gap two starts ago */
	assert_int_equal(intake_counters(intake)->duplicates, 1);
}

static void a_gap_that_was_not_committed_is_told_again(void **state)
{
	(void)state;
	take(7, 1);
	take(7, 3);
	audit_fixture_commit(&f, journal);
	ticks(TICKS);
	assert_int_equal(intake_counters(intake)->gaps, 1);
	die();
	start();
	assert_string_equal(events("gap"), "");
	ticks(TICKS);
	assert_string_equal(events("gap"), "7 2 2 1 ");
}

static void what_is_lost_between_two_processes_is_a_gap(void **state)
{
	(void)state;
	take_swapped(7, 1, 100);
	restart();
	take_swapped(7, 151, 160);
	ticks(TICKS);
	assert_string_equal(events("gap"), "7 101 150 50 ");
}

static void a_source_met_in_the_middle_is_told(void **state)
{
	(void)state;
	take_swapped(7, 5001, 5100);
	ticks(TICKS);
	restart();
	take_swapped(7, 5101, 5200);
	ticks(TICKS);
	assert_string_equal(events("joined"), "7 5002 ");
	assert_string_equal(events("gap"), "");
}

/* A segment of the end was removed: what it held is not known, and neither is what came before. */
static void a_segment_that_cannot_be_read_makes_no_gap(void **state)
{
	(void)state;
	take_swapped(7, 1, 2000);
	take_swapped(8, 1, 10);
	audit_fixture_commit(&f, journal);
	die();
	assert_int_equal(remove(audit_fixture_path(&f, "00000001.key")), 0);
	start();
	take_swapped(7, 2001, 2100);
	take_swapped(8, 11, 20);
	ticks(TICKS);
	audit_fixture_commit(&f, journal);
	assert_string_equal(events("gap"), "");
	assert_string_equal(events("joined"), "7 2002 8 12 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(restarts_are_no_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    restarts_of_a_long_log_are_no_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hole_is_told_once_over_restarts, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_gap_that_was_not_committed_is_told_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_is_lost_between_two_processes_is_a_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_source_met_in_the_middle_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_segment_that_cannot_be_read_makes_no_gap, setup, teardown),
	};
	return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
