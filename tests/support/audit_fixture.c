/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/audit_fixture.h"

#include "common/file.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void must(bool ok, const struct err *err, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "audit_fixture: %s: %s\n", what, err ? err->text : "");
	abort();
}

void audit_fixture_init(struct audit_fixture *f)
{
	struct err err = { 0 };
	*f = (struct audit_fixture){ .root = "/tmp/audit-test.XXXXXX", .now_ms = 1795478400000 };
	must(mkdtemp(f->root) != NULL, NULL, "mkdtemp");
	snprintf(f->folder, sizeof(f->folder), "%s/log", f->root);
	snprintf(f->signing, sizeof(f->signing), "%s/signing.pem", f->root);
	snprintf(f->public, sizeof(f->public), "%s/public.pem", f->root);
	snprintf(f->wrapping, sizeof(f->wrapping), "%s/wrapping.key", f->root);
	must(signer_generate_files(f->signing, f->public, &err), &err, "signing key");
	must(keyring_generate_file(f->wrapping, &err), &err, "wrapping key");
	f->signer = signer_open_file(f->signing, &err);
	must(f->signer != NULL, &err, "signer");
	f->verifier = verifier_new();
	must(verifier_add_file(f->verifier, f->public, &err), &err, "verifier");
	f->keyring = keyring_new();
	must(keyring_add_file(f->keyring, f->wrapping, &err), &err, "keyring");
	f->options = (struct journal_options){
		.folder = f->folder,
		.signer = f->signer,
		.keyring = f->keyring,
		.verifier = f->verifier,
		.segment_max_bytes = 64 << 20,
		.retention_days = JOURNAL_RETENTION_DAYS,
	};
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void audit_fixture_release(struct audit_fixture *f)
{
	signer_free(f->signer);
	verifier_free(f->verifier);
	keyring_free(f->keyring);
	remove_tree(f->root);
}

struct journal *audit_fixture_open(struct audit_fixture *f)
{
	struct err err = { 0 };
	struct journal *journal = journal_open(&f->options, f->now_ms, &err);
	must(journal != NULL, &err, "journal_open");
	return journal;
}

void audit_fixture_append(struct audit_fixture *f, struct journal *journal, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct journal_status status;
		char text[256];
		journal_status(journal, &status);
		int n = snprintf(text, sizeof(text),
		    "{\"time\":\"2026-11-24T00:00:00.000Z\",\"id\":\"r%llu\",\"sub\":\"user-%llu\","
		    "\"status\":200}",
		    (unsigned long long)status.next_record,
		    (unsigned long long)status.next_record % 10);
		const struct record record = { RECORD_ACCESS, slice_of(text, (size_t)n) };
		must(journal_append(journal, &record, f->now_ms), NULL, "journal_append");
	}
}

void audit_fixture_commit(struct audit_fixture *f, struct journal *journal)
{
	struct err err = { 0 };
	must(journal_commit(journal, f->now_ms, &err) == JOURNAL_OK, &err, "journal_commit");
	f->now_ms += 1000;
}

void audit_fixture_close(struct audit_fixture *f, struct journal *journal)
{
	struct err err = { 0 };
	must(journal_close(journal, f->now_ms, &err) == JOURNAL_OK, &err, "journal_close");
	f->now_ms += 1000;
}

void audit_fixture_write(
    struct audit_fixture *f, unsigned segments, unsigned commits, unsigned records)
{
	for (unsigned s = 0; s < segments; s++) {
		struct journal *journal = audit_fixture_open(f);
		for (unsigned c = 0; c < commits; c++) {
			audit_fixture_append(f, journal, records);
			audit_fixture_commit(f, journal);
		}
		audit_fixture_close(f, journal);
	}
}

void audit_fixture_verify(struct audit_fixture *f, bool content, struct verify_report *report)
{
	struct err err = { 0 };
	const struct verify_options options = {
		.folder = f->folder,
		.verifier = f->verifier,
		.keyring = content ? f->keyring : NULL,
	};
	must(verify_log(&options, report, &err), &err, "verify_log");
}

const char *audit_fixture_path(const struct audit_fixture *f, const char *name)
{
	static char path[512];
	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	return path;
}

void audit_fixture_read(const struct audit_fixture *f, const char *name, struct buf *out)
{
	struct err err = { 0 };
	must(file_read(audit_fixture_path(f, name), SIZE_MAX, out, &err), &err, name);
}

void audit_fixture_write_file(const struct audit_fixture *f, const char *name, struct slice bytes)
{
	FILE *file = fopen(audit_fixture_path(f, name), "wb");
	must(file && fwrite(bytes.ptr ? bytes.ptr : "", 1, bytes.len, file) == bytes.len, NULL,
	    name);
	must(fclose(file) == 0, NULL, name);
}

static void copy_tree(const char *from, const char *to)
{
	struct err err = { 0 };
	DIR *dir = opendir(from);
	must(dir != NULL, NULL, from);
	must(file_make_dirs(to, 0700, &err), &err, to);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char source[512], target[512];
		struct buf bytes;
		if (entry->d_name[0] == '.')
			continue;
		snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
		snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
		buf_init(&bytes, 0);
		must(file_read(source, SIZE_MAX, &bytes, &err), &err, source);
		must(file_write_atomic(target, buf_slice(&bytes), 0600, &err), &err, target);
		buf_release(&bytes);
	}
	closedir(dir);
}

void audit_fixture_save(const struct audit_fixture *f, const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", f->root, name);
	remove_tree(path);
	copy_tree(f->folder, path);
}

void audit_fixture_restore(const struct audit_fixture *f, const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", f->root, name);
	remove_tree(f->folder);
	copy_tree(path, f->folder);
}
