/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/cmd.h"
#include "registry/watch.h"

int cmd_watch(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct watch_options options = {
		.settings_file = cmd_options.settings_file,
		.interval_s = cmd_options.interval_s,
		.min_interval_s = cmd_options.min_interval_s,
		.metrics_file = cmd_options.metrics_file,
		.spenders = cmd_options.spenders,
		.publish = !cmd_options.no_publish,
		.once = cmd_options.once,
	};
	return watch_run(&options);
}
