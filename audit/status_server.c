/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/status_server.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
	struct status_server *server;
	ev_io io;
	ev_timer timeout;
	char request[STATUS_REQUEST_MAX_BYTES];
	size_t request_len;
	struct buf response;
	size_t sent;
	bool used;
};

struct status_server {
	struct ev_loop *loop;
	ev_io accept;
	status_handler *handler;
	void *context;
	struct client clients[STATUS_CONNECTIONS_MAX];
};

static void client_close(struct client *client)
{
	ev_io_stop(client->server->loop, &client->io);
	ev_timer_stop(client->server->loop, &client->timeout);
	close(client->io.fd);
	buf_release(&client->response);
	client->used = false;
}

static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = { { 200, "OK" }, { 400, "Bad Request" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 503, "Service Unavailable" } };
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Error";
}

/* "GET /metrics HTTP/1.1" to its path, without a query. */
static int parse_request(const struct client *client, struct slice *path)
{
	struct slice line, rest, method, target;
	slice_cut(slice_of(client->request, client->request_len), '\r', &line, &rest);
	if (!slice_cut(line, ' ', &method, &rest) || !slice_cut(rest, ' ', &target, &rest))
		return 400;
	if (!slice_eq(method, SLICE("GET")))
		return 405;
	slice_cut(target, '?', path, &rest);
	return 200;
}

static void respond(struct client *client)
{
	struct slice path;
	struct buf body;
	buf_init(&body, 0);
	int status = parse_request(client, &path);
	if (status == 200)
		status = client->server->handler(client->server->context, path, &body);
	buf_printf(&client->response,
	    "HTTP/1.1 %d %s\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"
	    "content-length: %zu\r\nconnection: close\r\n\r\n",
	    status, reason_of(status), body.len);
	buf_append_slice(&client->response, buf_slice(&body));
	buf_release(&body);
}

static void client_write(struct client *client)
{
	struct slice rest = slice_from(buf_slice(&client->response), client->sent);
	ssize_t n = send(client->io.fd, rest.ptr, rest.len, MSG_NOSIGNAL);
	if (n > 0)
		client->sent += (size_t)n;
	if ((n < 0 && errno != EAGAIN && errno != EINTR) || client->sent == client->response.len)
		client_close(client);
}

static void client_read(struct client *client)
{
	ssize_t n = recv(client->io.fd, client->request + client->request_len,
	    sizeof(client->request) - client->request_len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		client->request_len += (size_t)n;
	struct slice request = slice_of(client->request, client->request_len);
	if (n > 0 && slice_find(request, SLICE("\r\n\r\n")) == SIZE_MAX &&
	    client->request_len < sizeof(client->request))
		return;
	respond(client);
	ev_io_stop(client->server->loop, &client->io);
	ev_io_set(&client->io, client->io.fd, EV_WRITE);
	ev_io_start(client->server->loop, &client->io);
}

static void on_client(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	if (events & EV_WRITE)
		client_write(w->data);
	else
		client_read(w->data);
}

static void on_timeout(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	client_close(w->data);
}

static void client_open(struct status_server *server, struct client *client, int fd)
{
	client->server = server;
	client->request_len = client->sent = 0;
	client->used = true;
	buf_init(&client->response, 0);
	ev_io_init(&client->io, on_client, fd, EV_READ);
	ev_timer_init(&client->timeout, on_timeout, STATUS_TIMEOUT_S, 0.);
	client->io.data = client->timeout.data = client;
	ev_io_start(server->loop, &client->io);
	ev_timer_start(server->loop, &client->timeout);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events)
{
	struct status_server *server = w->data;
	(void)loop;
	(void)events;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	for (size_t i = 0; i < STATUS_CONNECTIONS_MAX; i++)
		if (!server->clients[i].used) {
			client_open(server, &server->clients[i], fd);
			return;
		}
	close(fd);
}

static int listen_on(const char *address, struct err *err)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *list;
	char host[256];
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;
	int on = 1;
	if (!colon || len >= sizeof(host)) {
		err_set(err, "'%s' is no address: HOST:PORT with numbers", address);
		return -1;
	}
	memcpy(host, address, len);
	host[len] = '\0';
	if (getaddrinfo(len ? host : NULL, colon + 1, &hints, &list) != 0) {
		err_set(err, "'%s' is no address: HOST:PORT with numbers", address);
		return -1;
	}
	int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, list->ai_addr, list->ai_addrlen) != 0 || listen(fd, 64) != 0) {
		err_set(err, "cannot listen on '%s': %s", address, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

struct status_server *status_server_new(struct ev_loop *loop, const char *address,
    status_handler *handler, void *context, struct err *err)
{
	int fd = listen_on(address, err);
	if (fd < 0)
		return NULL;
	struct status_server *server = calloc(1, sizeof(*server));
	if (!server) {
		close(fd);
		err_set(err, "no memory for the status server");
		return NULL;
	}
	server->loop = loop;
	server->handler = handler;
	server->context = context;
	ev_io_init(&server->accept, on_accept, fd, EV_READ);
	server->accept.data = server;
	ev_io_start(loop, &server->accept);
	return server;
}

void status_server_free(struct status_server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < STATUS_CONNECTIONS_MAX; i++)
		if (server->clients[i].used)
			client_close(&server->clients[i]);
	ev_io_stop(server->loop, &server->accept);
	close(server->accept.fd);
	free(server);
}
