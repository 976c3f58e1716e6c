/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/proof.h"

#include "audit/view.h"
#include "common/codec.h"
#include "common/json_read.h"
#include "common/json_write.h"

#include <inttypes.h>

/* ---- Making. */

struct making {
	struct view_map map;
	size_t at; /* the segment of `view` in it */
	struct view view;
	uint64_t number;
	struct buf record;
	enum record_kind kind;
	struct salt salt;
	struct merkle_path path;
	struct buf heads; /* 160 bytes each, from the record's block on */
	struct checkpoint checkpoint;
};

static bool find_segment(
    struct making *m, const char *folder, struct keyring *keyring, struct err *err)
{
	if (!view_map_read(&m->map, folder, err))
		return false;
	if (m->map.count == 0)
		return err_set(err, "the log is empty");
	m->at = view_map_find(&m->map, m->number);
	return view_open_entry(&m->view, folder, &m->map.entries[m->at], keyring, err);
}

static bool find_block(struct making *m, struct block *block, struct slice *plain, struct err *err)
{
	enum view_result result;
	while ((result = view_next(&m->view, block, plain)) != VIEW_END) {
		if (m->number < block->head.first ||
		    m->number >= block->head.first + block->head.count)
			continue;
		return result == VIEW_RECORDS ||
		       err_set(err, "the block of record %" PRIu64 " is damaged: run verify",
		           m->number);
	}
	return err_set(err, "there is no record %" PRIu64, m->number);
}

static bool take_record(struct making *m, const struct block *block, struct slice plain)
{
	struct hash leaves[BLOCK_RECORDS_MAX];
	struct slice rest = plain;
	struct record record = { RECORD_ACCESS, { NULL, 0 } };
	bool bad;
	size_t index = (size_t)(m->number - block->head.first);
	buf_append(&m->heads, block->head_bytes, BLOCK_HEAD_BYTES);
	for (size_t i = 0; i <= index; i++)
		if (!record_next(&rest, &record, &bad))
			return false;
	m->kind = record.kind;
	buf_append_slice(&m->record, record.bytes);
	m->salt = payload_salt(m->view.codec, m->number);
	size_t count = payload_leaves(m->view.codec, block->head.first, plain, leaves);
	if (count != block->head.count)
		return false;
	merkle_path_find(leaves, count, index, &m->path);
	return true;
}

/* Appends the heads of a segment up to its next checkpoint. False: there is none in it. */
static bool follow(struct making *m)
{
	struct block block;
	enum block_result why;
	while (segment_reader_next(&m->view.reader, &block, &why) == READ_BLOCK) {
		struct slice whole =
		    slice_of(block.head_bytes, BLOCK_HEAD_BYTES + block.payload.len);
		if (block_is_signed(block.head.kind))
			return checkpoint_parse(whole, &m->checkpoint);
		buf_append_slice(&m->heads, slice_sub(whole, 0, BLOCK_HEAD_BYTES));
	}
	return false;
}

/* Nearly always in the same segment; after a crash the next one vouches for what was recovered. */
static bool find_checkpoint(struct making *m, const char *folder, struct err *err)
{
	while (!follow(m)) {
		do
			m->at++;
		while (m->at < m->map.count && m->map.entries[m->at].limit == 0);
		view_close(&m->view);
		if (m->at >= m->map.count)
			return err_set(
			    err, "no checkpoint vouches for record %" PRIu64 " yet", m->number);
		if (!view_open_entry(&m->view, folder, &m->map.entries[m->at], NULL, err))
			return false;
		view_seek(&m->view, 0);
	}
	return true;
}

static void put_hex(struct jw *w, const void *bytes, size_t len)
{
	struct buf text;
	buf_init(&text, 0);
	hex_encode(&text, slice_of(bytes, len));
	jw_string(w, buf_slice(&text));
	w->out->failed |= buf_failed(&text);
	buf_release(&text);
}

static void put_base64(struct jw *w, struct slice bytes)
{
	struct buf text;
	buf_init(&text, 0);
	base64_encode(&text, bytes);
	jw_string(w, buf_slice(&text));
	w->out->failed |= buf_failed(&text);
	buf_release(&text);
}

