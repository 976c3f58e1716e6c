/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/admin.h"

#include "spoa/agent/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* For a request to come and its answer to be taken. */
static const double patience_s = 5;

struct client {
	struct ev_io io;
	struct ev_timer timer;
	struct admin *admin; /* NULL: a free place */
	struct buf in, out;
	size_t sent;
};

struct admin {
	struct ev_loop *loop;
	struct listener_set listeners;
	struct ev_io accept;
	const struct admin_page *pages;
	void *context;
	struct client clients[ADMIN_CONNECTIONS_MAX];
};

static void client_close(struct client *client)
{
	ev_io_stop(client->admin->loop, &client->io);
	ev_timer_stop(client->admin->loop, &client->timer);
	close(client->io.fd);
	buf_release(&client->in);
	buf_release(&client->out);
	client->admin = NULL;
}

/* ---- answers
 * ----------------------------------------------------------------------------------------- */

static const char *reason_phrase(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 503:
		return "Service Unavailable";
	default:
		return "Bad Request";
	}
}

static void answer(
    struct client *client, unsigned status, const char *type, struct slice body, bool with_body)
{
	buf_printf(&client->out,
	    "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
	    status, reason_phrase(status), type, body.len);
	if (with_body)
		buf_append_slice(&client->out, body);
}

static void answer_status(struct client *client, unsigned status)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%s\n", reason_phrase(status));

	answer(client, status, "text/plain", slice_of(text, (size_t)len), true);
}

static const struct admin_page *page_find(const struct admin_page *pages, struct slice path)
{
	for (; pages->path.ptr; pages++)
		if (slice_eq(pages->path, path))
			return pages;
	return NULL;
}

static void answer_page(struct client *client, const struct admin_page *page, bool with_body)
{
	struct buf body;
	unsigned status;

	buf_init(&body, 0);
	status = page->render(client->admin->context, &body);
	if (buf_failed(&body))
		answer_status(client, 503);
	else
		answer(client, status, page->content_type, buf_slice(&body), with_body);
	buf_release(&body);
}

static void answer_request(struct client *client)
{
	struct slice line = buf_slice(&client->in), method, target, path, query;
	const struct admin_page *page;
	bool is_get, is_head;

	line = slice_sub(line, 0, slice_find(line, SLICE("\r\n")));
	if (!slice_cut(line, ' ', &method, &line) || !slice_cut(line, ' ', &target, &line) ||
	    !slice_starts_with(line, SLICE("HTTP/1."))) {
		answer_status(client, 400);
		return;
	}
	slice_cut(target, '?', &path, &query);
	is_get = slice_eq(method, SLICE("GET"));
	is_head = slice_eq(method, SLICE("HEAD"));
	page = page_find(client->admin->pages, path);
	if (!page)
		answer_status(client, 404);
	else if (is_get || is_head)
		answer_page(client, page, is_get);
	else
		answer_status(client, 405);
}

/* ---- events
 * ------------------------------------------------------------------------------------------ */

static void write_some(struct client *client)
{
	struct slice rest = slice_from(buf_slice(&client->out), client->sent);
	ssize_t n = send(client->io.fd, rest.ptr, rest.len, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	client->sent += n > 0 ? (size_t)n : 0;
	if (n <= 0 || client->sent == client->out.len)
		client_close(client);
}

/* True once the whole head has come; closes when it does not. */
static bool read_some(struct client *client)
{
	ssize_t n;

	if (!buf_reserve(&client->in, 1024)) {
		client_close(client);
		return false;
	}
	n = recv(client->io.fd, client->in.data + client->in.len, 1024, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		client_close(client);
		return false;
	}
	client->in.len += (size_t)n;
	return slice_find(buf_slice(&client->in), SLICE("\r\n\r\n")) != SIZE_MAX;
}

static void on_client(struct ev_loop *loop, struct ev_io *watcher, int events)
{
	struct client *client = (struct client *)watcher->data;

	if (events & EV_WRITE) {
		write_some(client);
		return;
	}
	if (!read_some(client))
		return;
	answer_request(client);
	if (buf_failed(&client->out)) {
		client_close(client);
		return;
	}
	ev_io_stop(loop, watcher);
	ev_io_set(watcher, watcher->fd, EV_WRITE);
	ev_io_start(loop, watcher);
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	client_close((struct client *)timer->data);
}

static struct client *free_place(struct admin *admin)
{
	for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
		if (!admin->clients[i].admin)
			return &admin->clients[i];
	return NULL;
}

static void on_accept(struct ev_loop *loop, struct ev_io *watcher, int events)
{
	struct admin *admin = (struct admin *)watcher->data;
	int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *client = free_place(admin);

	(void)events;
	if (fd < 0)
		return;
	if (!client) {
		close(fd);
		return;
	}
	*client = (struct client){ .admin = admin };
	buf_init(&client->in, ADMIN_REQUEST_MAX);
	buf_init(&client->out, 0);
	ev_io_init(&client->io, on_client, fd, EV_READ);
	ev_timer_init(&client->timer, on_timeout, patience_s, 0);
	client->io.data = client;
	client->timer.data = client;
	ev_io_start(loop, &client->io);
	ev_timer_start(loop, &client->timer);
}

/* ---- lifetime
 * ---------------------------------------------------------------------------------------- */

struct admin *admin_start(struct ev_loop *loop, const char *address, const struct admin_page *pages,
    void *context, struct err *err)
{
	const struct listener_options options = { .threads = 1 };
	struct admin *admin = calloc(1, sizeof(*admin));
	char text[300];
	const char *addresses[] = { text };

	if (!admin) {
		err_set(err, "cannot listen on '%s': no memory", address);
		return NULL;
	}
	snprintf(text, sizeof(text), "tcp:%s", address);
	if (!listener_open(addresses, 1, &options, &admin->listeners, err)) {
		free(admin);
		return NULL;
	}
	admin->loop = loop;
	admin->pages = pages;
	admin->context = context;
	ev_io_init(&admin->accept, on_accept, admin->listeners.fds[0], EV_READ);
	admin->accept.data = admin;
	ev_io_start(loop, &admin->accept);
	return admin;
}

void admin_stop(struct admin *admin)
{
	if (!admin)
		return;
	ev_io_stop(admin->loop, &admin->accept);
	for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
		if (admin->clients[i].admin)
			client_close(&admin->clients[i]);
	listener_close(&admin->listeners);
	free(admin);
}

unsigned admin_port(const struct admin *admin)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof(address);

	if (getsockname(admin->listeners.fds[0], (struct sockaddr *)&address, &size) != 0)
		return 0;
	return ntohs(address.ss_family == AF_INET6
	                 ? ((const struct sockaddr_in6 *)(const void *)&address)->sin6_port
	                 : ((const struct sockaddr_in *)(const void *)&address)->sin_port);
}
