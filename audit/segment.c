/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/segment.h"

#include "common/json_read.h"
#include "common/json_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WINDOW_MIN_BYTES = 4096,
	WINDOW_MAX_BYTES = 1 << 20,
	NAME_DIGITS = 8,
	NUMBER_DIGITS_MAX = 18
};

/* ---- Names. */

bool segment_path(
    char dst[SEGMENT_PATH_MAX], const char *folder, uint64_t number, const char *suffix)
{
	int n = snprintf(
	    dst, SEGMENT_PATH_MAX, "%s/%0*" PRIu64 ".%s", folder, NAME_DIGITS, number, suffix);
	return n > 0 && n < SEGMENT_PATH_MAX;
}

/* One number has one name: as many zeros as it takes to get to eight digits. */
static bool parse_name(const char *name, uint64_t *number)
{
	struct slice digits, suffix;
	char again[64];
	if (!slice_cut(slice_of_cstr(name), '.', &digits, &suffix) ||
	    !slice_eq(suffix, SLICE("seg")) || digits.len > NUMBER_DIGITS_MAX ||
	    !slice_to_u64(digits, UINT64_MAX, number) || *number == 0)
		return false;
	snprintf(again, sizeof(again), "%0*" PRIu64 ".seg", NAME_DIGITS, *number);
	return strcmp(again, name) == 0;
}

static bool list_add(struct segment_list *list, size_t *cap, uint64_t number)
{
	if (list->count == *cap) {
		size_t more = *cap ? *cap * 2 : 64;
		uint64_t *numbers = realloc(list->numbers, more * sizeof(*numbers));
		if (!numbers)
			return false;
		list->numbers = numbers;
		*cap = more;
	}
	list->numbers[list->count++] = number;
	return true;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

bool segment_list_read(struct segment_list *list, const char *folder, struct err *err)
{
	struct err_pos pos = { folder, 0, 0 };
	size_t cap = 0;
	uint64_t number;
	bool ok = true;
	DIR *dir = opendir(folder);
	*list = (struct segment_list){ 0 };
	if (!dir)
		return err_set_at(err, pos, "cannot open the log's folder: %s", strerror(errno));
	for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;)
		if (parse_name(entry->d_name, &number))
			ok = list_add(list, &cap, number);
	closedir(dir);
	if (!ok) {
		segment_list_release(list);
		return err_set_at(err, pos, "no memory for the list of segments");
	}
	if (list->count)
		qsort(list->numbers, list->count, sizeof(*list->numbers), compare);
	return true;
}

void segment_list_release(struct segment_list *list)
{
	free(list->numbers);
	*list = (struct segment_list){ 0 };
}

/* ---- Blocks. */