static bool write_proof(const struct making *m, struct buf *out)
{
	struct slice heads = buf_slice(&m->heads);
	struct jw w;
	jw_init(&w, out, 1);
	jw_object_begin(&w);
	jw_key(&w, "proof");
	jw_uint(&w, 1);
	jw_key(&w, "number");
	jw_uint(&w, m->number);
	jw_key(&w, "kind");
	jw_uint(&w, m->kind);
	jw_key(&w, "record");
	jw_string(&w, buf_slice(&m->record));
	jw_key(&w, "salt");
	put_hex(&w, m->salt.bytes, SALT_BYTES);
	jw_key(&w, "path");
	jw_array_begin(&w);
	for (size_t i = 0; i < m->path.count; i++)
		put_hex(&w, m->path.hashes[i].bytes, SHA256_BYTES);
	jw_array_end(&w);
	jw_key(&w, "heads");
	jw_array_begin(&w);
	for (; heads.len; heads = slice_from(heads, BLOCK_HEAD_BYTES))
		put_base64(&w, slice_sub(heads, 0, BLOCK_HEAD_BYTES));
	jw_array_end(&w);
	jw_key(&w, "checkpoint");
	put_base64(&w, checkpoint_slice(&m->checkpoint));
	jw_object_end(&w);
	buf_append_byte(out, '\n');
	return !buf_failed(out) && !buf_failed(&m->heads) && !buf_failed(&m->record);
}

static bool make(struct making *m, const char *folder, struct buf *out, struct err *err)
{
	struct block block;
	struct slice plain;
	if (!find_block(m, &block, &plain, err))
		return false;
	if (!take_record(m, &block, plain))
		return err_set(
		    err, "the block of record %" PRIu64 " is damaged: run verify", m->number);
	return find_checkpoint(m, folder, err) &&
	       (write_proof(m, out) || err_set(err, "no memory for a proof"));
}

bool proof_make(
    const char *folder, struct keyring *keyring, uint64_t number, struct buf *out, struct err *err)
{
	struct making m = { .number = number };
	m.view.reader.fd = -1;
	buf_init(&m.record, 0);
	buf_init(&m.heads, PROOF_HEADS_MAX * BLOCK_HEAD_BYTES);
	bool ok = find_segment(&m, folder, keyring, err) && make(&m, folder, out, err);
	buf_release(&m.record);
	buf_release(&m.heads);
	view_close(&m.view);
	view_map_release(&m.map);
	return ok;
}

/* ---- Checking: the text is whatever somebody handed in. */

struct given {
	struct slice record;
	unsigned char kind;
	struct salt salt;
	struct merkle_path path;
	const json_t *heads;
};

static bool get_bytes(const json_t *value, size_t len, unsigned char *dst)
{
	char decoded[BASE64_DECODED_MAX(512)];
	const char *text = json_string_value(value);
	if (!text || json_string_length(value) > 512 ||
	    base64_decode(slice_of_cstr(text), decoded) != (ptrdiff_t)len)
		return false;
	memcpy(dst, decoded, len);
	return true;
}

static bool get_hex(const json_t *value, size_t len, unsigned char *dst)
{
	return json_is_string(value) && json_string_length(value) == 2 * len &&
	       hex_decode(slice_of(json_string_value(value), 2 * len), (char *)dst) ==
	           (ptrdiff_t)len;
}

static bool get_path(const json_t *array, struct merkle_path *path)
{
	path->count = json_array_size(array);
	if (!json_is_array(array) || path->count > MERKLE_PATH_MAX)
		return false;
	for (size_t i = 0; i < path->count; i++)
		if (!get_hex(json_array_get(array, i), SHA256_BYTES, path->hashes[i].bytes))
			return false;
	return true;
}

static bool get_checkpoint(const json_t *value, struct checkpoint *checkpoint)
{
	char decoded[BASE64_DECODED_MAX(512)];
	const char *text = json_string_value(value);
	ptrdiff_t len = text && json_string_length(value) <= 512
	                    ? base64_decode(slice_of_cstr(text), decoded)
	                    : -1;
	return len > 0 && checkpoint_parse(slice_of(decoded, (size_t)len), checkpoint);
}

