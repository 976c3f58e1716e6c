/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream: sample services over HTTPS for the development stack and the end-to-end tests.
 *
 *   upstream --cert FILE --key FILE [--log FILE] [--any] NAME=PORT...
 *
 * Each NAME listens on 127.0.0.1:PORT, with --any on all addresses. It answers any request with a
 * JSON description of what arrived, which is how the tests see what the gateway forwarded. What a
 * test may ask for in the query: status=N     answer with that status delay_ms=N   wait first (at
 * most 60 s) echo=1 answer with the request's body, content type text/html unless type= says
 * otherwise size=N       answer with N bytes (at most 64 MiB) close=1      close the connection
 * without an answer; close_once=N the same, unless the last one so closed had this N; bad=1 answer
 * with something that is no HTTP
 * --log appends a line "unix-microseconds name method path" per request: an independent count.
 * One thread per connection: plain to read, and fast enough for tests.
 */
#include "common/cli.h"
#include "common/clock.h"
#include "common/json_write.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 128 * 1024, BODY_MAX = 16 * 1024 * 1024, SERVICES_MAX = 64 };

static const char *opt_cert, *opt_key, *opt_log;
static bool opt_plain, opt_any;
static SSL_CTX *tls;
static int log_fd = -1;

struct service {
	const char *name;
	int listen_fd;
};

struct client {
	const struct service *service;
	int fd;
	SSL *ssl; /* NULL: cleartext */
	struct buf in;
};

struct request {
	struct slice method, target, path, query, head;
	struct buf body;
	bool keep_alive;
};

static ssize_t client_read(struct client *c, char *dst, size_t size)
{
	if (!c->ssl)
		return read(c->fd, dst, size);
	return SSL_read(c->ssl, dst, (int)size);
}

static bool client_write(struct client *c, struct slice bytes)
{
	size_t sent = 0;
	while (sent < bytes.len) {
		ssize_t n = c->ssl ? SSL_write(c->ssl, bytes.ptr + sent, (int)(bytes.len - sent))
		                   : write(c->fd, bytes.ptr + sent, bytes.len - sent);
		if (n <= 0)
			return false;
		sent += (size_t)n;
	}
	return true;
}

static bool client_fill(struct client *c)
{
	if (!buf_reserve(&c->in, 16384))
		return false;
	ssize_t n = client_read(c, c->in.data + c->in.len, 16384);
	if (n <= 0)
		return false;
	c->in.len += (size_t)n;
	return true;
}

/* The value of a query parameter, as it stands; empty when there is none. */
static struct slice query_get(struct slice query, const char *name)
{
	struct slice rest = query, pair, key, value;
	while (rest.len) {
		slice_cut(rest, '&', &pair, &rest);
		slice_cut(pair, '=', &key, &value);
		if (slice_eq(key, slice_of_cstr(name)))
			return value;
	}
	return (struct slice){ 0 };
}

static uint64_t query_uint(struct slice query, const char *name, uint64_t max, uint64_t otherwise)
{
	uint64_t value = otherwise;
	slice_to_u64(query_get(query, name), max, &value);
	return value;
}

/* Calls `each` for every header line of the head. */
static void head_each(
    struct slice head, void (*each)(void *, struct slice, struct slice), void *ctx)
{
	struct slice line, rest, name, value;
	slice_cut(head, '\n', &line, &rest);
	while (rest.len) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_cut(line, ':', &name, &value))
			each(ctx, name, slice_trim(value));
	}
}

struct framing {
	uint64_t length;
	bool chunked, close, expect;
};

static void framing_header(void *ctx, struct slice name, struct slice value)
{
	struct framing *f = ctx;
	if (slice_eq_nocase(name, SLICE("content-length")))
		slice_to_u64(value, BODY_MAX, &f->length);
	else if (slice_eq_nocase(name, SLICE("transfer-encoding")))
		f->chunked = slice_eq_nocase(value, SLICE("chunked"));
	else if (slice_eq_nocase(name, SLICE("connection")))
		f->close = slice_eq_nocase(value, SLICE("close"));
	else if (slice_eq_nocase(name, SLICE("expect")))
		f->expect = true;
}

static bool take_exactly(struct client *c, size_t count, struct buf *out)
{
	while (c->in.len < count)
		if (!client_fill(c))
			return false;
	if (out)
		buf_append(out, c->in.data, count);
	buf_consume(&c->in, count);
	return true;
}

static bool take_line(struct client *c, char *dst, size_t size)
{
	for (;;) {
		size_t end = slice_find_byte(buf_slice(&c->in), '\n');
		if (end != SIZE_MAX) {
			size_t n = end < size ? end : size - 1;
			memcpy(dst, c->in.data, n);
			dst[n] = '\0';
			buf_consume(&c->in, end + 1);
			return true;
		}
		if (c->in.len > size || !client_fill(c))
			return false;
	}
}

