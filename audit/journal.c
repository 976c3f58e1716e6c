/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/journal.h"

#include "audit/journal_state.h"
#include "common/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_TARGET_BYTES = 256 * 1024, DAY_MS = 24 * 3600 * 1000, KEY_RETRY_MS = 30 * 1000 };

enum journal_result journal_fail(struct journal *journal, struct err *err, const char *what)
{
	int why = errno;
	err_set_at(
	    err, (struct err_pos){ journal->options.folder, 0, 0 }, "%s: %s", what, strerror(why));
	return why == ENOSPC || why == EDQUOT || why == EROFS ? JOURNAL_FULL : JOURNAL_FAILED;
}

static enum journal_result no_memory(struct err *err)
{
	err_set(err, "no memory for the audit log's blocks");
	return JOURNAL_FAILED;
}

/* ---- Blocks. */

static void place_block(struct journal *journal, struct block_head *head)
{
	head->log = journal->log;
	head->segment = journal->place.segment;
	head->first = journal->place.next;
	head->offset = journal->place.end;
	head->prev = journal->place.link;
}

/* The block whose payload stands at the end of `out`, behind room for its head. */
static void finish_block(struct journal *journal, const struct block_head *head, size_t head_at)
{
	unsigned char *bytes = (unsigned char *)journal->out.data + head_at;
	block_encode(head, bytes);
	journal->place.link = block_link(bytes);
	journal->place.next += head->count;
	journal->place.end += BLOCK_HEAD_BYTES + head->payload_len;
	journal->place.time_ms = head->time_ms;
}

/* Room for a head at the end of `out`. False: no memory, and `out` is as before. */
static bool reserve_head(struct journal *journal)
{
	if (!buf_reserve(&journal->out, BLOCK_HEAD_BYTES))
		return false;
	journal->out.len += BLOCK_HEAD_BYTES;
	return true;
}

/* A failed buffer may be used again: what was appended before is whole. */
static bool undo(struct journal *journal, size_t len)
{
	journal->out.len = len;
	journal->out.failed = false;
	return false;
}

bool journal_add_block(struct journal *journal, struct block_head *head, struct slice payload)
{
	size_t head_at = journal->out.len;
	place_block(journal, head);
	head->payload_len = (uint32_t)payload.len;
	if (!block_is_signed(head->kind))
		head->seal = hash_of(payload);
	if (!reserve_head(journal))
		return undo(journal, head_at);
	buf_append_slice(&journal->out, payload);
	if (buf_failed(&journal->out))
		return undo(journal, head_at);
	finish_block(journal, head, head_at);
	return true;
}

bool journal_make_block(struct journal *journal, int64_t now_ms)
{
	struct block_head head = {
		.kind = BLOCK_RECORDS,
		.count = journal->block_count,
		.time_ms = now_ms,
	};
	struct slice plain = slice_from(buf_slice(&journal->pending), journal->block_from);
	size_t head_at = journal->out.len;
	if (journal->block_count == 0)
		return true;
	place_block(journal, &head);
	if (!reserve_head(journal) || !payload_seal(journal->codec, &head, plain, &journal->out))
		return undo(journal, head_at);
	finish_block(journal, &head, head_at);
	if (journal->index)
		index_writer_add(journal->index, &head, plain);
	journal->block_from = journal->pending.len;
	journal->block_count = 0;
	return true;
}

bool journal_append(struct journal *journal, const struct record *record, int64_t now_ms)
{
	struct buf *pending = &journal->pending;
	size_t need = RECORD_HEAD_BYTES + record->bytes.len;
	assert(!journal->is_sealed);
	bool block_is_full = journal->block_count == BLOCK_RECORDS_MAX ||
	                     (journal->block_count &&
	                         pending->len - journal->block_from + need > BLOCK_TARGET_BYTES);
	if (block_is_full && !journal_make_block(journal, now_ms))
		return false;
	if (!buf_reserve(pending, need)) {
		pending->failed = false;
		return false;
	}
	record_append(pending, record);
	journal->block_count++;
	journal->pending_count++;
	return true;
}

/* ---- Commit. */