bool segment_reader_open(struct segment_reader *reader, const char *path, struct err *err)
{
	struct stat st;
	*reader = (struct segment_reader){ .fd = -1, .step = WINDOW_MIN_BYTES };
	buf_init(&reader->window, 0);
	/* A FIFO in place of a segment must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		err_set_at(err, (struct err_pos){ path, 0, 0 }, "cannot open: %s",
		    fd < 0 ? strerror(errno) : "not a regular file");
		if (fd >= 0)
			close(fd);
		return false;
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	reader->fd = fd;
	reader->size = (uint64_t)st.st_size;
	return true;
}

void segment_reader_close(struct segment_reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	reader->fd = -1;
	buf_release(&reader->window);
}

void segment_reader_limit(struct segment_reader *reader, uint64_t size)
{
	if (size < reader->size)
		reader->size = size;
}

void segment_reader_seek(struct segment_reader *reader, uint64_t offset)
{
	reader->offset = offset;
}

/* Reads on into the window until it holds `need` bytes or the file ends. False: an error. */
static bool fill(struct segment_reader *reader, size_t need)
{
	struct buf *window = &reader->window;
	size_t want = need > reader->step ? need : reader->step;
	if (reader->step < WINDOW_MAX_BYTES)
		reader->step *= 4;
	if (!buf_reserve(window, want - window->len)) {
		errno = ENOMEM;
		return false;
	}
	while (window->len < need) {
		ssize_t n = pread(reader->fd, window->data + window->len, want - window->len,
		    (off_t)(reader->window_at + window->len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break;
		window->len += (size_t)n;
	}
	return true;
}

/* *bytes: `need` bytes at the reader's offset, or fewer at the end of the file. False: an error. */
static bool peek(struct segment_reader *reader, size_t need, struct slice *bytes)
{
	struct buf *window = &reader->window;
	uint64_t at = reader->offset;
	uint64_t left = at < reader->size ? reader->size - at : 0;
	if (need > left)
		need = (size_t)left;
	if (at < reader->window_at || at > reader->window_at + window->len) {
		window->len = 0;
		reader->window_at = at;
	}
	size_t skip = (size_t)(at - reader->window_at);
	if (window->len - skip < need) {
		buf_consume(window, skip);
		reader->window_at = at;
		skip = 0;
		if (!fill(reader, need))
			return false;
	}
	*bytes = slice_sub(buf_slice(window), skip, need);
	return true;
}

static enum read_result read_head(
    struct segment_reader *reader, struct block *block, enum block_result *why)
{
	struct slice bytes;
	if (!peek(reader, BLOCK_HEAD_BYTES, &bytes))
		return READ_FAILED;
	if (bytes.len == 0)
		return READ_END;
	if (bytes.len < BLOCK_HEAD_BYTES)
		return READ_TORN;
	block->at = reader->offset;
	block->head_bytes = (const unsigned char *)bytes.ptr;
	block->payload = slice_of(NULL, 0);
	*why = block_decode(block->head_bytes, &block->head);
	return *why == BLOCK_OK ? READ_BLOCK : READ_BAD;
}

enum read_result segment_reader_next_head(
    struct segment_reader *reader, struct block *block, enum block_result *why)
{
	enum read_result result = read_head(reader, block, why);
	if (result == READ_BLOCK)
		reader->offset += BLOCK_HEAD_BYTES + block->head.payload_len;
	return result;
}

enum read_result segment_reader_next(
    struct segment_reader *reader, struct block *block, enum block_result *why)
{
	struct slice bytes;
	enum read_result result = read_head(reader, block, why);
	if (result != READ_BLOCK)
		return result;
	size_t whole = BLOCK_HEAD_BYTES + (size_t)block->head.payload_len;
	if (!peek(reader, whole, &bytes))
		return READ_FAILED;
	if (bytes.len < whole)
		return READ_TORN;
	block->head_bytes = (const unsigned char *)bytes.ptr;
	block->payload = slice_from(bytes, BLOCK_HEAD_BYTES);
	reader->offset += whole;
	return READ_BLOCK;
}

/* ---- Payloads in the clear. */

static bool get_u64(const json_t *object, const char *name, uint64_t *out)
{
	const json_t *value = json_object_get(object, name);
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*out = (uint64_t)json_integer_value(value);
	return true;
}

static void put_u64(struct jw *w, const char *name, uint64_t value)
{
	jw_key(w, name);
	jw_uint(w, value);
}

static void put_text(struct jw *w, const char *name, const char *value)
{
	jw_key(w, name);
	jw_cstr(w, value);
}

bool segment_start_write(const struct segment_start *start, struct buf *out)
{
	char text[HASH_TEXT_MAX];
	struct jw w;
	jw_init(&w, out, 0);
	jw_object_begin(&w);
	put_u64(&w, "format", SEGMENT_FORMAT);
	jw_key(&w, "resumes");
	jw_object_begin(&w);
	put_u64(&w, "segment", start->resumes_segment);
	put_u64(&w, "end", start->resumes_end);
	put_u64(&w, "lost", start->lost);
	jw_object_end(&w);
	put_text(&w, "key_check", hash_format(&start->key_check, text));
	put_text(&w, "cipher", "AES-256-GCM");
	put_text(&w, "compression", "zstd");
	jw_object_end(&w);
	return !buf_failed(out);
}

bool segment_start_parse(struct slice payload, struct segment_start *start)
{
	uint64_t format;
	json_t *json = json_read_text(payload, NULL, NULL);
	const json_t *resumes = json_object_get(json, "resumes");
	const char *check = json_string_value(json_object_get(json, "key_check"));
	bool ok = get_u64(json, "format", &format) && format == SEGMENT_FORMAT &&
	          get_u64(resumes, "segment", &start->resumes_segment) &&
	          get_u64(resumes, "end", &start->resumes_end) &&
	          get_u64(resumes, "lost", &start->lost) && check &&
	          hash_parse(slice_of_cstr(check), &start->key_check);
	json_decref(json);
	return ok;
}

bool tombstone_write(const struct tombstone *tombstone, struct buf *out)
{
	struct jw w;
	jw_init(&w, out, 0);
	jw_object_begin(&w);
	put_u64(&w, "through", tombstone->through);
	put_u64(&w, "end", tombstone->end);
	put_u64(&w, "last_record", tombstone->last_record);
	put_u64(&w, "newest_ms", (uint64_t)tombstone->newest_ms);
	put_u64(&w, "retention_days", tombstone->retention_days);
	jw_object_end(&w);
	return !buf_failed(out);
}

bool tombstone_parse(struct slice payload, struct tombstone *tombstone)
{
	uint64_t newest = 0;
	json_t *json = json_read_text(payload, NULL, NULL);
	bool ok = get_u64(json, "through", &tombstone->through) &&
	          get_u64(json, "end", &tombstone->end) &&
	          get_u64(json, "last_record", &tombstone->last_record) &&
	          get_u64(json, "newest_ms", &newest) &&
	          get_u64(json, "retention_days", &tombstone->retention_days);
	tombstone->newest_ms = (int64_t)newest;
	json_decref(json);
	return ok;
}
