/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * worker: one thread with its own event loop, its share of the connections, and whatever answers
 * them. The other threads talk to it by worker_wake() and worker_drain() alone.
 */
#include "common/err.h"
#include "spoa/agent/conn.h"

#include <pthread.h>

struct worker;

struct worker_options {
	const char *name;     /* of the thread, at most 15 characters; copied */
	const int *listeners; /* non-blocking; shared or the worker's own, closed by the caller */
	size_t listener_count;
	bool accept_rest;               /* at the drain: nobody else accepts from these listeners */
	struct session_handler handler; /* called on the worker's thread */
	struct conn_limits limits;
	/* Called on the worker's thread after worker_wake(); may change limits and handler. */
	void (*on_wake)(void *context, struct worker *worker);
	void *context;
	struct counters *counters;
	atomic_size_t *connections; /* of all workers */
	size_t max_connections;     /* for all workers together */
};

/* Starts the thread. NULL with err set when there are no resources. `counters` outlive the worker.
 */
struct worker *worker_start(const struct worker_options *options, struct err *err);

/* From any thread. Several calls may come to one on_wake. */
void worker_wake(struct worker *worker);

/*
 * From any thread: no more accepting but, with accept_rest, of who waits; what has arrived is
 * answered; each peer is told goodbye; the thread ends when all connections are gone, or after
 * `timeout_s`, closing those that are left.
 */
void worker_drain(struct worker *worker, double timeout_s);

/* Waits for the end of a drained worker and frees it. */
void worker_join(struct worker *worker);

/* For on_wake. */
void worker_set_limits(struct worker *worker, struct conn_limits limits, uint32_t max_frame_size,
    size_t max_connections);
/* The loop's time, taken once per round of events: seconds since 1970. */
double worker_now(const struct worker *worker);
