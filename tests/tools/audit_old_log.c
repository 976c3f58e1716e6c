/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_old_log: an audit log that is as old as it says.
 *
 *     audit_old_log FOLDER KEYS DAYS...
 *
 * Writes one closed segment of 10 records for each of DAYS, the oldest first, as it would have been
 * written that many days ago. KEYS is what 'sallyport-audit keygen' made.
 */
#include "audit/journal.h"
#include "common/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { RECORDS = 10 };

static void must(bool ok, const struct err *err)
{
	if (ok)
		return;
	fprintf(stderr, "audit_old_log: %s\n", err && err->set ? err->text : "failed");
	exit(1);
}

static char *path_of(const char *folder, const char *name)
{
	static char paths[3][PATH_MAX];
	static int next;
	char *path = paths[next++ % 3];
	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
}

static void write_segment(const struct journal_options *options, int64_t at_ms)
{
	struct err err = { 0 };
	char time[CLOCK_TEXT_MAX], text[256];
	struct journal *journal = journal_open(options, at_ms, &err);
	must(journal != NULL, &err);
	for (int i = 0; i < RECORDS; i++) {
		int n =
		    snprintf(text, sizeof(text), "{\"time\":\"%s\",\"id\":\"old\",\"status\":200}",
		        clock_format_utc(at_ms, time));
		const struct record record = { RECORD_ACCESS, slice_of(text, (size_t)n) };
		must(journal_append(journal, &record, at_ms), NULL);
	}
	must(journal_close(journal, at_ms, &err) == JOURNAL_OK, &err);
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	if (argc < 4) {
		fprintf(stderr, "usage: audit_old_log FOLDER KEYS DAYS...\n");
		return 64;
	}
	struct signer *signer = signer_open_file(path_of(argv[2], "signing.pem"), &err);
	struct verifier *verifier = verifier_new();
	struct keyring *keyring = keyring_new();
	must(signer && verifier_add_file(verifier, path_of(argv[2], "public.pem"), &err) &&
	         keyring_add_file(keyring, path_of(argv[2], "wrapping.key"), &err),
	    &err);
	const struct journal_options options = {
		.folder = argv[1],
		.signer = signer,
		.keyring = keyring,
		.verifier = verifier,
		.segment_max_bytes = 64 << 20,
		.retention_days = JOURNAL_RETENTION_DAYS,
	};
	for (int i = 3; i < argc; i++)
		write_segment(
		    &options, clock_unix_ms() - strtoll(argv[i], NULL, 10) * 24 * 3600 * 1000);
	signer_free(signer);
	verifier_free(verifier);
	keyring_free(keyring);
	return 0;
}
