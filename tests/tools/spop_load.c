/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spop_load: `check` requests straight to an agent, as HAProxy would send them: closed loop, many
 * connections, several frames in flight on each. Prints requests per second and latencies as one
 * JSON object.
 */
#include "common/cli.h"
#include "common/clock.h"
#include "common/file.h"
#include "tests/support/spop_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	PIPELINE_MAX = 64,
	SAMPLES_MAX = 20 * 1000 * 1000,
	FRAME_ROOM = 1024 * 1024,
	HEADERS_MAX = 256
};

static const char *address = "unix:/run/sallyport/spoa.sock";
static const char *route = "accounts", *method = "GET", *path = "/v1/accounts", *query = "";
static const char *token_file, *body_file;
static struct cli_list header_list;
static uint64_t connections = 16, pipeline = 1, seconds = 5, max_frame = 131068;

struct client {
	struct spop_peer peer;
	uint64_t sent_ns[PIPELINE_MAX]; /* by stream id */
};

static struct slice frames[PIPELINE_MAX]; /* the frame of each stream id */
static uint32_t *samples_ns;
static size_t sample_count;
static uint64_t verdicts[6];

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double percentile_us(double p)
{
	size_t i = (size_t)(p / 100 * (double)sample_count);

	return sample_count == 0 ? 0 : samples_ns[i < sample_count ? i : sample_count - 1] / 1000.0;
}

static size_t verdict_slot(uint64_t status)
{
	return status == 200 ? 0 : status == 401 ? 1 : status == 403 ? 2 : status == 503 ? 3 : 4;
}

static bool send_request(struct client *client, size_t stream)
{
	client->sent_ns[stream] = clock_monotonic_ns();
	return spop_peer_send(&client->peer, frames[stream]);
}

/* One answer; asks again on the same stream unless the time is over. */
static bool take_answer(struct client *client, const struct frame *frame, bool more)
{
	struct typed verdict = spop_peer_variable(frame, "verdict");
	uint64_t taken;

	if (frame->type != FRAME_ACK || frame->stream_id >= pipeline)
		return false;
	taken = clock_monotonic_ns() - client->sent_ns[frame->stream_id];
	verdicts[verdict.type == TYPED_UINT32 ? verdict_slot(verdict.uint) : 5]++;
	if (sample_count < SAMPLES_MAX)
		samples_ns[sample_count++] = taken > UINT32_MAX ? UINT32_MAX : (uint32_t)taken;
	return !more || send_request(client, (size_t)frame->stream_id);
}

/* All whole frames that one read brings. */
static bool serve(struct client *client, bool more)
{
	struct buf *in = &client->peer.in;
	struct frame frame;
	size_t bytes, at = 0;
	ssize_t n;

	if (!buf_reserve(in, 65536))
		return false;
	n = recv(client->peer.fd, in->data + in->len, 65536, MSG_DONTWAIT);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	in->len += (size_t)n;
	while (frame_next(slice_from(buf_slice(in), at), FRAME_ROOM, &frame, &bytes) ==
	       FRAME_COMPLETE) {
		if (!take_answer(client, &frame, more))
			return false;
		at += bytes;
	}
	buf_consume(in, at);
	return true;
}

/* "name: value" into two strings; the copies live as long as the process. */
static size_t split_header(const char *text, const char **out)
{
	char *copy = strdup(text);
	char *colon = copy ? strchr(copy, ':') : NULL;

	if (!colon)
		return 0;
	*colon = '\0';
	out[0] = copy;
	out[1] = colon + 1 + strspn(colon + 1, " ");
	return 2;
}

static void build_frames(void)
{
	static const char *headers[HEADERS_MAX * 2 + 8];
	static char memory[FRAME_ROOM];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
	struct spop_check check = { .id = "load",
		.route = route,
		.method = method,
		.path = path,
		.query = query,
		.version = "1.1",
		.headers = headers };
	struct buf token, body;
	struct err err = { 0 };
	size_t n = 0;

	buf_init(&token, 0);
	buf_init(&body, 0);
	buf_append_cstr(&token, "Bearer ");
	if ((token_file && !file_read(token_file, 65536, &token, &err)) ||
	    (body_file && !file_read(body_file, FRAME_ROOM / 2, &body, &err))) {
		fprintf(stderr, "%s\n", err.text);
		exit(CLI_ERROR);
	}
	while (token.len > 0 && ascii_is_space(token.data[token.len - 1]))
		token.len--;
	for (size_t i = 0; i < header_list.count && i < HEADERS_MAX; i++)
		n += split_header(header_list.items[i], headers + n);
	if (token_file) {
		headers[n++] = "authorization";
		headers[n++] = buf_cstr(&token);
	}
	check.body = buf_slice(&body);
	for (size_t i = 0; i < pipeline; i++) {
		size_t before = wire_written(&writer).len;

		spop_peer_write_check(&writer, i, 1, &check);
		frames[i] = slice_from(wire_written(&writer), before);
	}
}

