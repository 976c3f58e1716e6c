/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"
#include "common/file.h"
#include "spoa/waf/transforms/families.h"

#include <stdlib.h>

enum { MAP_FILE_MAX_BYTES = 4 << 20, MAP_ENTRIES_MAX = 65536 };

struct map_entry {
	uint16_t code;
	uint8_t byte;
};

/* A code page has a few hundred entries, in ascending order. */
struct unicode_map {
	const struct map_entry *entries;
	size_t count;
};

int unicode_map_find(const struct unicode_map *map, unsigned code)
{
	size_t low = 0, high = map->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (map->entries[middle].code == code)
			return map->entries[middle].byte;
		if (map->entries[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static int by_code(const void *a, const void *b)
{
	const struct map_entry *x = a, *y = b;
	return (x->code > y->code) - (x->code < y->code);
}

/* "hhhh:hh" */
static bool parse_entry(struct slice word, struct map_entry *out)
{
	unsigned value = 0;
	if (word.len != 7 || word.ptr[4] != ':')
		return false;
	for (size_t i = 0; i < word.len; i++) {
		int digit = ascii_hex_value(word.ptr[i]);
		if (i != 4 && digit < 0)
			return false;
		if (i != 4)
			value = value * 16 + (unsigned)digit;
	}
	*out =
	    (struct map_entry){ .code = (uint16_t)(value >> 8), .byte = (uint8_t)(value & 0xff) };
	return true;
}

static bool parse_entries(struct slice line, struct err_pos pos, struct arena *arena,
    struct unicode_map *map, struct err *err)
{
	size_t max = line.len / 8 + 1;
	struct map_entry *entries = arena_array(arena, struct map_entry, max);
	if (!entries)
		return err_set_at(err, pos, "no memory for a code page");
	while (line.len) {
		struct slice word;
		slice_cut(line, ' ', &word, &line);
		if (word.len == 0)
			continue;
		if (!parse_entry(word, &entries[map->count]))
			return err_set_at(
			    err, pos, "'%.*s' is not a mapping like 00e4:61", SLICE_ARG(word));
		map->count++;
	}
	qsort(entries, map->count, sizeof(*entries), by_code);
	map->entries = entries;
	return true;
}

/* The line that opens a code page begins with its number. */
static bool opens_page(struct slice line, unsigned code_page)
{
	struct slice number, rest;
	uint64_t value;
	slice_cut(line, ' ', &number, &rest);
	return slice_to_u64(number, UINT32_MAX, &value) && value == code_page;
}

static bool parse_map(struct slice text, const char *path, unsigned code_page, struct arena *arena,
    struct unicode_map *map, struct err *err)
{
	struct err_pos pos = { .file = path };
	bool found = false;
	while (text.len) {
		struct slice line;
		slice_cut(text, '\n', &line, &text);
		pos.line++;
		line = slice_trim(line);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (found)
			return parse_entries(line, pos, arena, map, err);
		found = opens_page(line, code_page);
	}
	return err_set_at(
	    err, (struct err_pos){ .file = path }, "no code page %u in this map", code_page);
}

const struct unicode_map *unicode_map_load(
    const char *path, unsigned code_page, struct arena *arena, struct err *err)
{
	struct buf text;
	buf_init(&text, MAP_FILE_MAX_BYTES);
	struct unicode_map *map = arena_new(arena, struct unicode_map);
	bool ok = map ? file_read(path, MAP_FILE_MAX_BYTES, &text, err)
	              : err_set(err, "no memory for a code page");
	ok = ok && parse_map(buf_slice(&text), path, code_page, arena, map, err);
	buf_release(&text);
	return ok ? map : NULL;
}
