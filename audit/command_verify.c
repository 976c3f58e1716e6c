/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/anchor.h"
#include "audit/command.h"
#include "audit/verify.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/json_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static bool content, as_json;
static uint64_t from_record, to_record;
static struct cli_list anchor_files;

static const struct cli_option options[] = {
	COMMAND_OPTION_FOLDER,
	COMMAND_OPTION_PUBLIC_KEY,
	{ "content", 0, CLI_FLAG, &content, NULL, "decrypt the records, too", 0, 0 },
	COMMAND_OPTION_WRAPPING_KEY,
	{ "anchor", 'a', CLI_LIST, &anchor_files, "FILE",
	    "the log must contain this anchor; repeatable, '-' is standard input", 0, 0 },
	{ "from", 0, CLI_UINT, &from_record, "NUMBER", "only from the segment of this record on", 1,
	    UINT64_MAX >> 2 },
	{ "to", 0, CLI_UINT, &to_record, "NUMBER", "only to the checkpoint behind this record", 1,
	    UINT64_MAX >> 2 },
	{ "json", 0, CLI_FLAG, &as_json, NULL, "the verdict as JSON", 0, 0 },
	{ 0 },
};

/* ---- Anchors. */

static bool read_anchor(
    const struct verifier *verifier, const char *path, struct checkpoint *anchor, struct err *err)
{
	struct buf text;
	buf_init(&text, 0);
	bool ok = file_read(path, ANCHOR_MAX_BYTES, &text, err) &&
	          anchor_parse(buf_slice(&text), path, anchor, err);
	buf_release(&text);
	/* An anchor that anybody can write would accuse an honest log. */
	if (ok && checkpoint_check(anchor, verifier) != SIGNATURE_OK)
		return err_set_at(
		    err, (struct err_pos){ path, 0, 0 }, "not signed by a key that was given");
	return ok;
}

static bool read_anchors(
    const struct verifier *verifier, struct checkpoint **anchors, struct err *err)
{
	*anchors = calloc(anchor_files.count + 1, sizeof(**anchors));
	if (!*anchors)
		return err_set(err, "no memory for anchors");
	for (size_t i = 0; i < anchor_files.count; i++)
		if (!read_anchor(verifier, anchor_files.items[i], &(*anchors)[i], err))
			return false;
	return true;
}

/* ---- For people. */

static void print_place(const struct finding *finding)
{
	if (finding->segment)
		printf(", segment %" PRIu64 " at byte %" PRIu64, finding->segment, finding->offset);
	if (finding->first_record && finding->last_record > finding->first_record)
		printf(", records %" PRIu64 " to %" PRIu64, finding->first_record,
		    finding->last_record);
	else if (finding->first_record)
		printf(", record %" PRIu64, finding->first_record);
}

static void print_text(const struct verify_report *report, uint64_t elapsed_ms)
{
	char time[CLOCK_TEXT_MAX];
	for (size_t i = 0; i < report->finding_count; i++) {
		const struct finding *finding = &report->findings[i];
		printf("%s", finding_kind_name(finding->kind));
		print_place(finding);
		printf(": %s\n", finding->text);
	}
	for (size_t i = 0; i < report->note_count; i++) {
		printf("note");
		print_place(&report->notes[i]);
		printf(": %s\n", report->notes[i].text);
	}
	printf("%s: %" PRIu64 " records (%" PRIu64 " to %" PRIu64 ") in %" PRIu64
	       " segments, %" PRIu64 " checkpoints, %" PRIu64 " tombstones, %.1f MB in %.2f s\n",
	    report->finding_count ? "NOT INTACT" : "intact", report->records, report->first_record,
	    report->last_record, report->segments, report->checkpoints, report->tombstones,
	    (double)report->bytes / 1e6, (double)elapsed_ms / 1000);
	if (report->checkpoints)
		printf("signed through record %" PRIu64 " at %s%s\n", report->signed_record,
		    clock_format_utc(report->signed_ms, time),
		    report->content ? ", content decrypted" : "");
}

/* ---- For machines. */

static void put_uint(struct jw *w, const char *name, uint64_t value)
{
	jw_key(w, name);
	jw_uint(w, value);
}

