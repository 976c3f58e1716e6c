/* SPDX-License-Identifier: Apache-2.0 */
/* The tamper suite: whatever is done to a log's files is found and named. */
#include "tests/support/audit_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct verify_report report;

/* The log all tests start from: 3 segments of 2 commits of 4 records, 24 records. */
static struct audit_fixture f;

static int setup(void **state)
{
	(void)state;
	audit_fixture_init(&f);
	audit_fixture_write(&f, 3, 2, 4);
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

static void expect(enum finding_kind kind, uint64_t segment, uint64_t first_record)
{
	audit_fixture_verify(&f, false, &report);
	assert_true(report.finding_count > 0);
	const struct finding *finding = &report.findings[0];
	if (finding->kind != kind || finding->segment != segment ||
	    finding->first_record != first_record)
		print_message("%s in segment %d, record %d: %s\n", finding_kind_name(finding->kind),
		    (int)finding->segment, (int)finding->first_record, finding->text);
	assert_string_equal(finding_kind_name(finding->kind), finding_kind_name(kind));
	assert_int_equal(finding->segment, segment);
	assert_int_equal(finding->first_record, first_record);
}

/* The blocks of a segment file as it is on the disk. */
struct blocks {
	struct buf bytes;
	struct slice at[32];
	size_t count;
};

static void read_blocks(struct blocks *blocks, const char *name)
{
	struct segment_reader reader;
	struct block block;
	enum block_result why;
	struct err err = { 0 };
	buf_init(&blocks->bytes, 0);
	blocks->count = 0;
	audit_fixture_read(&f, name, &blocks->bytes);
	assert_true(segment_reader_open(&reader, audit_fixture_path(&f, name), &err));
	while (segment_reader_next(&reader, &block, &why) == READ_BLOCK)
		blocks->at[blocks->count++] = slice_sub(buf_slice(&blocks->bytes), (size_t)block.at,
		    BLOCK_HEAD_BYTES + block.payload.len);
	segment_reader_close(&reader);
	/* start, records, checkpoint, records, checkpoint, end */
	assert_int_equal(blocks->count, 6);
}

static void write_blocks(
    const struct blocks *blocks, const char *name, const size_t *order, size_t count)
{
	struct buf out;
	buf_init(&out, 0);
	for (size_t i = 0; i < count; i++)
		buf_append_slice(&out, blocks->at[order[i]]);
	audit_fixture_write_file(&f, name, buf_slice(&out));
	buf_release(&out);
}

static void rewrite(const char *name, const size_t *order, size_t count)
{
	struct blocks blocks;
	read_blocks(&blocks, name);
	write_blocks(&blocks, name, order, count);
	buf_release(&blocks.bytes);
}

static void an_untouched_log_verifies(void **state)
{
	(void)state;
	audit_fixture_verify(&f, true, &report);
	assert_int_equal(report.finding_count, 0);
	assert_int_equal(report.note_count, 0);
	assert_int_equal(report.records, 24);
	assert_int_equal(report.signed_record, 24);
}

static void flip(const char *name, off_t at, unsigned char mask)
{
	unsigned char byte;
	int fd = open(audit_fixture_path(&f, name), O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= mask;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static size_t size_of(const char *name)
{
	struct buf bytes;
	buf_init(&bytes, 0);
	audit_fixture_read(&f, name, &bytes);
	size_t size = bytes.len;
	buf_release(&bytes);
	return size;
}

/* By the public key alone, and in the segment it happened in. */
static void every_flipped_byte_is_found(void **state)
{
	static const struct {
		const char *name;
		uint64_t segment;
	} files[] = { { "00000001.seg", 1 }, { "00000002.seg", 2 }, { "00000003.seg", 3 },
		{ "HEAD", 0 } };
	static const unsigned char masks[] = { 0x01, 0x80, 0xff };
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t size = size_of(files[i].name);
		for (size_t at = 0; at < size; at++) {
			unsigned char mask = masks[at % sizeof(masks)];
			flip(files[i].name, (off_t)at, mask);
			audit_fixture_verify(&f, false, &report);
			if (report.finding_count == 0 ||
			    (files[i].segment && report.findings[0].segment != files[i].segment &&
			        report.findings[0].segment != files[i].segment + 1))
				print_message("byte %zu of %s: %s\n", at, files[i].name,
				    report.finding_count ? report.findings[0].text : "not found");
			assert_true(report.finding_count > 0);
			if (files[i].segment)
				assert_in_range(
				    report.findings[0].segment, files[i].segment, files[i].segment);
			flip(files[i].name, (off_t)at, mask);
		}
	}
	audit_fixture_verify(&f, true, &report);
	assert_int_equal(report.finding_count, 0);
}

/* A flip in a block of records names these records. */
static void a_changed_record_is_named(void **state)
{
	struct blocks blocks;
	(void)state;
	read_blocks(&blocks, "00000002.seg");
	size_t at = (size_t)(blocks.at[3].ptr - blocks.bytes.data);
	flip("00000002.seg", (off_t)(at + BLOCK_HEAD_BYTES + 5), 4);
	expect(FINDING_CHANGED, 2, 13);
	assert_int_equal(report.findings[0].last_record, 16);
	assert_int_equal(report.findings[0].offset, at);
	/* The rest of the log still verifies: one finding. */
	assert_int_equal(report.finding_count, 1);
	buf_release(&blocks.bytes);
}

static void a_removed_block_is_missing(void **state)
{
	(void)state;
	rewrite("00000002.seg", (size_t[]){ 0, 2, 3, 4, 5 }, 5);
	expect(FINDING_MISSING, 2, 9);
	assert_int_equal(report.findings[0].last_record, 12);
}

static void a_removed_checkpoint_is_missing(void **state)
{
	(void)state;
	rewrite("00000002.seg", (size_t[]){ 0, 1, 3, 4, 5 }, 5);
	expect(FINDING_MISSING, 2, 13);
}

static void swapped_blocks_are_reordered(void **state)
{
	(void)state;
	rewrite("00000002.seg", (size_t[]){ 0, 3, 2, 1, 4, 5 }, 6);
	expect(FINDING_REORDERED, 2, 13);
}

static void a_repeated_block_is_inserted(void **state)
{
	(void)state;
	rewrite("00000002.seg", (size_t[]){ 0, 1, 1, 2, 3, 4, 5 }, 7);
	expect(FINDING_INSERTED, 2, 9);
}

static void a_block_behind_the_end_is_inserted(void **state)
{
	(void)state;
	rewrite("00000003.seg", (size_t[]){ 0, 1, 2, 3, 4, 5, 3 }, 7);
	expect(FINDING_INSERTED, 3, 21);
}

static const char *segment_name(int segment)
{
	static char name[16];
	snprintf(name, sizeof(name), "%08d.seg", segment);
	return name;
}

/* The first record of a block, or the next one: 8 records in each segment, in blocks 1 and 3. */
static uint64_t record_of(int segment, size_t block)
{
	static const uint64_t of[] = { 1, 1, 5, 5, 9, 9 };
	return (uint64_t)(segment - 1) * 8 + of[block];
}

static void every_removed_block_is_named(void **state)
{
	(void)state;
	for (int segment = 1; segment <= 3; segment++)
		for (size_t block = 0; block < 6; block++) {
			size_t order[5], count = 0;
			for (size_t i = 0; i < 6; i++)
				if (i != block)
					order[count++] = i;
			restore(NULL);
			rewrite(segment_name(segment), order, count);
			expect(block == 5 ? FINDING_TRUNCATED : FINDING_MISSING, (uint64_t)segment,
			    record_of(segment, block));
		}
}

static void every_repeated_block_is_named(void **state)
{
	(void)state;
	for (int segment = 1; segment <= 3; segment++)
		for (size_t block = 0; block < 6; block++)
			for (size_t at = block + 1; at <= 6; at++) {
				size_t order[7], count = 0;
				for (size_t i = 0; i < 6; i++) {
					if (i == at)
						order[count++] = block;
					order[count++] = i;
				}
				if (at == 6)
					order[count++] = block;
				restore(NULL);
				rewrite(segment_name(segment), order, count);
				expect(FINDING_INSERTED, (uint64_t)segment,
				    at == 6 && segment < 3 ? (uint64_t)segment * 8 + 1
				                           : record_of(segment, block));
			}
}

static void all_swapped_blocks_are_named(void **state)
{
	(void)state;
	for (int segment = 1; segment <= 3; segment++)
		for (size_t i = 0; i < 6; i++)
			for (size_t j = i + 1; j < 6; j++) {
				size_t order[] = { 0, 1, 2, 3, 4, 5 };
				order[i] = j;
				order[j] = i;
				restore(NULL);
				rewrite(segment_name(segment), order, 6);
				expect(FINDING_REORDERED, (uint64_t)segment, record_of(segment, j));
			}
}

static void a_truncated_segment_is_truncated(void **state)
{
	(void)state;
	rewrite("00000002.seg", (size_t[]){ 0, 1, 2 }, 3);
	expect(FINDING_TRUNCATED, 2, 13);
}

static void a_truncated_tail_is_truncated(void **state)
{
	(void)state;
	rewrite("00000003.seg", (size_t[]){ 0, 1, 2 }, 3);
	expect(FINDING_TRUNCATED, 3, 21);
	assert_int_equal(report.findings[0].last_record, 24);
}

/* All lengths, not only those between blocks. */
static void a_tail_cut_anywhere_is_found(void **state)
{
	struct buf whole;
	(void)state;
	buf_init(&whole, 0);
	audit_fixture_read(&f, "00000003.seg", &whole);
	for (size_t len = 0; len < whole.len; len++) {
		audit_fixture_write_file(&f, "00000003.seg", slice_of(whole.data, len));
		audit_fixture_verify(&f, false, &report);
		assert_true(report.finding_count > 0);
	}
	buf_release(&whole);
}

static void a_removed_segment_is_missing(void **state)
{
	(void)state;
	unlink(audit_fixture_path(&f, "00000002.seg"));
	expect(FINDING_MISSING, 3, 9);
	assert_int_equal(report.findings[0].last_record, 16);
}

static void a_removed_first_segment_is_missing(void **state)
{
	(void)state;
	unlink(audit_fixture_path(&f, "00000001.seg"));
	expect(FINDING_MISSING, 2, 1);
	assert_int_equal(report.findings[0].last_record, 8);
}

static void a_removed_last_segment_is_truncated(void **state)
{
	(void)state;
	unlink(audit_fixture_path(&f, "00000003.seg"));
	expect(FINDING_TRUNCATED, 3, 17);
}

static void all_segments_removed_is_truncated(void **state)
{
	(void)state;
	unlink(audit_fixture_path(&f, "00000001.seg"));
	unlink(audit_fixture_path(&f, "00000002.seg"));
	unlink(audit_fixture_path(&f, "00000003.seg"));
	audit_fixture_verify(&f, false, &report);
	assert_int_equal(report.finding_count, 1);
	assert_int_equal(report.findings[0].kind, FINDING_TRUNCATED);
}

static void exchanged_segments_are_reordered(void **state)
{
	struct buf second, third;
	(void)state;
	buf_init(&second, 0);
	buf_init(&third, 0);
	audit_fixture_read(&f, "00000002.seg", &second);
	audit_fixture_read(&f, "00000003.seg", &third);
	audit_fixture_write_file(&f, "00000002.seg", buf_slice(&third));
	audit_fixture_write_file(&f, "00000003.seg", buf_slice(&second));
	expect(FINDING_REORDERED, 2, 17);
	buf_release(&second);
	buf_release(&third);
}

static void a_segment_of_another_log_is_foreign(void **state)
{
	struct audit_fixture other;
	struct buf bytes;
	(void)state;
	audit_fixture_init(&other);
	/* The same keys: only the log differs. */
	other.options.signer = f.signer;
	audit_fixture_write(&other, 3, 2, 4);
	buf_init(&bytes, 0);
	audit_fixture_read(&other, "00000002.seg", &bytes);
	audit_fixture_write_file(&f, "00000002.seg", buf_slice(&bytes));
	expect(FINDING_FOREIGN, 2, 9);
	buf_release(&bytes);
	audit_fixture_release(&other);
}

static void another_public_key_is_named(void **state)
{
	struct audit_fixture other;
	struct err err = { 0 };
	(void)state;
	audit_fixture_init(&other);
	const struct verify_options options = { .folder = f.folder, .verifier = other.verifier };
	assert_true(verify_log(&options, &report, &err));
	assert_true(report.finding_count > 0);
	assert_int_equal(report.findings[0].kind, FINDING_WRONG_KEY);
	assert_int_equal(report.findings[0].segment, 1);
	audit_fixture_release(&other);
}

/* Whoever signs with another key rewrites nothing: its key is not one the auditor has. */
static void a_log_signed_anew_is_found(void **state)
{
	struct audit_fixture other;
	struct err err = { 0 };
	(void)state;
	audit_fixture_init(&other);
	audit_fixture_write(&other, 1, 2, 4);
	const struct verify_options options = { .folder = other.folder, .verifier = f.verifier };
	assert_true(verify_log(&options, &report, &err));
	assert_int_equal(report.findings[0].kind, FINDING_WRONG_KEY);
	audit_fixture_release(&other);
}

static void a_wrong_wrapping_key_is_named(void **state)
{
	struct audit_fixture other;
	struct err err = { 0 };
	(void)state;
	audit_fixture_init(&other);
	const struct verify_options options = {
		.folder = f.folder,
		.verifier = f.verifier,
		.keyring = other.keyring,
	};
	assert_true(verify_log(&options, &report, &err));
	assert_int_equal(report.findings[0].kind, FINDING_WRONG_KEY);
	audit_fixture_release(&other);
}

/* Key files are not chained, so that keys can be rotated; a changed one is still noticed. */
static void a_changed_key_file_is_found_with_the_content(void **state)
{
	struct buf second;
	(void)state;
	buf_init(&second, 0);
	audit_fixture_read(&f, "00000002.key", &second);
	audit_fixture_write_file(&f, "00000001.key", buf_slice(&second));
	audit_fixture_verify(&f, false, &report);
	assert_int_equal(report.finding_count, 0);
	audit_fixture_verify(&f, true, &report);
	assert_int_equal(report.findings[0].kind, FINDING_WRONG_KEY);
	assert_int_equal(report.findings[0].segment, 1);
	buf_release(&second);
}

static void a_missing_head_is_noted(void **state)
{
	(void)state;
	unlink(audit_fixture_path(&f, "HEAD"));
	audit_fixture_verify(&f, false, &report);
	assert_int_equal(report.finding_count, 0);
	assert_int_equal(report.note_count, 1);
}

static void verify_anchored(const struct checkpoint *anchor)
{
	struct err err = { 0 };
	const struct verify_options options = {
		.folder = f.folder,
		.verifier = f.verifier,
		.anchors = anchor,
		.anchor_count = 1,
	};
	assert_true(verify_log(&options, &report, &err));
}

static void an_old_state_put_back_is_found_by_an_anchor(void **state)
{
	struct checkpoint anchor;
	(void)state;
	audit_fixture_write(&f, 1, 1, 4);
	assert_int_equal(head_file_read(f.folder, &anchor), HEAD_FILE_OK);
	verify_anchored(&anchor);
	assert_int_equal(report.finding_count, 0);
	audit_fixture_restore(&f, "intact");
	audit_fixture_verify(&f, true, &report);
	assert_int_equal(report.finding_count, 0); /* by itself it is a good log */
	verify_anchored(&anchor);
	assert_int_equal(report.finding_count, 1);
	assert_int_equal(report.findings[0].kind, FINDING_ROLLED_BACK);
	assert_int_equal(report.findings[0].first_record, 25);
	assert_int_equal(report.findings[0].last_record, 28);
}

/* Back to an old state and on from there, with the log's own keys. */
static void a_history_written_anew_is_found_by_an_anchor(void **state)
{
	struct checkpoint anchor;
	(void)state;
	audit_fixture_write(&f, 1, 1, 4);
	assert_int_equal(head_file_read(f.folder, &anchor), HEAD_FILE_OK);
	audit_fixture_restore(&f, "intact");
	audit_fixture_write(&f, 1, 1, 4);
	audit_fixture_verify(&f, true, &report);
	assert_int_equal(report.finding_count, 0);
	verify_anchored(&anchor);
	assert_int_equal(report.finding_count, 1);
	assert_int_equal(report.findings[0].kind, FINDING_REWRITTEN);
	assert_int_equal(report.findings[0].segment, 4);
}

static void an_anchor_of_another_log_is_foreign(void **state)
{
	struct audit_fixture other;
	struct checkpoint anchor;
	(void)state;
	audit_fixture_init(&other);
	other.options.signer = f.signer;
	audit_fixture_write(&other, 1, 1, 4);
	assert_int_equal(head_file_read(other.folder, &anchor), HEAD_FILE_OK);
	verify_anchored(&anchor);
	assert_int_equal(report.findings[0].kind, FINDING_FOREIGN);
	audit_fixture_release(&other);
}

static void a_clock_set_back_is_noted(void **state)
{
	(void)state;
	f.now_ms -= 3600 * 1000;
	audit_fixture_write(&f, 1, 1, 4);
	audit_fixture_verify(&f, false, &report);
	assert_int_equal(report.finding_count, 0);
	assert_int_equal(report.note_count, 1);
	assert_non_null(strstr(report.notes[0].text, "the clock was set back"));
	assert_int_equal(report.notes[0].first_record, 25);
	f.now_ms += 3600 * 1000;
}

static void a_range_needs_its_segments_only(void **state)
{
	struct err err = { 0 };
	const struct verify_options options = {
		.folder = f.folder,
		.verifier = f.verifier,
		.from_record = 10,
		.to_record = 12,
	};
	(void)state;
	unlink(audit_fixture_path(&f, "00000001.seg"));
	assert_true(verify_log(&options, &report, &err));
	assert_int_equal(report.finding_count, 0);
	assert_int_equal(report.first_record, 9);
	assert_int_equal(report.signed_record, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_untouched_log_verifies, restore),
		cmocka_unit_test_setup(every_flipped_byte_is_found, restore),
		cmocka_unit_test_setup(a_changed_record_is_named, restore),
		cmocka_unit_test_setup(a_removed_block_is_missing, restore),
		cmocka_unit_test_setup(a_removed_checkpoint_is_missing, restore),
		cmocka_unit_test_setup(swapped_blocks_are_reordered, restore),
		cmocka_unit_test_setup(a_repeated_block_is_inserted, restore),
		cmocka_unit_test_setup(a_block_behind_the_end_is_inserted, restore),
		cmocka_unit_test_setup(every_removed_block_is_named, restore),
		cmocka_unit_test_setup(every_repeated_block_is_named, restore),
		cmocka_unit_test_setup(all_swapped_blocks_are_named, restore),
		cmocka_unit_test_setup(a_truncated_segment_is_truncated, restore),
		cmocka_unit_test_setup(a_truncated_tail_is_truncated, restore),
		cmocka_unit_test_setup(a_tail_cut_anywhere_is_found, restore),
		cmocka_unit_test_setup(a_removed_segment_is_missing, restore),
		cmocka_unit_test_setup(a_removed_first_segment_is_missing, restore),
		cmocka_unit_test_setup(a_removed_last_segment_is_truncated, restore),
		cmocka_unit_test_setup(all_segments_removed_is_truncated, restore),
		cmocka_unit_test_setup(exchanged_segments_are_reordered, restore),
		cmocka_unit_test_setup(a_segment_of_another_log_is_foreign, restore),
		cmocka_unit_test_setup(another_public_key_is_named, restore),
		cmocka_unit_test_setup(a_log_signed_anew_is_found, restore),
		cmocka_unit_test_setup(a_wrong_wrapping_key_is_named, restore),
		cmocka_unit_test_setup(a_changed_key_file_is_found_with_the_content, restore),
		cmocka_unit_test_setup(a_missing_head_is_noted, restore),
		cmocka_unit_test_setup(an_old_state_put_back_is_found_by_an_anchor, restore),
		cmocka_unit_test_setup(a_history_written_anew_is_found_by_an_anchor, restore),
		cmocka_unit_test_setup(an_anchor_of_another_log_is_foreign, restore),
		cmocka_unit_test_setup(a_clock_set_back_is_noted, restore),
		cmocka_unit_test_setup(a_range_needs_its_segments_only, restore),
	};
	return cmocka_run_group_tests_name("verify", tests, setup, teardown);
}
