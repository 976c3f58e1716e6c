/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/query.h"

#include "tests/support/audit_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct audit_fixture f;
static struct query_stats stats;

/* 3 segments of 4 commits of 300 records: one block holds 256 of them. */
enum { RECORDS = 3600 };

static void append(struct journal *journal, unsigned n)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
	    "{\"time\":\"2026-11-24T%02u:%02u:00.000Z\",\"id\":\"r%u\",\"sub\":\"user-%u\",\"client\":\"c\\u0061%u\","
	    "\"status\":%u,\"rules\":\"%s\",\"ip\":\"10.0.0.%u\",\"path\":\"/p%u\"}",
	    n / 60 % 24, n % 60, n, n % 50, n % 3, n % 10 ? 200 : 503,
	    n % 100 ? "" : "942100,949110", n % 256, n % 7);
	const struct record record = { RECORD_ACCESS, slice_of(text, (size_t)len) };
	assert_true(journal_append(journal, &record, f.now_ms));
}

static int setup(void **state)
{
	unsigned n = 0;
	(void)state;
	audit_fixture_init(&f);
	f.now_ms += 24 * 3600 * 1000; /* records are written after their time */
	for (int s = 0; s < 3; s++) {
		struct journal *journal = audit_fixture_open(&f);
		for (int c = 0; c < 4; c++) {
			for (int i = 0; i < 300; i++)
				append(journal, ++n);
			audit_fixture_commit(&f, journal);
		}
		audit_fixture_close(&f, journal);
	}
	audit_fixture_save(&f, "intact");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	audit_fixture_release(&f);
	return 0;
}

static int restore(void **state)
{
	(void)state;
	audit_fixture_restore(&f, "intact");
	return 0;
}

struct seen {
	uint64_t count, first, last;
};

static bool see(void *context, const struct query_hit *hit)
{
	struct seen *seen = context;
	if (seen->count++ == 0)
		seen->first = hit->number;
	assert_true(hit->number > seen->last);
	seen->last = hit->number;
	return true;
}

static struct seen ask(struct query query)
{
	struct seen seen = { 0 };
	struct err err = { 0 };
	query.folder = f.folder;
	query.keyring = f.keyring;
	assert_true(query_run(&query, see, &seen, &stats, &err));
	assert_int_equal(seen.count, stats.hits);
	return seen;
}

static struct query where(const char *member, const char *value)
{
	return (struct query){
		.terms = { { slice_of_cstr(member), slice_of_cstr(value) } },
		.term_count = 1,
	};
}

static void everything_is_found_without_conditions(void **state)
{
	(void)state;
	struct seen seen = ask((struct query){ 0 });
	assert_int_equal(seen.count, RECORDS);
	assert_int_equal(seen.first, 1);
	assert_int_equal(seen.last, RECORDS);
}

static void values_are_found(void **state)
{
	static const struct {
		const char *member, *value;
		uint64_t count;
	} rows[] = {
		{ "id", "r1", 1 },
		{ "id", "r3600", 1 },
		{ "id", "r3601", 0 },
		{ "sub", "user-7", RECORDS / 50 },
		{ "client", "ca1", RECORDS / 3 }, /* its escape is resolved */
		{ "status", "503", RECORDS / 10 },
		{ "status", "5xx", RECORDS / 10 },
		{ "status", "2xx", RECORDS - RECORDS / 10 },
		{ "rules", "949110", RECORDS / 100 },
		{ "rules", "942100", RECORDS / 100 },
		{ "rules", "942100,949110", 0 }, /* rules are asked for one by one */
		{ "path", "/p3", 515 },
		{ "nothing", "x", 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct query query = where(rows[i].member, rows[i].value);
		if (strcmp(rows[i].member, "path") != 0)
			assert_int_equal(ask(query).count, rows[i].count);
		uint64_t indexed = ask(query).count;
		query.without_index = true;
		assert_int_equal(ask(query).count, indexed);
	}
}

static void an_id_opens_few_blocks(void **state)
{
	(void)state;
	assert_int_equal(ask(where("id", "r2000")).first, 2000);
	assert_true(stats.blocks_read <= 2);
	assert_true(stats.blocks_skipped >= 20);
}

static void a_class_of_status_that_is_not_there_opens_no_block(void **state)
{
	(void)state;
	assert_int_equal(ask(where("status", "4xx")).count, 0);
	assert_true(stats.blocks_read <= 2);
	assert_true(stats.blocks_skipped >= 20);
}

static void conditions_are_all_needed(void **state)
{
	struct query query = where("sub", "user-0");
	(void)state;
	query.terms[query.term_count++] = (struct query_term){ SLICE("status"), SLICE("503") };
	assert_int_equal(ask(query).count, RECORDS / 50);
	query.terms[query.term_count++] = (struct query_term){ SLICE("id"), SLICE("r50") };
	assert_int_equal(ask(query).count, 1);
}

static void time_is_the_records_own(void **state)
{
	int64_t from = scan_time_ms(SLICE("2026-11-24T03:00:00.000Z"));
	struct query query = { .from_ms = from, .to_ms = from + 59999 };
	(void)state;
	/* Minute 180 of each day of 1440: records 180, 1620 and 3060. */
	struct seen seen = ask(query);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.first, 180);
	assert_int_equal(seen.last, 3060);
}

