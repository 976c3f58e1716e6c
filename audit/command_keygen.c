/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/command.h"
#include "common/file.h"

#include <limits.h>

/* FOLDER/NAME; false: too long. */
static bool join(char dst[PATH_MAX], const char *folder, const char *name, struct err *err)
{
	int n = snprintf(dst, PATH_MAX, "%s/%s", folder, name);
	return (n > 0 && n < PATH_MAX) || err_set(err, "the folder's name is too long");
}

static int run(int argc, char **argv)
{
	char signing[PATH_MAX], public[PATH_MAX], wrapping[PATH_MAX];
	struct err err = { 0 };
	const char *folder = argv[0];
	(void)argc;
	bool ok =
	    join(signing, folder, "signing.pem", &err) &&
	    join(public, folder, "public.pem", &err) &&
	    join(wrapping, folder, "wrapping.key", &err) && file_make_dirs(folder, 0700, &err) &&
	    signer_generate_files(signing, public, &err) && keyring_generate_file(wrapping, &err);
	if (!ok)
		return command_fail(&err);
	printf("%s  signs checkpoints: for the daemon alone\n%s  verifies them: for auditors\n"
	       "%s  opens the content: for the daemon and those who may read it\n",
	    signing, public, wrapping);
	return CLI_OK;
}

const struct cli_command command_keygen = {
	.name = "keygen",
	.args = "FOLDER",
	.summary = "make the keys of a log",
	.details =
	    "Writes signing.pem (Ed25519), public.pem and wrapping.key (AES-256). Files that exist "
	    "are not replaced.",
	.run = run,
	.min_args = 1,
	.max_args = 1,
};
