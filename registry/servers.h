/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * servers: the services' server lines of a rendered haproxy.cfg, and whether two configurations
 * differ in their addresses alone (docs/decisions/0042-server-addresses-at-run-time.md). Pure.
 */
#include "common/slice.h"

enum {
	SERVER_BACKEND_MAX = 64, /* svc_, an id of 40 bytes, _canary */
	SERVER_ADDRESS_MAX = 48, /* an IPv6 address as text */
};

/* One line "server primary HOST:PORT REST" of a backend svc_…; slices of the configuration. */
struct server_line {
	struct slice backend;
	struct slice host; /* an IPv6 address without its brackets */
	struct slice rest; /* the words behind */
	unsigned port;
	bool is_address; /* the host is an IP address */
};

/* Where in a configuration the search is. */
struct server_cursor {
	struct slice rest, backend;
};
/* The next such line; false at the end. */
bool server_next(struct server_cursor *cursor, struct server_line *out);

/* A service's server that gets another address or port. */
struct server_move {
	char backend[SERVER_BACKEND_MAX];
	char address[SERVER_ADDRESS_MAX]; /* "": the one it has, which a name gave it */
	unsigned port;
	const char *from, *to; /* live_servers_complete(): whose turn it was and is */
};

struct server_moves {
	struct server_move *items;
	size_t count, cap;
};

/*
 * Whether `to` is `from` but for server lines whose port differs, or whose host is another IP
 * address. Then `out` has them, to be released. False, with nothing in `out`, when anything else
 * differs (the TLS name, say), when a host becomes another name, or for want of memory: that takes
 * a reload.
 */
bool server_moves_only(struct slice from, struct slice to, struct server_moves *out);
void server_moves_release(struct server_moves *moves);

/* Whether two texts are the same IP address, however they are written. */
bool server_same_address(struct slice a, struct slice b);
