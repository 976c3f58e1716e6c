/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cli.h"
#include "common/http.h"
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
	{ "hold-back", 0, CLI_FLAG, &cmd_options.hold_back, NULL, "a service with errors stays as it is, or out, instead of stopping all", 0, 0 },
	{ .name = NULL },
};
static const struct cli_option APPLYING[] = {
	{ "json", 0, CLI_FLAG, &cmd_options.json, NULL, "print JSON", 0, 0 },
	{ "hold-back", 0, CLI_FLAG, &cmd_options.hold_back, NULL, "a service with errors stays as it is, or out, instead of stopping all", 0, 0 },
	{ "no-publish", 0, CLI_FLAG, &cmd_options.no_publish, NULL, "do not write the outputs below PREFIX/api-gateway/", 0, 0 },
	{ "by", 0, CLI_STRING, &cmd_options.by, "NAME", "who applies, for the history; the user without it", 0, 0 },
	{ "note", 0, CLI_STRING, &cmd_options.note, "TEXT", "why, for the history", 0, 0 },
	{ .name = NULL },
};
static const struct cli_option THROTTLES[] = {
	{ "json", 0, CLI_FLAG, &cmd_options.json, NULL, "print JSON", 0, 0 },
	{ "prometheus", 0, CLI_FLAG, &cmd_options.prometheus, NULL, "print metrics in the text format of Prometheus", 0, 0 },
	{ "top", 0, CLI_UINT, &cmd_options.top, "N", "rows of each table, 20 without it; of metrics, clients and addresses, 10 without it", 1, 1000000 },
	{ .name = NULL },
};
static const struct cli_option DEREGISTERING[] = {
	{ "purge", 0, CLI_FLAG, &cmd_options.purge, NULL, "remove the service's parameters too", 0, 0 },
	{ .name = NULL },
};

static const struct cli_option IMPORTING[] = {
	{ "dry-run", 0, CLI_FLAG, &cmd_options.dry_run, NULL, "print the parameters only", 0, 0 },
	{ .name = NULL },
};

static const struct cli_option WATCHING[] = {
	{ "interval", 'i', CLI_UINT, &cmd_options.interval_s, "SECONDS", "between two polls, a fifth more or less; 10 without it", 1, 86400 },
	{ "min-interval", 0, CLI_UINT, &cmd_options.min_interval_s, "SECONDS", "at least, from one apply to the next poll; 5 without it", 0, 3600 },
	{ "metrics-file", 0, CLI_STRING, &cmd_options.metrics_file, "FILE", "Prometheus metrics; OUTPUT_DIR/registry.prom without it", 0, 0 },
	{ "spenders", 0, CLI_UINT, &cmd_options.spenders, "N", "clients and addresses in the metrics, those that spend most; 10 without it, 0: none, and their tables are not read", 0, 1000 },
	{ "no-publish", 0, CLI_FLAG, &cmd_options.no_publish, NULL, "do not write the outputs below PREFIX/api-gateway/", 0, 0 },
	{ "once", 0, CLI_FLAG, &cmd_options.once, NULL, "one poll, then end: exit code 1 when it failed", 0, 0 },
	{ .name = NULL },
};

static const struct cli_option VERIFYING[] = {
	{ "json", 0, CLI_FLAG, &cmd_options.json, NULL, "print JSON instead of TAP", 0, 0 },
	{ "url", 0, CLI_STRING, &cmd_options.verify.url, "URL", "the gateway; the setting public_url without it", 0, 0 },
	{ "ca-file", 0, CLI_STRING, &cmd_options.verify.ca_file, "FILE", "PEM bundle that the gateway's certificate is verified against; the system's without it", 0, 0 },
	{ "token-staff", 0, CLI_STRING, &cmd_options.token_files[AUTHORIZER_STAFF], "FILE", "file with a token of the staff pool; - is standard input", 0, 0 },
	{ "token-customers", 0, CLI_STRING, &cmd_options.token_files[AUTHORIZER_CUSTOMERS], "FILE", "file with a token of the customers pool", 0, 0 },
	{ "issuer", 0, CLI_STRING, &cmd_options.verify.issuer, "URL", "a development issuer (sallyport-jwt serve) to ask for tokens", 0, 0 },
	{ "access-log", 0, CLI_STRING, &cmd_options.verify.access_log, "FILE", "file that the records are appended to", 0, 0 },
	{ "throttle", 0, CLI_STRING, &cmd_options.verify.throttle, "SERVICE", "ask this service until it throttles; its callers are throttled with it", 0, 0 },
	{ "slo-ms", 0, CLI_UINT, &cmd_options.verify.slo_ms, "MS", "largest time of a refusal; 5 without it", 1, 60000 },
	{ .name = NULL },
};

