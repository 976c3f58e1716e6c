/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/cmd.h"

#include "registry/hold_back.h"
#include "registry/throttle_views.h"

struct cmd_options cmd_options = {
	.settings_file = "/etc/sallyport/gateway.json",
	.interval_s = 10,
	.min_interval_s = 5,
	.spenders = THROTTLE_METRICS_TOP_DEFAULT,
	.verify = { .slo_ms = 5 },
};

int cmd_fail(const struct err *err)
{
	fflush(stdout); /* what was done before it stands before it */
	err_print(err, stderr);
	return EXIT_FAILED;
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
	if (ok && cmd_options.hold_back && hold_back_is_enough(&gateway->findings) &&
	    hold_back(gateway, &err))
		return true;
	if (err_is_set(&err))
		cmd_fail(&err);
	gateway_release(gateway);
	return false;
}
