/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/command.h"
#include "audit/view.h"
#include "common/file.h"

#include <errno.h>
#include <inttypes.h>

static const struct cli_option options[] = {
	COMMAND_OPTION_FOLDER,
	COMMAND_OPTION_WRAPPING_KEY,
	{ 0 },
};

/* The log's id is part of what a wrapped key is bound to. */
static bool read_log_id(uint64_t segment, struct log_id *log, struct err *err)
{
	struct view view;
	if (!view_open(&view, command_folder(), segment, NULL, err))
		return false;
	*log = view.start.log;
	view_close(&view);
	return true;
}

static bool rewrap(struct keyring *keyring, uint64_t segment, uint64_t *count, struct err *err)
{
	struct key_context context = { .segment = segment };
	char path[SEGMENT_PATH_MAX];
	struct buf text, out;
	bool changed = false;
	if (!segment_path(path, command_folder(), segment, "key") ||
	    !read_log_id(segment, &context.log, err))
		return err_set(err, "the folder's name is too long");
	buf_init(&text, 0);
	buf_init(&out, 0);
	bool ok = file_read(path, KEY_FILE_MAX_BYTES, &text, err) &&
	          keyring_rewrap(keyring, &context, buf_slice(&text), path, &out, &changed, err) &&
	          (!changed || file_write_atomic(path, buf_slice(&out), 0600, err));
	buf_release(&text);
	buf_release(&out);
	*count += ok && changed;
	return ok;
}

static int rewrap_all(struct keyring *keyring, const struct segment_list *list)
{
	uint64_t rewrapped = 0, failed = 0;
	for (size_t i = 0; i < list->count; i++) {
		struct err err = { 0 };
		if (rewrap(keyring, list->numbers[i], &rewrapped, &err))
			continue;
		failed++;
		command_fail(&err);
	}
	printf("%" PRIu64 " of %zu segments have their data key wrapped anew\n", rewrapped,
	    list->count);
	return failed ? AUDIT_PARTIAL : CLI_OK;
}

static int run(int argc, char **argv)
{
	struct err err = { 0 };
	struct segment_list list = { 0 };
	(void)argc;
	(void)argv;
	struct keyring *keyring = command_open_keyring(&err);
	bool ok = keyring && segment_list_read(&list, command_folder(), &err);
	int code = ok ? rewrap_all(keyring, &list) : command_fail(&err);
	segment_list_release(&list);
	keyring_free(keyring);
	return code;
}

const struct cli_command command_rekey = {
	.name = "rekey",
	.args = "",
	.summary = "wrap the data keys of all segments by another key",
	.details =
	    "Give the new key first and the old ones behind it: --key NEW --key OLD. Start the daemon with the "
	    "same list before, so that new segments use the new key; afterwards the old one can go. The log "
	    "itself is not touched. Data keys wrapped by KMS are rotated by KMS.",
	.options = options,
	.run = run,
};
