/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_INHERITED_FD = 3, HOST_MAX = 256, PORT_MAX = 8 };

static const struct slice unix_prefix = SLICE_INIT("unix:");
static const struct slice tcp_prefix = SLICE_INIT("tcp:");

/* ---- TCP --------------------------------------------------------------------------------------
 */

struct tcp_address {
	char host[HOST_MAX];
	char port[PORT_MAX];
};

/* HOST:PORT or [HOST]:PORT, numbers only: a listener never waits for a name server. */
static bool tcp_split(const char *text, struct tcp_address *out)
{
	struct slice all = slice_of_cstr(text + tcp_prefix.len);
	const char *colon = strrchr(text, ':');
	struct slice host = slice_sub(all, 0, (size_t)(colon - all.ptr));
	uint64_t port;

	if (colon < all.ptr || !slice_to_u64(slice_of_cstr(colon + 1), 65535, &port))
		return false;
	if (host.len > 1 && slice_at(host, 0) == '[' && slice_at(host, host.len - 1) == ']')
		host = slice_sub(host, 1, host.len - 2);
	if (slice_is_empty(host) || host.len >= sizeof(out->host))
		return false;
	snprintf(out->host, sizeof(out->host), "%.*s", SLICE_ARG(host));
	snprintf(out->port, sizeof(out->port), "%u", (unsigned)port);
	return true;
}

static struct addrinfo *tcp_resolve(const char *text)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found = NULL;
	struct tcp_address address;

	if (!tcp_split(text, &address) ||
	    getaddrinfo(address.host, address.port, &hints, &found) != 0)
		return NULL;
	return found;
}

/* Shared ports only where they are needed: else a second agent would take half of the first one's
 * peers. */
static int tcp_socket(const struct addrinfo *address, bool shared)
{
	int on = 1, share = shared;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &share, sizeof(share)) == 0 &&
	    bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
	    listen(fd, LISTENER_BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

/* One socket for each thread; the kernel spreads the connections. */
static bool tcp_open(struct listener_set *set, size_t column, const char *text, struct err *err)
{
	struct addrinfo *address = tcp_resolve(text);
	bool ok = address != NULL;

	for (unsigned thread = 0; ok && thread < set->threads; thread++) {
		int fd = tcp_socket(address, set->threads > 1);

		set->fds[thread * set->count + column] = fd;
		ok = fd >= 0;
	}
	if (!ok)
		err_set(err, "cannot listen on '%s': %s", text,
		    address ? strerror(errno) : "not HOST:PORT in numbers");
	if (address)
		freeaddrinfo(address);
	return ok;
}

/* ---- unix -------------------------------------------------------------------------------------
 */

static bool unix_address(const char *path, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(out->sun_path))
		return false;
	memcpy(out->sun_path, path, strlen(path));
	return true;
}

/* A socket file that nobody listens on is what a killed agent has left behind. */
static bool unix_is_free(const char *path, struct err *err)
{
	struct sockaddr_un address;
	struct stat status;
	bool answered;
	int fd;

	if (lstat(path, &status) != 0)
		return true;
	if (!S_ISSOCK(status.st_mode))
		return err_set(err, "cannot listen on '%s': it is there and no socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || !unix_address(path, &address)) {
		if (fd >= 0)
			close(fd);
		return err_set(err, "cannot listen on '%s': %s", path, strerror(errno));
	}
	answered =
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN;
	close(fd);
	return !answered || err_set(err, "cannot listen on '%s': another process does", path);
}

static bool set_owner(const char *path, const struct listener_options *options, struct err *err)
{
	struct group *group = NULL;

	if (options->group && *options->group) {
		group = getgrnam(options->group);
		if (!group)
			return err_set(
			    err, "cannot listen on '%s': no group '%s'", path, options->group);
		if (chown(path, (uid_t)-1, group->gr_gid) != 0)
			return err_set(err, "cannot give '%s' to group '%s': %s", path,
			    options->group, strerror(errno));
	}
	if (chmod(path, options->mode) != 0)
		return err_set(err, "cannot set the mode of '%s': %s", path, strerror(errno));
	return true;
}

