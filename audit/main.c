/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport-audit: the log of every request, and the proof that it is whole. */
#include "audit/command.h"
#include "common/http.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	static const struct cli_exit_code exit_codes[] = {
		{ AUDIT_TAMPERED, "the log is not what was written, or a proof does not hold" },
		{ AUDIT_NO_KEY, "a key is missing or wrong" },
		{ AUDIT_PARTIAL, "some records could not be read; the others were" },
		{ 0 },
	};
	const struct cli_command commands[] = { command_serve, command_hold, command_verify,
		command_query, command_prove, command_check_proof, command_anchor, command_ship,
		command_rekey, command_keygen, { 0 } };
	const struct cli_program program = {
		.name = "sallyport-audit",
		.summary = "receive, keep, verify and query the audit log",
		.commands = commands,
		.exit_codes = exit_codes,
	};
	if (!http_global_init()) {
		fprintf(stderr, "sallyport-audit: cannot start libcurl\n");
		return CLI_ERROR;
	}
	return cli_main(&program, argc, argv);
}
