/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * listener: the sockets that an agent accepts on.
 *
 *     unix:/run/sallyport/spoa.sock     a socket file: made beside its name, given its mode and
 *                                       group, then moved there, so that it is never half ready
 *     tcp:127.0.0.1:9001, tcp:[::1]:9001   one socket per thread (SO_REUSEPORT)
 *
 * or what systemd has opened already (LISTEN_FDS, sd_listen_fds(3)).
 */
#include "common/err.h"

#include <sys/types.h>

enum { LISTENER_MAX = 16, LISTENER_BACKLOG = 4096 };

struct listener_options {
	mode_t mode;       /* of socket files */
	const char *group; /* NULL or "": unchanged */
	unsigned threads;
};

struct listener_set {
	/* Row t: the descriptors of thread t; a shared socket has one number in all rows. */
	int *fds;
	unsigned threads;
	size_t count; /* per thread */
	/* Socket files to remove when closing, if they are still ours. */
	struct listener_file {
		const char *path;
		int fd;
		dev_t device;
		ino_t inode;
	} files[LISTENER_MAX];
	size_t file_count;
};

/* Whether `text` is an address of one of the forms above; else says why in `err`. */
bool listener_check(const char *text, struct err *err);

/* Opens all or none. `addresses` must outlive the set. */
bool listener_open(const char *const *addresses, size_t count,
    const struct listener_options *options, struct listener_set *out, struct err *err);

/* The sockets that systemd passed to this process: their number, 0 for none. Clears the variables.
 */
size_t listener_inherited(int fds[LISTENER_MAX]);
/* As listener_open(), of inherited descriptors. */
bool listener_adopt(
    const int *fds, size_t count, unsigned threads, struct listener_set *out, struct err *err);

static inline const int *listener_row(const struct listener_set *set, unsigned thread)
{
	return set->fds + (size_t)thread * set->count;
}

/*
 * From now on connecting to the socket files of this set is refused, so that a peer goes elsewhere
 * at once; who had connected before can still be accepted (shutdown(2) of a listening unix socket).
 * Other sockets stay as they are: what systemd holds belongs to the next agent as well.
 */
void listener_retire(const struct listener_set *set);

void listener_close(struct listener_set *set);
