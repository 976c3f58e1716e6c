/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: an HTTP/1.1 load generator, cleartext or TLS, one thread.
 *
 *   load --url https://localhost:8443/v1/accounts --ca ca.pem --rate 500 --connections 16 --seconds
 * 10 [--raw FILE]...
 *
 * With --rate it is open-loop: request i is due at start + i/rate whatever happened to the ones
 * before, and its latency counts from then, so that a stall of the server is seen in every request
 * it delayed (no coordinated omission). Without --rate each connection sends its next request when
 * the answer is there.
 * --raw gives whole requests to send (several are taken in turn); else a GET of the URL with the
 * --header lines. --tokens FILE: each request takes the next line as its bearer token, each line
 * once before any comes again.
 * --warm opens all connections before the run, each with one request that does not count; --ramp K
 * does so with at most K of them under way, for thousands of handshakes at once are more than a
 * server gets done within its timeouts. The run's requests then go to those connections in turn, so
 * that each of them is used. SIGTERM ends a run before its time.
 *
 * Prints one JSON object: requests by status, failures by kind, requests/s, connects (in the run
 * itself), latency percentiles in µs. A failure is a request that was sent, or was due, and got no
 * whole answer.
 */
#include "common/cli.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/json_write.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 20000, RAW_MAX = 256, BUCKETS = 64 * 64, TOKENS_BYTES_MAX = 2000000000 };

static const char *opt_url, *opt_ca, *opt_method = "GET", *opt_body, *opt_cert, *opt_key,
                                     *opt_tokens;
static struct cli_list opt_headers, opt_raw;
static uint64_t opt_rate, opt_connections = 16, opt_seconds = 10, opt_timeout_ms = 10000, opt_count,
                          opt_ramp;
static bool opt_close, opt_warm, opt_fresh;

/* Log-linear histogram: 64 sub-buckets per power of two, 1.6 % wide. */
struct histogram {
	uint64_t buckets[BUCKETS];
	uint64_t count, max;
};

enum failure { FAIL_CONNECT, FAIL_TLS, FAIL_CLOSED, FAIL_PROTOCOL, FAIL_TIMEOUT, FAIL_COUNT };
static const char *const failure_names[FAIL_COUNT] = { "connect", "tls", "closed", "protocol",
	"timeout" };

enum state { CONN_IDLE, CONN_CONNECTING, CONN_HANDSHAKE, CONN_READY, CONN_WAITING };

struct conn {
	ev_io io;
	ev_timer timer;
	int fd;
	SSL *ssl;
	enum state state;
	bool pending;  /* a request is assigned */
	bool answered; /* this connection had an answer before: a close may be a keep-alive race */
	uint64_t due_us; /* when that request was due */
	size_t sent;
	struct slice out;
	struct buf in;
	size_t next_raw;
	struct buf own; /* with --tokens and --fresh: the request, made anew each time */
	struct conn *next_free;
};

static struct ev_loop *loop;
static SSL_CTX *tls;
static struct sockaddr_storage peer;
static socklen_t peer_len;
static char peer_name[256], peer_port[16], peer_path[4096];
static struct buf raws[RAW_MAX];
static size_t raw_count;
static struct buf tokens; /* of --tokens: lines */
static struct slice tokens_left;
static struct conn *conns, *free_list, *free_last;
static struct histogram histogram;
static uint64_t statuses[600], failures[FAIL_COUNT], started_us, issued, done, connects;
static ev_timer stop_timer;
static ev_io pace; /* a timerfd: libev's own timers come a millisecond apart at best */
static ev_signal stop_signal;
static bool stopping, warming;
static uint64_t warm_begun, warmed;

static size_t bucket_of(uint64_t us)
{
	unsigned shift = 0;
	while ((us >> shift) >= 64)
		shift++;
	size_t b = shift * 32 + (size_t)(us >> shift);
	return b < BUCKETS ? b : BUCKETS - 1;
}

static uint64_t bucket_top(size_t b)
{
	if (b < 64)
		return b;
	unsigned shift = (unsigned)((b - 32) / 32);
	return (((uint64_t)(b - shift * 32) + 1) << shift) - 1;
}

static void histogram_add(struct histogram *h, uint64_t us)
{
	h->buckets[bucket_of(us)]++;
	h->count++;
	if (us > h->max)
		h->max = us;
}

