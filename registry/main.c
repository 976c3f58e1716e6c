/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cli.h"
#include "common/log.h"
#include "registry/cmd.h"

// clang-format off
static const struct cli_option COMMON[] = {
	{ "config", 'c', CLI_STRING, &cmd_options.settings_file, "FILE", "the gateway's settings; /etc/sallyport/gateway.json without it", 0, 0 },
	{ .name = NULL },
};
static const struct cli_option JSON[] = {
	{ "json", 0, CLI_FLAG, &cmd_options.json, NULL, "print JSON", 0, 0 },
	{ .name = NULL },
};
static const struct cli_option RENDERING[] = {
	{ "json", 0, CLI_FLAG, &cmd_options.json, NULL, "print findings as JSON", 0, 0 },
	{ "hold-back", 0, CLI_FLAG, &cmd_options.hold_back, NULL, "leave out services with errors instead of stopping", 0, 0 },
	{ .name = NULL },
};

static const struct cli_command COMMANDS[] = {
	{ "validate", "", "check settings and parameters, all findings at once", NULL, RENDERING, cmd_validate, 0, 0 },
	{ "render", "[FOLDER]", "write the configuration to a folder, or print it", NULL, RENDERING, cmd_render, 0, 1 },
	{ "fields", "", "list every parameter and setting, as Markdown", NULL, JSON, cmd_fields, 0, 0 },
	{ .name = NULL },
};

static const struct cli_exit_code EXIT_CODES[] = {
	{ EXIT_CHANGES, "plan: there are changes" },
	{ 0, NULL },
};

static const struct cli_program PROGRAM = {
	.name = "sallyport-registry",
	.summary = "turns the parameters of services into the running gateway",
	.options = COMMON,
	.commands = COMMANDS,
	.exit_codes = EXIT_CODES,
};
// clang-format on

int main(int argc, char **argv)
{
	log_init("sallyport-registry", LOG_LEVEL_INFO);
	return cli_main(&PROGRAM, argc, argv);
}
