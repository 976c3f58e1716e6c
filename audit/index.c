/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/index.h"

#include "audit/bytes.h"
#include "audit/scan.h"
#include "common/file.h"
#include "common/siphash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * An entry, big endian: "SIX2", 4 bytes filter length, 8 offset, 8 first, 4 count, 4 zero, 8
 * oldest, 8 newest, 16 zero; the filter; 8 bytes SipHash-2-4 over all of it.
 */
enum {
	AT_FILTER_LEN = 4,
	AT_OFFSET = 8,
	AT_FIRST = 16,
	AT_COUNT = 24,
	AT_OLDEST = 32,
	AT_NEWEST = 40,
	TAG_BYTES = 8,
	/* 16 bits and 8 probes per value: one block in 1700 is read in vain. */
	FILTER_BYTES_PER_VALUE = 2,
	FILTER_PROBES = 8,
	RULES_MAX = 64, /* of one record */
	VALUES_MAX = INDEX_FILTER_MAX_BYTES / FILTER_BYTES_PER_VALUE,
};

static const char magic[4] = { 'S', 'I', 'X', '2' };

/* Sorted by how often they are asked for does not matter: there are few. */
static const struct slice members[] = {
	SLICE_INIT("id"),
	SLICE_INIT("trace"),
	SLICE_INIT("ip"),
	SLICE_INIT("sub"),
	SLICE_INIT("client"),
	SLICE_INIT("route"),
	SLICE_INIT("service"),
	SLICE_INIT("status"),
	SLICE_INIT("auth"),
	SLICE_INIT("waf"),
	SLICE_INIT("throttle"),
	SLICE_INIT("jti"),
	SLICE_INIT("audit"),
};

static const struct slice rules_member = SLICE_INIT("rules");
static const struct slice status_member = SLICE_INIT("status");

static size_t member_at(struct slice name)
{
	size_t count = sizeof(members) / sizeof(members[0]);
	for (size_t i = 0; i < count; i++)
		if (slice_eq(members[i], name))
			return i;
	return slice_eq(name, rules_member) ? count : SIZE_MAX;
}

bool index_has_member(struct slice name)
{
	return member_at(name) != SIZE_MAX;
}

/* ---- The filter. */