static uint64_t histogram_quantile(const struct histogram *h, double q)
{
	uint64_t want = (uint64_t)(q * (double)h->count), seen = 0;
	for (size_t b = 0; b < BUCKETS; b++) {
		seen += h->buckets[b];
		if (seen > want)
			return bucket_top(b) < h->max ? bucket_top(b) : h->max;
	}
	return h->max;
}

static void conn_open(struct conn *c);
static void conn_send(struct conn *c);
static void on_io(struct ev_loop *l, ev_io *io, int events);

static void conn_watch(struct conn *c, int events)
{
	if (ev_is_active(&c->io) && c->io.events == events)
		return;
	ev_io_stop(loop, &c->io);
	ev_io_set(&c->io, c->fd, events);
	ev_io_start(loop, &c->io);
}

static void conn_close(struct conn *c)
{
	ev_io_stop(loop, &c->io);
	if (c->ssl) {
		SSL_set_quiet_shutdown(c->ssl, 1);
		SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->state = CONN_IDLE;
	c->answered = false;
	buf_reset(&c->in);
	ERR_clear_error();
}

/* With --ramp behind all others, so that they take turns; else the one used last is next. */
static void conn_put_free(struct conn *c)
{
	bool behind = opt_ramp && free_list;
	c->next_free = behind ? NULL : free_list;
	if (behind)
		free_last->next_free = c;
	else
		free_list = c;
	if (!c->next_free)
		free_last = c;
}

static bool all_issued(void)
{
	return stopping || (opt_count && issued >= opt_count);
}

static void maybe_end(void)
{
	uint64_t failed = 0;
	for (int i = 0; i < FAIL_COUNT; i++)
		failed += failures[i];
	if (all_issued() && done + failed >= issued)
		ev_break(loop, EVBREAK_ALL);
}

/* Every connection has had its first answer, or failed to: from here on everything counts. */
static void measure_begin(void)
{
	warming = false;
	histogram = (struct histogram){ 0 };
	memset(statuses, 0, sizeof(statuses));
	memset(failures, 0, sizeof(failures));
	issued = done = connects = 0;
	started_us = clock_monotonic_us();
	ev_timer_set(&stop_timer, (double)opt_seconds, 0);
	ev_timer_start(loop, &stop_timer);
}

static void conn_begin(struct conn *c, uint64_t due_us)
{
	issued++;
	c->pending = true;
	c->due_us = due_us;
	ev_timer_set(&c->timer, (double)opt_timeout_ms / 1000, 0);
	ev_timer_start(loop, &c->timer);
	if (c->fd < 0)
		conn_open(c);
	else
		conn_send(c);
}

/* The next connection is opened. */
static void warm_next(void)
{
	if (warm_begun < opt_connections)
		conn_begin(&conns[warm_begun++], clock_monotonic_us());
}

static void conn_warmed(struct conn *c)
{
	conn_put_free(c);
	if (++warmed == opt_connections)
		measure_begin();
	else
		warm_next();
}

/* Takes the next request that is due, if one is; else rests. */
static void conn_next(struct conn *c)
{
	uint64_t now = clock_monotonic_us();
	ev_timer_stop(loop, &c->timer);
	c->pending = false;
	if (warming) {
		conn_warmed(c);
		return;
	}
	if (all_issued()) {
		conn_put_free(c);
		maybe_end();
		return;
	}
	uint64_t due = opt_rate ? started_us + issued * 1000000 / opt_rate : now;
	if (due > now) {
		conn_put_free(c);
		return;
	}
	conn_begin(c, due);
}

static void conn_fail(struct conn *c, enum failure why)
{
	conn_close(c);
	if (c->pending)
		failures[why]++;
	conn_next(c);
}

/* Behind the request line. */
static struct slice with_next_token(struct buf *own, struct slice request)
{
	struct slice token;
	size_t line = slice_find(request, SLICE("\r\n")) + 2;
	if (!tokens_left.len)
		tokens_left = buf_slice(&tokens);
	slice_cut(tokens_left, '\n', &token, &tokens_left);
	buf_reset(own);
	buf_append_slice(own, slice_sub(request, 0, line));
	buf_printf(own, "Authorization: Bearer %.*s\r\n", SLICE_ARG(token));
	buf_append_slice(own, slice_from(request, line));
	return buf_slice(own);
}

/* Its marks replaced by a number of their length that no other request of this run has. */
static struct slice with_next_number(struct buf *own, struct slice request)
{
	static const struct slice mark = SLICE_INIT("@@@@@@@@");
	static uint64_t number;
	char digits[16];
	size_t at, from = 0;
	snprintf(digits, sizeof digits, "%08u", (unsigned)(++number * 48271 % 100000000));
	buf_reset(own);
	buf_append_slice(own, request);
	while ((at = slice_find(slice_from(buf_slice(own), from), mark)) != SIZE_MAX) {
		memcpy(own->data + from + at, digits, mark.len);
		from += at + mark.len;
	}
	return buf_slice(own);
}

static void conn_send(struct conn *c)
{
	c->next_raw = (c->next_raw + 1) % raw_count;
	c->out = buf_slice(&raws[c->next_raw]);
	if (tokens.len)
		c->out = with_next_token(&c->own, c->out);
	else if (opt_fresh)
		c->out = with_next_number(&c->own, c->out);
	c->sent = 0;
	c->state = CONN_READY;
	on_io(loop, &c->io, EV_WRITE);
}

static void conn_open(struct conn *c)
{
	int one = 1;
	connects++;
	c->fd = socket(peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		conn_fail(c, FAIL_CONNECT);
		return;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->state = CONN_CONNECTING;
	if (connect(c->fd, (struct sockaddr *)&peer, peer_len) != 0 && errno != EINPROGRESS) {
		conn_fail(c, FAIL_CONNECT);
		return;
	}
	conn_watch(c, EV_WRITE);
}

/* >0 bytes, 0 try again later (the watcher is set), <0 closed or failed. */
static ssize_t conn_io(struct conn *c, bool writing, void *data, size_t size)
{
	ssize_t n;
	if (c->ssl) {
		n = writing ? SSL_write(c->ssl, data, (int)size)
		            : SSL_read(c->ssl, data, (int)size);
		if (n > 0)
			return n;
		int why = SSL_get_error(c->ssl, (int)n);
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return -1;
		conn_watch(c, why == SSL_ERROR_WANT_READ ? EV_READ : EV_WRITE);
		return 0;
	}
	n = writing ? write(c->fd, data, size) : read(c->fd, data, size);
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		conn_watch(c, writing ? EV_WRITE : EV_READ);
		return 0;
	}
	return -1;
}

/* The value of a header of the answer's head, by lower-case name. */
static struct slice head_find(struct slice head, struct slice name)
{
	struct slice line, rest = head, key, value;
	while (rest.len) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_cut(line, ':', &key, &value) && slice_eq_nocase(key, name))
			return slice_trim(value);
	}
	return (struct slice){ 0 };
}

