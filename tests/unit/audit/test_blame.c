/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who has the data key but not the signing key changes records: he encrypts what he likes
 * under the head that is signed. Which record it was is named, whichever it was and whatever was
 * done.
 */
#include "audit/view.h"
#include "common/digest.h"
#include "common/file.h"
#include "tests/support/audit_fixture.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#include <cmocka.h>

enum { RECORDS = 40, TAG_BYTES = 16, LEAVES_BYTES = RECORDS * 32 };

static struct audit_fixture f;
static struct verify_report report;

/* The one block of records of the log, and all that is needed to make another one. */
static struct {
	struct buf file;
	unsigned char head_bytes[BLOCK_HEAD_BYTES];
	struct block_head head;
	size_t payload_at;
	unsigned char content_key[SHA256_BYTES];
	struct record records[RECORDS];
	struct buf plain;
} block;

static void read_content_key(void)
{
	const struct key_context context = { block.head.log, 1 };
	struct err err = { 0 };
	struct data_key key;
	struct buf text;
	buf_init(&text, 0);
	audit_fixture_read(&f, "00000001.key", &text);
	assert_true(keyring_open(f.keyring, &context, buf_slice(&text), "key", &key, &err));
	assert_true(digest_hmac_sha256(slice_of(key.bytes, sizeof(key.bytes)),
	    SLICE("sallyport-audit content"), block.content_key));
	buf_release(&text);
}

static void read_block(void)
{
	struct view view;
	struct block found;
	struct slice plain;
	struct err err = { 0 };
	bool bad;
	assert_true(view_open(&view, f.folder, 1, f.keyring, &err));
	assert_int_equal(view_next(&view, &found, &plain), VIEW_RECORDS);
	assert_int_equal(found.head.count, RECORDS);
	block.head = found.head;
	memcpy(block.head_bytes, found.head_bytes, BLOCK_HEAD_BYTES);
	block.payload_at = found.at + BLOCK_HEAD_BYTES;
	buf_init(&block.plain, 0);
	buf_append_slice(&block.plain, plain);
	view_close(&view);
	plain = buf_slice(&block.plain);
	for (int i = 0; i < RECORDS; i++)
		assert_true(record_next(&plain, &block.records[i], &bad));
}

/* Texts that can be compressed better than the log does, so that others fit in their place. */
static void write_log(void)
{
	static const char *const words[] = { "alpha", "bravo", "charlie", "delta", "echo",
		"foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima", "mike" };
	struct journal *journal = audit_fixture_open(&f);
	uint32_t random = 1;
	for (int i = 0; i < RECORDS; i++) {
		char text[512];
		int n = snprintf(text, sizeof(text), "{\"id\":\"r%d\",\"words\":\"", i + 1);
		for (int word = 0; word < 24; word++) {
			random = random * 1664525 + 1013904223;
			n += snprintf(
			    text + n, sizeof(text) - (size_t)n, "%s ", words[(random >> 16) % 13]);
		}
		n += snprintf(text + n, sizeof(text) - (size_t)n, "\"}");
		const struct record record = { RECORD_ACCESS, slice_of(text, (size_t)n) };
		assert_true(journal_append(journal, &record, f.now_ms));
	}
	audit_fixture_close(&f, journal);
}

static int setup(void **state)
{
	(void)state;
	audit_fixture_init(&f);
	write_log();
	audit_fixture_save(&f, "intact");
	buf_init(&block.file, 0);
	audit_fixture_read(&f, "00000001.seg", &block.file);
	read_block();
	read_content_key();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&block.file);
	buf_release(&block.plain);
	audit_fixture_release(&f);
	return 0;
}

/* As many bytes as the signed head says: the rest is a frame that decoders skip. */
static void pack(struct slice plain, unsigned char *dst, size_t size)
{
	for (int level = 1; level <= ZSTD_maxCLevel(); level++) {
		size_t n = ZSTD_compress(dst, size, plain.ptr, plain.len, level);
		if (ZSTD_isError(n) || (n != size && size - n < 8))
			continue;
		if (n < size) {
			uint32_t rest = (uint32_t)(size - n - 8);
			const unsigned char skippable[8] = { 0x50, 0x2a, 0x4d, 0x18,
				(unsigned char)rest, (unsigned char)(rest >> 8) };
			memcpy(dst + n, skippable, 8);
			memset(dst + n + 8, 0, rest);
		}
		return;
	}
	fail_msg("no level makes the records fit");
}