static bool is_due(const struct journal *journal, int64_t now_ms)
{
	return journal->place.end >= journal->options.segment_max_bytes ||
	       now_ms / DAY_MS != journal->opened_ms / DAY_MS;
}

static bool prepare_key(struct journal *journal, struct err *err)
{
	const struct key_context context = { journal->log, journal->newest_segment + 1 };
	if (journal->has_next_key)
		return true;
	buf_reset(&journal->next_key_text);
	journal->has_next_key = keyring_generate(
	    journal->options.keyring, &context, &journal->next_key, &journal->next_key_text, err);
	return journal->has_next_key;
}

/*
 * A segment that is due is ended only when there is a key for the next one: without KMS the log
 * goes on in the old one. KMS is not asked more often than it takes to notice that it is back.
 */
static bool should_end(struct journal *journal, int64_t now_ms)
{
	if (journal->is_closing)
		return journal->fd >= 0;
	if (!is_due(journal, now_ms) || now_ms < journal->key_retry_ms)
		return false;
	journal->key_retry_ms = 0;
	if (prepare_key(journal, NULL))
		return true;
	journal->key_retry_ms = now_ms + KEY_RETRY_MS;
	return false;
}

/* Adds the checkpoint. The head is signed as it will stand in the file, so it is encoded here
 * first. */
static enum journal_result seal(
    struct journal *journal, enum block_kind kind, int64_t now_ms, struct err *err)
{
	struct signer *signer = journal->options.signer;
	struct block_head head = { .kind = kind, .time_ms = now_ms };
	struct buf bytes;
	unsigned char head_bytes[BLOCK_HEAD_BYTES];
	if (!journal_make_block(journal, now_ms))
		return no_memory(err);
	place_block(journal, &head);
	head.seal = *signer_key_id(signer);
	head.payload_len = (uint32_t)signer_signature_bytes(signer);
	block_encode(&head, head_bytes);
	buf_init(&bytes, 0);
	buf_append(&bytes, head_bytes, sizeof(head_bytes));
	bool ok =
	    signer_sign(signer, slice_of(head_bytes, sizeof(head_bytes)), &bytes, err) &&
	    checkpoint_parse(buf_slice(&bytes), &journal->sealed) &&
	    journal_add_block(journal, &head, slice_from(buf_slice(&bytes), BLOCK_HEAD_BYTES));
	buf_release(&bytes);
	journal->is_sealed = ok;
	return ok ? JOURNAL_OK : no_memory(err);
}

/* Goes on where an earlier call had to stop. */
static bool write_out(struct journal *journal)
{
	while (journal->out_written < journal->out.len) {
		ssize_t n = write(journal->fd, journal->out.data + journal->out_written,
		    journal->out.len - journal->out_written);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		journal->out_written += (size_t)n;
	}
	return true;
}

/* All that was pending is safe. */
static void forget_pending(struct journal *journal)
{
	buf_reset(&journal->pending);
	buf_reset(&journal->out);
	journal->pending_count = 0;
	journal->block_from = 0;
	journal->block_count = 0;
	journal->out_written = 0;
	journal->is_sealed = false;
}

/*
 * After a failed sync the kernel may have dropped the pages and call the file clean: what was not
 * synced before must be written again, elsewhere. The next segment says where this one stopped to
 * count.
 */
static enum journal_result give_up_segment(struct journal *journal, enum journal_result result)
{
	journal_close_segment(journal);
	journal->place = journal->committed_place;
	buf_reset(&journal->out);
	journal->out_written = 0;
	journal->block_from = 0;
	journal->block_count = 0;
	journal->is_sealed = false;
	return result;
}

/* Makes blocks of the records of a segment that was given up, which no journal_append() will do
 * again. */
static bool make_blocks_again(struct journal *journal, int64_t now_ms)
{
	struct slice all = buf_slice(&journal->pending);
	struct slice rest = slice_from(all, journal->block_from);
	struct record record;
	bool bad, ok = true;
	if (journal->block_count > 0)
		return true;
	while (ok && record_next(&rest, &record, &bad)) {
		size_t upto = all.len - rest.len;
		journal->block_count++;
		if (journal->block_count < BLOCK_RECORDS_MAX &&
		    upto - journal->block_from < BLOCK_TARGET_BYTES)
			continue;
		journal->pending.len = upto; /* a block is what stands behind block_from */
		ok = journal_make_block(journal, now_ms);
	}
	journal->pending.len = all.len;
	if (!ok)
		journal->block_count = 0;
	return ok;
}

