/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* command: the subcommands of sallyport-audit, and the options several of them share. */
#include "audit/keyring.h"
#include "audit/signer.h"
#include "common/cli.h"

/* Exit codes beside those of cli.h. */
enum {
	AUDIT_TAMPERED = 2, /* the log is not what was written; a proof does not hold */
	AUDIT_NO_KEY = 3,   /* a key was missing or wrong: no verdict on what it protects */
	AUDIT_PARTIAL = 4,  /* some records could not be read; the others were */
};

#define COMMAND_DEFAULT_FOLDER       "/var/lib/sallyport-audit"
#define COMMAND_DEFAULT_SIGNING_KEY  "/etc/sallyport/audit/signing.pem"
#define COMMAND_DEFAULT_PUBLIC_KEY   "/etc/sallyport/audit/public.pem"
#define COMMAND_DEFAULT_WRAPPING_KEY "/etc/sallyport/audit/wrapping.key"

extern const struct cli_command command_serve, command_hold, command_verify, command_query,
    command_prove, command_check_proof, command_anchor, command_ship, command_rekey, command_keygen;

/* What the options say; one command runs per process. */
struct command_keys {
	const char *folder;
	const char *signing_key;       /* a file */
	const char *signing_kms_key;   /* instead of the file */
	struct cli_list public_keys;   /* files */
	struct cli_list wrapping_keys; /* files; the first wraps */
	const char *kms_key;           /* wraps, before the files */
};

extern struct command_keys command_keys;

/* Rows of option tables. */
// clang-format off
#define COMMAND_OPTION_FOLDER \
	{ "log", 'l', CLI_STRING, &command_keys.folder, "FOLDER", "the log's folder (" COMMAND_DEFAULT_FOLDER ")", 0, 0 }
#define COMMAND_OPTION_PUBLIC_KEY \
	{ "public-key", 'p', CLI_LIST, &command_keys.public_keys, "FILE", "public key of checkpoints; repeatable (" COMMAND_DEFAULT_PUBLIC_KEY ")", 0, 0 }
#define COMMAND_OPTION_SIGNING_KEY \
	{ "signing-key", 0, CLI_STRING, &command_keys.signing_key, "FILE", "private key that signs checkpoints (" COMMAND_DEFAULT_SIGNING_KEY ")", 0, 0 }, \
	{ "signing-kms-key", 0, CLI_STRING, &command_keys.signing_kms_key, "ARN", "KMS key that signs checkpoints, instead of a file", 0, 0 }
#define COMMAND_OPTION_WRAPPING_KEY \
	{ "key", 'k', CLI_LIST, &command_keys.wrapping_keys, "FILE", "key that wraps data keys; repeatable, the first wraps (" COMMAND_DEFAULT_WRAPPING_KEY ")", 0, 0 }, \
	{ "kms-key", 0, CLI_STRING, &command_keys.kms_key, "ARN", "KMS key that wraps data keys, before the files", 0, 0 }
// clang-format on

const char *command_folder(void);
/* NULL with err set. */
struct signer *command_open_signer(struct err *err);
/* The public keys given, or the default one. */
struct verifier *command_open_verifier(struct err *err);
/* For a writer: the public keys given and the half of its own signing key. */
struct verifier *command_open_writer_verifier(struct err *err);
struct keyring *command_open_keyring(struct err *err);

/* "sallyport-audit: text" on stderr; returns CLI_ERROR. */
int command_fail(const struct err *err);
