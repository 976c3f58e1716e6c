/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/receiver.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	ROUNDS_MAX = 16, /* at once, before the loop looks at anything else */
	LISTEN_FDS_START = 3,
	LISTEN_FDS_MAX = 32,
	STOP_ROUNDS_MAX = 4096,
};

#define RETRY_S 0.01 /* how often a paused receiver looks whether there is room */

struct receiver {
	struct ev_loop *loop;
	struct spool *spool;
	ev_io readable;
	ev_timer retry;
	struct receiver_counters counters;
	uint32_t overflow; /* the kernel's counter, which wraps */
};

/* ---- Sockets. */

static int fail(struct err *err, const char *address, const char *what)
{
	err_set(err, "%s '%s': %s", what, address, strerror(errno));
	return -1;
}

/* Above the system's limit as root, else as much as it grants. Drops are counted by the kernel. */
static void set_options(int fd)
{
	int bytes = RECEIVER_BUFFER_BYTES, on = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
}

static int bind_unix(const char *path, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	if (len >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return fail(err, path, "cannot listen on");
	}
	memcpy(address.sun_path, path, len + 1);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(err, path, "cannot listen on");
	unlink(path);
	mode_t mask = umask(0117); /* owner and group */
	int bound = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound == 0)
		return fd;
	fail(err, path, "cannot listen on");
	close(fd);
	return -1;
}

static bool split_address(const char *address, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;
	if (!colon || len == 0 || len >= size)
		return false;
	memcpy(host, address, len);
	host[len] = '\0';
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		memmove(host, host + 1, len - 1);
	}
	*port = colon + 1;
	return true;
}

static int bind_udp(const char *address, struct err *err)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *list;
	char host[256];
	const char *port;
	if (!split_address(address, host, sizeof(host), &port) ||
	    getaddrinfo(host, port, &hints, &list) != 0) {
		err_set(err, "'%s' is no address: HOST:PORT with numbers, or a path", address);
		return -1;
	}
	int fd = socket(list->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) != 0) {
		fail(err, address, "cannot listen on");
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

int receiver_bind(const char *address, struct err *err)
{
	int fd = address[0] == '/' ? bind_unix(address, err) : bind_udp(address, err);
	if (fd >= 0)
		set_options(fd);
	return fd;
}

/* The first datagram socket that was handed over, or -1. */
static int inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t listen_pid, count;
	if (!pid || !fds || !slice_to_u64(slice_of_cstr(pid), INT32_MAX, &listen_pid) ||
	    listen_pid != (uint64_t)getpid() ||
	    !slice_to_u64(slice_of_cstr(fds), LISTEN_FDS_MAX, &count))
		return -1;
	for (int fd = LISTEN_FDS_START; fd < LISTEN_FDS_START + (int)count; fd++) {
		int type;
		socklen_t len = sizeof(type);
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM)
			return fd;
	}
	return -1;
}

int receiver_socket(const char *address, struct err *err)
{
	int fd = inherited();
	if (fd < 0)
		return receiver_bind(address, err);
	set_options(fd);
	return fd;
}

/* ---- Reading. */

/* True when there may be more to read. */
static bool read_round(struct receiver *receiver)
{
	uint32_t overflow = receiver->overflow;
	int n = spool_receive(
	    receiver->spool, receiver->readable.fd, &overflow, &receiver->counters.bytes);
	receiver->counters.drops += overflow - receiver->overflow;
	receiver->counters.lines += (uint64_t)n;
	receiver->overflow = overflow;
	return n == SPOOL_ROUND;
}

static void read_rounds(struct receiver *receiver, int max)
{
	for (int i = 0; i < max; i++)
		if (!read_round(receiver))
			return;
}

void receiver_mark(struct receiver *receiver)
{
	for (int i = 0; i < ROUNDS_MAX; i++) {
		if (spool_is_full(receiver->spool))
			return;
		if (!read_round(receiver)) {
			spool_mark(receiver->spool);
			return;
		}
	}
}

static void pause_reading(struct receiver *receiver)
{
	ev_io_stop(receiver->loop, &receiver->readable);
	ev_timer_again(receiver->loop, &receiver->retry);
	receiver->counters.pauses++;
	receiver->counters.paused = true;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct receiver *receiver = w->data;
	(void)loop;
	(void)events;
	read_rounds(receiver, ROUNDS_MAX);
	if (spool_is_full(receiver->spool))
		pause_reading(receiver);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int events)
{
	struct receiver *receiver = w->data;
	(void)events;
	if (spool_is_full(receiver->spool))
		return;
	ev_timer_stop(loop, w);
	ev_io_start(loop, &receiver->readable);
	receiver->counters.paused = false;
}

struct receiver *receiver_new(struct ev_loop *loop, int fd, struct spool *spool)
{
	struct receiver *receiver = calloc(1, sizeof(*receiver));
	int bytes = 0;
	socklen_t len = sizeof(bytes);
	if (!receiver) {
		close(fd);
		return NULL;
	}
	receiver->loop = loop;
	receiver->spool = spool;
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len) == 0)
		receiver->counters.buffer_bytes = (uint64_t)bytes;
	ev_io_init(&receiver->readable, on_readable, fd, EV_READ);
	ev_timer_init(&receiver->retry, on_retry, 0., RETRY_S);
	receiver->readable.data = receiver->retry.data = receiver;
	ev_io_start(loop, &receiver->readable);
	return receiver;
}

void receiver_stop(struct receiver *receiver)
{
	/* Senders that do not stop must not keep us: what is left waits in the socket, if that is
	 * held. */
	read_rounds(receiver, STOP_ROUNDS_MAX);
	ev_io_stop(receiver->loop, &receiver->readable);
	ev_timer_stop(receiver->loop, &receiver->retry);
}

void receiver_free(struct receiver *receiver)
{
	if (!receiver)
		return;
	ev_io_stop(receiver->loop, &receiver->readable);
	ev_timer_stop(receiver->loop, &receiver->retry);
	close(receiver->readable.fd);
	free(receiver);
}

void receiver_counters(const struct receiver *receiver, struct receiver_counters *counters)
{
	*counters = receiver->counters;
}
