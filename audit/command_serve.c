/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/command.h"
#include "audit/server.h"
#include "common/log.h"

#include <sys/stat.h>

static const char *listen_on = "127.0.0.1:5140", *status_on = "127.0.0.1:9105";
static const char *listen_tcp;
static const char *spool, *when_full = "count", *immutable = "auto";
static uint64_t remove_after_s = 600;
static uint64_t commit_ms = 500, segment_mib = 256, spool_mib = 128, stop_s = 10;
static uint64_t retention_days = JOURNAL_RETENTION_DAYS;
static bool always, short_retention;

// clang-format off
static const struct cli_option options[] = {
	COMMAND_OPTION_FOLDER,
	{ "listen", 0, CLI_STRING, &listen_on, "ADDRESS", "receive datagrams on HOST:PORT or a socket path (127.0.0.1:5140); a socket handed over by LISTEN_FDS goes first", 0, 0 },
	{ "listen-tcp", 0, CLI_STRING, &listen_tcp, "ADDRESS", "also receive syslog over TCP on HOST:PORT, for HAProxys elsewhere", 0, 0 },
	{ "status", 0, CLI_STRING, &status_on, "ADDRESS", "/metrics, /healthz and /ready on HOST:PORT (127.0.0.1:9105); 'none': nowhere", 0, 0 },
	COMMAND_OPTION_SIGNING_KEY,
	COMMAND_OPTION_PUBLIC_KEY,
	COMMAND_OPTION_WRAPPING_KEY,
	{ "commit-ms", 0, CLI_UINT, &commit_ms, "MS", "records are safe on the disk after at most this (500)", 10, 1000 },
	{ "always", 0, CLI_FLAG, &always, NULL, "sync each batch at once", 0, 0 },
	{ "segment-mib", 0, CLI_UINT, &segment_mib, "MIB", "size at which a segment is closed (256)", 1, 65536 },
	{ "spool", 0, CLI_STRING, &spool, "FILE", "keep these records in a file on a tmpfs, where they outlive a kill; 'hold' does it without", 0, 0 },
	{ "spool-mib", 0, CLI_UINT, &spool_mib, "MIB", "records held in memory until they are on the disk (128)", 16, 65536 },
	{ "when-full", 0, CLI_STRING, &when_full, "HOW", "count: lost records are counted and told in the log; refuse: /ready turns 503 before that (count)", 0, 0 },
	{ "retention-days", 0, CLI_UINT, &retention_days, "DAYS", "segments older than this are removed (90)", 1, 36500 },
	{ "allow-short-retention", 0, CLI_FLAG, &short_retention, NULL, "allow less than 90 days; recorded in the log", 0, 0 },
	{ "remove-after", 0, CLI_UINT, &remove_after_s, "S", "nothing is removed for this long after the start: clocks are set late at boot (600)", 0, 86400 },
	{ "immutable", 0, CLI_STRING, &immutable, "HOW", "auto: append-only and immutable attributes where possible; off (auto)", 0, 0 },
	{ "stop-seconds", 0, CLI_UINT, &stop_s, "S", "how long to try to write the last records when stopped (10)", 0, 3600 },
	{ 0 },
};
// clang-format on

static bool choose(const char *name, const char *value, const char *yes, const char *no, bool *out,
    struct err *err)
{
	*out = strcmp(value, yes) == 0;
	return *out || strcmp(value, no) == 0 ||
	       err_set(err, "--%s is '%s' or '%s', not '%s'", name, yes, no, value);
}

static bool check(struct server_options *server, struct err *err)
{
	bool refuse;
	if (!choose("when-full", when_full, "refuse", "count", &refuse, err) ||
	    !choose("immutable", immutable, "auto", "off", &server->journal.immutable, err))
		return false;
	server->when_full = refuse ? SERVER_REFUSE : SERVER_COUNT;
	return retention_days >= JOURNAL_RETENTION_DAYS || short_retention ||
	       err_set(err, "a retention below %d days needs --allow-short-retention",
	           JOURNAL_RETENTION_DAYS);
}

static int run(int argc, char **argv)
{
	struct err err = { 0 };
	struct server_options server = {
		.journal = {
			.folder = command_folder(),
			.segment_max_bytes = segment_mib << 20,
			.retention_days = retention_days,
		},
		.listen = listen_on,
		.listen_stream = listen_tcp,
		.status = strcmp(status_on, "none") == 0 ? NULL : status_on,
		.commit_ms = always ? 0 : (unsigned)commit_ms,
		.spool = spool,
		.spool_bytes = spool_mib << 20,
		.expire_wait_ms = (unsigned)remove_after_s * 1000,
		.stop_ms = (unsigned)stop_s * 1000,
	};
	(void)argc;
	(void)argv;
	log_init("sallyport-audit", LOG_LEVEL_INFO);
	umask(077);
	if (!check(&server, &err))
		return command_fail(&err), CLI_USAGE;
	struct signer *signer = command_open_signer(&err);
	struct verifier *verifier = signer ? command_open_writer_verifier(&err) : NULL;
	struct keyring *keyring = verifier ? command_open_keyring(&err) : NULL;
	server.journal.signer = signer;
	server.journal.verifier = verifier;
	server.journal.keyring = keyring;
	bool ok = keyring && server_run(&server, &err);
	keyring_free(keyring);
	verifier_free(verifier);
	signer_free(signer);
	return ok ? CLI_OK : command_fail(&err);
}

const struct cli_command command_serve = {
	.name = "serve",
	.args = "",
	.summary = "receive records and keep them",
	.details =
	    "Receives HAProxy's records as datagrams and appends them to the log. Every record is safe on the "
	    "disk after at most --commit-ms, or at once with --always. When the disk takes nothing, records "
	    "wait in memory, then in the socket; what does not fit there is lost, which the kernel and the "
	    "numbers of the records show, and which is told in the log.\n\n"
	    "A socket that outlives this process loses nothing over restarts: let systemd hold it, or "
	    "'sallyport-audit hold'.",
	.options = options,
	.run = run,
};
