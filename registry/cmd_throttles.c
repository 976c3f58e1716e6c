/* SPDX-License-Identifier: Apache-2.0 */
/* throttles: levels, refusals and top spenders per route, client and address. */
#include "registry/cmd.h"
#include "registry/throttle_views.h"

static void print_views(const struct throttle_views *views)
{
	struct buf out;
	buf_init(&out, 0);
	if (cmd_options.prometheus)
		throttle_views_metrics(
		    views, cmd_options.top ? cmd_options.top : THROTTLE_METRICS_TOP_DEFAULT, &out);
	else if (cmd_options.json)
		throttle_views_json(
		    views, cmd_options.top ? cmd_options.top : THROTTLE_TOP_DEFAULT, &out);
	else
		throttle_views_text(
		    views, cmd_options.top ? cmd_options.top : THROTTLE_TOP_DEFAULT, &out);
	fputs(buf_cstr(&out), stdout);
	if (cmd_options.json && !cmd_options.prometheus)
		putchar('\n');
	buf_release(&out);
}

int cmd_throttles(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct gateway gateway;
	struct throttle_views views = { 0 };
	struct err err = { 0 };
	bool ok = gateway_open(&gateway, cmd_options.settings_file, &err) &&
	          throttle_views_load(&views, &gateway.settings, true, &err);
	if (ok)
		print_views(&views);
	findings_print(&gateway.findings, stderr);
	throttle_views_release(&views);
	gateway_release(&gateway);
	return ok ? EXIT_NOTHING : cmd_fail(&err);
}