/* Length of a whole answer at the start of `in`, 0 when more is to come, SIZE_MAX when it is none.
 */
static size_t answer_length(struct slice in, unsigned *status, bool *closes)
{
	size_t head_end = slice_find(in, SLICE("\r\n\r\n"));
	uint64_t code, length = 0;
	if (head_end == SIZE_MAX)
		return in.len > 65536 ? SIZE_MAX : 0;
	struct slice head = slice_sub(in, 0, head_end + 2);
	if (!slice_starts_with(head, SLICE("HTTP/1.")) ||
	    !slice_to_u64(slice_sub(head, 9, 3), 599, &code))
		return SIZE_MAX;
	*status = (unsigned)code;
	*closes = slice_eq_nocase(head_find(head, SLICE("connection")), SLICE("close"));
	size_t body = head_end + 4;
	if (code == 204 || code == 304)
		return body;
	if (slice_eq_nocase(head_find(head, SLICE("transfer-encoding")), SLICE("chunked"))) {
		size_t end = slice_find(slice_from(in, body), SLICE("0\r\n\r\n"));
		return end == SIZE_MAX ? 0 : body + end + 5;
	}
	slice_to_u64(head_find(head, SLICE("content-length")), UINT64_MAX, &length);
	return in.len >= body + length ? body + (size_t)length : 0;
}

static void conn_answered(struct conn *c, size_t length, unsigned status, bool closes)
{
	histogram_add(&histogram, clock_monotonic_us() - c->due_us);
	statuses[status]++;
	done++;
	c->answered = true;
	buf_consume(&c->in, length);
	if (closes || opt_close)
		conn_close(c);
	conn_next(c);
}

/* A kept connection closed by the server before it answered: one new try, as every client does. */
static void conn_lost(struct conn *c)
{
	bool retry = c->pending && c->answered && c->in.len == 0;
	if (!retry) {
		conn_fail(c, FAIL_CLOSED);
		return;
	}
	conn_close(c);
	conn_open(c);
}

