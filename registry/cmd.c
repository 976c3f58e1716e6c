/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/cmd.h"

struct cmd_options cmd_options = { .settings_file = "/etc/sallyport/gateway.json" };

int cmd_fail(const struct err *err)
{
	char text[ERR_TEXT_MAX + ERR_FILE_MAX + 32];
	fprintf(stderr, "error: %s\n", err_format(err, text, sizeof(text)));
	return EXIT_FAILED;
}

static bool only_services_are_to_blame(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (!findings->items[i].service)
			return false;
	return findings->dropped == 0;
}

bool cmd_load(struct gateway *gateway)
{
	struct err err = { 0 };
	bool ok =
	    gateway_open(gateway, cmd_options.settings_file, &err) && gateway_load(gateway, &err);
	if (ok && findings_is_empty(&gateway->findings))
		return true;
	if (cmd_options.json && !err_is_set(&err))
		findings_print_json(&gateway->findings, stdout);
	else
		findings_print(&gateway->findings, stderr);
	if (ok && cmd_options.hold_back && only_services_are_to_blame(&gateway->findings))
		return true;
	if (err_is_set(&err))
		cmd_fail(&err);
	gateway_release(gateway);
	return false;
}
