/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fake_http.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 16, REQUEST_MAX = 2 << 20 };

struct fake_http {
	pthread_t thread;
	fake_http_fn *handle;
	void *context;
	char url[64];
	int stop_pipe[2];
	atomic_uint requests, connections;
	struct pollfd fds[2 + CONNECTIONS_MAX]; /* the pipe, the listener, connections */
	nfds_t fd_count;
	char *request;
};

struct slice fake_header(const struct fake_request *request, const char *name)
{
	struct slice rest = request->headers, line, key, value;
	while (rest.len) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_cut(line, ':', &key, &value) &&
		    slice_eq_nocase(slice_trim(key), slice_of_cstr(name)))
			return slice_trim(value);
	}
	return (struct slice){ 0 };
}

/* Head and body; false when the peer has gone. */
static bool read_request(struct fake_http *peer, int fd, struct fake_request *out)
{
	size_t len = 0, head = SIZE_MAX;
	uint64_t body = 0;
	while (head == SIZE_MAX || len < head + 4 + body) {
		ssize_t got =
		    len < REQUEST_MAX ? read(fd, peer->request + len, REQUEST_MAX - len) : -1;
		if (got <= 0)
			return false;
		len += (size_t)got;
		head = slice_find(slice_of(peer->request, len), SLICE("\r\n\r\n"));
		if (head == SIZE_MAX)
			continue;
		struct slice line, rest;
		slice_cut(slice_of(peer->request, head + 2), '\n', &line, &rest);
		slice_cut(line, ' ', &out->method, &line);
		slice_cut(line, ' ', &out->path, &line);
		out->headers = rest;
		slice_to_u64(fake_header(out, "content-length"), REQUEST_MAX, &body);
	}
	out->body = slice_of(peer->request + head + 4, (size_t)body);
	return true;
}

static void write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t put = send(fd, bytes, len, MSG_NOSIGNAL);
		if (put <= 0)
			return;
		bytes += put;
		len -= (size_t)put;
	}
}

/* A wait that stop() ends. */
static void pause_ms(struct fake_http *peer, unsigned ms)
{
	struct pollfd pipe = { .fd = peer->stop_pipe[0], .events = POLLIN };
	if (ms)
		poll(&pipe, 1, (int)ms);
}

/* False: the connection is over. */
static bool serve_one(struct fake_http *peer, int fd)
{
	struct fake_request request = { { 0 }, { 0 }, { 0 }, { 0 } };
	struct fake_reply reply = { .status = 200 };
	char head[4096];
	if (!read_request(peer, fd, &request))
		return false;
	peer->handle(&request, atomic_fetch_add(&peer->requests, 1), &reply, peer->context);
	pause_ms(peer, reply.delay_ms);
	if (reply.drop)
		return false;
	size_t body_len = reply.body ? strlen(reply.body) : 0;
	int len = snprintf(head, sizeof(head), "HTTP/1.1 %d x\r\ncontent-length: %zu\r\n%s\r\n",
	    reply.status, body_len, reply.headers ? reply.headers : "");
	assert(len > 0 && (size_t)len < sizeof(head));
	write_all(fd, head, (size_t)len);
	write_all(fd, reply.body ? reply.body : "", body_len);
	return !reply.close;
}

static void accept_one(struct fake_http *peer)
{
	int fd = accept(peer->fds[1].fd, NULL, NULL);
	if (fd < 0)
		return;
	if (peer->fd_count == 2 + CONNECTIONS_MAX) {
		close(fd);
		return;
	}
	atomic_fetch_add(&peer->connections, 1);
	peer->fds[peer->fd_count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static void *run(void *arg)
{
	struct fake_http *peer = arg;
	while (poll(peer->fds, peer->fd_count, -1) >= 0 || errno == EINTR) {
		if (peer->fds[0].revents)
			break;
		for (nfds_t i = peer->fd_count; i-- > 2;) {
			if (!peer->fds[i].revents || serve_one(peer, peer->fds[i].fd))
				continue;
			close(peer->fds[i].fd);
			peer->fds[i] = peer->fds[--peer->fd_count];
		}
		if (peer->fds[1].revents)
			accept_one(peer);
	}
	return NULL;
}

struct fake_http *fake_http_start(fake_http_fn *handle, void *context)
{
	struct fake_http *peer = calloc(1, sizeof(*peer));
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	assert(peer);
	peer->handle = handle;
	peer->context = context;
	peer->request = malloc(REQUEST_MAX);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(peer->request && fd >= 0 && pipe(peer->stop_pipe) == 0);
	assert(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 16) == 0);
	assert(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
	snprintf(
	    peer->url, sizeof(peer->url), "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
	peer->fds[0] = (struct pollfd){ .fd = peer->stop_pipe[0], .events = POLLIN };
	peer->fds[1] = (struct pollfd){ .fd = fd, .events = POLLIN };
	peer->fd_count = 2;
	assert(pthread_create(&peer->thread, NULL, run, peer) == 0);
	return peer;
}

void fake_http_stop(struct fake_http *peer)
{
	assert(write(peer->stop_pipe[1], "", 1) == 1);
	pthread_join(peer->thread, NULL);
	for (nfds_t i = 0; i < peer->fd_count; i++)
		close(peer->fds[i].fd);
	close(peer->stop_pipe[1]);
	free(peer->request);
	free(peer);
}

const char *fake_http_url(const struct fake_http *peer)
{
	return peer->url;
}

unsigned fake_http_requests(const struct fake_http *peer)
{
	return atomic_load(&peer->requests);
}

unsigned fake_http_connections(const struct fake_http *peer)
{
	return atomic_load(&peer->connections);
}
