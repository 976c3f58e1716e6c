/* SPDX-License-Identifier: Apache-2.0 */
/* journal_open: opening a log, finding where it ends, closing it. */
#include "audit/journal_state.h"
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- Attributes. */

static bool change_flags(int fd, int set, int clear)
{
	int flags;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0)
		return false;
	flags = (flags | set) & ~clear;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

bool journal_protect(int fd, bool closed)
{
	return closed ? change_flags(fd, FS_IMMUTABLE_FL, FS_APPEND_FL)
	              : change_flags(fd, FS_APPEND_FL, 0);
}

void journal_unprotect(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	change_flags(fd, 0, FS_IMMUTABLE_FL | FS_APPEND_FL);
	close(fd);
}

/* ---- Where a log ends. */

struct scan {
	struct journal_place place;
	struct log_id log;
	bool was_closed;
	uint64_t size;
};

/* What makes a block part of the chain; its content is not looked at. */
static bool continues(
    const struct journal *journal, const struct scan *scan, const struct block *block)
{
	const struct block_head *head = &block->head;
	bool start = block->at == 0;
	if (head->segment != scan->place.segment || head->offset != block->at ||
	    (head->kind == BLOCK_SEGMENT) != start)
		return false;
	if (!start && (!log_id_eq(&head->log, &scan->log) || head->first != scan->place.next ||
	                  !hash_eq(&head->prev, &scan->place.link)))
		return false;
	if (block_is_signed(head->kind))
		return verifier_check(journal->options.verifier, &head->seal,
		           slice_of(block->head_bytes, BLOCK_HEAD_BYTES),
		           block->payload) != SIGNATURE_BAD;
	struct hash seal = hash_of(block->payload);
	return hash_eq(&seal, &head->seal);
}

static void follow(struct scan *scan, const struct block *block)
{
	scan->log = block->head.log;
	scan->place.link = block_link(block->head_bytes);
	scan->place.next = block->head.first + block->head.count;
	scan->place.end = block->at + BLOCK_HEAD_BYTES + block->head.payload_len;
	scan->place.time_ms = block->head.time_ms;
	scan->was_closed = block->head.kind == BLOCK_END;
}

/*
 * Up to the last whole block; place.end is 0 when not even the first one is good. False: it cannot
 * be read, which says nothing of what is in it.
 */
static bool scan_segment(
    const struct journal *journal, uint64_t number, struct scan *scan, struct err *err)
{
	char path[SEGMENT_PATH_MAX];
	struct segment_reader reader;
	struct block block;
	enum block_result why;
	enum read_result result = READ_END;
	*scan = (struct scan){ .place.segment = number };
	if (!segment_path(path, journal->options.folder, number, "seg") ||
	    !segment_reader_open(&reader, path, err))
		return err_set(err, "the folder's name is too long");
	scan->size = reader.size;
	while (!scan->was_closed &&
	       (result = segment_reader_next(&reader, &block, &why)) == READ_BLOCK &&
	       continues(journal, scan, &block))
		follow(scan, &block);
	int failed = errno;
	segment_reader_close(&reader);
	return result != READ_FAILED ||
	       err_set_at(err, (struct err_pos){ path, 0, 0 }, "cannot read: %s", strerror(failed));
}

/* The newest segment with a good start. *found: there is one. */
static bool scan_newest(struct journal *journal, const struct segment_list *list, struct scan *scan,
    bool *found, struct err *err)
{
	*found = false;
	for (size_t i = list->count; i-- > 0 && !*found;) {
		if (!scan_segment(journal, list->numbers[i], scan, err))
			return false;
		journal->recovery.torn_bytes += scan->size - scan->place.end;
		*found = scan->place.end > 0;
	}
	return true;
}

/* HEAD, when it is ours to believe. */
static bool read_head_file(
    struct journal *journal, const struct scan *scan, bool found, struct checkpoint *checkpoint)
{
	struct journal_recovery *recovery = &journal->recovery;
	recovery->head = head_file_read(journal->options.folder, checkpoint);
	if (recovery->head != HEAD_FILE_OK)
		return false;
	if (checkpoint_check(checkpoint, journal->options.verifier) == SIGNATURE_BAD ||
	    (found && !log_id_eq(&checkpoint->head.log, &scan->log)))
		recovery->head = HEAD_FILE_BAD;
	return recovery->head == HEAD_FILE_OK;
}

/* True when HEAD names a place behind the one that was found. */
static bool is_ahead(const struct checkpoint *checkpoint, const struct journal_place *place)
{
	const struct block_head *head = &checkpoint->head;
	return head->segment > place->segment ||
	       (head->segment == place->segment && checkpoint_end(checkpoint) > place->end);
}

/* Goes on behind what HEAD vouches for, so that the hole stays visible and later records stay
 * provable. */
