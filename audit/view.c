/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/view.h"

#include "common/file.h"

#include <stdlib.h>

static bool open_key(
    struct view *view, const char *folder, struct keyring *keyring, struct err *err)
{
	const struct key_context context = { view->start.log, view->segment };
	char path[SEGMENT_PATH_MAX];
	struct data_key key;
	struct buf text;
	if (!segment_path(path, folder, view->segment, "key"))
		return err_set(err, "the folder's name is too long");
	buf_init(&text, 0);
	bool ok = file_read(path, KEY_FILE_MAX_BYTES, &text, err) &&
	          keyring_open(keyring, &context, buf_slice(&text), path, &key, err);
	buf_release(&text);
	if (!ok)
		return false;
	view->codec = payload_codec_new(&key);
	data_key_wipe(&key);
	if (!view->codec)
		return err_set(err, "no memory for a data key");
	struct hash check = payload_key_check(view->codec);
	return hash_eq(&check, &view->said.key_check) ||
	       err_set_at(err, (struct err_pos){ path, 0, 0 },
	           "holds another data key than the segment's");
}

static bool read_start(struct view *view, const char *path, struct err *err)
{
	struct block block;
	enum block_result why;
	if (segment_reader_next(&view->reader, &block, &why) != READ_BLOCK ||
	    block.head.kind != BLOCK_SEGMENT || !segment_start_parse(block.payload, &view->said))
		return err_set_at(
		    err, (struct err_pos){ path, 0, 0 }, "does not begin as a segment");
	view->start = block.head;
	return true;
}

bool view_open(struct view *view, const char *folder, uint64_t segment, struct keyring *keyring,
    struct err *err)
{
	char path[SEGMENT_PATH_MAX];
	*view = (struct view){ .segment = segment, .reader.fd = -1 };
	if (!segment_path(path, folder, segment, "seg"))
		return err_set(err, "the folder's name is too long");
	if (segment_reader_open(&view->reader, path, err) && read_start(view, path, err) &&
	    (!keyring || open_key(view, folder, keyring, err)))
		return true;
	view_close(view);
	return false;
}

void view_close(struct view *view)
{
	segment_reader_close(&view->reader);
	payload_codec_free(view->codec);
	view->codec = NULL;
}

void view_seek(struct view *view, uint64_t offset)
{
	segment_reader_seek(&view->reader, offset);
}

enum view_result view_next(struct view *view, struct block *block, struct slice *plain)
{
	enum block_result why;
	enum read_result result;
	do
		result = segment_reader_next(&view->reader, block, &why);
	while (result == READ_BLOCK && block->head.kind != BLOCK_RECORDS);
	if (result == READ_END || result == READ_TORN)
		return VIEW_END;
	if (result != READ_BLOCK) {
		/* Where the next block would start is unknown. */
		segment_reader_seek(&view->reader, view->reader.size);
		return VIEW_DAMAGED;
	}
	return payload_decode(view->codec, &block->head, block->head_bytes, block->payload,
	           plain) == PAYLOAD_OK
	           ? VIEW_RECORDS
	           : VIEW_DAMAGED;
}

/* One segment says of those before it where they end; what was started in between was never
 * acknowledged. */
static void set_limits(struct view_map *map, size_t at, const struct segment_start *said)
{
	for (size_t i = at; i-- > 0 && map->entries[i].segment >= said->resumes_segment;) {
		struct view_map_entry *entry = &map->entries[i];
		uint64_t limit = entry->segment == said->resumes_segment ? said->resumes_end : 0;
		if (limit < entry->limit)
			entry->limit = limit;
	}
}

bool view_map_read(struct view_map *map, const char *folder, struct err *err)
{
	struct segment_list list;
	*map = (struct view_map){ 0 };
	if (!segment_list_read(&list, folder, err))
		return false;
	map->entries = calloc(list.count + 1, sizeof(*map->entries));
	for (size_t i = 0; map->entries && i < list.count; i++) {
		struct view view;
		map->entries[i] =
		    (struct view_map_entry){ .segment = list.numbers[i], .limit = UINT64_MAX };
		if (!view_open(&view, folder, list.numbers[i], NULL, NULL))
			continue;
		map->entries[i].first = view.start.first;
		map->entries[i].time_ms = view.start.time_ms;
		if (view.start.segment == list.numbers[i])
			set_limits(map, i, &view.said);
		view_close(&view);
	}
	map->count = list.count;
	segment_list_release(&list);
	return map->entries || err_set(err, "no memory for the list of segments");
}

bool view_open_entry(struct view *view, const char *folder, const struct view_map_entry *entry,
    struct keyring *keyring, struct err *err)
{
	if (!view_open(view, folder, entry->segment, keyring, err))
		return false;
	segment_reader_limit(&view->reader, entry->limit);
	return true;
}

void view_map_release(struct view_map *map)
{
	free(map->entries);
	*map = (struct view_map){ 0 };
}

size_t view_map_find(const struct view_map *map, uint64_t record)
{
	size_t found = 0;
	for (size_t i = 0; i < map->count; i++)
		if (map->entries[i].limit && map->entries[i].first &&
		    map->entries[i].first <= record)
			found = i;
	return found;
}