static bool take_chunks(struct client *c, struct buf *out)
{
	char line[128];
	for (;;) {
		if (!take_line(c, line, sizeof(line)))
			return false;
		unsigned long size = strtoul(line, NULL, 16);
		if (size > BODY_MAX)
			return false;
		if (size == 0) {
			while (take_line(c, line, sizeof(line)))
				if (line[0] == '\r' || line[0] == '\0')
					return true;
			return false;
		}
		if (!take_exactly(c, size, out) || !take_exactly(c, 2, NULL))
			return false;
	}
}

static bool request_read(struct client *c, struct request *r, struct buf *head)
{
	size_t end;
	while ((end = slice_find(buf_slice(&c->in), SLICE("\r\n\r\n"))) == SIZE_MAX)
		if (c->in.len > HEAD_MAX || !client_fill(c))
			return false;
	buf_reset(head);
	buf_append(head, c->in.data, end + 2);
	buf_consume(&c->in, end + 4);
	r->head = buf_slice(head);

	struct slice line, rest;
	slice_cut(r->head, '\r', &line, &rest);
	slice_cut(line, ' ', &r->method, &rest);
	slice_cut(rest, ' ', &r->target, &rest);
	slice_cut(r->target, '?', &r->path, &r->query);

	struct framing f = { 0 };
	head_each(r->head, framing_header, &f);
	r->keep_alive = !f.close;
	if (f.expect && !client_write(c, SLICE("HTTP/1.1 100 Continue\r\n\r\n")))
		return false;
	buf_reset(&r->body);
	return f.chunked ? take_chunks(c, &r->body) : take_exactly(c, (size_t)f.length, &r->body);
}

static void describe_header(void *ctx, struct slice name, struct slice value)
{
	struct jw *w = ctx;
	jw_array_begin(w);
	jw_string(w, name);
	jw_string(w, value);
	jw_array_end(w);
}

static void describe(const struct client *c, const struct request *r, struct buf *out)
{
	struct jw w;
	jw_init(&w, out, 0);
	jw_object_begin(&w);
	jw_key(&w, "service");
	jw_cstr(&w, c->service->name);
	jw_key(&w, "method");
	jw_string(&w, r->method);
	jw_key(&w, "path");
	jw_string(&w, r->path);
	jw_key(&w, "query");
	jw_string(&w, r->query);
	jw_key(&w, "headers");
	jw_array_begin(&w);
	head_each(r->head, describe_header, &w);
	jw_array_end(&w);
	jw_key(&w, "body_bytes");
	jw_uint(&w, r->body.len);
	jw_object_end(&w);
	buf_append_byte(out, '\n');
}

static void fill(struct buf *out, size_t size)
{
	while (out->len < size && !buf_failed(out))
		buf_append_cstr(out, "0123456789abcdefghijklmnopqrstuvwxyz.....\n");
	if (out->len > size)
		out->len = size;
}

static const char *answer_body(const struct client *c, const struct request *r, struct buf *body)
{
	uint64_t size = query_uint(r->query, "size", 64 << 20, 0);
	if (size) {
		fill(body, (size_t)size);
		return "text/plain";
	}
	if (query_uint(r->query, "echo", 1, 0)) {
		buf_append_slice(body, buf_slice(&r->body));
		return "text/html";
	}
	describe(c, r, body);
	return "application/json";
}

static void sleep_ms(uint64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
	nanosleep(&t, NULL);
}

