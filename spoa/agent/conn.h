/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * conn: the SPOP connections of one thread: reading, answering, back-pressure, timeouts.
 *
 * All connections of a pool share one buffer to read into and one to answer from. A connection has
 * memory of its own only while a frame has not arrived whole, or while its peer does not take what
 * it is sent; an idle one costs a few hundred bytes. A peer that does not take its answers is not
 * read from until it does.
 *
 * A request that the handler holds back holds its connection: what came behind it waits in order.
 * It is handed to the handler again every few milliseconds, and for good after `hold_s`.
 */
#include "common/buf.h"
#include "spoa/agent/counters.h"
#include "spoa/agent/session.h"

#include <ev.h>

struct conn;

/* Oldest first: every member of a lane has the same patience, so the first is the next to go. */
struct conn_lane {
	struct conn *first, *last;
};

struct conn_limits {
	double idle_timeout_s;  /* nothing under way */
	double frame_timeout_s; /* within a frame, a handshake, an answer or a goodbye */
	double hold_s;          /* 0: nothing is held back */
};

/* HELD_MAX: connections held back at one time; beyond it requests are answered at once. */
enum { CONN_SPARES = 32, CONN_SPARE_MAX = 512 * 1024, CONN_HELD_MAX = 64 };

struct conn_pool {
	struct ev_loop *loop;
	struct session_handler handler;
	struct conn_limits limits;
	struct counters *counters;
	/* Called when a connection has gone; may be NULL. */
	void (*on_close)(void *context);
	void *context;

	size_t count;
	struct conn_lane idle, busy, held;
	struct ev_timer sweep, leave, ask_again; /* ask_again: active while there are held ones */
	size_t held_count;
	size_t leave_batch; /* connections to take leave of at a time; 0: not draining */
	char *rx, *tx;
	struct buf spares[CONN_SPARES];
	size_t spare_count;
};

/* loop, handler, limits and counters are set by the caller before; false: no memory. */
bool conn_pool_init(struct conn_pool *pool);
/* Closes what is still open, without a word. */
void conn_pool_release(struct conn_pool *pool);

/* Takes over a connected non-blocking socket, and closes it when there is no memory: then false. */
bool conn_open(struct conn_pool *pool, int fd);

/*
 * Answers what has arrived and takes leave of one connection after the other, all within
 * `within_s`. HAProxy fails what is in flight on a connection that ends and asks once more on
 * another one: were all ended at once, it would ask on one that is about to end as well. Those that
 * are left are served meanwhile.
 */
void conn_pool_drain(struct conn_pool *pool, double within_s);