static bool get_given(const json_t *json, struct given *given, struct proof *proof)
{
	const json_t *number = json_object_get(json, "number"),
	             *kind = json_object_get(json, "kind");
	const json_t *record = json_object_get(json, "record");
	given->heads = json_object_get(json, "heads");
	if (!json_is_integer(number) || json_integer_value(number) < 1 || !json_is_integer(kind) ||
	    json_integer_value(kind) < 0 || json_integer_value(kind) > RECORD_EVENT ||
	    !json_is_string(record) || !json_is_array(given->heads) ||
	    json_array_size(given->heads) == 0 || json_array_size(given->heads) > PROOF_HEADS_MAX)
		return false;
	proof->number = (uint64_t)json_integer_value(number);
	given->kind = (unsigned char)json_integer_value(kind);
	given->record = slice_of(json_string_value(record), json_string_length(record));
	return get_hex(json_object_get(json, "salt"), SALT_BYTES, given->salt.bytes) &&
	       get_path(json_object_get(json, "path"), &given->path) &&
	       get_checkpoint(json_object_get(json, "checkpoint"), &proof->checkpoint);
}

/* The first head is that of the record's block; each one is linked to by the next, the last by the
 * checkpoint. */
static enum proof_result check_heads(const struct given *given, struct proof *proof)
{
	unsigned char bytes[BLOCK_HEAD_BYTES];
	struct block_head head;
	struct hash link = { { 0 } };
	for (size_t i = 0; i < json_array_size(given->heads); i++) {
		if (!get_bytes(json_array_get(given->heads, i), sizeof(bytes), bytes) ||
		    block_decode(bytes, &head) != BLOCK_OK)
			return PROOF_MALFORMED;
		if (i && !hash_eq(&head.prev, &link))
			return PROOF_WRONG_CHAIN;
		link = block_link(bytes);
		if (i)
			continue;
		if (proof->number < head.first || proof->number - head.first >= head.count)
			return PROOF_WRONG_PATH;
		struct hash leaf =
		    merkle_leaf(proof->number, &given->salt, given->kind, given->record);
		if (!merkle_path_check(&given->path, leaf, (size_t)(proof->number - head.first),
		        head.count, &head.root))
			return PROOF_WRONG_PATH;
		proof->written_ms = head.time_ms;
	}
	return hash_eq(&proof->checkpoint.head.prev, &link) ? PROOF_OK : PROOF_WRONG_CHAIN;
}

static enum proof_result check(
    const json_t *json, const struct verifier *verifier, struct proof *proof)
{
	static const enum proof_result signatures[] = {
		[SIGNATURE_OK] = PROOF_OK,
		[SIGNATURE_BAD] = PROOF_WRONG_SIGNATURE,
		[SIGNATURE_UNKNOWN_KEY] = PROOF_UNKNOWN_KEY,
	};
	struct given given;
	if (!get_given(json, &given, proof))
		return PROOF_MALFORMED;
	enum proof_result result = check_heads(&given, proof);
	if (result != PROOF_OK)
		return result;
	buf_append_slice(&proof->record, given.record);
	if (buf_failed(&proof->record))
		return PROOF_NO_MEMORY;
	return signatures[checkpoint_check(&proof->checkpoint, verifier)];
}

enum proof_result proof_check(
    struct slice text, const struct verifier *verifier, struct proof *proof)
{
	*proof = (struct proof){ 0 };
	buf_init(&proof->record, 0);
	json_t *json = text.len <= PROOF_MAX_BYTES ? json_read_text(text, NULL, NULL) : NULL;
	enum proof_result result = check(json, verifier, proof);
	json_decref(json);
	return result;
}

void proof_release(struct proof *proof)
{
	buf_release(&proof->record);
}

const char *proof_result_text(enum proof_result result)
{
	static const char *const texts[] = {
		[PROOF_OK] = "the record is in the log",
		[PROOF_MALFORMED] = "not a proof",
		[PROOF_WRONG_PATH] = "the record does not lead to the root of its block",
		[PROOF_WRONG_CHAIN] = "the blocks do not lead to the checkpoint",
		[PROOF_WRONG_SIGNATURE] = "the signature of the checkpoint is wrong",
		[PROOF_UNKNOWN_KEY] = "the checkpoint is signed by a key that was not given",
		[PROOF_NO_MEMORY] = "no memory to check the proof",
	};
	return texts[result];
}