static void conn_read(struct conn *c)
{
	unsigned status = 0;
	bool closes = false;
	if (!buf_reserve(&c->in, 16384)) {
		conn_fail(c, FAIL_PROTOCOL);
		return;
	}
	ssize_t n = conn_io(c, false, c->in.data + c->in.len, 16384);
	if (n == 0)
		return;
	if (n < 0) {
		conn_lost(c);
		return;
	}
	c->in.len += (size_t)n;
	size_t length = answer_length(buf_slice(&c->in), &status, &closes);
	if (length == SIZE_MAX)
		conn_fail(c, FAIL_PROTOCOL);
	else if (length)
		conn_answered(c, length, status, closes);
	else
		conn_read(c);
}

static void conn_write(struct conn *c)
{
	while (c->sent < c->out.len) {
		struct slice rest = slice_from(c->out, c->sent);
		struct buf *whole = c->own.len ? &c->own : &raws[c->next_raw];
		ssize_t n = conn_io(c, true, whole->data + c->sent, rest.len);
		if (n == 0)
			return;
		if (n < 0) {
			conn_lost(c);
			return;
		}
		c->sent += (size_t)n;
	}
	c->state = CONN_WAITING;
	conn_watch(c, EV_READ);
}

static void conn_handshake(struct conn *c)
{
	int r = SSL_connect(c->ssl);
	if (r == 1) {
		conn_send(c);
		return;
	}
	int why = SSL_get_error(c->ssl, r);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		conn_watch(c, why == SSL_ERROR_WANT_READ ? EV_READ : EV_WRITE);
	else
		conn_fail(c, FAIL_TLS);
}

static void conn_connected(struct conn *c)
{
	int error = 0;
	socklen_t size = sizeof(error);
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error) {
		conn_fail(c, FAIL_CONNECT);
		return;
	}
	if (!tls) {
		conn_send(c);
		return;
	}
	c->ssl = SSL_new(tls);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_tlsext_host_name(c->ssl, peer_name);
	SSL_set1_host(c->ssl, peer_name);
	c->state = CONN_HANDSHAKE;
	conn_handshake(c);
}

static void on_io(struct ev_loop *l, ev_io *io, int events)
{
	struct conn *c = io->data;
	(void)l;
	(void)events;
	switch (c->state) {
	case CONN_CONNECTING:
		conn_connected(c);
		break;
	case CONN_HANDSHAKE:
		conn_handshake(c);
		break;
	case CONN_READY:
		conn_write(c);
		break;
	case CONN_WAITING:
		if (c->pending)
			conn_read(c);
		else
			conn_close(c); /* the server closed an idle connection */
		break;
	case CONN_IDLE:
		break;
	}
}

static void on_timeout(struct ev_loop *l, ev_timer *timer, int events)
{
	(void)l;
	(void)events;
	conn_fail(timer->data, FAIL_TIMEOUT);
}

static void take_due(void)
{
	while (free_list && !warming && !all_issued()) {
		uint64_t due = opt_rate ? started_us + issued * 1000000 / opt_rate : 0;
		if (due > clock_monotonic_us())
			break;
		struct conn *c = free_list;
		free_list = c->next_free;
		conn_next(c);
	}
	maybe_end();
}

static void on_pace(struct ev_loop *l, ev_io *timer, int events)
{
	uint64_t expirations;
	(void)l;
	(void)events;
	if (read(timer->fd, &expirations, sizeof(expirations)) > 0)
		take_due();
}

/* Comes when a request is due; in a closed loop, where only the ones that failed wait for it, each
 * half millisecond. */
static bool pace_start(void)
{
	uint64_t ns = opt_rate ? 1000000000 / opt_rate : 500000;
	struct timespec period = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &(struct itimerspec){ period, period }, NULL) != 0)
		return false;
	ev_io_init(&pace, on_pace, fd, EV_READ);
	ev_io_start(loop, &pace);
	return true;
}

static void on_stop(struct ev_loop *l, ev_timer *timer, int events)
{
	(void)l;
	(void)timer;
	(void)events;
	stopping = true;
	maybe_end();
}

/* SIGTERM ends it early: what was sent is waited for and counted. */
static void on_signal(struct ev_loop *l, ev_signal *signal, int events)
{
	(void)signal;
	on_stop(l, &stop_timer, events);
}