static void put_findings(
    struct jw *w, const char *name, const struct finding *findings, size_t count, bool kinds)
{
	jw_key(w, name);
	jw_array_begin(w);
	for (size_t i = 0; i < count; i++) {
		jw_object_begin(w);
		if (kinds) {
			jw_key(w, "kind");
			jw_cstr(w, finding_kind_name(findings[i].kind));
		}
		put_uint(w, "segment", findings[i].segment);
		put_uint(w, "offset", findings[i].offset);
		put_uint(w, "first_record", findings[i].first_record);
		put_uint(w, "last_record", findings[i].last_record);
		jw_key(w, "text");
		jw_cstr(w, findings[i].text);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static bool print_json(const struct verify_report *report)
{
	struct buf out;
	struct jw w;
	buf_init(&out, 0);
	jw_init(&w, &out, 2);
	jw_object_begin(&w);
	jw_key(&w, "intact");
	jw_bool(&w, report->finding_count == 0);
	jw_key(&w, "content");
	jw_bool(&w, report->content);
	put_uint(&w, "segments", report->segments);
	put_uint(&w, "blocks", report->blocks);
	put_uint(&w, "records", report->records);
	put_uint(&w, "first_record", report->first_record);
	put_uint(&w, "last_record", report->last_record);
	put_uint(&w, "signed_record", report->signed_record);
	put_uint(&w, "checkpoints", report->checkpoints);
	put_uint(&w, "tombstones", report->tombstones);
	put_uint(&w, "bytes", report->bytes);
	put_findings(&w, "findings", report->findings, report->finding_count, true);
	put_findings(&w, "notes", report->notes, report->note_count, false);
	jw_object_end(&w);
	buf_append_byte(&out, '\n');
	bool ok = !buf_failed(&out) && fwrite(out.data, 1, out.len, stdout) == out.len;
	buf_release(&out);
	return ok;
}

/* ---- The command. */

/* Only keys that are missing or wrong: nothing was found wrong with the log. */
static int exit_code(const struct verify_report *report)
{
	int code = CLI_OK;
	for (size_t i = 0; i < report->finding_count; i++) {
		enum finding_kind kind = report->findings[i].kind;
		if (kind != FINDING_WRONG_KEY && kind != FINDING_UNREADABLE)
			return AUDIT_TAMPERED;
		code = AUDIT_NO_KEY;
	}
	return code;
}

static int verify(const struct verifier *verifier, struct keyring *keyring,
    const struct checkpoint *anchors, struct err *err)
{
	static struct verify_report report; /* large */
	uint64_t began_ms = clock_monotonic_ms();
	const struct verify_options what = {
		.folder = command_folder(),
		.verifier = verifier,
		.keyring = keyring,
		.from_record = from_record,
		.to_record = to_record,
		.anchors = anchors,
		.anchor_count = anchor_files.count,
	};
	if (!verify_log(&what, &report, err))
		return command_fail(err);
	if (as_json)
		print_json(&report);
	else
		print_text(&report, clock_monotonic_ms() - began_ms);
	return exit_code(&report);
}

static int run(int argc, char **argv)
{
	struct err err = { 0 };
	struct checkpoint *anchors = NULL;
	struct keyring *keyring = NULL;
	struct verifier *verifier = command_open_verifier(&err);
	(void)argc;
	(void)argv;
	bool ok = verifier && read_anchors(verifier, &anchors, &err);
	if (ok && content)
		ok = (keyring = command_open_keyring(&err)) != NULL;
	int code = ok ? verify(verifier, keyring, anchors, &err) : command_fail(&err);
	free(anchors);
	keyring_free(keyring);
	verifier_free(verifier);
	return code;
}

const struct cli_command command_verify = {
	.name = "verify",
	.args = "",
	.summary = "check that the log is what was written",
	.details =
	    "Checks the chain of all blocks, every signature, and that nothing was removed but on schedule. The "
	    "public key is enough. With --content the records are decrypted, too, which needs the wrapping "
	    "key. A log that is being written can be verified. Without an anchor from elsewhere a folder "
	    "that was replaced as a whole by an older copy of itself cannot be told from the real one.",
	.options = options,
	.run = run,
};
