/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport-spoa: the agent that HAProxy asks about every request. */
#include "common/cli.h"
#include "common/log.h"
#include "spoa/agent/agent.h"
#include "spoa/config.h"

#include <stdio.h>

static const char *config_path = "/etc/sallyport/spoa.json";
static const char *check_path;
static bool help_config;

static int check(const char *path)
{
	struct err_list errors;
	bool ok;

	err_list_init(&errors, 0);
	ok = agent_check(path, &errors);
	err_list_print(&errors, stderr);
	err_list_release(&errors);
	return ok ? CLI_OK : CLI_ERROR;
}

static int serve(const char *path)
{
	const struct agent_options options = { .config_path = path, .handle_signals = true };
	struct err_list errors;
	struct agent *agent;

	log_init("sallyport-spoa", LOG_LEVEL_INFO);
	err_list_init(&errors, 0);
	agent = agent_start(&options, &errors);
	err_list_print(&errors, stderr);
	err_list_release(&errors);
	if (!agent)
		return CLI_ERROR;
	agent_run(agent);
	agent_free(agent);
	return CLI_OK;
}

static int run(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (help_config) {
		config_print_help(stdout);
		return CLI_OK;
	}
	return check_path ? check(check_path) : serve(config_path);
}

// clang-format off
static const struct cli_option options[] = {
	{ .name = "config", .letter = 'c', .kind = CLI_STRING, .dest = &config_path, .arg = "FILE",
	  .help = "configuration (default /etc/sallyport/spoa.json)" },
	{ .name = "check", .kind = CLI_STRING, .dest = &check_path, .arg = "FILE",
	  .help = "load FILE and all that it names, report every error, do not serve" },
	{ .name = "help-config", .kind = CLI_FLAG, .dest = &help_config,
	  .help = "print every member of the configuration with its default, bounds and meaning" },
	{ 0 },
};
// clang-format on

static const struct cli_command command = {
	.args = "",
	.summary = "check requests for HAProxy",
	.details =
	    "Serves SPOP in the foreground until SIGTERM or SIGINT, then drains its connections. SIGHUP\n"
	    "loads the configuration, key sets and rules again; when they have errors the running ones\n"
	    "stay. Speaks sd_notify(3) and takes sockets from systemd.",
	.options = options,
	.run = run,
};

static const struct cli_program program = {
	.name = "sallyport-spoa",
	.summary = "the agent that HAProxy asks about every request",
	.main = &command,
};

int main(int argc, char **argv)
{
	return cli_main(&program, argc, argv);
}
