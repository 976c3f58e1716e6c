/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/verify.h"

#include "audit/blame.h"
#include "common/clock.h"
#include "common/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

/* What the start block of a segment file says, read before the segments are gone through. */
struct start {
	bool is_good;
	struct block_head head;
	struct segment_start said;
};

struct verify {
	const struct verify_options *options;
	struct verify_report *report;
	struct segment_list list;
	struct start *starts; /* of list.numbers */

	bool knows_log;
	struct log_id log;

	/* Where the chain is. `linked` is false at the start and behind a finding. */
	bool linked;
	uint64_t segment, end, next;
	struct hash link;
	int64_t time_ms;
	struct block_head origin; /* the first block of all */
	struct block_head before; /* the block before this one */
	bool has_before;

	struct checkpoint head_file;
	bool has_head_file, head_file_seen;
	bool *anchors_seen;

	bool has_tombstone; /* signed, newest */
	struct tombstone tombstone;
	struct hash tombstone_link;
	bool has_new_tombstone; /* no checkpoint behind it yet */
	struct tombstone new_tombstone;
	struct hash new_tombstone_link;

	uint64_t file_size;          /* of the current segment, with what does not count */
	struct payload_codec *codec; /* of the current segment; NULL: content is not opened */
	bool done;                   /* the end of the range */
	bool is_range;
};

/* ---- Findings. */

const char *finding_kind_name(enum finding_kind kind)
{
	static const char *const names[FINDING_KINDS] = {
		[FINDING_CHANGED] = "changed",
		[FINDING_MISSING] = "missing",
		[FINDING_INSERTED] = "inserted",
		[FINDING_REORDERED] = "reordered",
		[FINDING_TRUNCATED] = "truncated",
		[FINDING_FOREIGN] = "foreign",
		[FINDING_BAD_CHECKPOINT] = "bad checkpoint",
		[FINDING_WRONG_KEY] = "wrong key",
		[FINDING_ROLLED_BACK] = "rolled back",
		[FINDING_REWRITTEN] = "rewritten",
		[FINDING_UNREADABLE] = "unreadable",
	};
	return names[kind];
}

struct range {
	uint64_t first, last;
};

static const struct range no_records = { 0, 0 };