static bool url_parse(void)
{
	struct slice url = slice_of_cstr(opt_url), authority, path, host, port;
	bool secure = slice_starts_with(url, SLICE("https://"));
	if (!secure && !slice_starts_with(url, SLICE("http://")))
		return false;
	bool has_path = slice_cut(slice_from(url, secure ? 8 : 7), '/', &authority, &path);
	if (!slice_cut(authority, ':', &host, &port))
		port = secure ? SLICE("443") : SLICE("80");
	snprintf(peer_name, sizeof(peer_name), "%.*s", SLICE_ARG(host));
	snprintf(peer_port, sizeof(peer_port), "%.*s", SLICE_ARG(port));
	snprintf(peer_path, sizeof(peer_path), "/%.*s", SLICE_ARG(has_path ? path : SLICE("")));
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found;
	if (getaddrinfo(peer_name, peer_port, &hints, &found) != 0)
		return false;
	memcpy(&peer, found->ai_addr, found->ai_addrlen);
	peer_len = found->ai_addrlen;
	freeaddrinfo(found);
	if (secure) {
		tls = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_mode(
		    tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		if (opt_ca) {
			SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
			if (SSL_CTX_load_verify_locations(tls, opt_ca, NULL) != 1)
				return false;
		}
		if (opt_cert &&
		    (SSL_CTX_use_certificate_chain_file(tls, opt_cert) != 1 ||
		        SSL_CTX_use_PrivateKey_file(tls, opt_key, SSL_FILETYPE_PEM) != 1))
			return false;
	}
	return true;
}

static bool requests_load(struct err *err)
{
	buf_init(&tokens, 0);
	if (opt_tokens && !file_read(opt_tokens, TOKENS_BYTES_MAX, &tokens, err))
		return false;
	for (size_t i = 0; i < opt_raw.count && i < RAW_MAX; i++) {
		buf_init(&raws[i], 0);
		if (!file_read(opt_raw.items[i], 1 << 20, &raws[i], err))
			return false;
		raw_count++;
	}
	if (raw_count)
		return true;
	struct buf body;
	buf_init(&body, 0);
	if (opt_body && !file_read(opt_body, 1 << 24, &body, err))
		return false;
	buf_init(&raws[0], 0);
	buf_printf(&raws[0], "%s %s HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: load\r\nAccept: */*\r\n",
	    opt_method, peer_path, peer_name, peer_port);
	for (size_t i = 0; i < opt_headers.count; i++)
		buf_printf(&raws[0], "%s\r\n", opt_headers.items[i]);
	if (body.len)
		buf_printf(&raws[0], "Content-Length: %zu\r\n", body.len);
	buf_append_cstr(&raws[0], "\r\n");
	buf_append_slice(&raws[0], buf_slice(&body));
	buf_release(&body);
	raw_count = 1;
	return true;
}

static void report(double seconds)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = { { "p50_us", 0.5 }, { "p90_us", 0.9 }, { "p99_us", 0.99 },
		{ "p999_us", 0.999 } };
	struct buf out;
	struct jw w;
	char key[8];
	buf_init(&out, 0);
	jw_init(&w, &out, 0);
	jw_object_begin(&w);
	jw_key(&w, "requests");
	jw_uint(&w, done);
	jw_key(&w, "issued");
	jw_uint(&w, issued);
	jw_key(&w, "seconds");
	jw_double(&w, seconds);
	jw_key(&w, "rps");
	jw_double(&w, (double)done / seconds);
	jw_key(&w, "connects");
	jw_uint(&w, connects);
	jw_key(&w, "status");
	jw_object_begin(&w);
	for (unsigned s = 100; s < 600; s++)
		if (statuses[s]) {
			snprintf(key, sizeof(key), "%u", s);
			jw_key(&w, key);
			jw_uint(&w, statuses[s]);
		}
	jw_object_end(&w);
	jw_key(&w, "failed");
	jw_object_begin(&w);
	for (int i = 0; i < FAIL_COUNT; i++)
		if (failures[i]) {
			jw_key(&w, failure_names[i]);
			jw_uint(&w, failures[i]);
		}
	jw_object_end(&w);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++) {
		jw_key(&w, quantiles[i].name);
		jw_uint(&w, histogram_quantile(&histogram, quantiles[i].q));
	}
	jw_key(&w, "max_us");
	jw_uint(&w, histogram.max);
	jw_object_end(&w);
	puts(buf_cstr(&out));
	buf_release(&out);
}

