/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of writing, verifying, asking and proving fails once: an error, never a wrong
 * answer. */
#include "audit/intake.h"
#include "audit/proof.h"
#include "audit/query.h"
#include "common/log.h"
#include "tests/support/audit_fixture.h"
#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct audit_fixture f;
static struct verify_report report;

static int setup(void **state)
{
	(void)state;
	fail_alloc_hook_jansson();
	log_set_level(LOG_LEVEL_ERROR);
	audit_fixture_init(&f);
	audit_fixture_write(&f, 2, 1, 300);
	audit_fixture_save(&f, "two");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	audit_fixture_release(&f);
	return 0;
}

/* The number of records that were acknowledged. */
static uint64_t write_some(struct journal *journal)
{
	struct err err = { 0 };
	uint64_t safe = 0;
	struct intake *intake = intake_new(journal);
	for (int i = 0; intake && i < 3; i++) {
		struct journal_status status;
		intake_line(intake, SLICE("{\"seq\":\"1-1\"}"), f.now_ms);
		intake_line(intake, SLICE("no record"), f.now_ms);
		if (journal_commit(journal, f.now_ms, &err) != JOURNAL_OK)
			break;
		journal_status(journal, &status);
		safe = status.committed_record;
	}
	intake_free(intake);
	return safe;
}

static void writing(void **state)
{
	(void)state;
	for (long n = 1, failed = 1; failed; n++) {
		struct err err = { 0 };
		uint64_t safe = 0;
		audit_fixture_restore(&f, "two");
		fail_alloc_at(n);
		struct journal *journal = journal_open(&f.options, f.now_ms, &err);
		if (journal) {
			safe = write_some(journal);
			journal_close(journal, f.now_ms, &err);
		} else {
			assert_true(err_is_set(&err));
		}
		failed = fail_alloc_happened();
		fail_alloc_off();
		audit_fixture_verify(&f, true, &report);
		if (report.finding_count)
			print_message("allocation %ld: %s\n", n, report.findings[0].text);
		assert_int_equal(report.finding_count, 0);
		assert_true(report.signed_record >= safe);
		/* And the log goes on. */
		audit_fixture_write(&f, 1, 1, 1);
		audit_fixture_verify(&f, true, &report);
		assert_int_equal(report.finding_count, 0);
	}
}

static void verifying(void **state)
{
	const struct verify_options options = {
		.folder = f.folder,
		.verifier = f.verifier,
		.keyring = f.keyring,
	};
	(void)state;
	audit_fixture_restore(&f, "two");
	for (long n = 1, failed = 1; failed; n++) {
		struct err err = { 0 };
		fail_alloc_at(n);
		bool ok = verify_log(&options, &report, &err);
		failed = fail_alloc_happened();
		fail_alloc_off();
		/* It may notice too little memory, but must not call the log intact by having
		 * looked at less. */
		if (ok && report.finding_count == 0)
			assert_int_equal(report.records, 600);
		else
			assert_true(failed);
	}
}

static bool count_hit(void *context, const struct query_hit *hit)
{
	(void)hit;
	++*(uint64_t *)context;
	return true;
}

static void asking(void **state)
{
	const struct query query = {
		.folder = f.folder,
		.keyring = f.keyring,
		.terms = { { SLICE_INIT("sub"), SLICE_INIT("user-7") } },
		.term_count = 1,
	};
	(void)state;
	audit_fixture_restore(&f, "two");
	for (long n = 1, failed = 1; failed; n++) {
		struct query_stats stats;
		struct err err = { 0 };
		uint64_t hits = 0;
		fail_alloc_at(n);
		bool ok = query_run(&query, count_hit, &hits, &stats, &err);
		failed = fail_alloc_happened();
		fail_alloc_off();
		if (ok && stats.blocks_damaged == 0 && stats.segments_closed == 0)
			assert_int_equal(hits, 60);
		else
			assert_true(failed);
	}
}

static void proving(void **state)
{
	(void)state;
	audit_fixture_restore(&f, "two");
	for (long n = 1, failed = 1; failed; n++) {
		struct err err = { 0 };
		struct proof proof;
		struct buf text;
		buf_init(&text, 0);
		fail_alloc_at(n);
		bool ok = proof_make(f.folder, f.keyring, 300, &text, &err);
		enum proof_result result = PROOF_NO_MEMORY;
		if (ok) {
			result = proof_check(buf_slice(&text), f.verifier, &proof);
			proof_release(&proof);
		}
		failed = fail_alloc_happened();
		fail_alloc_off();
		if (!failed)
			assert_int_equal(result, PROOF_OK);
		if (!ok)
			assert_true(err_is_set(&err));
		buf_release(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writing),
		cmocka_unit_test(verifying),
		cmocka_unit_test(asking),
		cmocka_unit_test(proving),
	};
	return cmocka_run_group_tests_name("no_memory", tests, setup, teardown);
}
