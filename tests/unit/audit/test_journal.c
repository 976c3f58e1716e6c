/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/audit_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct verify_report report;

static void expect_intact(struct audit_fixture *f, uint64_t records)
{
	for (int content = 0; content < 2; content++) {
		audit_fixture_verify(f, content, &report);
		if (report.finding_count)
			print_message("%s: %s at %llu\n",
			    finding_kind_name(report.findings[0].kind), report.findings[0].text,
			    (unsigned long long)report.findings[0].offset);
		assert_int_equal(report.finding_count, 0);
		assert_int_equal(report.records, records);
		assert_int_equal(report.signed_record, records);
	}
}

static void a_closed_log_verifies(void **state)
{
	struct audit_fixture f;
	(void)state;
	audit_fixture_init(&f);
	audit_fixture_write(&f, 3, 2, 5);
	expect_intact(&f, 30);
	assert_int_equal(report.segments, 3);
	assert_int_equal(report.note_count, 0);
	audit_fixture_release(&f);
}

static void many_records_make_many_blocks(void **state)
{
	struct audit_fixture f;
	(void)state;
	audit_fixture_init(&f);
	audit_fixture_write(&f, 1, 1, 5 * BLOCK_RECORDS_MAX + 1);
	expect_intact(&f, 5 * BLOCK_RECORDS_MAX + 1);
	assert_int_equal(report.blocks, 1 + 6 + 1 + 1);
	audit_fixture_release(&f);
}

static void a_large_segment_and_a_new_day_rotate(void **state)
{
	struct audit_fixture f;
	(void)state;
	audit_fixture_init(&f);
	f.options.segment_max_bytes = 4000;
	struct journal *journal = audit_fixture_open(&f);
	for (int i = 0; i < 10; i++) {
		audit_fixture_append(&f, journal, 10);
		audit_fixture_commit(&f, journal);
	}
	struct journal_status before, after;
	journal_status(journal, &before);
	assert_true(before.segment > 1);
	f.now_ms += 24 * 3600 * 1000;
	audit_fixture_commit(&f, journal);
	journal_status(journal, &after);
	assert_int_equal(after.segment, before.segment + 1);
	audit_fixture_close(&f, journal);
	expect_intact(&f, 100);
	audit_fixture_release(&f);
}

static void a_second_writer_is_refused(void **state)
{
	struct audit_fixture f;
	struct err err = { 0 };
	(void)state;
	audit_fixture_init(&f);
	struct journal *journal = audit_fixture_open(&f);
	assert_null(journal_open(&f.options, f.now_ms, &err));
	assert_string_equal(err.text, "another process writes this log");
	journal_abandon(journal);
	audit_fixture_release(&f);
}

static void what_was_not_committed_may_be_gone_and_the_rest_is_not(void **state)
{
	struct audit_fixture f;
	(void)state;
	audit_fixture_init(&f);
	struct journal *journal = audit_fixture_open(&f);
	audit_fixture_append(&f, journal, 7);
	audit_fixture_commit(&f, journal);
	audit_fixture_append(&f, journal, 3);
	journal_abandon(journal);
	audit_fixture_write(&f, 1, 1, 2);
	expect_intact(&f, 9);
	audit_fixture_release(&f);
}

/* Power loss at every length of the last segment: what HEAD named stays, and the chain goes on. */
static void every_torn_tail_is_recovered(void **state)
{
	struct audit_fixture f;
	struct buf whole;
	(void)state;
	audit_fixture_init(&f);
	struct journal *journal = audit_fixture_open(&f);
	audit_fixture_append(&f, journal, 4);
	audit_fixture_commit(&f, journal);
	buf_init(&whole, 0);
	audit_fixture_read(&f, "00000001.seg", &whole);
	size_t committed = whole.len;
	audit_fixture_save(&f, "committed");
	audit_fixture_append(&f, journal, 4);
	audit_fixture_commit(&f, journal);
	journal_abandon(journal);
	buf_reset(&whole);
	audit_fixture_read(&f, "00000001.seg", &whole);
	assert_true(whole.len > committed);
	const size_t checkpoint = BLOCK_HEAD_BYTES + SIGNATURE_ED25519_BYTES;
	for (size_t len = committed; len <= whole.len; len++) {
		audit_fixture_restore(
		    &f, "committed"); /* with its HEAD: the second sync never returned */
		audit_fixture_write_file(&f, "00000001.seg", slice_of(whole.data, len));
		journal = audit_fixture_open(&f);
		assert_int_equal(journal_recovery(journal)->lost, 0);
		audit_fixture_append(&f, journal, 1);
		audit_fixture_close(&f, journal);
		audit_fixture_verify(&f, true, &report);
		assert_int_equal(report.finding_count, 0);
		/* Whole blocks are kept even when their checkpoint is torn. */
		assert_int_equal(report.records, len >= whole.len - checkpoint ? 9 : 5);
	}
	buf_release(&whole);
	audit_fixture_release(&f);
}