/* Returns false always: a finding ends the segment it is in. */
static bool found(struct verify *v, enum finding_kind kind, uint64_t offset, struct range records,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static bool found(struct verify *v, enum finding_kind kind, uint64_t offset, struct range records,
    const char *fmt, ...)
{
	struct verify_report *report = v->report;
	va_list args;
	v->linked = false;
	if (report->finding_count == VERIFY_FINDINGS_MAX)
		return false;
	struct finding *finding = &report->findings[report->finding_count++];
	*finding = (struct finding){ kind, v->segment, offset, records.first, records.last, "" };
	va_start(args, fmt);
	vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
	return false;
}

static void note(struct verify *v, uint64_t offset, uint64_t record, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void note(struct verify *v, uint64_t offset, uint64_t record, const char *fmt, ...)
{
	struct verify_report *report = v->report;
	va_list args;
	if (report->note_count == VERIFY_NOTES_MAX)
		return;
	struct finding *finding = &report->notes[report->note_count++];
	*finding =
	    (struct finding){ .segment = v->segment, .offset = offset, .first_record = record };
	va_start(args, fmt);
	vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
}

static struct range records_of(const struct block_head *head)
{
	if (head->count == 0)
		return (struct range){ head->first, 0 };
	return (struct range){ head->first, head->first + head->count - 1 };
}

/* ---- One block against the chain. */

/* What was put in may have moved blocks behind where the file counts. */
static void look_around(const struct verify *v, struct segment_reader *reader, uint64_t from)
{
	reader->size = v->file_size;
	segment_reader_seek(reader, from);
}

/* Does another block of the file link to this head, or its own signature vouch for it? */
static bool is_vouched_for(
    struct verify *v, struct segment_reader *reader, const struct block *block)
{
	struct hash link = block_link(block->head_bytes);
	struct slice head = slice_of(block->head_bytes, BLOCK_HEAD_BYTES);
	struct block behind;
	enum block_result why;
	if (block_is_signed(block->head.kind))
		return verifier_check(v->options->verifier, &block->head.seal, head,
		           block->payload) == SIGNATURE_OK;
	look_around(v, reader, 0);
	while (segment_reader_next_head(reader, &behind, &why) == READ_BLOCK)
		if (hash_eq(&behind.head.prev, &link))
			return true;
	return false;
}

/* Does the block that belongs here stand further back in the file? */
static bool comes_later(const struct verify *v, struct segment_reader *reader, uint64_t at)
{
	struct block block;
	enum block_result why;
	look_around(v, reader, at);
	while (segment_reader_next_head(reader, &block, &why) == READ_BLOCK)
		if (block.head.offset == at && block.at != at)
			return true;
	return false;
}

static bool found_gap(struct verify *v, struct segment_reader *reader, const struct block *block)
{
	const struct block_head *head = &block->head;
	if (head->offset > block->at && comes_later(v, reader, block->at))
		return found(v, FINDING_REORDERED, block->at, records_of(head),
		    "the block of byte %" PRIu64 " stands here, and the one of here behind it",
		    head->offset);
	if (head->first > v->next)
		return found(v, FINDING_MISSING, block->at,
		    (struct range){ v->next, head->first - 1 }, "%" PRIu64 " records were removed",
		    head->first - v->next);
	if (head->first < v->next)
		return found(v, FINDING_INSERTED, block->at, records_of(head),
		    "a block was put in that repeats record %" PRIu64, head->first);
	if (head->offset > block->at)
		return found(v, FINDING_MISSING, block->at, records_of(head),
		    "%" PRIu64 " bytes of blocks without records were removed",
		    head->offset - block->at);
	if (head->offset < block->at)
		return found(v, FINDING_INSERTED, block->at, records_of(head),
		    "%" PRIu64 " bytes were put in before this block", block->at - head->offset);
	return found(v, FINDING_CHANGED, v->has_before ? v->before.offset : 0,
	    v->has_before ? records_of(&v->before) : no_records,
	    "the head of the block before the one at %" PRIu64 " was changed", block->at);
}

/* The head is well formed but does not continue the chain: find out which side is wrong. */
static bool found_break(struct verify *v, struct segment_reader *reader, const struct block *block)
{
	/* Looking around reuses the reader's window, so the block is looked at as a copy. */
	unsigned char head_bytes[BLOCK_HEAD_BYTES];
	struct block copy = *block;
	memcpy(head_bytes, block->head_bytes, sizeof(head_bytes));
	copy.head_bytes = head_bytes;
	if (!is_vouched_for(v, reader, block))
		return found(v, FINDING_CHANGED, copy.at, records_of(&copy.head),
		    "the head of this block was changed");
	return found_gap(v, reader, &copy);
}

static bool check_identity(struct verify *v, const struct block *block)
{
	const struct block_head *head = &block->head;
	if (!v->knows_log) {
		v->log = head->log;
		v->knows_log = true;
	}
	if (!log_id_eq(&head->log, &v->log))
		return found(v, FINDING_FOREIGN, block->at, records_of(head),
		    "this %s block belongs to another log", block_kind_name(head->kind));
	if (head->segment != v->segment)
		return found(v, FINDING_REORDERED, block->at, records_of(head),
		    "a block of segment %" PRIu64 " stands in segment %" PRIu64, head->segment,
		    v->segment);
	return true;
}

/* With the data key: which of the block's records it is. Whoever could make the block decrypt to
 * other records had that key. */
static bool found_record(struct verify *v, const struct block *block)
{
	static const struct {
		enum finding_kind kind;
		const char *text;
	} as[] = {
		[BLAME_UNKNOWN] = { FINDING_CHANGED,
		    "the content of this block was changed, and so was what tells its records apart" },
		[BLAME_CHANGED] = { FINDING_CHANGED, "the content of this record was changed" },
		[BLAME_MISSING] = { FINDING_MISSING, "records were removed within their block" },
		[BLAME_INSERTED] = { FINDING_INSERTED, "a record was put in here" },
		[BLAME_REORDERED] = { FINDING_REORDERED,
		    "another record of its block stands in the place of this one" },
		[BLAME_DAMAGED] = { FINDING_CHANGED,
		    "bytes of this block were changed: it is unreadable from this record on" },
		[BLAME_NONE] = { FINDING_CHANGED,
		    "bytes of this block were changed that belong to none of its records" },
	};
	struct blame blame = blame_find(v->codec, &block->head, block->head_bytes, block->payload);
	return found(v, as[blame.kind].kind, block->at, (struct range){ blame.first, blame.last },
	    "%s", as[blame.kind].text);
}

static bool check_seal(struct verify *v, const struct block *block)
{
	struct hash seal = hash_of(block->payload);
	if (hash_eq(&seal, &block->head.seal))
		return true;
	if (v->codec && block->head.kind == BLOCK_RECORDS)
		return found_record(v, block);
	return found(v, FINDING_CHANGED, block->at, records_of(&block->head),
	    "the content of this %s block was changed", block_kind_name(block->head.kind));
}

static bool check_content(struct verify *v, const struct block *block)
{
	struct slice plain;
	enum payload_result result =
	    payload_open(v->codec, &block->head, block->head_bytes, block->payload, &plain);
	static const char *const texts[] = {
		[PAYLOAD_FORGED] = "the content cannot be decrypted although it is unchanged",
		[PAYLOAD_MALFORMED] = "the content decrypts to no records",
		[PAYLOAD_CHANGED] = "the records are not those of the block's Merkle root",
		[PAYLOAD_NO_MEMORY] = "no memory to open the content",
	};
	if (result == PAYLOAD_OK)
		return true;
	return found(v, result == PAYLOAD_NO_MEMORY ? FINDING_UNREADABLE : FINDING_CHANGED,
	    block->at, records_of(&block->head), "%s", texts[result]);
}

/* ---- Checkpoints. */

static bool check_signature(struct verify *v, const struct block *block)
{
	char key[HASH_TEXT_MAX];
	const struct range records = { block->head.first > 1 ? block->head.first - 1 : 0, 0 };
	switch (verifier_check(v->options->verifier, &block->head.seal,
	    slice_of(block->head_bytes, BLOCK_HEAD_BYTES), block->payload)) {
	case SIGNATURE_OK:
		return true;
	case SIGNATURE_UNKNOWN_KEY:
		return found(v, FINDING_WRONG_KEY, block->at, records,
		    "signed by key %s, which was not given", hash_format(&block->head.seal, key));
	case SIGNATURE_BAD:
		break;
	}
	return found(v, FINDING_BAD_CHECKPOINT, block->at, records,
	    "the signature of this %s is wrong", block_kind_name(block->head.kind));
}

static bool is_same_place(const struct checkpoint *checkpoint, const struct block *block)
{
	return checkpoint->head.segment == block->head.segment &&
	       checkpoint->head.offset == block->head.offset;
}

static bool is_same(const struct checkpoint *checkpoint, const struct block *block)
{
	return is_same_place(checkpoint, block) &&
	       memcmp(checkpoint->bytes, block->head_bytes, BLOCK_HEAD_BYTES) == 0;
}

static bool check_anchors(struct verify *v, const struct block *block)
{
	for (size_t i = 0; i < v->options->anchor_count; i++) {
		const struct checkpoint *anchor = &v->options->anchors[i];
		if (!is_same_place(anchor, block))
			continue;
		v->anchors_seen[i] = true;
		if (!is_same(anchor, block))
			return found(v, FINDING_REWRITTEN, block->at, records_of(&block->head),
			    "the anchor of %" PRIu64 " records has another history",
			    anchor->head.first - 1);
	}
	return true;
}

static bool check_checkpoint(struct verify *v, const struct block *block)
{
	if (!check_signature(v, block) || !check_anchors(v, block))
		return false;
	if (v->has_head_file && is_same(&v->head_file, block))
		v->head_file_seen = true;
	if (v->has_new_tombstone) {
		v->tombstone = v->new_tombstone;
		v->tombstone_link = v->new_tombstone_link;
		v->has_tombstone = true;
		v->has_new_tombstone = false;
	}
	v->report->checkpoints++;
	v->report->signed_record = block->head.first - 1;
	v->report->signed_ms = block->head.time_ms;
	if (v->options->to_record && block->head.first > v->options->to_record)
		v->done = true;
	return true;
}

/* ---- Tombstones. */

static bool check_tombstone(struct verify *v, const struct block *block)
{
	struct tombstone t;
	if (!tombstone_parse(block->payload, &t))
		return found(v, FINDING_CHANGED, block->at, records_of(&block->head),
		    "the tombstone is not one a writer makes");
	int64_t age_ms = block->head.time_ms - t.newest_ms;
	if (age_ms < (int64_t)t.retention_days * 24 * 3600 * 1000)
		return found(v, FINDING_MISSING, block->at, (struct range){ 1, t.last_record },
		    "segments through %" PRIu64 " were removed before their retention was over",
		    t.through);
	if (t.retention_days < 90)
		note(v, block->at, block->head.first,
		    "records through %" PRIu64 " were removed after a retention of %" PRIu64
		    " days, below 90",
		    t.last_record, t.retention_days);
	v->new_tombstone = t;
	v->new_tombstone_link = block->head.root;
	v->has_new_tombstone = true;
	v->report->tombstones++;
	return true;
}

/* ---- Blocks in their order. */

static bool check_payload(struct verify *v, const struct block *block)
{
	if (block_is_signed(block->head.kind))
		return check_checkpoint(v, block);
	if (!check_seal(v, block))
		return false;
	if (block->head.kind == BLOCK_RECORDS)
		return !v->codec || check_content(v, block);
	return block->head.kind != BLOCK_TOMBSTONE || check_tombstone(v, block);
}

static void check_clock(struct verify *v, const struct block *block)
{
	char was[CLOCK_TEXT_MAX], is[CLOCK_TEXT_MAX];
	if (v->has_before && block->head.time_ms < v->time_ms)
		note(v, block->at, block->head.first, "the clock was set back from %s to %s",
		    clock_format_utc(v->time_ms, was), clock_format_utc(block->head.time_ms, is));
}

static void go_on(struct verify *v, const struct block *block)
{
	const struct block_head *head = &block->head;
	check_clock(v, block);
	v->link = block_link(block->head_bytes);
	v->next = head->first + head->count;
	v->end = block->at + BLOCK_HEAD_BYTES + head->payload_len;
	v->time_ms = head->time_ms;
	v->before = *head;
	v->has_before = true;
	v->linked = true;
	v->report->blocks++;
	v->report->bytes += BLOCK_HEAD_BYTES + head->payload_len;
	if (head->count == 0)
		return;
	if (v->report->records == 0)
		v->report->first_record = head->first;
	v->report->records += head->count;
	v->report->last_record = v->next - 1;
}

static bool check_block(struct verify *v, struct segment_reader *reader, const struct block *block)
{
	const struct block_head *head = &block->head;
	if (v->before.kind == BLOCK_END)
		return found(v, FINDING_INSERTED, block->at, records_of(head),
		    "a block was put behind the end of the segment");
	if (head->kind == BLOCK_SEGMENT || head->offset != block->at || head->first != v->next ||
	    !hash_eq(&head->prev, &v->link))
		return found_break(v, reader, block);
	if (!check_payload(v, block))
		return false;
	go_on(v, block);
	return true;
}

/* ---- Segments. */

/* The segment's data key, unless content is not asked for. False: a finding. */
static bool open_key(struct verify *v, const struct segment_start *said)
{
	const struct key_context context = { v->log, v->segment };
	char path[SEGMENT_PATH_MAX];
	struct data_key key;
	struct buf text;
	struct err err = { 0 };
	if (!v->options->keyring)
		return true;
	segment_path(path, v->options->folder, v->segment, "key");
	buf_init(&text, 0);
	bool ok = file_read(path, KEY_FILE_MAX_BYTES, &text, &err) &&
	          keyring_open(v->options->keyring, &context, buf_slice(&text), path, &key, &err);
	buf_release(&text);
	if (!ok)
		return found(v, FINDING_WRONG_KEY, 0, no_records, "no data key: %s", err.text);
	v->codec = payload_codec_new(&key);
	data_key_wipe(&key);
	if (!v->codec)
		return found(v, FINDING_UNREADABLE, 0, no_records, "no memory for the data key");
	struct hash check = payload_key_check(v->codec);
	return hash_eq(&check, &said->key_check) ||
	       found(v, FINDING_WRONG_KEY, 0, no_records,
	           "the key file holds another data key than this segment's");
}

/* A genuine first block that does not continue what came before it. */
static bool found_other_segment(struct verify *v, const struct block *block,
    const struct segment_start *said, uint64_t previous)
{
	const struct block_head *head = &block->head;
	if (said->resumes_segment == previous && said->resumes_end > v->end)
		return found(v, FINDING_TRUNCATED, block->at,
		    (struct range){ v->next, head->first > v->next ? head->first - 1 : 0 },
		    "segment %" PRIu64 " ends at byte %" PRIu64 ", but had %" PRIu64, previous,
		    v->end, said->resumes_end);
	if (said->resumes_segment > previous || head->first > v->next)
		return found(v, FINDING_MISSING, block->at,
		    (struct range){ v->next, head->first > v->next ? head->first - 1 : 0 },
		    "this segment follows segment %" PRIu64 " of the log, not the %" PRIu64
		    " before it",
		    said->resumes_segment, previous);
	return found(v, FINDING_REORDERED, block->at, records_of(head),
	    "this segment continues another history than segment %" PRIu64 " before it", previous);
}

static bool check_continues(struct verify *v, struct segment_reader *reader,
    const struct block *block, const struct segment_start *said, uint64_t previous)
{
	const struct block_head *head = &block->head;
	bool same_place = said->resumes_segment == previous && said->resumes_end == v->end;
	if (!v->linked || said->lost ||
	    (same_place && head->first == v->next && hash_eq(&head->prev, &v->link)))
		return true;
	struct block copy = *block; /* the head is copied, its bytes are not needed any more */
	if (!is_vouched_for(v, reader, block))
		return found(v, FINDING_CHANGED, 0, records_of(&copy.head),
		    "the first block of this segment was changed");
	return found_other_segment(v, &copy, said, previous);
}

/* Recovery found fewer records than HEAD had named, and said so when it started this segment. */
static void report_lost(
    struct verify *v, const struct block_head *head, const struct segment_start *said)
{
	struct range lost = { head->first - said->lost, head->first - 1 };
	if (!said->lost)
		return;
	if (v->linked && v->next < head->first)
		lost.first = v->next;
	found(v, FINDING_TRUNCATED, 0, lost,
	    "the log was cut before this segment was started: its end at byte %" PRIu64
	    " of segment %" PRIu64 " was gone",
	    said->resumes_end, said->resumes_segment);
}

static bool is_first_block(struct verify *v, struct segment_reader *reader,
    const struct block *block, struct segment_start *said)
{
	const struct block_head *head = &block->head;
	if (!check_identity(v, block))
		return false;
	if (head->offset > 0)
		return found(v, comes_later(v, reader, 0) ? FINDING_REORDERED : FINDING_MISSING, 0,
		    records_of(head), "the first block of this segment is not where it belongs");
	if (head->kind != BLOCK_SEGMENT)
		return found(
		    v, FINDING_CHANGED, 0, records_of(head), "this segment does not begin as one");
	if (!check_seal(v, block))
		return false;
	return segment_start_parse(block->payload, said) ||
	       found(v, FINDING_CHANGED, 0, records_of(head),
	           "the first block of this segment is not one a writer makes");
}

/* The first block of a segment file, read by the caller. */
static bool start_segment(
    struct verify *v, struct segment_reader *reader, const struct block *block, uint64_t previous)
{
	struct segment_start said;
	bool is_origin = !v->knows_log || !v->has_before;
	if (!is_first_block(v, reader, block, &said))
		return false;
	struct block copy = *block;
	unsigned char head_bytes[BLOCK_HEAD_BYTES];
	memcpy(head_bytes, block->head_bytes, sizeof(head_bytes));
	copy.head_bytes = head_bytes;
	if (!check_continues(v, reader, block, &said, previous) || !open_key(v, &said))
		return false;
	segment_reader_seek(reader, BLOCK_HEAD_BYTES + copy.head.payload_len);
	if (is_origin)
		v->origin = copy.head;
	report_lost(v, &copy.head, &said);
	go_on(v, &copy);
	return true;
}

/* Up to where a file counts, as the next good segment says. False: it does not count at all. */
static bool limit_of(const struct verify *v, size_t index, uint64_t *limit)
{
	uint64_t number = v->list.numbers[index];
	*limit = UINT64_MAX;
	for (size_t i = index + 1; i < v->list.count; i++) {
		const struct start *start = &v->starts[i];
		if (!start->is_good)
			continue;
		if (start->said.resumes_segment == number)
			*limit = start->said.resumes_end;
		return start->said.resumes_segment >= number;
	}
	return true;
}

/* Does HEAD vouch for bytes of this segment at or behind `offset`? */
static bool is_before_head(const struct verify *v, uint64_t offset)
{
	const struct block_head *head = &v->head_file.head;
	return v->has_head_file &&
	       (head->segment > v->segment ||
	           (head->segment == v->segment && checkpoint_end(&v->head_file) > offset));
}

/* Behind where a segment that was not closed counts, a crash may have left anything. */
static bool check_behind_end(struct verify *v, const struct segment_reader *reader)
{
	if (v->before.kind != BLOCK_END || v->file_size == reader->size)
		return true;
	return found(v, FINDING_INSERTED, reader->offset, (struct range){ v->next, 0 },
	    "%" PRIu64 " bytes were put behind the end of the segment",
	    v->file_size - reader->size);
}

static bool found_torn(struct verify *v, struct segment_reader *reader)
{
	struct block block;
	enum block_result why;
	uint64_t at = reader->offset;
	if (segment_reader_next_head(reader, &block, &why) == READ_BLOCK && block.head.offset != at)
		return found_gap(v, reader, &block);
	return found(v, FINDING_CHANGED, at, (struct range){ v->next ? v->next : 1, 0 },
	    "a block does not end where it should");
}

/* What is left of a file behind its last good block. */
static bool check_rest(struct verify *v, struct segment_reader *reader, enum read_result result,
    enum block_result why, bool is_last, uint64_t limit)
{
	const struct range next = { v->next ? v->next : 1, 0 };
	if (result == READ_FAILED)
		return found(v, FINDING_UNREADABLE, reader->offset, next, "cannot read: %s",
		    strerror(errno));
	if (limit != UINT64_MAX && reader->size < limit)
		return found(v, FINDING_TRUNCATED, reader->offset, next,
		    "the file has %" PRIu64 " bytes of %" PRIu64, reader->size, limit);
	if (result == READ_END)
		return check_behind_end(v, reader);
	if (is_last && !is_before_head(v, reader->offset)) {
		note(v, reader->offset, v->next,
		    "%" PRIu64
		    " bytes at the end are no whole block: being written, or torn by a crash",
		    reader->size - reader->offset);
		return true;
	}
	if (result == READ_TORN)
		return found_torn(v, reader);
	return found(v, FINDING_CHANGED, reader->offset, next, "%s", block_result_text(why));
}

static void check_blocks(struct verify *v, struct segment_reader *reader, uint64_t previous,
    bool is_last, uint64_t limit)
{
	struct block block;
	enum block_result why = BLOCK_OK;
	enum read_result result;
	bool first = true, good = true;
	while (good && !v->done &&
	       (result = segment_reader_next(reader, &block, &why)) == READ_BLOCK) {
		good = first ? start_segment(v, reader, &block, previous)
		             : check_identity(v, &block) && check_block(v, reader, &block);
		first = false;
	}
	if (good && !v->done)
		check_rest(v, reader, result, why, is_last, limit);
}

static void check_segment(struct verify *v, size_t index)
{
	char path[SEGMENT_PATH_MAX];
	struct segment_reader reader;
	struct err err = { 0 };
	uint64_t previous = v->segment, limit;
	bool counts = limit_of(v, index, &limit);
	v->segment = v->list.numbers[index];
	if (!counts) {
		note(v, 0, v->next,
		    "nothing in this segment was ever acknowledged: a crash when it was started");
		v->segment = previous;
		return;
	}
	segment_path(path, v->options->folder, v->segment, "seg");
	if (!segment_reader_open(&reader, path, &err)) {
		found(v, FINDING_UNREADABLE, 0, no_records, "%s", err.text);
		return;
	}
	v->file_size = reader.size;
	segment_reader_limit(&reader, limit);
	v->report->segments++;
	check_blocks(v, &reader, previous, index + 1 == v->list.count, limit);
	segment_reader_close(&reader);
	payload_codec_free(v->codec);
	v->codec = NULL;
}

/* ---- The log as a whole. */

/* All before the first segment that is left was removed by the writer, or there was nothing. */
static void check_origin(struct verify *v)
{
	const struct block_head *origin = &v->origin;
	if (v->is_range || origin->kind != BLOCK_SEGMENT || v->report->finding_count ||
	    hash_is_zero(&origin->prev))
		return;
	if (v->has_tombstone && hash_eq(&v->tombstone_link, &origin->prev) &&
	    v->tombstone.last_record == origin->first - 1)
		return;
	/* Removal in progress: the files go one by one, behind a tombstone for all of them. */
	if (v->has_tombstone && v->tombstone.last_record >= origin->first - 1)
		return;
	v->segment = origin->segment;
	found(v, FINDING_MISSING, 0, (struct range){ 1, origin->first - 1 },
	    "everything before this segment was removed, and no tombstone says so");
}

static void check_head_file_seen(struct verify *v)
{
	const struct block_head *head = &v->head_file.head;
	if (v->is_range || !v->has_head_file || v->head_file_seen || v->report->finding_count)
		return;
	uint64_t last = head->first - 1;
	v->segment = head->segment;
	found(v, FINDING_TRUNCATED, head->offset,
	    (struct range){ v->next, last >= v->next ? last : 0 },
	    "HEAD vouches for %" PRIu64 " records, but the log ends behind record %" PRIu64, last,
	    v->next ? v->next - 1 : 0);
}

static void check_anchor_seen(struct verify *v, const struct checkpoint *anchor)
{
	const struct block_head *head = &anchor->head;
	uint64_t last = head->first - 1, ends = v->next ? v->next - 1 : 0;
	v->segment = head->segment;
	if (v->knows_log && !log_id_eq(&head->log, &v->log))
		found(v, FINDING_FOREIGN, head->offset, no_records,
		    "an anchor belongs to another log");
	else if (last > ends)
		found(v, FINDING_ROLLED_BACK, head->offset, (struct range){ ends + 1, last },
		    "an anchor vouches for %" PRIu64
		    " records, but the log ends behind record %" PRIu64
		    ": an older state was put in its place",
		    last, ends);
	else if (v->has_tombstone && head->segment <= v->tombstone.through)
		note(v, head->offset, last,
		    "an anchor is of a segment that was removed on schedule");
	else
		found(v, FINDING_REWRITTEN, head->offset, (struct range){ last, 0 },
		    "an anchor's checkpoint is not in this log");
}

static void check_anchors_seen(struct verify *v)
{
	for (size_t i = 0; i < v->options->anchor_count && !v->is_range; i++)
		if (!v->anchors_seen[i] && v->report->finding_count == 0)
			check_anchor_seen(v, &v->options->anchors[i]);
}

static void check_end(struct verify *v)
{
	const struct verify_report *report = v->report;
	if (report->finding_count || v->done)
		return;
	if (v->list.count == 0 && v->has_head_file)
		return; /* check_head_file_seen() says it */
	if (report->last_record > report->signed_record)
		note(v, v->end, report->signed_record + 1,
		    "no checkpoint vouches for the records from here to %" PRIu64
		    " yet: they were not acknowledged",
		    report->last_record);
}

static void read_head(struct verify *v)
{
	enum head_file head = head_file_read(v->options->folder, &v->head_file);
	v->has_head_file = head == HEAD_FILE_OK;
	if (v->is_range || v->list.count == 0)
		return;
	if (head == HEAD_FILE_MISSING)
		note(v, 0, 0, "HEAD is missing: a tail that was cut would not be noticed");
	else if (head == HEAD_FILE_BAD)
		found(v, FINDING_BAD_CHECKPOINT, 0, no_records, "HEAD is not a checkpoint");
	else if (checkpoint_check(&v->head_file, v->options->verifier) == SIGNATURE_BAD)
		found(v, FINDING_BAD_CHECKPOINT, 0, no_records, "the signature of HEAD is wrong");
}

static void read_start(struct verify *v, size_t index)
{
	char path[SEGMENT_PATH_MAX];
	struct segment_reader reader;
	struct block block;
	enum block_result why;
	struct start *start = &v->starts[index];
	segment_path(path, v->options->folder, v->list.numbers[index], "seg");
	if (!segment_reader_open(&reader, path, NULL))
		return;
	if (segment_reader_next(&reader, &block, &why) == READ_BLOCK &&
	    block.head.kind == BLOCK_SEGMENT && segment_start_parse(block.payload, &start->said)) {
		struct hash seal = hash_of(block.payload);
		start->head = block.head;
		start->is_good = hash_eq(&seal, &block.head.seal) &&
		                 block.head.segment == v->list.numbers[index];
	}
	segment_reader_close(&reader);
}

/* The segments a range of records is in: from the last one that starts at or before it. */
static size_t first_segment(const struct verify *v)
{
	size_t first = 0;
	for (size_t i = 0; i < v->list.count && v->options->from_record; i++)
		if (v->starts[i].is_good && v->starts[i].head.first <= v->options->from_record)
			first = i;
	return first;
}

static bool load(struct verify *v, struct err *err)
{
	if (!segment_list_read(&v->list, v->options->folder, err))
		return false;
	v->starts = calloc(v->list.count + 1, sizeof(*v->starts));
	v->anchors_seen = calloc(v->options->anchor_count + 1, sizeof(*v->anchors_seen));
	if (!v->starts || !v->anchors_seen)
		return err_set(err, "no memory to verify the log");
	for (size_t i = 0; i < v->list.count; i++)
		read_start(v, i);
	return true;
}

static void release(struct verify *v)
{
	segment_list_release(&v->list);
	free(v->starts);
	free(v->anchors_seen);
	payload_codec_free(v->codec);
}

bool verify_log(const struct verify_options *options, struct verify_report *report, struct err *err)
{
	struct verify v = { .options = options, .report = report };
	*report = (struct verify_report){ .content = options->keyring != NULL };
	v.is_range = options->from_record || options->to_record;
	if (!load(&v, err)) {
		release(&v);
		return false;
	}
	read_head(&v);
	for (size_t i = first_segment(&v); i < v.list.count && !v.done; i++)
		check_segment(&v, i);
	check_origin(&v);
	check_end(&v);
	check_head_file_seen(&v);
	check_anchors_seen(&v);
	release(&v);
	return true;
}