static enum journal_result write_and_sync(struct journal *journal, struct err *err)
{
	if (!write_out(journal)) {
		enum journal_result result = journal_fail(journal, err, "cannot write");
		return result == JOURNAL_FULL ? result : give_up_segment(journal, result);
	}
	if (fdatasync(journal->fd) != 0)
		return give_up_segment(journal, journal_fail(journal, err, "cannot sync"));
	return JOURNAL_OK;
}

static void note_commit(struct journal *journal, int64_t now_ms)
{
	journal->committed = journal->sealed;
	journal->committed_place = journal->place;
	journal->committed_ms = now_ms;
	/* HEAD may be older than the log, never newer: failing to write it loses nothing. */
	head_file_write(journal->options.folder, &journal->committed);
	if (journal->index && !index_writer_flush(journal->index)) {
		index_writer_close(journal->index);
		journal->index = NULL;
	}
	forget_pending(journal);
}

static enum journal_result commit_sealed(struct journal *journal, int64_t now_ms, struct err *err)
{
	enum journal_result result = write_and_sync(journal, err);
	if (result != JOURNAL_OK)
		return result;
	bool ended = journal->sealed.head.kind == BLOCK_END;
	note_commit(journal, now_ms);
	if (ended)
		journal_close_segment(journal);
	return JOURNAL_OK;
}

static enum journal_result make_sealed(
    struct journal *journal, enum block_kind kind, int64_t now_ms, struct err *err)
{
	if (journal->is_sealed)
		return JOURNAL_OK;
	return make_blocks_again(journal, now_ms) ? seal(journal, kind, now_ms, err)
	                                          : no_memory(err);
}

enum journal_result journal_commit(struct journal *journal, int64_t now_ms, struct err *err)
{
	enum journal_result result = JOURNAL_OK;
	if (journal->fd < 0 && !(journal->is_closing && journal->pending_count == 0))
		result = journal_open_segment(journal, now_ms, err);
	if (result != JOURNAL_OK || journal->fd < 0)
		return result;
	bool end = should_end(journal, now_ms);
	if (!end && journal->pending_count == 0 && journal->out.len == 0)
		return JOURNAL_OK;
	result = make_sealed(journal, end ? BLOCK_END : BLOCK_CHECKPOINT, now_ms, err);
	if (result == JOURNAL_OK)
		result = commit_sealed(journal, now_ms, err);
	if (result == JOURNAL_OK && journal->fd < 0 && !journal->is_closing)
		result = journal_open_segment(journal, now_ms, err);
	return result;
}

/* ---- Segments. */

/* Writes the start block to a file beside, so that a segment under its name always has one. */
static bool write_start(const char *path, int fd, struct slice bytes, struct err *err)
{
	char temporary[SEGMENT_PATH_MAX + 8];
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	if (file_write_all(fd, bytes) && fsync(fd) == 0 && rename(temporary, path) == 0)
		return true;
	err_set_at(
	    err, (struct err_pos){ path, 0, 0 }, "cannot start the segment: %s", strerror(errno));
	int why = errno;
	unlink(temporary);
	errno = why;
	return false;
}

static int create_beside(const char *path)
{
	char temporary[SEGMENT_PATH_MAX + 8];
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	unlink(temporary); /* left by a crash */
	return open(temporary, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
}

static bool sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = fsync(fd) == 0 || errno == EINVAL;
	int why = errno;
	close(fd);
	errno = why;
	return ok;
}

/* The start block into `out`, as the first of segment `number`. */
static bool make_start(struct journal *journal, uint64_t number, int64_t now_ms)
{
	const struct segment_start start = {
		.resumes_segment = journal->place.segment,
		.resumes_end = journal->place.end,
		.lost = journal->lost,
		.key_check = payload_key_check(journal->codec),
	};
	struct block_head head = { .kind = BLOCK_SEGMENT, .time_ms = now_ms };
	struct buf payload;
	buf_init(&payload, BLOCK_SMALL_PAYLOAD_MAX);
	journal->place.segment = number;
	journal->place.end = 0;
	bool ok = segment_start_write(&start, &payload) &&
	          journal_add_block(journal, &head, buf_slice(&payload));
	buf_release(&payload);
	return ok;
}

