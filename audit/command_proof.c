/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/anchor.h"
#include "audit/command.h"
#include "audit/proof.h"
#include "audit/query.h"
#include "common/clock.h"
#include "common/file.h"

#include <inttypes.h>

static uint64_t number;
static const char *id;

static const struct cli_option prove_options[] = {
	COMMAND_OPTION_FOLDER,
	COMMAND_OPTION_WRAPPING_KEY,
	{ "number", 'n', CLI_UINT, &number, "NUMBER", "the record of this number", 1,
	    UINT64_MAX >> 2 },
	{ "id", 0, CLI_STRING, &id, "ID", "the record of this request id", 0, 0 },
	{ 0 },
};

static bool first_hit(void *context, const struct query_hit *hit)
{
	*(uint64_t *)context = hit->number;
	return false;
}

static bool find_number(struct keyring *keyring, uint64_t *found, struct err *err)
{
	struct query_stats stats;
	const struct query query = {
		.folder = command_folder(),
		.keyring = keyring,
		.terms = { { SLICE("id"), slice_of_cstr(id) } },
		.term_count = 1,
	};
	*found = number;
	if (number)
		return true;
	return query_run(&query, first_hit, found, &stats, err) &&
	       (*found || err_set(err, "there is no record with id '%s'", id));
}

static int prove(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf out;
	uint64_t which;
	(void)argc;
	(void)argv;
	if ((number != 0) == (id != NULL)) {
		err_set(&err, "one of --number and --id is needed");
		return command_fail(&err), CLI_USAGE;
	}
	struct keyring *keyring = command_open_keyring(&err);
	buf_init(&out, 0);
	bool ok = keyring && find_number(keyring, &which, &err) &&
	          proof_make(command_folder(), keyring, which, &out, &err);
	if (ok && fwrite(out.data, 1, out.len, stdout) != out.len)
		ok = err_set(&err, "cannot write the proof");
	buf_release(&out);
	keyring_free(keyring);
	return ok ? CLI_OK : command_fail(&err);
}

const struct cli_command command_prove = {
	.name = "prove",
	.args = "",
	.summary = "print the proof that one record is in the log",
	.details =
	    "The proof holds the record, the way to the next checkpoint and its signature. Whoever has "
	    "the public key can check it with 'check-proof'; it tells nothing of other records.",
	.options = prove_options,
	.run = prove,
};

/* ---- Checking. */

static const struct cli_option check_options[] = { COMMAND_OPTION_PUBLIC_KEY, { 0 } };

static int check(const struct verifier *verifier, struct slice text)
{
	char time[CLOCK_TEXT_MAX], signed_at[CLOCK_TEXT_MAX];
	struct proof proof;
	enum proof_result result = proof_check(text, verifier, &proof);
	if (result == PROOF_OK)
		printf("record %" PRIu64 ", written %s, signed %s:\n%s\n", proof.number,
		    clock_format_utc(proof.written_ms, time),
		    clock_format_utc(proof.checkpoint.head.time_ms, signed_at),
		    buf_cstr(&proof.record));
	else
		printf("NOT PROVEN: %s\n", proof_result_text(result));
	proof_release(&proof);
	if (result == PROOF_UNKNOWN_KEY)
		return AUDIT_NO_KEY;
	return result == PROOF_OK ? CLI_OK : AUDIT_TAMPERED;
}

static int check_proof(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf text;
	int code = CLI_ERROR;
	(void)argc;
	struct verifier *verifier = command_open_verifier(&err);
	buf_init(&text, 0);
	if (verifier && file_read(argv[0], PROOF_MAX_BYTES, &text, &err))
		code = check(verifier, buf_slice(&text));
	else
		command_fail(&err);
	buf_release(&text);
	verifier_free(verifier);
	return code;
}

const struct cli_command command_check_proof = {
	.name = "check-proof",
	.args = "FILE",
	.summary = "check a proof with the public key",
	.details = "Prints the record when the proof holds. '-' is standard input.",
	.options = check_options,
	.run = check_proof,
	.min_args = 1,
	.max_args = 1,
};