static void records_from_a_number_on(void **state)
{
	struct query query = { .from_record = 3599 };
	(void)state;
	struct seen seen = ask(query);
	assert_int_equal(seen.count, 2);
	assert_int_equal(stats.next_record, RECORDS + 1);
}

/* The index is a help: what is wrong with it costs time and loses no record. */
static void a_missing_or_damaged_index_hides_nothing(void **state)
{
	struct buf index;
	(void)state;
	buf_init(&index, 0);
	audit_fixture_read(&f, "00000002.idx", &index);
	for (size_t len = 0; len <= index.len; len += 97) {
		audit_fixture_write_file(&f, "00000002.idx", slice_of(index.data, len));
		assert_int_equal(ask(where("sub", "user-7")).count, RECORDS / 50);
	}
	for (size_t at = 0; at < index.len; at += 61) {
		index.data[at] = (char)(index.data[at] ^ 0x10);
		audit_fixture_write_file(&f, "00000002.idx", buf_slice(&index));
		index.data[at] = (char)(index.data[at] ^ 0x10);
		assert_int_equal(ask(where("sub", "user-7")).count, RECORDS / 50);
	}
	unlink(audit_fixture_path(&f, "00000002.idx"));
	assert_int_equal(ask(where("id", "r2000")).count, 1);
	buf_release(&index);
}

static void a_damaged_block_is_counted_and_the_rest_is_read(void **state)
{
	struct buf bytes;
	(void)state;
	buf_init(&bytes, 0);
	audit_fixture_read(&f, "00000002.seg", &bytes);
	/* In the first block of records, not among its hashes. */
	struct block_head start;
	assert_int_equal(block_decode((const unsigned char *)bytes.data, &start), BLOCK_OK);
	size_t at =
	    2 * BLOCK_HEAD_BYTES + start.payload_len + BLOCK_RECORDS_MAX * sizeof(struct hash) + 20;
	bytes.data[at] = (char)(bytes.data[at] ^ 1);
	audit_fixture_write_file(&f, "00000002.seg", buf_slice(&bytes));
	assert_int_equal(ask((struct query){ 0 }).count, RECORDS - 256);
	assert_int_equal(stats.blocks_damaged, 1);
	buf_release(&bytes);
}

static void a_segment_without_its_key_is_counted(void **state)
{
	(void)state;
	unlink(audit_fixture_path(&f, "00000002.key"));
	assert_int_equal(ask((struct query){ 0 }).count, RECORDS - 1200);
	assert_int_equal(stats.segments_closed, 1);
}

static void an_open_log_is_read_up_to_its_end(void **state)
{
	(void)state;
	struct journal *journal = audit_fixture_open(&f);
	append(journal, 5000);
	audit_fixture_commit(&f, journal);
	assert_int_equal(ask(where("id", "r5000")).count, 1);
	journal_abandon(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everything_is_found_without_conditions, restore),
		cmocka_unit_test_setup(values_are_found, restore),
		cmocka_unit_test_setup(an_id_opens_few_blocks, restore),
		cmocka_unit_test_setup(a_class_of_status_that_is_not_there_opens_no_block, restore),
		cmocka_unit_test_setup(conditions_are_all_needed, restore),
		cmocka_unit_test_setup(time_is_the_records_own, restore),
		cmocka_unit_test_setup(records_from_a_number_on, restore),
		cmocka_unit_test_setup(a_missing_or_damaged_index_hides_nothing, restore),
		cmocka_unit_test_setup(a_damaged_block_is_counted_and_the_rest_is_read, restore),
		cmocka_unit_test_setup(a_segment_without_its_key_is_counted, restore),
		cmocka_unit_test_setup(an_open_log_is_read_up_to_its_end, restore),
	};
	return cmocka_run_group_tests_name("query", tests, setup, teardown);
}