static int fail(const char *what)
{
	fprintf(stderr, "spop_load: %s\n", what);
	return CLI_ERROR;
}

static void report(double took_s)
{
	qsort(samples_ns, sample_count, sizeof(*samples_ns), by_size);
	printf(
	    "{\"requests\":%zu,\"seconds\":%.3f,\"rps\":%.0f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,"
	    "\"p999_us\":%.1f,\"max_us\":%.1f,\"verdicts\":{\"200\":%llu,\"401\":%llu,\"403\":%llu,\"503\":%llu,"
	    "\"other\":%llu,\"none\":%llu}}\n",
	    sample_count, took_s, (double)sample_count / took_s, percentile_us(50),
	    percentile_us(90), percentile_us(99), percentile_us(99.9), percentile_us(100),
	    (unsigned long long)verdicts[0], (unsigned long long)verdicts[1],
	    (unsigned long long)verdicts[2], (unsigned long long)verdicts[3],
	    (unsigned long long)verdicts[4], (unsigned long long)verdicts[5]);
}

static int run(int argc, char **argv)
{
	struct client *clients = calloc(connections, sizeof(*clients));
	int poller = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[256];
	uint64_t began, end;

	(void)argc;
	(void)argv;
	samples_ns = malloc((size_t)SAMPLES_MAX * sizeof(*samples_ns));
	if (!clients || poller < 0 || !samples_ns)
		return fail("no memory");
	build_frames();
	for (size_t i = 0; i < connections; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &clients[i] };

		if (!spop_peer_connect(&clients[i].peer, address) ||
		    !spop_peer_greet(&clients[i].peer, (uint32_t)max_frame))
			return fail("no agent answers there");
		buf_reset(&clients[i].peer.in);
		clients[i].peer.taken = 0;
		epoll_ctl(poller, EPOLL_CTL_ADD, clients[i].peer.fd, &event);
	}
	began = clock_monotonic_ns();
	end = began + seconds * 1000000000;
	for (size_t i = 0; i < connections; i++)
		for (size_t stream = 0; stream < pipeline; stream++)
			if (!send_request(&clients[i], stream))
				return fail("cannot send");
	while (clock_monotonic_ns() < end) {
		int n = epoll_wait(poller, events, 256, 100);

		for (int i = 0; i < n; i++)
			if (!serve(events[i].data.ptr, true))
				return fail("the agent has closed a connection");
	}
	report((double)(clock_monotonic_ns() - began) / 1e9);
	return CLI_OK;
}

// clang-format off
static const struct cli_option options[] = {
	{ .name = "agent", .kind = CLI_STRING, .dest = &address, .arg = "ADDRESS", .help = "unix:/PATH or tcp:ADDRESS:PORT" },
	{ .name = "connections", .letter = 'c', .kind = CLI_UINT, .dest = &connections, .arg = "N", .help = "connections (16)", .min = 1, .max = 10000 },
	{ .name = "pipeline", .letter = 'p', .kind = CLI_UINT, .dest = &pipeline, .arg = "N", .help = "frames in flight on each (1)", .min = 1, .max = PIPELINE_MAX },
	{ .name = "seconds", .letter = 'd', .kind = CLI_UINT, .dest = &seconds, .arg = "N", .help = "how long (5)", .min = 1, .max = 3600 },
	{ .name = "max-frame", .kind = CLI_UINT, .dest = &max_frame, .arg = "BYTES", .help = "offered frame size (131068)", .min = 256, .max = FRAME_ROOM },
	{ .name = "route", .kind = CLI_STRING, .dest = &route, .arg = "ID", .help = "service id" },
	{ .name = "method", .kind = CLI_STRING, .dest = &method, .arg = "METHOD", .help = "HTTP method" },
	{ .name = "path", .kind = CLI_STRING, .dest = &path, .arg = "PATH", .help = "path" },
	{ .name = "query", .kind = CLI_STRING, .dest = &query, .arg = "QUERY", .help = "query string" },
	{ .name = "header", .letter = 'H', .kind = CLI_LIST, .dest = &header_list, .arg = "NAME:VALUE", .help = "one more header" },
	{ .name = "token-file", .kind = CLI_STRING, .dest = &token_file, .arg = "FILE", .help = "bearer token" },
	{ .name = "body-file", .kind = CLI_STRING, .dest = &body_file, .arg = "FILE", .help = "body" },
	{ 0 },
};
// clang-format on

static const struct cli_command command = {
	.name = "spop_load",
	.args = "",
	.summary = "load an agent directly",
	.options = options,
	.run = run,
};

static const struct cli_program program = {
	.name = "spop_load",
	.summary = "`check` requests straight to an agent",
	.main = &command,
};

int main(int argc, char **argv)
{
	return cli_main(&program, argc, argv);
}
