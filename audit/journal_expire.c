/* SPDX-License-Identifier: Apache-2.0 */
/* journal_expire: the end of old segments. */
#include "audit/journal_state.h"

#include <unistd.h>

static void remove_files(const struct journal *journal, uint64_t number)
{
	static const char *const suffixes[] = { "idx", "key", "seg" };
	char path[SEGMENT_PATH_MAX];
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (!segment_path(path, journal->options.folder, number, suffixes[i]))
			continue;
		journal_unprotect(path);
		unlink(path);
	}
}

/* The start of a segment says when all before it was over, and to what it links. */
static bool read_start(const struct journal *journal, uint64_t number, struct block_head *head,
    struct segment_start *start)
{
	char path[SEGMENT_PATH_MAX];
	struct segment_reader reader;
	struct block block;
	enum block_result why;
	if (!segment_path(path, journal->options.folder, number, "seg") ||
	    !segment_reader_open(&reader, path, NULL))
		return false;
	bool ok = segment_reader_next(&reader, &block, &why) == READ_BLOCK &&
	          block.head.kind == BLOCK_SEGMENT && segment_start_parse(block.payload, start);
	if (ok)
		*head = block.head;
	segment_reader_close(&reader);
	return ok;
}

struct expiry {
	struct tombstone tombstone; /* through == 0: nothing is due */
	struct hash link;
};

/* The oldest segments, as far as each is followed by a start block that is old enough. */
static void find_expired(const struct journal *journal, const struct segment_list *list,
    int64_t before_ms, struct expiry *expiry)
{
	struct block_head head;
	struct segment_start start;
	for (size_t i = 0; i + 1 < list->count; i++) {
		if (!read_start(journal, list->numbers[i + 1], &head, &start) ||
		    head.time_ms >= before_ms)
			return;
		expiry->link = head.prev;
		expiry->tombstone = (struct tombstone){
			.through = list->numbers[i],
			.end = start.resumes_end,
			.last_record = head.first - 1,
			.newest_ms = head.time_ms,
			.retention_days = journal->options.retention_days,
		};
	}
}

static enum journal_result bury(
    struct journal *journal, const struct expiry *expiry, int64_t now_ms, struct err *err)
{
	struct block_head head = {
		.kind = BLOCK_TOMBSTONE,
		.time_ms = now_ms,
		.root = expiry->link,
	};
	struct buf payload;
	buf_init(&payload, BLOCK_SMALL_PAYLOAD_MAX);
	bool ok = journal_make_block(journal, now_ms) &&
	          tombstone_write(&expiry->tombstone, &payload) &&
	          journal_add_block(journal, &head, buf_slice(&payload));
	buf_release(&payload);
	if (!ok) {
		err_set(err, "no memory for a tombstone");
		return JOURNAL_FAILED;
	}
	return journal_commit(journal, now_ms, err);
}

/* Only behind a tombstone that is safe. What a crash leaves here is due again at the next call. */
static uint64_t remove_through(
    struct journal *journal, const struct segment_list *list, uint64_t through)
{
	uint64_t removed = 0;
	for (size_t i = 0; i < list->count && list->numbers[i] <= through; i++, removed++)
		remove_files(journal, list->numbers[i]);
	journal->segments -= removed;
	return removed;
}

enum journal_result journal_expire(
    struct journal *journal, int64_t now_ms, uint64_t *removed, struct err *err)
{
	int64_t age_ms = (int64_t)journal->options.retention_days * 24 * 3600 * 1000;
	struct segment_list list;
	struct expiry expiry = { .tombstone.through = 0 };
	enum journal_result result = JOURNAL_OK;
	*removed = 0;
	if (journal->fd < 0 || journal->is_sealed)
		return JOURNAL_OK;
	if (!segment_list_read(&list, journal->options.folder, err))
		return JOURNAL_FAILED;
	find_expired(journal, &list, now_ms - age_ms, &expiry);
	if (expiry.tombstone.through)
		result = bury(journal, &expiry, now_ms, err);
	if (result == JOURNAL_OK)
		*removed = remove_through(journal, &list, expiry.tombstone.through);
	segment_list_release(&list);
	return result;
}
