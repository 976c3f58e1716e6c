/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/command.h"
#include "audit/segment.h"
#include "audit/ship.h"
#include "common/log.h"

#include <inttypes.h>
#include <signal.h>
#include <time.h>

enum { RETRY_MIN_S = 1, RETRY_MAX_S = 60 };

static const char *group, *stream, *group_kms_key;
static uint64_t every_s = 1;
static bool follow, unprotected_group, existing_group;

static const struct cli_option options[] = {
	COMMAND_OPTION_FOLDER,
	COMMAND_OPTION_WRAPPING_KEY,
	{ "group", 'g', CLI_STRING, &group, "NAME", "CloudWatch log group", 0, 0 },
	{ "stream", 's', CLI_STRING, &stream, "NAME",
	    "log stream (sallyport-audit); one per log, one shipper per stream", 0, 0 },
	{ "group-kms-key", 0, CLI_STRING, &group_kms_key, "ARN",
	    "KMS key that encrypts the group when it is created", 0, 0 },
	{ "existing-group", 0, CLI_FLAG, &existing_group, NULL,
	    "do not create the group nor set its retention of 90 days", 0, 0 },
	{ "no-deletion-protection", 0, CLI_FLAG, &unprotected_group, NULL,
	    "leave the group's deletion protection as it is", 0, 0 },
	{ "follow", 'F', CLI_FLAG, &follow, NULL, "go on until interrupted, also over outages", 0,
	    0 },
	{ "every", 0, CLI_UINT, &every_s, "S", "with --follow: how often to look (1)", 1, 3600 },
	{ 0 },
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void sleep_s(uint64_t seconds)
{
	const struct timespec pause = { (time_t)seconds, 0 };
	if (!interrupted)
		nanosleep(&pause, NULL);
}

static bool prepare(struct aws_client *client, struct err *err)
{
	const struct cwlogs_group_options wanted = {
		.kms_key_arn = group_kms_key,
		.retention_days = SHIP_RETENTION_DAYS,
		.deletion_protection = !unprotected_group,
	};
	bool unprotected = false;
	if (!existing_group &&
	    !cwlogs_ensure_group(client, group, &wanted, &unprotected, NULL, err))
		return false;
	if (unprotected)
		log_warning(
		    "group '%s' has no deletion protection: not allowed or not known here", group);
	return cwlogs_ensure_stream(client, group, stream, NULL, err);
}

static void tell(const struct ship_stats *stats)
{
	if (stats->shipped)
		log_info("%" PRIu64 " records in %" PRIu64 " batches, through record %" PRIu64,
		    stats->shipped, stats->batches, stats->next_record - 1);
	if (stats->rejected)
		log_warning("%" PRIu64 " records were refused: older than CloudWatch takes",
		    stats->rejected);
}

static int ship_all(struct ship *ship)
{
	char text[ERR_TEXT_MAX + ERR_FILE_MAX];
	uint64_t retry_s = RETRY_MIN_S;
	for (;;) {
		struct err err = { 0 };
		struct ship_stats stats;
		bool ok = ship_run(ship, &stats, &err);
		tell(&stats);
		if (!follow && !ok)
			return command_fail(&err);
		if (!follow || interrupted)
			return stats.unreadable || stats.rejected ? AUDIT_PARTIAL : CLI_OK;
		if (!ok)
			log_warning("%s; trying again in %" PRIu64 " s",
			    err_format(&err, text, sizeof(text)), retry_s);
		sleep_s(ok ? every_s : retry_s);
		retry_s = ok ? RETRY_MIN_S : retry_s * 2 > RETRY_MAX_S ? RETRY_MAX_S : retry_s * 2;
	}
}

static int with_client(struct aws_client *client, struct keyring *keyring, struct err *err)
{
	const struct ship_options ship_options = {
		.folder = command_folder(),
		.keyring = keyring,
		.client = client,
		.group = group,
		.stream = stream,
		.stop = &interrupted,
	};
	struct ship *ship = prepare(client, err) ? ship_open(&ship_options, err) : NULL;
	int code = ship ? ship_all(ship) : command_fail(err);
	ship_close(ship);
	return code;
}

static int run(int argc, char **argv)
{
	struct err err = { 0 };
	struct sigaction action = { .sa_handler = on_signal };
	/* A client that tries again by itself could ship a batch twice. */
	const struct aws_client_options client_options = {
		.service = "logs",
		.max_attempts = 1,
		.stop = &interrupted,
	};
	(void)argc;
	(void)argv;
	log_init("sallyport-audit ship", LOG_LEVEL_INFO);
	if (!group) {
		err_set(&err, "--group is needed");
		return command_fail(&err), CLI_USAGE;
	}
	if (!stream)
		stream = "sallyport-audit";
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	struct keyring *keyring = command_open_keyring(&err);
	struct aws_client *client = keyring ? aws_client_new(&client_options, &err) : NULL;
	int code = client ? with_client(client, keyring, &err) : command_fail(&err);
	aws_client_free(client);
	keyring_free(keyring);
	return code;
}

const struct cli_command command_ship = {
	.name = "ship",
	.args = "",
	.summary = "copy the log to CloudWatch Logs",
	.details =
	    "Every record goes there once and in order, with its number as first member. How far it came is "
	    "noted in ship.json; after a crash or a lost answer the stream itself is asked. The group is "
	    "created with a retention of 90 days and deletion protection where that is allowed.",
	.options = options,
	.run = run,
};