static int unix_socket(const char *path, struct err *err)
{
	struct sockaddr_un address;
	int fd;

	if (!unix_address(path, &address)) {
		err_set(err, "cannot listen on '%s': the path is too long for a socket", path);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(fd, LISTENER_BACKLOG) == 0)
		return fd;
	err_set(err, "cannot listen on '%s': %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static void remember_file(struct listener_set *set, const char *path, int fd)
{
	struct stat status;

	if (stat(path, &status) == 0)
		set->files[set->file_count++] =
		    (struct listener_file){ path, fd, status.st_dev, status.st_ino };
}

static bool unix_open(struct listener_set *set, size_t column, const char *path,
    const struct listener_options *options, struct err *err)
{
	char beside[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int length = snprintf(beside, sizeof(beside), "%s.%ld", path, (long)getpid());
	int fd;

	if (length < 0 || (size_t)length >= sizeof(beside))
		return err_set(
		    err, "cannot listen on '%s': the path is too long for a socket", path);
	if (!unix_is_free(path, err))
		return false;
	unlink(beside);
	fd = unix_socket(beside, err);
	for (unsigned thread = 0; thread < set->threads; thread++)
		set->fds[thread * set->count + column] = fd;
	if (fd < 0)
		return false;
	if (!set_owner(beside, options, err)) {
		unlink(beside);
		return false;
	}
	if (rename(beside, path) != 0) {
		err_set(err, "cannot listen on '%s': %s", path, strerror(errno));
		unlink(beside);
		return false;
	}
	remember_file(set, path, fd);
	return true;
}

/* ---- sets -------------------------------------------------------------------------------------
 */

bool listener_check(const char *text, struct err *err)
{
	struct slice address = slice_of_cstr(text);
	struct addrinfo *found;

	if (slice_starts_with(address, unix_prefix)) {
		struct sockaddr_un unused;
		const char *path = text + unix_prefix.len;

		if (*path != '/' || !unix_address(path, &unused))
			return err_set(err, "'%s' needs an absolute path of less than %zu bytes",
			    text, sizeof(unused.sun_path));
		return true;
	}
	if (!slice_starts_with(address, tcp_prefix))
		return err_set(err, "'%s' is neither unix:/PATH nor tcp:HOST:PORT", text);
	found = tcp_resolve(text);
	if (!found)
		return err_set(err, "'%s' needs an address and a port in numbers", text);
	freeaddrinfo(found);
	return true;
}

static bool set_init(struct listener_set *set, size_t count, unsigned threads, struct err *err)
{
	size_t cells = count * threads;

	*set = (struct listener_set){ .threads = threads, .count = count };
	set->fds = malloc(cells * sizeof(*set->fds));
	if (!set->fds)
		return err_set(err, "cannot listen: no memory");
	for (size_t i = 0; i < cells; i++)
		set->fds[i] = -1;
	return true;
}

bool listener_open(const char *const *addresses, size_t count,
    const struct listener_options *options, struct listener_set *out, struct err *err)
{
	bool ok = count <= LISTENER_MAX || err_set(err, "more than %d listeners", LISTENER_MAX);

	if (!ok || !set_init(out, count, options->threads, err))
		return false;
	for (size_t i = 0; ok && i < count; i++) {
		const char *text = addresses[i];

		if (!listener_check(text, err))
			ok = false;
		else if (slice_starts_with(slice_of_cstr(text), unix_prefix))
			ok = unix_open(out, i, text + unix_prefix.len, options, err);
		else
			ok = tcp_open(out, i, text, err);
	}
	if (!ok)
		listener_close(out);
	return ok;
}

/* sd_listen_fds(3). */
size_t listener_inherited(int fds[LISTENER_MAX])
{
	const char *pid = getenv("LISTEN_PID");
	const char *number = getenv("LISTEN_FDS");
	uint64_t owner, count = 0;

	if (pid && number && slice_to_u64(slice_of_cstr(pid), INT32_MAX, &owner) &&
	    (pid_t)owner == getpid() && slice_to_u64(slice_of_cstr(number), LISTENER_MAX, &count))
		for (size_t i = 0; i < count; i++)
			fds[i] = FIRST_INHERITED_FD + (int)i;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return count;
}

bool listener_adopt(
    const int *fds, size_t count, unsigned threads, struct listener_set *out, struct err *err)
{
	if (!set_init(out, count, threads, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		int listening = 0;
		socklen_t size = sizeof(listening);

		for (unsigned thread = 0; thread < threads; thread++)
			out->fds[thread * count + i] = fds[i];
		if (getsockopt(fds[i], SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 ||
		    !listening) {
			err_set(err, "inherited descriptor %d is no listening socket", fds[i]);
			listener_close(out);
			return false;
		}
		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
		fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK);
	}
	return true;
}

void listener_retire(const struct listener_set *set)
{
	for (size_t i = 0; i < set->file_count; i++)
		(void)shutdown(set->files[i].fd, SHUT_RD);
}

void listener_close(struct listener_set *set)
{
	for (size_t i = 0; i < set->file_count; i++) {
		const struct listener_file *file = &set->files[i];
		struct stat status;

		/* Not the one of an agent that was started since. */
		if (stat(file->path, &status) == 0 && status.st_dev == file->device &&
		    status.st_ino == file->inode)
			unlink(file->path);
	}
	for (size_t column = 0; column < set->count; column++) {
		int last = -1;

		for (unsigned thread = 0; thread < set->threads; thread++) {
			int fd = listener_row(set, thread)[column];

			if (fd >= 0 && fd != last)
				close(fd);
			last = fd;
		}
	}
	free(set->fds);
	*set = (struct listener_set){ 0 };
}
