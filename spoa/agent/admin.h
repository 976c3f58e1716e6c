/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * admin: a very small HTTP/1.1 server for operators and Prometheus: GET and HEAD of a few paths,
 * one request per connection, on the loop that it is given. Not for the public.
 */
#include "common/buf.h"
#include "common/err.h"

#include <ev.h>

enum {
	ADMIN_CONNECTIONS_MAX = 32,
	ADMIN_REQUEST_MAX = 8192,
};

struct admin;

/* The status of the answer; its body is appended to `body`. */
struct admin_page {
	struct slice path;
	const char *content_type;
	unsigned (*render)(void *context, struct buf *body);
};

/*
 * Listens on ADDRESS:PORT. `pages` and `context` outlive the server; a row without path ends the
 * table. NULL with err set when that cannot be had.
 */
struct admin *admin_start(struct ev_loop *loop, const char *address, const struct admin_page *pages,
    void *context, struct err *err);
void admin_stop(struct admin *admin);
/* The port, for tests that asked for port 0. */
unsigned admin_port(const struct admin *admin);