/* A crash while the very first block was written, at every length. */
static void a_torn_first_block_is_left_behind(void **state)
{
	struct audit_fixture f;
	struct buf whole;
	(void)state;
	audit_fixture_init(&f);
	audit_fixture_write(&f, 1, 1, 3);
	struct journal *journal = audit_fixture_open(&f);
	journal_abandon(journal);
	buf_init(&whole, 0);
	audit_fixture_read(&f, "00000002.seg", &whole);
	audit_fixture_save(&f, "before");
	for (size_t len = 0; len < whole.len; len++) {
		audit_fixture_restore(&f, "before");
		audit_fixture_write_file(&f, "00000002.seg", slice_of(whole.data, len));
		audit_fixture_write(&f, 1, 1, 2);
		expect_intact(&f, 5);
	}
	buf_release(&whole);
	audit_fixture_release(&f);
}

static void a_tail_cut_below_head_stays_visible(void **state)
{
	struct audit_fixture f;
	struct buf whole;
	(void)state;
	audit_fixture_init(&f);
	audit_fixture_write(&f, 1, 2, 5);
	buf_init(&whole, 0);
	audit_fixture_read(&f, "00000001.seg", &whole);
	audit_fixture_write_file(&f, "00000001.seg", slice_of(whole.data, whole.len / 2));
	struct journal *journal = audit_fixture_open(&f);
	assert_true(journal_recovery(journal)->lost > 0);
	assert_int_equal(journal_recovery(journal)->damaged, 1);
	audit_fixture_append(&f, journal, 5);
	audit_fixture_close(&f, journal);
	audit_fixture_verify(&f, false, &report);
	assert_true(report.finding_count > 0);
	assert_int_equal(report.findings[0].kind, FINDING_TRUNCATED);
	assert_int_equal(report.signed_record, 15);
	buf_release(&whole);
	audit_fixture_release(&f);
}

static void old_segments_leave_behind_a_tombstone(void **state)
{
	struct audit_fixture f;
	struct err err = { 0 };
	uint64_t removed;
	(void)state;
	audit_fixture_init(&f);
	audit_fixture_write(&f, 3, 1, 5);
	f.now_ms += INT64_C(91) * 24 * 3600 * 1000;
	struct journal *journal = audit_fixture_open(&f);
	assert_int_equal(journal_expire(journal, f.now_ms, &removed, &err), JOURNAL_OK);
	/* The third is followed by a segment of today, so it may hold something of today. */
	assert_int_equal(removed, 2);
	assert_int_not_equal(access(audit_fixture_path(&f, "00000002.seg"), F_OK), 0);
	audit_fixture_append(&f, journal, 1);
	audit_fixture_close(&f, journal);
	audit_fixture_verify(&f, true, &report);
	assert_int_equal(report.finding_count, 0);
	assert_int_equal(report.first_record, 11);
	assert_int_equal(report.tombstones, 1);
	/* One more, which no tombstone speaks of. */
	unlink(audit_fixture_path(&f, "00000003.seg"));
	audit_fixture_verify(&f, false, &report);
	assert_int_equal(report.finding_count, 1);
	assert_int_equal(report.findings[0].kind, FINDING_MISSING);
	audit_fixture_release(&f);
}

static void nothing_is_removed_before_its_time(void **state)
{
	struct audit_fixture f;
	struct err err = { 0 };
	uint64_t removed;
	(void)state;
	audit_fixture_init(&f);
	audit_fixture_write(&f, 3, 1, 5);
	f.now_ms += INT64_C(90) * 24 * 3600 * 1000 - 60000;
	struct journal *journal = audit_fixture_open(&f);
	assert_int_equal(journal_expire(journal, f.now_ms, &removed, &err), JOURNAL_OK);
	assert_int_equal(removed, 0);
	audit_fixture_close(&f, journal);
	expect_intact(&f, 15);
	audit_fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_log_verifies),
		cmocka_unit_test(many_records_make_many_blocks),
		cmocka_unit_test(a_large_segment_and_a_new_day_rotate),
		cmocka_unit_test(a_second_writer_is_refused),
		cmocka_unit_test(what_was_not_committed_may_be_gone_and_the_rest_is_not),
		cmocka_unit_test(every_torn_tail_is_recovered),
		cmocka_unit_test(a_torn_first_block_is_left_behind),
		cmocka_unit_test(a_tail_cut_below_head_stays_visible),
		cmocka_unit_test(old_segments_leave_behind_a_tombstone),
		cmocka_unit_test(nothing_is_removed_before_its_time),
	};
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
