/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/server.h"

#include "audit/listen.h"
#include "audit/receiver.h"
#include "audit/status_server.h"
#include "audit/stream.h"
#include "audit/writer.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/systemd.h"

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

enum { STALL_TOLERATED_MS = 2000 };

struct server {
	const struct server_options *options;
	struct ev_loop *loop;
	struct spool *spool;
	struct writer *writer;
	struct receiver *receiver;
	struct stream *stream; /* NULL: none is wanted */
	struct status_server *status;
	ev_signal sigterm, sigint;
	ev_timer tick;
};

static void on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
	(void)w;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

/* ---- Status. */

/* What a metric is, and where its value stands in `values`. */
enum value {
	V_LINES,
	V_BYTES,
	V_RECORDS,
	V_INVALID,
	V_GAPS,
	V_MISSING,
	V_JOINED,
	V_LATE,
	V_DUPLICATES,
	V_DROPS,
	V_CONNECTIONS,
	V_REFUSED,
	V_BROKEN,
	V_PAUSES,
	V_BUFFER,
	V_SPOOL,
	V_COMMITTED,
	V_COMMITS,
	V_COMMIT_US,
	V_PENDING,
	V_STALLED_MS,
	V_STALLS,
	V_SEGMENTS,
	V_SEGMENT_BYTES,
	V_REMOVED,
	V_ATTRIBUTES,
	VALUES,
};

// clang-format off
static const struct {
	const char *name, *type, *help;
} metrics[VALUES] = {
	[V_LINES]         = { "received_lines_total", "counter", "lines read: datagrams, messages of streams" },
	[V_BYTES]         = { "received_bytes_total", "counter", "bytes in them" },
	[V_RECORDS]       = { "records_total", "counter", "valid records taken" },
	[V_INVALID]       = { "invalid_records_total", "counter", "lines that are not one JSON object, kept and marked" },
	[V_GAPS]          = { "gaps_total", "counter", "holes found in the numbers of records" },
	[V_MISSING]       = { "missing_records_total", "counter", "records in these holes" },
	[V_JOINED]        = { "joined_sources_total", "counter", "sources that were not followed from their first record" },
	[V_LATE]          = { "late_records_total", "counter", "records that came after their hole was told" },
	[V_DUPLICATES]    = { "duplicate_records_total", "counter", "records whose number had come before" },
	[V_DROPS]         = { "socket_drops_total", "counter", "datagrams the kernel dropped on the socket" },
	[V_CONNECTIONS]   = { "stream_connections", "gauge", "connections that send records" },
	[V_REFUSED]       = { "stream_refused_total", "counter", "connections beyond the limit" },
	[V_BROKEN]        = { "stream_broken_total", "counter", "connections that ended within a message, or sent none" },
	[V_PAUSES]        = { "receiver_pauses_total", "counter", "times the spool was full" },
	[V_BUFFER]        = { "socket_buffer_bytes", "gauge", "receive buffer of the socket" },
	[V_SPOOL]         = { "spool_bytes", "gauge", "records waiting in memory" },
	[V_COMMITTED]     = { "committed_record", "gauge", "number of the last record that is safe" },
	[V_COMMITS]       = { "commits_total", "counter", "commits: checkpoint and sync" },
	[V_COMMIT_US]     = { "commit_microseconds", "gauge", "duration of the last commit" },
	[V_PENDING]       = { "pending_records", "gauge", "records taken and not yet safe" },
	[V_STALLED_MS]    = { "stalled_milliseconds", "gauge", "since when the disk takes nothing" },
	[V_STALLS]        = { "stalls_total", "counter", "times the disk took nothing" },
	[V_SEGMENTS]      = { "segments", "gauge", "segment files" },
	[V_SEGMENT_BYTES] = { "segment_bytes", "gauge", "size of the open segment" },
	[V_REMOVED]       = { "removed_segments_total", "counter", "segments removed by retention" },
	[V_ATTRIBUTES]    = { "append_only", "gauge", "1: the open segment has the append-only attribute" },
};
// clang-format on