static void resume_at_head(
    struct journal *journal, const struct checkpoint *checkpoint, uint64_t found_next)
{
	const struct block_head *head = &checkpoint->head;
	journal->recovery.damaged = head->segment;
	journal->recovery.lost = head->first > found_next ? head->first - found_next : 0;
	journal->lost = journal->recovery.lost ? journal->recovery.lost : 1;
	journal->place = (struct journal_place){
		.segment = head->segment,
		.end = checkpoint_end(checkpoint),
		.next = head->first,
		.link = checkpoint_link(checkpoint),
		.time_ms = head->time_ms,
	};
	if (journal->newest_segment < head->segment)
		journal->newest_segment = head->segment;
}

static bool start_new(struct journal *journal, struct err *err)
{
	journal->recovery.is_new = true;
	journal->place = (struct journal_place){ .next = 1 };
	return RAND_bytes(journal->log.bytes, LOG_ID_BYTES) == 1 ||
	       err_set(err, "no random bytes for the log's id");
}

/* What a crash left behind is protected like any closed segment. */
static void protect_newest(const struct journal *journal, uint64_t number)
{
	char path[SEGMENT_PATH_MAX];
	if (!journal->options.immutable ||
	    !segment_path(path, journal->options.folder, number, "seg"))
		return;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	journal_protect(fd, true);
	close(fd);
}

static bool resume(struct journal *journal, const struct scan *scan, bool found, struct err *err)
{
	struct checkpoint checkpoint;
	bool have_head = read_head_file(journal, scan, found, &checkpoint);
	journal->recovery.was_closed = scan->was_closed;
	journal->place = scan->place;
	if (found)
		journal->log = scan->log;
	else if (have_head)
		journal->log = checkpoint.head.log;
	if (have_head && is_ahead(&checkpoint, &scan->place))
		resume_at_head(journal, &checkpoint, found ? scan->place.next : 1);
	else if (!found && !start_new(journal, err))
		return false;
	if (found)
		protect_newest(journal, scan->place.segment);
	journal->committed_place = journal->place;
	return true;
}

bool journal_recover(struct journal *journal, struct err *err)
{
	struct segment_list list;
	struct scan scan = { 0 };
	bool found;
	if (!segment_list_read(&list, journal->options.folder, err))
		return false;
	journal->segments = list.count;
	journal->newest_segment = list.count ? list.numbers[list.count - 1] : 0;
	bool ok =
	    scan_newest(journal, &list, &scan, &found, err) && resume(journal, &scan, found, err);
	segment_list_release(&list);
	return ok;
}

/* ---- Opening and closing. */

static bool lock_folder(struct journal *journal, struct err *err)
{
	char path[SEGMENT_PATH_MAX];
	struct err_pos pos = { journal->options.folder, 0, 0 };
	int n = snprintf(path, sizeof(path), "%s/LOCK", journal->options.folder);
	if (n < 0 || (size_t)n >= sizeof(path) - 32)
		return err_set_at(err, pos, "the folder's name is too long");
	journal->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (journal->lock_fd < 0)
		return err_set_at(err, pos, "cannot lock: %s", strerror(errno));
	if (flock(journal->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return err_set_at(err, pos, "another process writes this log");
	return true;
}

static bool start(struct journal *journal, int64_t now_ms, struct err *err)
{
	return file_make_dirs(journal->options.folder, 0700, err) && lock_folder(journal, err) &&
	       journal_recover(journal, err) &&
	       journal_open_segment(journal, now_ms, err) == JOURNAL_OK;
}

struct journal *journal_open(const struct journal_options *options, int64_t now_ms, struct err *err)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	if (!journal) {
		err_set(err, "no memory for the audit log");
		return NULL;
	}
	journal->options = *options;
	journal->lock_fd = journal->fd = -1;
	buf_init(&journal->pending, 0);
	buf_init(&journal->out, 0);
	buf_init(&journal->next_key_text, KEY_FILE_MAX_BYTES);
	if (!start(journal, now_ms, err)) {
		journal_free(journal);
		return NULL;
	}
	return journal;
}

void journal_free(struct journal *journal)
{
	journal_close_segment(journal);
	if (journal->lock_fd >= 0)
		close(journal->lock_fd);
	buf_release(&journal->pending);
	buf_release(&journal->out);
	buf_release(&journal->next_key_text);
	data_key_wipe(&journal->next_key);
	free(journal);
}

enum journal_result journal_close(struct journal *journal, int64_t now_ms, struct err *err)
{
	journal->is_closing = true;
	enum journal_result result = journal_commit(journal, now_ms, err);
	journal_free(journal);
	return result;
}

void journal_abandon(struct journal *journal)
{
	journal_free(journal);
}