static void encrypt(unsigned char *packed, size_t len, unsigned char *dst)
{
	unsigned char nonce[12] = { 0 };
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	for (int i = 0; i < 8; i++)
		nonce[4 + i] = (unsigned char)(block.head.offset >> (56 - 8 * i));
	assert_int_equal(
	    EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, block.content_key, nonce), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, block.head_bytes, BLOCK_AAD_BYTES), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, dst, &n, packed, (int)len), 1);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, dst + n, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, dst + len), 1);
	EVP_CIPHER_CTX_free(ctx);
}

/* The same file with other records under the same head. */
static void forge(const struct record *records, size_t count)
{
	size_t sealed = block.head.payload_len - LEAVES_BYTES, len = sealed - TAG_BYTES;
	unsigned char *packed = malloc(len);
	struct buf plain, file;
	buf_init(&plain, 0);
	buf_init(&file, 0);
	for (size_t i = 0; i < count; i++)
		record_append(&plain, &records[i]);
	pack(buf_slice(&plain), packed, len);
	buf_append_slice(&file, buf_slice(&block.file));
	encrypt(packed, len, (unsigned char *)file.data + block.payload_at + LEAVES_BYTES);
	audit_fixture_write_file(&f, "00000001.seg", buf_slice(&file));
	buf_release(&plain);
	buf_release(&file);
	free(packed);
}

static void expect(enum finding_kind kind, uint64_t first, uint64_t last)
{
	audit_fixture_verify(&f, false, &report); /* without the key: the block */
	assert_int_equal(report.findings[0].kind, FINDING_CHANGED);
	assert_int_equal(report.findings[0].first_record, 1);
	assert_int_equal(report.findings[0].last_record, RECORDS);
	audit_fixture_verify(&f, true, &report);
	assert_int_equal(report.finding_count, 1);
	const struct finding *finding = &report.findings[0];
	if (finding->kind != kind || finding->first_record != first || finding->last_record != last)
		print_message("%s %d to %d: %s; expected %s %d to %d\n",
		    finding_kind_name(finding->kind), (int)finding->first_record,
		    (int)finding->last_record, finding->text, finding_kind_name(kind), (int)first,
		    (int)last);
	assert_int_equal(finding->kind, kind);
	assert_int_equal(finding->segment, 1);
	assert_int_equal(finding->first_record, first);
	assert_int_equal(finding->last_record, last);
}

/* Another record in the place of this one. */
static struct record rewritten(size_t at)
{
	return block.records[at == 0 ? 1 : 0];
}

static void the_log_is_intact_when_nothing_is_changed(void **state)
{
	(void)state;
	audit_fixture_restore(&f, "intact");
	audit_fixture_verify(&f, true, &report);
	assert_int_equal(report.finding_count, 0);
}

static void every_changed_record_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < RECORDS; i++) {
		struct record records[RECORDS];
		memcpy(records, block.records, sizeof(records));
		records[i] = rewritten(i);
		forge(records, RECORDS);
		expect(FINDING_CHANGED, i + 1, i + 1);
	}
}

static void the_first_and_the_last_of_several_are_named(void **state)
{
	struct record records[RECORDS];
	(void)state;
	memcpy(records, block.records, sizeof(records));
	records[4] = records[9] = rewritten(4);
	forge(records, RECORDS);
	expect(FINDING_CHANGED, 5, 10);
}

static void a_changed_kind_of_record_is_named(void **state)
{
	struct record records[RECORDS];
	(void)state;
	memcpy(records, block.records, sizeof(records));
	records[4].kind = RECORD_EVENT;
	forge(records, RECORDS);
	expect(FINDING_CHANGED, 5, 5);
}

static void every_removed_record_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < RECORDS; i++) {
		struct record records[RECORDS];
		memcpy(records, block.records, i * sizeof(records[0]));
		memcpy(records + i, block.records + i + 1, (RECORDS - i - 1) * sizeof(records[0]));
		forge(records, RECORDS - 1);
		expect(FINDING_MISSING, i + 1, i + 1);
	}
}

