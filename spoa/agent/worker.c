/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/worker.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENERS_MAX = 32, THREAD_NAME_MAX = 16 };

/* When there are no more descriptors, accepting again at once would only burn a CPU. */
static const double accept_pause_s = 0.1;

struct worker {
	struct worker_options options;
	struct ev_loop *loop;
	pthread_t thread;
	char name[THREAD_NAME_MAX];
	struct conn_pool pool;
	struct ev_io accepts[LISTENERS_MAX];
	struct ev_timer accept_again;
	struct ev_async wake;
	struct ev_timer deadline;
	atomic_bool woken;
	_Atomic double drain_s; /* 0: not draining */
	bool draining;
};

/* ---- accepting --------------------------------------------------------------------------------
 */

static void accept_start(struct worker *worker)
{
	for (size_t i = 0; i < worker->options.listener_count; i++)
		ev_io_start(worker->loop, &worker->accepts[i]);
}

static void accept_stop(struct worker *worker)
{
	for (size_t i = 0; i < worker->options.listener_count; i++)
		ev_io_stop(worker->loop, &worker->accepts[i]);
	ev_timer_stop(worker->loop, &worker->accept_again);
}

static void on_accept_again(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	accept_start((struct worker *)timer->data);
}

static void accept_failed(struct worker *worker, int error)
{
	/* Another thread was faster, or the peer has gone again. */
	if (error == EAGAIN || error == EWOULDBLOCK || error == ECONNABORTED || error == EINTR)
		return;
	count(worker->options.counters, COUNT_accept_errors);
	accept_stop(worker);
	ev_timer_set(&worker->accept_again, accept_pause_s, 0);
	ev_timer_start(worker->loop, &worker->accept_again);
}

/* Over the limit a peer is refused at once rather than left waiting, so that it can go elsewhere.
 */
static bool claim(struct worker *worker)
{
	size_t before = atomic_fetch_add(worker->options.connections, 1);

	if (before < worker->options.max_connections)
		return true;
	atomic_fetch_sub(worker->options.connections, 1);
	return false;
}

static void unclaim(void *context)
{
	struct worker *worker = (struct worker *)context;

	atomic_fetch_sub(worker->options.connections, 1);
	if (worker->draining && worker->pool.count == 0)
		ev_break(worker->loop, EVBREAK_ALL);
}

/* False when there was nobody to accept. */
static bool accept_one(struct worker *worker, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int on = 1;

	if (fd < 0)
		return false;
	if (!claim(worker)) {
		count(worker->options.counters, COUNT_refused);
		close(fd);
		return true;
	}
	/* Answers are written whole, so nothing is gained by waiting; a unix socket has no such
	 * thing. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (conn_open(&worker->pool, fd)) {
		count(worker->options.counters, COUNT_accepted);
	} else {
		count(worker->options.counters, COUNT_closed_resource);
		atomic_fetch_sub(worker->options.connections, 1);
	}
	return true;
}

/* One per round: the other threads get their share of a burst. */
static void on_accept(struct ev_loop *loop, struct ev_io *watcher, int events)
{
	struct worker *worker = (struct worker *)watcher->data;

	(void)loop;
	(void)events;
	if (!accept_one(worker, watcher->fd))
		accept_failed(worker, errno);
}

/* ---- the loop ---------------------------------------------------------------------------------
 */

static void on_deadline(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void drain(struct worker *worker, double timeout_s)
{
	accept_stop(worker);
	for (size_t i = 0; worker->options.accept_rest && i < worker->options.listener_count; i++)
		while (accept_one(worker, worker->options.listeners[i]))
			;
	worker->draining = true;
	/* Half of the time for goodbyes, half for the peers to close. */
	conn_pool_drain(&worker->pool, timeout_s / 2);
	if (worker->pool.count == 0) {
		ev_break(worker->loop, EVBREAK_ALL);
		return;
	}
	ev_timer_set(&worker->deadline, timeout_s, 0);
	ev_timer_start(worker->loop, &worker->deadline);
}

static void on_wake(struct ev_loop *loop, struct ev_async *watcher, int events)
{
	struct worker *worker = (struct worker *)watcher->data;
	double drain_s = atomic_load(&worker->drain_s);

	(void)loop;
	(void)events;
	if (atomic_exchange(&worker->woken, false) && worker->options.on_wake)
		worker->options.on_wake(worker->options.context, worker);
	if (drain_s > 0 && !worker->draining)
		drain(worker, drain_s);
}

static void *run(void *argument)
{
	struct worker *worker = (struct worker *)argument;

	pthread_setname_np(pthread_self(), worker->name);
	ev_run(worker->loop, 0);
	conn_pool_release(&worker->pool);
	return NULL;
}

/* ---- from other threads -------------------------------------------------------------------------
 */

static void init_watchers(struct worker *worker)
{
	for (size_t i = 0; i < worker->options.listener_count; i++) {
		ev_io_init(&worker->accepts[i], on_accept, worker->options.listeners[i], EV_READ);
		worker->accepts[i].data = worker;
	}
	ev_async_init(&worker->wake, on_wake);
	worker->wake.data = worker;
	ev_async_start(worker->loop, &worker->wake);
	ev_timer_init(&worker->accept_again, on_accept_again, 0, 0);
	worker->accept_again.data = worker;
	ev_timer_init(&worker->deadline, on_deadline, 0, 0);
	accept_start(worker);
}

/* Signals are for the main thread. */
static int start_thread(struct worker *worker)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

static void worker_free(struct worker *worker)
{
	ev_loop_destroy(worker->loop);
	free(worker);
}

struct worker *worker_start(const struct worker_options *options, struct err *err)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int error;

	assert(options->listener_count <= LISTENERS_MAX);
	if (!worker || !(worker->loop = ev_loop_new(EVFLAG_NOSIGMASK))) {
		free(worker);
		err_set(
		    err, "cannot start thread '%s': no memory for an event loop", options->name);
		return NULL;
	}
	worker->options = *options;
	strncpy(worker->name, options->name, sizeof(worker->name) - 1);
	worker->pool = (struct conn_pool){
		.loop = worker->loop,
		.handler = options->handler,
		.limits = options->limits,
		.counters = options->counters,
		.on_close = unclaim,
		.context = worker,
	};
	if (!conn_pool_init(&worker->pool)) {
		err_set(err, "cannot start thread '%s': no memory for its buffers", options->name);
		worker_free(worker);
		return NULL;
	}
	init_watchers(worker);
	error = start_thread(worker);
	if (error != 0) {
		err_set(err, "cannot start thread '%s': %s", options->name, strerror(error));
		conn_pool_release(&worker->pool);
		worker_free(worker);
		return NULL;
	}
	return worker;
}

void worker_wake(struct worker *worker)
{
	atomic_store(&worker->woken, true);
	ev_async_send(worker->loop, &worker->wake);
}

void worker_drain(struct worker *worker, double timeout_s)
{
	atomic_store(&worker->drain_s, timeout_s > 0 ? timeout_s : 0.001);
	ev_async_send(worker->loop, &worker->wake);
}

void worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
	worker_free(worker);
}

void worker_set_limits(struct worker *worker, struct conn_limits limits, uint32_t max_frame_size,
    size_t max_connections)
{
	worker->pool.limits = limits;
	worker->pool.handler.max_frame_size = max_frame_size;
	worker->options.max_connections = max_connections;
}

double worker_now(const struct worker *worker)
{
	return ev_now(worker->loop);
}
