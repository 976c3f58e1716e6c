/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/anchor.h"
#include "audit/command.h"
#include "aws/cwlogs.h"
#include "aws/s3.h"
#include "aws/ssm.h"
#include "common/clock.h"
#include "common/log.h"

#include <inttypes.h>
#include <signal.h>
#include <time.h>

static const char *ssm_name, *s3_place, *group, *stream;
static uint64_t every_s, lock_days = 90;

static const struct cli_option options[] = {
	COMMAND_OPTION_FOLDER,
	COMMAND_OPTION_PUBLIC_KEY,
	{ "ssm", 0, CLI_STRING, &ssm_name, "NAME",
	    "put it into this SSM parameter, whose history keeps 100", 0, 0 },
	{ "s3", 0, CLI_STRING, &s3_place, "BUCKET/PREFIX",
	    "put it into a new object of a bucket with Object Lock, locked in compliance mode", 0,
	    0 },
	{ "lock-days", 0, CLI_UINT, &lock_days, "DAYS", "for how long (90)", 1, 36500 },
	{ "group", 0, CLI_STRING, &group, "NAME",
	    "append it to a stream of this CloudWatch log group", 0, 0 },
	{ "stream", 0, CLI_STRING, &stream, "NAME", "that stream (sallyport-anchors)", 0, 0 },
	{ "every", 0, CLI_UINT, &every_s, "S",
	    "again and again, whenever there is a newer checkpoint", 1, 86400 },
	{ 0 },
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* ---- Places. */

static struct aws_client *client_of(const char *service, struct err *err)
{
	const struct aws_client_options client = { .service = service, .stop = &interrupted };
	return aws_client_new(&client, err);
}

static bool to_ssm(const struct checkpoint *checkpoint, struct slice text, struct err *err)
{
	struct aws_client *client = client_of("ssm", err);
	(void)checkpoint;
	bool ok = client && ssm_put(client, ssm_name, text, "String", NULL, NULL, NULL, err);
	aws_client_free(client);
	return ok;
}

/* BUCKET/PREFIX/LOG/000000000123.json: the number of records, so that keys sort by age. */
static bool object_of(const struct checkpoint *checkpoint, char bucket[S3_BUCKET_MAX + 1],
    char key[S3_KEY_MAX + 1], struct err *err)
{
	char log[2 * LOG_ID_BYTES + 1];
	struct slice name, prefix;
	for (size_t i = 0; i < LOG_ID_BYTES; i++)
		snprintf(log + 2 * i, 3, "%02x", checkpoint->head.log.bytes[i]);
	slice_cut(slice_of_cstr(s3_place), '/', &name, &prefix);
	if (name.len == 0 || name.len > S3_BUCKET_MAX)
		return err_set(err, "'%s' is not BUCKET/PREFIX", s3_place);
	snprintf(bucket, S3_BUCKET_MAX + 1, "%.*s", SLICE_ARG(name));
	int n = snprintf(key, S3_KEY_MAX + 1, "%.*s%s%s/%015" PRIu64 ".json", SLICE_ARG(prefix),
	    prefix.len && !slice_ends_with(prefix, SLICE("/")) ? "/" : "", log,
	    checkpoint->head.first - 1);
	return (n > 0 && n <= S3_KEY_MAX) || err_set(err, "'%s' is too long", s3_place);
}

static bool to_s3(const struct checkpoint *checkpoint, struct slice text, struct err *err)
{
	char bucket[S3_BUCKET_MAX + 1], key[S3_KEY_MAX + 1];
	struct aws_error error = { 0 };
	struct err refusal = { 0 };
	if (!object_of(checkpoint, bucket, key, err))
		return false;
	const struct s3_object object = {
		.bucket = bucket,
		.key = key,
		.content_type = "application/json",
		.body = text,
		.lock = S3_LOCK_COMPLIANCE,
		.retain_until_unix_s = clock_unix_s() + (int64_t)lock_days * 86400,
		.only_if_absent = true,
	};
	struct aws_client *client = client_of("s3", err);
	bool ok = client && s3_put_object(client, &object, &error, &refusal);
	aws_client_free(client);
	/* The same anchor, put there before. */
	if (!ok && client && aws_error_is(&error, "PreconditionFailed"))
		return true;
	return ok || err_set(err, "%s", refusal.text);
}

static bool to_cloudwatch(const struct checkpoint *checkpoint, struct slice text, struct err *err)
{
	const struct cwlogs_event event = { clock_unix_ms(), text };
	struct aws_client *client = client_of("logs", err);
	(void)checkpoint;
	bool ok = client && cwlogs_ensure_stream(client, group, stream, NULL, err) &&
	          cwlogs_put_events(client, group, stream, &event, 1, NULL, NULL, err);
	aws_client_free(client);
	return ok;
}

static bool publish(const struct checkpoint *checkpoint, struct slice text, struct err *err)
{
	bool anywhere = ssm_name || s3_place || group;
	if (!anywhere)
		return (printf("%.*s\n", SLICE_ARG(text)) > 0 && fflush(stdout) == 0) ||
		       err_set(err, "cannot write the anchor");
	return (!ssm_name || to_ssm(checkpoint, text, err)) &&
	       (!s3_place || to_s3(checkpoint, text, err)) &&
	       (!group || to_cloudwatch(checkpoint, text, err));
}

/* ---- The command. */

static bool anchor_once(const struct verifier *verifier, uint64_t *records, struct err *err)
{
	struct checkpoint checkpoint;
	struct buf text;
	struct err_pos pos = { command_folder(), 0, 0 };
	if (head_file_read(command_folder(), &checkpoint) != HEAD_FILE_OK)
		return err_set_at(err, pos, "there is no checkpoint in HEAD");
	if (checkpoint_check(&checkpoint, verifier) != SIGNATURE_OK)
		return err_set_at(err, pos, "HEAD is not signed by a key that was given");
	if (checkpoint.head.first == *records)
		return true;
	buf_init(&text, ANCHOR_MAX_BYTES);
	bool ok = anchor_write(&checkpoint, &text) ? publish(&checkpoint, buf_slice(&text), err)
	                                           : err_set(err, "no memory for an anchor");
	buf_release(&text);
	if (ok)
		*records = checkpoint.head.first;
	return ok;
}

static int anchor_always(const struct verifier *verifier)
{
	const struct timespec pause = { (time_t)every_s, 0 };
	struct sigaction action = { .sa_handler = on_signal };
	char text[ERR_TEXT_MAX + ERR_FILE_MAX];
	uint64_t records = 0;
	log_init("sallyport-audit anchor", LOG_LEVEL_INFO);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	while (!interrupted) {
		struct err err = { 0 };
		if (!anchor_once(verifier, &records, &err))
			log_error("%s", err_format(&err, text, sizeof(text)));
		if (!interrupted)
			nanosleep(&pause, NULL);
	}
	return CLI_OK;
}

static int run(int argc, char **argv)
{
	struct err err = { 0 };
	uint64_t records = 0;
	(void)argc;
	(void)argv;
	if (!stream)
		stream = "sallyport-anchors";
	signal(SIGPIPE, SIG_IGN);
	struct verifier *verifier = command_open_verifier(&err);
	int code = CLI_OK;
	if (verifier && every_s)
		code = anchor_always(verifier);
	else if (!verifier || !anchor_once(verifier, &records, &err))
		code = command_fail(&err);
	verifier_free(verifier);
	return code;
}

const struct cli_command command_anchor = {
	.name = "anchor",
	.args = "",
	.summary = "print the newest checkpoint, or keep it elsewhere",
	.details =
	    "An anchor vouches for every record up to it. Kept where the owner of this machine cannot change it, "
	    "it makes 'verify --anchor' find a log that was put back to an older state or written anew.",
	.options = options,
	.run = run,
};
