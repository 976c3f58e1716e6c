/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* audit_fixture: an audit log in a temporary folder, with keys, for tests. Aborts when it cannot be
 * made. */
#include "audit/journal.h"
#include "audit/verify.h"

struct audit_fixture {
	char root[64];    /* removed at the end, with all that is in it */
	char folder[80];  /* the log */
	char signing[96]; /* private key */
	char public[96];
	char wrapping[96];
	struct signer *signer;
	struct verifier *verifier;
	struct keyring *keyring;
	struct journal_options options;
	int64_t now_ms; /* 2026-11-24T00:00:00Z and on; tests move it */
};

void audit_fixture_init(struct audit_fixture *f);
void audit_fixture_release(struct audit_fixture *f);

struct journal *audit_fixture_open(struct audit_fixture *f);
/* Access records number..., whose content names their number. */
void audit_fixture_append(struct audit_fixture *f, struct journal *journal, unsigned count);
void audit_fixture_commit(struct audit_fixture *f, struct journal *journal);
void audit_fixture_close(struct audit_fixture *f, struct journal *journal);

/* A log of `segments` closed segments, each of `commits` commits of `records` records. */
void audit_fixture_write(
    struct audit_fixture *f, unsigned segments, unsigned commits, unsigned records);

/* By the public key alone, or with the wrapping key. */
void audit_fixture_verify(struct audit_fixture *f, bool content, struct verify_report *report);

/* "FOLDER/NAME" of the log, in static memory. */
const char *audit_fixture_path(const struct audit_fixture *f, const char *name);
/* Appended to `out`; released by the caller. */
void audit_fixture_read(const struct audit_fixture *f, const char *name, struct buf *out);
void audit_fixture_write_file(const struct audit_fixture *f, const char *name, struct slice bytes);
/* Copies the whole log folder to FOLDER's sibling `name`, and back with audit_fixture_restore(). */
void audit_fixture_save(const struct audit_fixture *f, const char *name);
void audit_fixture_restore(const struct audit_fixture *f, const char *name);