static uint64_t get(const atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void collect(struct server *server, uint64_t values[VALUES])
{
	const struct intake_counters *intake = writer_counters(server->writer);
	struct receiver_counters receiver;
	struct stream_counters stream = { 0 };
	struct writer_state writer;
	receiver_counters(server->receiver, &receiver);
	if (server->stream)
		stream_counters(server->stream, &stream);
	writer_state(server->writer, &writer);
	values[V_LINES] = receiver.lines + stream.lines;
	values[V_BYTES] = receiver.bytes + stream.bytes;
	values[V_CONNECTIONS] = stream.connections;
	values[V_REFUSED] = stream.refused;
	values[V_BROKEN] = stream.broken;
	values[V_RECORDS] = get(&intake->records);
	values[V_INVALID] = get(&intake->invalid);
	values[V_GAPS] = get(&intake->gaps);
	values[V_MISSING] = get(&intake->missing);
	values[V_JOINED] = get(&intake->joined);
	values[V_LATE] = get(&intake->late);
	values[V_DUPLICATES] = get(&intake->duplicates);
	values[V_DROPS] = receiver.drops;
	values[V_PAUSES] = receiver.pauses;
	values[V_BUFFER] = receiver.buffer_bytes;
	values[V_SPOOL] = spool_bytes(server->spool);
	values[V_COMMITTED] = writer.committed_record;
	values[V_COMMITS] = writer.commits;
	values[V_COMMIT_US] = writer.commit_us;
	values[V_PENDING] = writer.pending;
	values[V_STALLED_MS] = writer.stalled_ms;
	values[V_STALLS] = writer.stalls;
	values[V_SEGMENTS] = writer.segments;
	values[V_SEGMENT_BYTES] = writer.segment_bytes;
	values[V_REMOVED] = writer.removed_segments;
	values[V_ATTRIBUTES] = writer.has_attributes;
}

static void render_metrics(struct server *server, struct buf *body)
{
	uint64_t values[VALUES];
	collect(server, values);
	for (size_t i = 0; i < VALUES; i++)
		buf_printf(body,
		    "# HELP sallyport_audit_%s %s\n# TYPE sallyport_audit_%s %s\nsallyport_audit_%s %" PRIu64
		    "\n",
		    metrics[i].name, metrics[i].help, metrics[i].name, metrics[i].type,
		    metrics[i].name, values[i]);
	overhead_render(&writer_counters(server->writer)->overhead, body);
}

/* Half a spool is time enough for HAProxy to notice before records are lost. */
static int render_ready(struct server *server, struct buf *body)
{
	struct writer_state writer;
	writer_state(server->writer, &writer);
	bool full = spool_bytes(server->spool) > server->options->spool_bytes / 2;
	bool stalled = writer.stalled_ms > STALL_TOLERATED_MS;
	const char *why = full ? "the spool is half full" : "the disk takes nothing";
	if (!full && !stalled) {
		buf_append_cstr(body, "ready\n");
		return 200;
	}
	buf_printf(body, "degraded: %s\n", why);
	return server->options->when_full == SERVER_REFUSE ? 503 : 200;
}

static int on_status(void *context, struct slice path, struct buf *body)
{
	struct server *server = context;
	if (slice_eq(path, SLICE("/ready")))
		return render_ready(server, body);
	if (slice_eq(path, SLICE("/healthz"))) {
		buf_append_cstr(body, "alive\n");
		return 200;
	}
	if (!slice_eq(path, SLICE("/metrics")))
		return 404;
	render_metrics(server, body);
	return 200;
}

/* ---- Start and end. */

/* The receiver counts, the writer tells. */
static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
	struct server *server = w->data;
	struct receiver_counters counters;
	(void)loop;
	(void)events;
	receiver_counters(server->receiver, &counters);
	writer_note_drops(server->writer, counters.drops);
	if (!server->stream || stream_drain(server->stream))
		receiver_mark(server->receiver);
}