/* Everything but memory and keys: the file with its start block. */
static bool create_file(struct journal *journal, const char *path, struct err *err)
{
	struct slice start = buf_slice(&journal->out);
	journal->fd = create_beside(path);
	if (journal->fd < 0)
		return err_set_at(err, (struct err_pos){ path, 0, 0 },
		    "cannot create the segment: %s", strerror(errno));
	if (!write_start(path, journal->fd, start, err))
		return false;
	return sync_folder(journal->options.folder) ||
	       err_set_at(err, (struct err_pos){ path, 0, 0 }, "cannot sync the folder: %s",
	           strerror(errno));
}

static bool write_key(struct journal *journal, uint64_t number, struct err *err)
{
	char path[SEGMENT_PATH_MAX];
	segment_path(path, journal->options.folder, number, "key");
	journal->codec = payload_codec_new(&journal->next_key);
	if (!journal->codec) {
		errno = ENOMEM;
		return err_set(err, "no memory for a segment");
	}
	return file_write_atomic(path, buf_slice(&journal->next_key_text), 0600, err);
}

enum journal_result journal_open_segment(struct journal *journal, int64_t now_ms, struct err *err)
{
	char path[SEGMENT_PATH_MAX];
	uint64_t number = journal->newest_segment + 1;
	struct journal_place before = journal->place;
	assert(journal->fd < 0 && journal->out.len == 0);
	if (!prepare_key(journal, err))
		return JOURNAL_FAILED;
	segment_path(path, journal->options.folder, number, "seg");
	errno = 0;
	bool ok = write_key(journal, number, err) && make_start(journal, number, now_ms) &&
	          create_file(journal, path, err);
	int why = errno;
	buf_reset(&journal->out);
	if (!ok) {
		journal_close_segment(journal);
		journal->place = before;
		err_set(err, "no memory for a segment");
		return why == ENOSPC || why == EDQUOT || why == EROFS ? JOURNAL_FULL
		                                                      : JOURNAL_FAILED;
	}
	journal->newest_segment = number;
	journal->segments++;
	journal->lost = 0;
	journal->opened_ms = now_ms;
	journal->has_next_key = false;
	data_key_wipe(&journal->next_key);
	journal->has_attributes = journal->options.immutable && journal_protect(journal->fd, false);
	segment_path(path, journal->options.folder, number, "idx");
	journal->index = index_writer_open(path, journal->codec);
	return JOURNAL_OK;
}

void journal_close_segment(struct journal *journal)
{
	if (journal->fd >= 0) {
		if (journal->has_attributes)
			journal_protect(journal->fd, true);
		close(journal->fd);
	}
	journal->fd = -1;
	index_writer_close(journal->index);
	journal->index = NULL;
	payload_codec_free(journal->codec);
	journal->codec = NULL;
}

/* ---- What others ask. */

const struct journal_recovery *journal_recovery(const struct journal *journal)
{
	return &journal->recovery;
}

uint64_t journal_pending(const struct journal *journal)
{
	return journal->pending_count;
}

size_t journal_pending_bytes(const struct journal *journal)
{
	return journal->pending.len;
}

void journal_status(const struct journal *journal, struct journal_status *status)
{
	*status = (struct journal_status){
		.segment = journal->place.segment,
		.segment_bytes = journal->place.end,
		.next_record = journal->committed_place.next + journal->pending_count,
		.committed_record = journal->committed_place.next - 1,
		.committed_ms = journal->committed_ms,
		.segments = journal->segments,
		.has_attributes = journal->has_attributes,
	};
}

const struct checkpoint *journal_checkpoint(const struct journal *journal)
{
	return journal->committed_ms ? &journal->committed : NULL;
}

const struct log_id *journal_log_id(const struct journal *journal)
{
	return &journal->log;
}