/* From the table of parameters. */
#define F(member, name, type, check, required, fallback, min, max, allowed, change, doc) { name, PAIR_VALUES_##type(allowed), doc },
#define PAIR_VALUES_TEXT(allowed) NULL
#define PAIR_VALUES_UINT(allowed) NULL
#define PAIR_VALUES_LIST(allowed) NULL
#define PAIR_VALUES_URL(allowed)  NULL
#define PAIR_VALUES_DATE(allowed) NULL
#define PAIR_VALUES_ENUM(allowed) allowed
#define PAIR_VALUES_BOOL(allowed) "true|false"
static const struct cli_pair PARAMETERS[] = {
#include "registry/model.def"
	{ .name = NULL },
};
#undef F
static const char *const TAKE_PARAMETERS[] = { "register", "set", "import", NULL };

static const struct cli_command COMMANDS[] = {
	{ "validate", "", "check settings and parameters, all findings at once", NULL, RENDERING, cmd_validate, 0, 0 },
	{ "render", "[FOLDER]", "write the configuration to a folder, or print it", NULL, RENDERING, cmd_render, 0, 1 },
	{ "plan", "", "show what apply would change, and drift", NULL, RENDERING, cmd_plan, 0, 0 },
	{ "apply", "", "bring the parameters to the running gateway, or leave everything as it is", NULL, APPLYING, cmd_apply, 0, 0 },
	{ "watch", "", "poll the parameters and apply what changes, until ended", "SIGHUP polls at once, SIGTERM ends. While the store cannot be read, or the whole cannot be applied, what runs stays. A service with errors stays as it was applied last, or out; the others go on.", WATCHING, cmd_watch, 0, 0 },
	{ "verify", "", "ask a running gateway whether it is what it should be, as TAP", "Checks transport, certificate, revision, rules, outputs, the shape of every refusal and the way of each service. Exit code 1 when an assertion fails.", VERIFYING, cmd_verify, 0, 0 },
	{ "rollback", "[REVISION]", "go back to a revision; the one before without an argument", NULL, NULL, cmd_rollback, 0, 1 },
	{ "history", "", "list the revisions on disk", NULL, JSON, cmd_history, 0, 0 },
	{ "diff", "REVISION REVISION", "show what changed from one revision to another", NULL, NULL, cmd_diff, 2, 2 },
	{ "list", "", "list the live services", NULL, JSON, cmd_list, 0, 0 },
	{ "show", "SERVICE", "show a service's parameters and defaults", NULL, JSON, cmd_show, 1, 1 },
	{ "register", "SERVICE NAME=VALUE...", "write a new service's parameters", "Everything is validated before anything is written. With services_file the service is added to it.", NULL, cmd_register, 2, -1 },
	{ "deregister", "SERVICE", "take a service out of services_file", NULL, DEREGISTERING, cmd_deregister, 1, 1 },
	{ "set", "SERVICE NAME=VALUE...", "change parameters of a service; an empty value removes one", NULL, NULL, cmd_set, 2, -1 },
	{ "import", "SERVICE FILE [NAME=VALUE]...", "register or change a service by an OpenAPI 3 document", "Takes url, route-prefix, version, methods and scopes from servers, paths and security, and any parameter from x-sallyport. What is given as NAME=VALUE wins.", IMPORTING, cmd_import, 2, -1 },
	{ "export", "SERVICE", "print a service as an OpenAPI 3 document", NULL, NULL, cmd_export, 1, 1 },
	{ "throttles", "", "show levels, refusals and top spenders of the running gateway", NULL, THROTTLES, cmd_throttles, 0, 0 },
	{ "fields", "", "list every parameter and setting, as Markdown", NULL, JSON, cmd_fields, 0, 0 },
	{ .name = NULL },
};

static const struct cli_exit_code EXIT_CODES[] = {
	{ EXIT_CHANGES, "plan, diff: there are changes" },
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
	if (!http_global_init()) {
		log_error("cannot start libcurl");
		return EXIT_FAILED;
	}
	cli_describe_pairs(TAKE_PARAMETERS, PARAMETERS);
	return cli_main(&PROGRAM, argc, argv);
}