static void watch_signals(struct server *server)
{
	ev_signal_init(&server->sigterm, on_signal, SIGTERM);
	ev_signal_init(&server->sigint, on_signal, SIGINT);
	ev_signal_start(server->loop, &server->sigterm);
	ev_signal_start(server->loop, &server->sigint);
}

/* The thread must not get the signals of the loop. */
static struct writer *start_writer(struct server *server, struct journal *journal)
{
	const struct server_options *options = server->options;
	const struct writer_options writer = {
		.journal = journal,
		.keyring = options->journal.keyring,
		.folder = options->journal.folder,
		.spool = server->spool,
		.commit_ms = options->commit_ms,
		.stop_ms = options->stop_ms,
		.expire_wait_ms = options->expire_wait_ms,
		.retention_days = options->journal.retention_days,
	};
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	struct writer *started = writer_start(&writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

static bool start_stream(struct server *server, struct err *err)
{
	int fd = listen_stream(server->options->listen_stream, err);
	if (fd >= 0)
		server->stream = stream_new(server->loop, fd, server->spool);
	return server->stream || err_set(err, "no memory to start");
}

/* The socket comes first: while the log is opened and recovered, records wait in it. */
static bool start(struct server *server, struct err *err)
{
	const struct server_options *options = server->options;
	bool survives;
	server->spool = spool_open(options->spool, options->spool_bytes, &survives, err);
	int fd = server->spool ? listen_datagrams(options->listen, err) : -1;
	if (fd < 0)
		return false;
	if (!survives)
		log_warning(
		    "without 'hold', systemd or --spool, what was received and is not yet on the disk is lost "
		    "when this process is killed");
	struct journal *journal = journal_open(&options->journal, clock_unix_ms(), err);
	if (journal)
		server->writer = start_writer(server, journal);
	if (!server->writer) {
		close(fd);
		return err_set(err, "no memory to start");
	}
	server->receiver = receiver_new(server->loop, fd, server->spool);
	if (!server->receiver)
		return err_set(err, "no memory to start");
	if (options->listen_stream && !start_stream(server, err))
		return false;
	ev_timer_init(&server->tick, on_tick, 1., 1.);
	server->tick.data = server;
	ev_timer_start(server->loop, &server->tick);
	if (!options->status)
		return true;
	server->status = status_server_new(server->loop, options->status, on_status, server, err);
	return server->status != NULL;
}

static void tell_start(struct server *server)
{
	struct receiver_counters receiver;
	struct writer_state writer;
	receiver_counters(server->receiver, &receiver);
	writer_state(server->writer, &writer);
	log_info("receiving on %s into %s, segment %" PRIu64 ", socket buffer %" PRIu64 " KiB",
	    server->options->listen, server->options->journal.folder, writer.segment,
	    receiver.buffer_bytes / 1024);
	if (receiver.buffer_bytes < LISTEN_BUFFER_BYTES)
		log_warning("the socket's buffer is small: raise net.core.rmem_max to %d or give "
		            "CAP_NET_ADMIN, or records are lost when the disk is slow",
		    LISTEN_BUFFER_BYTES);
	if (server->options->journal.immutable && !writer.has_attributes)
		log_warning("the append-only attribute cannot be set here");
}

bool server_run(const struct server_options *options, struct err *err)
{
	struct server server = { .options = options };
	server.loop = ev_default_loop(EVFLAG_AUTO);
	if (!server.loop)
		return err_set(err, "no event loop");
	signal(SIGPIPE, SIG_IGN); /* KMS hanging up must not end us */
	watch_signals(&server);
	bool started = start(&server, err), safe = true;
	if (started) {
		tell_start(&server);
		systemd_notify("READY=1");
		ev_run(server.loop, 0);
		log_info("stopping");
		systemd_notify("STOPPING=1");
		receiver_stop(server.receiver);
		if (server.stream)
			stream_stop(server.stream);
	}
	status_server_free(server.status);
	if (server.writer)
		safe = writer_stop(server.writer);
	receiver_free(server.receiver);
	stream_free(server.stream);
	spool_free(server.spool);
	if (!safe)
		err_set(err, "records were lost at the end");
	return started && safe;
}
