/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/listen.h"

#include "common/slice.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_FDS_START = 3, LISTEN_FDS_MAX = 32, BACKLOG = 64 };

static int fail(struct err *err, const char *address, const char *what)
{
	err_set(err, "%s '%s': %s", what, address, strerror(errno));
	return -1;
}

/* Above the system's limit as root, else as much as it grants. Drops are counted by the kernel. */
static void set_options(int fd)
{
	int bytes = LISTEN_BUFFER_BYTES, on = 1;
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

static int bind_inet(const char *address, int type, struct err *err)
{
	const struct addrinfo hints = {
		.ai_socktype = type,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *list;
	char host[256];
	const char *port;
	int on = 1;
	if (!split_address(address, host, sizeof(host), &port) ||
	    getaddrinfo(host, port, &hints, &list) != 0) {
		err_set(err, "'%s' is no address: HOST:PORT with numbers, or a path", address);
		return -1;
	}
	int fd = socket(list->ai_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) != 0 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) != 0)) {
		fail(err, address, "cannot listen on");
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

int listen_bind_datagrams(const char *address, struct err *err)
{
	int fd = address[0] == '/' ? bind_unix(address, err) : bind_inet(address, SOCK_DGRAM, err);
	if (fd >= 0)
		set_options(fd);
	return fd;
}

int listen_bind_stream(const char *address, struct err *err)
{
	return bind_inet(address, SOCK_STREAM, err);
}

/* The first socket of this type that was handed over, or -1. */
static int inherited(int wanted)
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
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == wanted)
			return fd;
	}
	return -1;
}

int listen_datagrams(const char *address, struct err *err)
{
	int fd = inherited(SOCK_DGRAM);
	if (fd < 0)
		return listen_bind_datagrams(address, err);
	set_options(fd);
	return fd;
}

int listen_stream(const char *address, struct err *err)
{
	int fd = inherited(SOCK_STREAM);
	return fd >= 0 ? fd : listen_bind_stream(address, err);
}