static void conns_init(void)
{
	conns = calloc(opt_connections, sizeof(*conns));
	for (uint64_t i = 0; i < opt_connections; i++) {
		struct conn *c = &conns[i];
		c->fd = -1;
		c->next_raw = i % raw_count;
		buf_init(&c->in, 0);
		buf_init(&c->own, 0);
		ev_init(&c->io, on_io);
		c->io.data = c;
		ev_init(&c->timer, on_timeout);
		c->timer.data = c;
		conn_put_free(c);
	}
}

/* One request on each connection that does not count, so that no handshake does. */
static void warm(void)
{
	uint64_t at_once = opt_ramp ? opt_ramp : opt_connections;
	warming = true;
	free_list = NULL;
	for (uint64_t i = 0; i < at_once; i++)
		warm_next();
}

static int run(int argc, char **argv)
{
	struct err err = { 0 };
	char text[1024];
	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	if (!opt_url || !url_parse()) {
		fputs(
		    "load: --url http[s]://HOST[:PORT]/PATH is needed, and its host and CA file must be there\n",
		    stderr);
		return CLI_USAGE;
	}
	if (!requests_load(&err)) {
		fprintf(stderr, "load: %s\n", err_format(&err, text, sizeof(text)));
		return CLI_ERROR;
	}
	loop = ev_default_loop(0);
	conns_init();
	if (!pace_start()) {
		fprintf(stderr, "load: no timer: %s\n", strerror(errno));
		return CLI_ERROR;
	}
	ev_init(&stop_timer, on_stop);
	ev_signal_init(&stop_signal, on_signal, SIGTERM);
	ev_signal_start(loop, &stop_signal);
	if (opt_warm || opt_ramp)
		warm();
	else
		measure_begin();
	ev_run(loop, 0);
	report((double)(clock_monotonic_us() - started_us) / 1e6);
	return CLI_OK;
}

static const struct cli_option options[] = {
	{ "url", 'u', CLI_STRING, &opt_url, "URL", "where to", 0, 0 },
	{ "ca", 0, CLI_STRING, &opt_ca, "FILE",
	    "CA certificates; without it the server is not verified", 0, 0 },
	{ "cert", 0, CLI_STRING, &opt_cert, "FILE", "client certificate", 0, 0 },
	{ "key", 0, CLI_STRING, &opt_key, "FILE", "its key", 0, 0 },
	{ "method", 'm', CLI_STRING, &opt_method, "METHOD", "instead of GET", 0, 0 },
	{ "header", 'H', CLI_LIST, &opt_headers, "LINE", "a header line", 0, 0 },
	{ "body", 0, CLI_STRING, &opt_body, "FILE", "the request's body", 0, 0 },
	{ "raw", 0, CLI_LIST, &opt_raw, "FILE", "a whole request; several are taken in turn", 0,
	    0 },
	{ "tokens", 0, CLI_STRING, &opt_tokens, "FILE",
	    "bearer tokens, one on each line; a request takes the next", 0, 0 },
	{ "rate", 'r', CLI_UINT, &opt_rate, "N", "requests per second, open loop; 0: closed loop",
	    0, 10000000 },
	{ "connections", 'c', CLI_UINT, &opt_connections, "N", "at most so many connections", 1,
	    CONNECTIONS_MAX },
	{ "seconds", 's', CLI_UINT, &opt_seconds, "N", "how long to send", 1, 86400 },
	{ "count", 'n', CLI_UINT, &opt_count, "N", "stop after so many requests", 0, UINT64_MAX },
	{ "timeout-ms", 0, CLI_UINT, &opt_timeout_ms, "N", "per request", 1, 600000 },
	{ "fresh", 'f', CLI_FLAG, &opt_fresh, NULL,
	    "@@@@@@@@ in a request is replaced by a number of its own; not with --tokens", 0, 0 },
	{ "warm", 'w', CLI_FLAG, &opt_warm, NULL,
	    "the first request of each connection does not count", 0, 0 },
	{ "ramp", 0, CLI_UINT, &opt_ramp, "K",
	    "--warm with at most K connections being opened at a time, which then take turns", 0,
	    CONNECTIONS_MAX },
	{ "close", 0, CLI_FLAG, &opt_close, NULL, "a new connection for each request", 0, 0 },
	{ 0 },
};
static const struct cli_command command = { NULL, "", "HTTP/1.1 load generator", NULL, options, run,
	0, 0 };
static const struct cli_program program = { "load", "HTTP/1.1 load generator", NULL, NULL, &command,
	NULL };

int main(int argc, char **argv)
{
	return cli_main(&program, argc, argv);
}
