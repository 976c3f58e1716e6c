/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/replay.h"

#include "audit/view.h"

/* Heads are read, payloads skipped, up to the block that holds the record. */
static void skip_to(struct view *view, uint64_t record)
{
	struct block block;
	enum block_result why;
	while (segment_reader_next_head(&view->reader, &block, &why) == READ_BLOCK)
		if (block.head.kind == BLOCK_RECORDS &&
		    block.head.first + block.head.count > record) {
			view_seek(view, block.at);
			return;
		}
}

/* False: not all of it could be read. */
static bool replay_view(struct intake *intake, struct view *view)
{
	struct block block;
	struct slice plain;
	struct record record;
	enum view_result result;
	bool bad = false;
	while ((result = view_next(view, &block, &plain)) == VIEW_RECORDS)
		while (record_next(&plain, &record, &bad))
			intake_replay(intake, &record);
	return result == VIEW_END && !bad;
}

void replay_log(
    struct intake *intake, const char *folder, struct keyring *keyring, uint64_t next_record)
{
	struct view_map map;
	struct view view;
	uint64_t from = next_record > INTAKE_REPLAY ? next_record - INTAKE_REPLAY : 1;
	if (next_record > 1)
		intake_replay_hole(intake); /* until a state is found */
	if (!view_map_read(&map, folder, NULL))
		return;
	for (size_t i = view_map_find(&map, from); i + 1 < map.count; i++) {
		if (!map.entries[i].limit)
			continue;
		bool ok = view_open_entry(&view, folder, &map.entries[i], keyring, NULL);
		if (ok) {
			skip_to(&view, from);
			ok = replay_view(intake, &view);
			view_close(&view);
		}
		if (!ok)
			intake_replay_hole(intake);
	}
	view_map_release(&map);
}
