/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* cmd: the subcommands of sallyport-registry, one file each; main.c has the table. */
#include "registry/gateway.h"
#include "registry/verify.h"

enum { EXIT_NOTHING = 0, EXIT_FAILED = 1, EXIT_CHANGES = 2 };

struct cmd_options {
	const char *settings_file;
	const char *out;
	bool json, prometheus;
	bool hold_back;
	bool no_publish;
	bool purge;
	uint64_t top;
	const char *by;
	const char *note;
	uint64_t interval_s, min_interval_s, spenders;
	const char *metrics_file;
	bool once;
	bool dry_run;
	struct verify_options verify;
	const char *token_files[AUTHORIZER_COUNT];
};
extern struct cmd_options cmd_options;

int cmd_validate(int argc, char **argv);
int cmd_render(int argc, char **argv);
int cmd_fields(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_apply(int argc, char **argv);
int cmd_rollback(int argc, char **argv);
int cmd_history(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_throttles(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_register(int argc, char **argv);
int cmd_register_or_set(int argc, char **argv); /* register, or set when it is live */
int cmd_deregister(int argc, char **argv);
int cmd_set(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_export(int argc, char **argv);

/*
 * gateway_open() and gateway_load(), with errors and findings printed. False: the command ends with
 * EXIT_FAILED; the gateway is released already. With --hold-back, findings of services are
 * warnings.
 */
bool cmd_load(struct gateway *gateway);
/* Prints "sallyport-registry: text" and returns EXIT_FAILED. */
int cmd_fail(const struct err *err);