static uint64_t hash_value(const unsigned char *key, size_t member, struct slice value)
{
	unsigned char text[1 + 256] = { (unsigned char)member };
	if (value.len < sizeof(text)) {
		if (value.len)
			memcpy(text + 1, value.ptr, value.len);
		return siphash13(key, slice_of(text, 1 + value.len));
	}
	/* Long values are rare: two hashes instead of a copy. */
	return siphash13(key, value) + member * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t index_hash(const struct payload_codec *codec, struct slice member, struct slice value)
{
	return hash_value(payload_index_key(codec), member_at(member), value);
}

/* Probe i of a hash, by double hashing (Kirsch and Mitzenmacher). */
static size_t probe(uint64_t hash, unsigned i, size_t bits)
{
	uint32_t low = (uint32_t)hash, high = (uint32_t)(hash >> 32) | 1;
	return (size_t)(low + (uint64_t)i * high) % bits;
}

bool index_may_have(const struct index_entry *entry, uint64_t hash)
{
	size_t bits = entry->filter.len * 8;
	for (unsigned i = 0; i < FILTER_PROBES && bits; i++) {
		size_t bit = probe(hash, i, bits);
		if (!(slice_at(entry->filter, bit / 8) >> bit % 8 & 1))
			return false;
	}
	return true;
}

static void filter_add(unsigned char *filter, size_t bytes, uint64_t hash)
{
	for (unsigned i = 0; i < FILTER_PROBES; i++) {
		size_t bit = probe(hash, i, bytes * 8);
		filter[bit / 8] |= (unsigned char)(1u << bit % 8);
	}
}

/* ---- Writing. */

struct index_writer {
	int fd;
	const struct payload_codec *codec;
	struct buf out;
	struct buf scratch;
	uint64_t hashes[VALUES_MAX];
	size_t hash_count;
	bool has_all_values; /* else the filter must say "perhaps" to everything */
	int64_t oldest_ms, newest_ms;
};

struct index_writer *index_writer_open(const char *path, const struct payload_codec *codec)
{
	struct index_writer *writer = malloc(sizeof(*writer));
	if (!writer)
		return NULL;
	*writer = (struct index_writer){ .codec = codec };
	writer->fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	buf_init(&writer->out, 0);
	buf_init(&writer->scratch, RECORD_MAX_BYTES);
	if (writer->fd < 0) {
		free(writer);
		return NULL;
	}
	return writer;
}

void index_writer_close(struct index_writer *writer)
{
	if (!writer)
		return;
	close(writer->fd);
	buf_release(&writer->out);
	buf_release(&writer->scratch);
	free(writer);
}

static void note_value(struct index_writer *writer, size_t member, struct slice value)
{
	if (value.len == 0)
		return;
	if (writer->hash_count == VALUES_MAX) {
		writer->has_all_values = false;
		return;
	}
	writer->hashes[writer->hash_count++] =
	    hash_value(payload_index_key(writer->codec), member, value);
}

/* "942100 949110": each by itself. */
static void note_rules(struct index_writer *writer, struct slice rules)
{
	size_t member = sizeof(members) / sizeof(members[0]);
	while (rules.len) {
		size_t len = 0;
		while (len < rules.len && rules.ptr[len] != ' ' && rules.ptr[len] != ',')
			len++;
		note_value(writer, member, slice_sub(rules, 0, len));
		rules = slice_from(rules, len + 1);
	}
}

/* "503", and "5xx" for those who ask for the class. */
static void note_status(struct index_writer *writer, size_t member, struct slice status)
{
	char class[] = "?xx";
	note_value(writer, member, status);
	if (status.len != sizeof(class) - 1)
		return;
	class[0] = status.ptr[0];
	note_value(writer, member, slice_of(class, sizeof(class) - 1));
}

static void note_time(struct index_writer *writer, int64_t time_ms)
{
	if (writer->oldest_ms < 0 || time_ms < writer->oldest_ms)
		writer->oldest_ms = time_ms;
	if (time_ms > writer->newest_ms)
		writer->newest_ms = time_ms;
}

static void note_record(struct index_writer *writer, const struct record *record, int64_t block_ms)
{
	struct scan_object object;
	int64_t time_ms = -1;
	if (scan_json_object(record->bytes, &object))
		object.count = 0;
	for (size_t i = 0; i < object.count; i++) {
		const struct scan_member *m = &object.members[i];
		size_t member = member_at(m->name);
		if (slice_eq(m->name, SLICE("time")))
			time_ms = scan_time_ms(m->value);
		if (member == SIZE_MAX)
			continue;
		struct slice value = scan_value(m, &writer->scratch);
		if (slice_eq(m->name, rules_member))
			note_rules(writer, value);
		else if (slice_eq(m->name, status_member))
			note_status(writer, member, value);
		else
			note_value(writer, member, value);
	}
	note_time(writer, time_ms < 0 ? block_ms : time_ms);
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

static size_t unique(uint64_t *hashes, size_t count)
{
	size_t kept = 0;
	if (count == 0)
		return 0;
	qsort(hashes, count, sizeof(*hashes), compare);
	for (size_t i = 1; i < count; i++)
		if (hashes[i] != hashes[kept])
			hashes[++kept] = hashes[i];
	return kept + 1;
}

static void write_entry(
    struct index_writer *writer, const struct block_head *head, size_t filter_len)
{
	unsigned char bytes[INDEX_HEAD_BYTES] = { 0 }, tag[TAG_BYTES];
	size_t at = writer->out.len;
	memcpy(bytes, magic, sizeof(magic));
	put_be32(bytes + AT_FILTER_LEN, (uint32_t)filter_len);
	put_be64(bytes + AT_OFFSET, head->offset);
	put_be64(bytes + AT_FIRST, head->first);
	put_be32(bytes + AT_COUNT, head->count);
	put_be64(bytes + AT_OLDEST, (uint64_t)writer->oldest_ms);
	put_be64(bytes + AT_NEWEST, (uint64_t)writer->newest_ms);
	buf_append(&writer->out, bytes, sizeof(bytes));
	if (!buf_reserve(&writer->out, filter_len + TAG_BYTES))
		return;
	unsigned char *filter = (unsigned char *)writer->out.data + writer->out.len;
	memset(filter, writer->has_all_values ? 0 : 0xff, filter_len);
	for (size_t i = 0; i < writer->hash_count && writer->has_all_values; i++)
		filter_add(filter, filter_len, writer->hashes[i]);
	writer->out.len += filter_len;
	put_be64(tag,
	    siphash24(payload_index_key(writer->codec), slice_from(buf_slice(&writer->out), at)));
	buf_append(&writer->out, tag, sizeof(tag));
}

void index_writer_add(
    struct index_writer *writer, const struct block_head *head, struct slice plain)
{
	struct record record;
	bool bad;
	writer->hash_count = 0;
	writer->has_all_values = true;
	writer->oldest_ms = writer->newest_ms = -1;
	while (record_next(&plain, &record, &bad))
		note_record(writer, &record, head->time_ms);
	writer->hash_count = unique(writer->hashes, writer->hash_count);
	size_t filter_len = writer->hash_count * FILTER_BYTES_PER_VALUE;
	write_entry(writer, head, filter_len ? filter_len : 1);
}

bool index_writer_flush(struct index_writer *writer)
{
	bool ok = !buf_failed(&writer->out) && file_write_all(writer->fd, buf_slice(&writer->out));
	buf_reset(&writer->out);
	return ok;
}

/* ---- Reading. */

bool index_next(const struct payload_codec *codec, struct slice *bytes, struct index_entry *entry)
{
	const unsigned char *head = (const unsigned char *)bytes->ptr;
	if (bytes->len < INDEX_HEAD_BYTES || memcmp(head, magic, sizeof(magic)) != 0)
		return false;
	size_t filter_len = get_be32(head + AT_FILTER_LEN);
	if (filter_len == 0 || filter_len > INDEX_FILTER_MAX_BYTES ||
	    bytes->len - INDEX_HEAD_BYTES < filter_len + TAG_BYTES)
		return false;
	size_t len = INDEX_HEAD_BYTES + filter_len;
	if (get_be64(head + len) != siphash24(payload_index_key(codec), slice_sub(*bytes, 0, len)))
		return false;
	*entry = (struct index_entry){
		.offset = get_be64(head + AT_OFFSET),
		.first = get_be64(head + AT_FIRST),
		.count = get_be32(head + AT_COUNT),
		.oldest_ms = (int64_t)get_be64(head + AT_OLDEST),
		.newest_ms = (int64_t)get_be64(head + AT_NEWEST),
		.filter = slice_sub(*bytes, INDEX_HEAD_BYTES, filter_len),
	};
	*bytes = slice_from(*bytes, len + TAG_BYTES);
	return true;
}