static void every_place_a_record_is_put_in_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i <= RECORDS; i++) {
		struct record records[RECORDS + 1];
		memcpy(records, block.records, i * sizeof(records[0]));
		records[i] = rewritten(i);
		memcpy(records + i + 1, block.records + i, (RECORDS - i) * sizeof(records[0]));
		forge(records, RECORDS + 1);
		size_t number = i < RECORDS ? i + 1 : RECORDS;
		expect(FINDING_INSERTED, number, number);
	}
}

/* The second of the two is the one put in. */
static void every_repeated_record_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < RECORDS; i++) {
		struct record records[RECORDS + 1];
		memcpy(records, block.records, (i + 1) * sizeof(records[0]));
		memcpy(records + i + 1, block.records + i, (RECORDS - i) * sizeof(records[0]));
		forge(records, RECORDS + 1);
		size_t number = i + 1 < RECORDS ? i + 2 : RECORDS;
		expect(FINDING_INSERTED, number, number);
	}
}

static void all_swapped_records_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < RECORDS; i++)
		for (size_t j = i + 1; j < RECORDS; j += 7) {
			struct record records[RECORDS];
			memcpy(records, block.records, sizeof(records));
			records[i] = block.records[j];
			records[j] = block.records[i];
			forge(records, RECORDS);
			expect(FINDING_REORDERED, i + 1, j + 1);
		}
}

static void flip(size_t at)
{
	struct buf file;
	buf_init(&file, 0);
	buf_append_slice(&file, buf_slice(&block.file));
	file.data[at] ^= 0x10;
	audit_fixture_write_file(&f, "00000001.seg", buf_slice(&file));
	buf_release(&file);
}

/* Without the key the ciphertext can only be damaged: what can still be read is told from it. */
static void damaged_ciphertext_names_a_record(void **state)
{
	size_t end = block.payload_at + block.head.payload_len, exact = 0;
	(void)state;
	for (size_t at = block.payload_at + LEAVES_BYTES; at < end; at++) {
		flip(at);
		audit_fixture_verify(&f, true, &report);
		assert_int_equal(report.finding_count, 1);
		assert_int_equal(report.findings[0].kind, FINDING_CHANGED);
		assert_in_range(report.findings[0].first_record, 1, RECORDS);
		exact += report.findings[0].first_record > 1;
	}
	assert_true(exact > 0);
}

static void damaged_leaves_are_told_from_records(void **state)
{
	(void)state;
	for (size_t at = block.payload_at; at < block.payload_at + LEAVES_BYTES; at += 17) {
		flip(at);
		audit_fixture_verify(&f, true, &report);
		assert_int_equal(report.finding_count, 1);
		assert_int_equal(report.findings[0].kind, FINDING_CHANGED);
		assert_non_null(strstr(report.findings[0].text, "none of its records"));
	}
}

/* Records and leaves: nothing is left that would tell, and nothing is guessed. */
static void whoever_changes_the_leaves_too_hides_which_record_it_was(void **state)
{
	struct record records[RECORDS];
	struct buf file;
	(void)state;
	memcpy(records, block.records, sizeof(records));
	records[4] = rewritten(4);
	forge(records, RECORDS);
	buf_init(&file, 0);
	audit_fixture_read(&f, "00000001.seg", &file);
	file.data[block.payload_at + 4 * 32] ^= 1;
	audit_fixture_write_file(&f, "00000001.seg", buf_slice(&file));
	buf_release(&file);
	expect(FINDING_CHANGED, 1, RECORDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_is_intact_when_nothing_is_changed),
		cmocka_unit_test(every_changed_record_is_named),
		cmocka_unit_test(the_first_and_the_last_of_several_are_named),
		cmocka_unit_test(a_changed_kind_of_record_is_named),
		cmocka_unit_test(every_removed_record_is_named),
		cmocka_unit_test(every_place_a_record_is_put_in_is_named),
		cmocka_unit_test(every_repeated_record_is_named),
		cmocka_unit_test(all_swapped_records_are_named),
		cmocka_unit_test(damaged_ciphertext_names_a_record),
		cmocka_unit_test(damaged_leaves_are_told_from_records),
		cmocka_unit_test(whoever_changes_the_leaves_too_hides_which_record_it_was),
	};
	return cmocka_run_group_tests_name("blame", tests, setup, teardown);
}
