/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/proof.h"

#include "tests/support/audit_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct audit_fixture f;

static int setup(void **state)
{
	(void)state;
	audit_fixture_init(&f);
	/* 300 and 300 records in 4 blocks, then a segment of one record. */
	audit_fixture_write(&f, 1, 2, 300);
	audit_fixture_write(&f, 1, 1, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	audit_fixture_release(&f);
	return 0;
}

static void make(uint64_t number, struct buf *out)
{
	struct err err = { 0 };
	buf_reset(out);
	if (!proof_make(f.folder, f.keyring, number, out, &err))
		print_message("%s\n", err.text);
	assert_false(err.set);
}

static enum proof_result check(struct slice text)
{
	struct proof proof;
	enum proof_result result = proof_check(text, f.verifier, &proof);
	proof_release(&proof);
	return result;
}

static void every_record_has_a_proof(void **state)
{
	struct buf text;
	struct proof proof;
	(void)state;
	buf_init(&text, 0);
	for (uint64_t number = 1; number <= 601; number += 10) {
		char id[32];
		make(number, &text);
		assert_int_equal(proof_check(buf_slice(&text), f.verifier, &proof), PROOF_OK);
		assert_int_equal(proof.number, number);
		snprintf(id, sizeof(id), "\"id\":\"r%llu\"", (unsigned long long)number);
		assert_non_null(strstr(buf_cstr(&proof.record), id));
		proof_release(&proof);
	}
	buf_release(&text);
}

static void a_proof_tells_nothing_of_other_records(void **state)
{
	struct buf text;
	(void)state;
	buf_init(&text, 0);
	make(257, &text);
	assert_non_null(strstr(buf_cstr(&text), "r257"));
	assert_null(strstr(buf_cstr(&text), "r258"));
	assert_null(strstr(buf_cstr(&text), "r256"));
	buf_release(&text);
}

static void a_record_that_is_not_there_has_none(void **state)
{
	static const uint64_t numbers[] = { 602, 10000 };
	struct buf text;
	struct err err;
	(void)state;
	buf_init(&text, 0);
	for (size_t i = 0; i < 2; i++) {
		err_clear(&err);
		assert_false(proof_make(f.folder, f.keyring, numbers[i], &text, &err));
		assert_non_null(strstr(err.text, "there is no record"));
	}
	buf_release(&text);
}

/* What was recovered from behind the last checkpoint of a crashed process is signed by the next
 * one. */
static void a_recovered_record_is_proven_by_the_next_segment(void **state)
{
	struct audit_fixture saved = f;
	struct buf whole, text;
	(void)state;
	audit_fixture_init(&f);
	struct journal *journal = audit_fixture_open(&f);
	audit_fixture_append(&f, journal, 3);
	audit_fixture_commit(&f, journal);
	journal_abandon(journal);
	buf_init(&whole, 0);
	buf_init(&text, 0);
	audit_fixture_read(&f, "00000001.seg", &whole);
	/* Without its checkpoint, and without HEAD, which was not written yet. */
	audit_fixture_write_file(&f, "00000001.seg",
	    slice_of(whole.data, whole.len - BLOCK_HEAD_BYTES - SIGNATURE_ED25519_BYTES));
	remove(audit_fixture_path(&f, "HEAD"));
	audit_fixture_write(&f, 1, 1, 1);
	make(2, &text);
	assert_int_equal(check(buf_slice(&text)), PROOF_OK);
	buf_release(&whole);
	buf_release(&text);
	audit_fixture_release(&f);
	f = saved;
}

static void another_key_proves_nothing(void **state)
{
	struct audit_fixture other;
	struct buf text;
	struct proof proof;
	(void)state;
	audit_fixture_init(&other);
	buf_init(&text, 0);
	make(1, &text);
	assert_int_equal(proof_check(buf_slice(&text), other.verifier, &proof), PROOF_UNKNOWN_KEY);
	proof_release(&proof);
	buf_release(&text);
	audit_fixture_release(&other);
}

/* Every byte of the text: either the proof fails, or it says the same. */
static void a_changed_proof_does_not_hold(void **state)
{
	struct buf text;
	(void)state;
	buf_init(&text, 0);
	make(601, &text);
	for (size_t at = 0; at < text.len; at++) {
		char was = text.data[at];
		text.data[at] = (char)(was ^ 1);
		struct proof proof;
		if (proof_check(buf_slice(&text), f.verifier, &proof) == PROOF_OK) {
			/* White space, or the number of the format. */
			assert_int_equal(proof.number, 601);
			assert_non_null(strstr(buf_cstr(&proof.record), "\"id\":\"r601\""));
		}
		proof_release(&proof);
		text.data[at] = was;
	}
	for (size_t len = 0; len < text.len - 2; len++)
		assert_int_equal(check(slice_of(text.data, len)), PROOF_MALFORMED);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_has_a_proof),
		cmocka_unit_test(a_proof_tells_nothing_of_other_records),
		cmocka_unit_test(a_record_that_is_not_there_has_none),
		cmocka_unit_test(a_recovered_record_is_proven_by_the_next_segment),
		cmocka_unit_test(another_key_proves_nothing),
		cmocka_unit_test(a_changed_proof_does_not_hold),
	};
	return cmocka_run_group_tests_name("proof", tests, setup, teardown);
}