static void log_request(const struct client *c, const struct request *r)
{
	struct timespec now;
	if (log_fd < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	struct slice path = slice_sub(r->path, 0, 300), method = slice_sub(r->method, 0, 16);
	char line[512];
	int n = snprintf(line, sizeof(line), "%lld%06ld %.64s %.*s %.*s\n", (long long)now.tv_sec,
	    now.tv_nsec / 1000, c->service->name, SLICE_ARG(method), SLICE_ARG(path));
	if (write(log_fd, line, (size_t)n) < 0)
		perror("upstream: log");
}

static bool closes(struct slice query)
{
	static atomic_uint_fast64_t last;
	uint64_t once = query_uint(query, "close_once", UINT32_MAX, 0);
	return query_uint(query, "close", 1, 0) || (once && atomic_exchange(&last, once) != once);
}

static bool answer(struct client *c, struct request *r, struct buf *out, struct buf *body)
{
	log_request(c, r);
	sleep_ms(query_uint(r->query, "delay_ms", 60000, 0));
	if (closes(r->query))
		return false;
	if (query_uint(r->query, "bad", 1, 0)) {
		client_write(c, SLICE("this is not HTTP\r\n\r\n"));
		return false;
	}
	buf_reset(out);
	buf_reset(body);
	const char *type = answer_body(c, r, body);
	buf_printf(out, "HTTP/1.1 %u Sample\r\ncontent-type: %s\r\ncontent-length: %zu\r\n\r\n",
	    (unsigned)query_uint(r->query, "status", 599, 200), type, body->len);
	if (!slice_eq(r->method, SLICE("HEAD")))
		buf_append_slice(out, buf_slice(body));
	return client_write(c, buf_slice(out)) && r->keep_alive;
}

static void serve(struct client *c)
{
	struct request r = { 0 };
	struct buf head, out, body;
	buf_init(&c->in, 0);
	buf_init(&head, 0);
	buf_init(&out, 0);
	buf_init(&body, 0);
	buf_init(&r.body, 0);
	while (request_read(c, &r, &head) && answer(c, &r, &out, &body))
		;
	buf_release(&c->in);
	buf_release(&head);
	buf_release(&out);
	buf_release(&body);
	buf_release(&r.body);
}

static void *client_main(void *arg)
{
	struct client *c = arg;
	bool ok = true;
	if (tls) {
		c->ssl = SSL_new(tls);
		ok = c->ssl && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_accept(c->ssl) == 1;
	}
	if (ok)
		serve(c);
	if (c->ssl) {
		if (ok)
			SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
	}
	ERR_clear_error();
	close(c->fd);
	free(c);
	return NULL;
}

static void *service_main(void *arg)
{
	const struct service *service = arg;
	pthread_attr_t detached;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&detached, 256 * 1024);
	for (;;) {
		int fd = accept4(service->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			sleep_ms(10);
			continue;
		}
		int one = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		struct client *c = calloc(1, sizeof(*c));
		pthread_t thread;
		if (c) {
			c->service = service;
			c->fd = fd;
		}
		if (!c || pthread_create(&thread, &detached, client_main, c) != 0) {
			close(fd);
			free(c);
		}
	}
	return NULL;
}

static int listen_on(uint16_t port)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(opt_any ? INADDR_ANY : INADDR_LOOPBACK) };
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0) {
		fprintf(stderr, "upstream: port %u: %s\n", port, strerror(errno));
		return -1;
	}
	return fd;
}

static bool tls_init(void)
{
	tls = SSL_CTX_new(TLS_server_method());
	if (tls && SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_use_certificate_chain_file(tls, opt_cert) == 1 &&
	    SSL_CTX_use_PrivateKey_file(tls, opt_key, SSL_FILETYPE_PEM) == 1)
		return true;
	ERR_print_errors_fp(stderr);
	return false;
}

static bool service_start(struct service *service, char *spec)
{
	pthread_t thread;
	uint64_t port;
	char *equals = strchr(spec, '=');
	if (!equals || !slice_to_u64(slice_of_cstr(equals + 1), 65535, &port)) {
		fprintf(stderr, "upstream: '%s' is not NAME=PORT\n", spec);
		return false;
	}
	*equals = '\0';
	service->name = spec;
	service->listen_fd = listen_on((uint16_t)port);
	return service->listen_fd >= 0 && pthread_create(&thread, NULL, service_main, service) == 0;
}

static int run(int argc, char **argv)
{
	static struct service services[SERVICES_MAX];
	signal(SIGPIPE, SIG_IGN);
	if (!opt_plain && (!opt_cert || !opt_key)) {
		fputs("upstream: --cert and --key are needed, or --plain\n", stderr);
		return CLI_USAGE;
	}
	if (!opt_plain && !tls_init())
		return CLI_ERROR;
	if (opt_log)
		log_fd = open(opt_log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	for (int i = 0; i < argc; i++)
		if (!service_start(&services[i], argv[i]))
			return CLI_ERROR;
	for (;;)
		pause();
}

static const struct cli_option options[] = {
	{ "cert", 0, CLI_STRING, &opt_cert, "FILE", "certificate chain, PEM", 0, 0 },
	{ "key", 0, CLI_STRING, &opt_key, "FILE", "private key, PEM", 0, 0 },
	{ "plain", 0, CLI_FLAG, &opt_plain, NULL, "cleartext HTTP instead of HTTPS", 0, 0 },
	{ "any", 0, CLI_FLAG, &opt_any, NULL, "listen on all addresses, not on loopback alone", 0,
	    0 },
	{ "log", 0, CLI_STRING, &opt_log, "FILE", "append a line per request", 0, 0 },
	{ 0 },
};
static const struct cli_command command = { NULL, "NAME=PORT...", "sample services over HTTPS",
	NULL, options, run, 1, SERVICES_MAX };
static const struct cli_program program = { "upstream", "sample services for tests", NULL, NULL,
	&command, NULL };

int main(int argc, char **argv)
{
	return cli_main(&program, argc, argv);
}
