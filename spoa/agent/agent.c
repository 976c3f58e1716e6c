/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/agent.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/systemd.h"
#include "spoa/agent/admin.h"
#include "spoa/agent/dispatch.h"
#include "spoa/agent/listener.h"
#include "spoa/agent/metrics.h"
#include "spoa/agent/privileges.h"
#include "spoa/agent/worker.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

/* How often old snapshots are looked at, to be freed when the last thread has left them. */
static const double retire_period_s = 1;

enum {
	SEATS_MAX = 64, /* the bound of `threads` in config.def */
	/* An issuer that does not answer must not keep the agent from those that do. */
	KEYS_WAIT_MS = 2000,
};

/* What belongs to one worker. */
struct seat {
	struct worker *worker;
	struct dispatcher *dispatcher;
	struct counters *counters;
	_Atomic(struct snapshot *) mail; /* the next snapshot; a reference */
	atomic_uint_least64_t beats;     /* wakes answered */
	uint64_t last_beats;             /* as the watchdog saw it last */
};

/* A reload under way in a thread of its own. */
struct loader {
	pthread_t thread;
	bool running;
	bool again;                /* asked for once more meanwhile */
	struct snapshot *previous; /* a reference */
	struct snapshot *snapshot;
	struct err_list errors;
	uint64_t began_ms;
};

struct agent {
	const char *config_path;
	struct ev_loop *loop;
	struct ev_signal hangup, terminate, interrupt;
	struct ev_async requested, loaded;
	struct ev_timer retire, watchdog;
	atomic_bool stop_requested, reload_requested;

	struct arena arena; /* of `boot` */
	struct config boot; /* as it was at the start: what only a restart changes */
	struct snapshot *snapshot;
	struct snapshot *retired; /* linked by `older` */
	struct loader loader;
	atomic_uint_least64_t reloads_ok, reloads_failed;

	struct admin *admin; /* NULL: not configured */
	int64_t started_unix_s, loaded_unix_s;

	struct listener_set listeners;
	bool inherited; /* the listeners: systemd holds them */
	atomic_size_t connections;
	struct seat *seats;
	unsigned seat_count;
};

/* ---- snapshots
 * ------------------------------------------------------------------------------------- */

static struct conn_limits limits_of(const struct config *config)
{
	return (struct conn_limits){
		.idle_timeout_s = (double)config->idle_timeout_ms / 1000,
		.frame_timeout_s = (double)config->frame_timeout_ms / 1000,
		.hold_s = (double)config->hold_ms / 1000,
	};
}

/* On the worker's thread. */
static void on_worker_wake(void *context, struct worker *worker)
{
	struct seat *seat = (struct seat *)context;
	struct snapshot *next = atomic_exchange(&seat->mail, NULL);

	atomic_fetch_add(&seat->beats, 1);
	if (!next)
		return;
	dispatcher_set_snapshot(seat->dispatcher, next);
	worker_set_limits(worker, limits_of(&next->config), (uint32_t)next->config.max_frame_bytes,
	    (size_t)next->config.max_connections);
	snapshot_unref(next);
}

/* The main thread is the last to let go, so that no loop spends its time on freeing. */
static void on_retire(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct agent *agent = (struct agent *)timer->data;
	struct snapshot **link = &agent->retired;

	(void)events;
	while (*link) {
		struct snapshot *old = *link;

		if (atomic_load(&old->refs) > 1) {
			link = &old->older;
			continue;
		}
		*link = old->older;
		snapshot_unref(old);
	}
	if (!agent->retired)
		ev_timer_stop(loop, timer);
}

static void publish(struct agent *agent, struct snapshot *snapshot)
{
	agent->snapshot->older = agent->retired;
	agent->retired = agent->snapshot;
	agent->snapshot = snapshot;
	ev_timer_again(agent->loop, &agent->retire);
	for (unsigned i = 0; i < agent->seat_count; i++) {
		struct seat *seat = &agent->seats[i];

		snapshot_unref(atomic_exchange(&seat->mail, snapshot_ref(snapshot)));
		worker_wake(seat->worker);
	}
}

/* ---- reload
 * ---------------------------------------------------------------------------------------- */

static void *load(void *argument)
{
	struct agent *agent = (struct agent *)argument;

	agent->loader.snapshot =
	    snapshot_load(agent->config_path, agent->loader.previous, &agent->loader.errors);
	if (agent->loader.snapshot)
		snapshot_wait_for_keys(agent->loader.snapshot, KEYS_WAIT_MS);
	ev_async_send(agent->loop, &agent->loaded);
	return NULL;
}

static void begin_reload(struct agent *agent)
{
	struct loader *loader = &agent->loader;
	sigset_t all, old;

	if (loader->running) {
		loader->again = true;
		return;
	}
	systemd_notify_reloading();
	err_list_init(&loader->errors, 0);
	loader->began_ms = clock_monotonic_ms();
	loader->previous = snapshot_ref(agent->snapshot);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	loader->running = pthread_create(&loader->thread, NULL, load, agent) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!loader->running) {
		snapshot_unref(loader->previous);
		err_list_release(&loader->errors);
		log_error("cannot reload: no thread");
		atomic_fetch_add(&agent->reloads_failed, 1);
		systemd_notify("READY=1");
	}
}

static void log_errors(const struct err_list *errors)
{
	char text[ERR_TEXT_MAX + ERR_FILE_MAX + 32];

	for (size_t i = 0; i < errors->count; i++)
		log_error("%s", err_format(&errors->items[i], text, sizeof(text)));
	if (errors->dropped > 0)
		log_error("%zu more errors", errors->dropped);
}

/* What a running process cannot change any more. */
static void warn_of_restart(const struct config *old, const struct config *new)
{
	bool same = old->threads == new->threads && old->listen.count == new->listen.count;

	for (size_t i = 0; same && i < old->listen.count; i++)
		same = strcmp(old->listen.items[i], new->listen.items[i]) == 0;
	if (!same)
		log_warning(
		    "'listen' or 'threads' has changed: that takes effect at the next start");
}

static void finish_reload(struct agent *agent, struct snapshot *snapshot)
{
	struct loader *loader = &agent->loader;

	if (!snapshot) {
		log_errors(&loader->errors);
		log_error("'%s' is not loaded; revision '%s' stays", agent->config_path,
		    agent->snapshot->config.revision);
		atomic_fetch_add(&agent->reloads_failed, 1);
		return;
	}
	warn_of_restart(&agent->boot, &snapshot->config);
	log_set_level((enum log_level)snapshot->config.log_level);
	publish(agent, snapshot);
	agent->loaded_unix_s = clock_unix_s();
	atomic_fetch_add(&agent->reloads_ok, 1);
	log_info("revision '%s' with %zu routes loaded in %llu ms", snapshot->config.revision,
	    snapshot->config.routes.count,
	    (unsigned long long)(clock_monotonic_ms() - loader->began_ms));
}

static void on_loaded(struct ev_loop *loop, struct ev_async *watcher, int events)
{
	struct agent *agent = (struct agent *)watcher->data;
	struct loader *loader = &agent->loader;

	(void)loop;
	(void)events;
	if (!loader->running)
		return;
	pthread_join(loader->thread, NULL);
	loader->running = false;
	snapshot_unref(loader->previous);
	finish_reload(agent, loader->snapshot);
	err_list_release(&loader->errors);
	systemd_notify("READY=1");
	if (loader->again) {
		loader->again = false;
		begin_reload(agent);
	}
}

/* ---- pages -------------------------------------------------------------------------------- */

static unsigned render_metrics(void *context, struct buf *body)
{
	struct agent *agent = (struct agent *)context;
	struct counters *counters[SEATS_MAX];
	struct metrics_input in = {
		.counters = counters,
		.counters_count = agent->seat_count,
		.snapshot = agent->snapshot,
		.connections = atomic_load(&agent->connections),
		.reloads_ok = atomic_load(&agent->reloads_ok),
		.reloads_failed = atomic_load(&agent->reloads_failed),
		.started_unix_s = agent->started_unix_s,
		.loaded_unix_s = agent->loaded_unix_s,
		.now_unix_s = clock_unix_s(),
	};

	for (unsigned i = 0; i < agent->seat_count; i++)
		counters[i] = agent->seats[i].counters;
	metrics_render(&in, body);
	return 200;
}

static unsigned render_health(void *context, struct buf *body)
{
	(void)context;
	buf_append_cstr(body, "ok\n");
	return 200;
}

/* Ready: every authorizer has had a key set, so that no good token gets 503 for want of one. */
static unsigned render_ready(void *context, struct buf *body)
{
	const struct agent *agent = (const struct agent *)context;
	unsigned status = 200;

	for (size_t i = 0; i < agent->snapshot->authorizer_count; i++) {
		struct key_source_stats stats;

		key_source_stats(agent->snapshot->authorizers[i].keys, &stats);
		if (stats.generation != 0)
			continue;
		buf_printf(body, "authorizer '%s' has no key set: %s\n",
		    agent->snapshot->config.authorizers.names[i], stats.last_error);
		status = 503;
	}
	if (status == 200)
		buf_append_cstr(body, "ready\n");
	return status;
}

static const struct admin_page pages[] = {
	{ SLICE_INIT("/metrics"), "text/plain; version=0.0.4; charset=utf-8", render_metrics },
	{ SLICE_INIT("/health"), "text/plain", render_health },
	{ SLICE_INIT("/ready"), "text/plain", render_ready },
	{ { NULL, 0 }, NULL, NULL },
};

/* ---- signals and requests
 * ---------------------------------------------------------------------------- */

static void on_hangup(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
	(void)loop;
	(void)events;
	begin_reload((struct agent *)watcher->data);
}

static void on_terminate(struct ev_loop *loop, struct ev_signal *watcher, int events)
{
	(void)watcher;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void on_requested(struct ev_loop *loop, struct ev_async *watcher, int events)
{
	struct agent *agent = (struct agent *)watcher->data;

	(void)events;
	if (atomic_exchange(&agent->reload_requested, false))
		begin_reload(agent);
	if (atomic_load(&agent->stop_requested))
		ev_break(loop, EVBREAK_ALL);
}

/* systemd hears from us only as long as every thread still answers. */
static void on_watchdog(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct agent *agent = (struct agent *)timer->data;
	bool alive = true;

	(void)loop;
	(void)events;
	for (unsigned i = 0; i < agent->seat_count; i++) {
		struct seat *seat = &agent->seats[i];

		alive = alive && atomic_load(&seat->beats) != seat->last_beats;
		seat->last_beats = atomic_load(&seat->beats);
		worker_wake(seat->worker);
	}
	if (alive)
		systemd_notify("WATCHDOG=1");
}

static void watch_signals(struct agent *agent)
{
	ev_signal_init(&agent->hangup, on_hangup, SIGHUP);
	ev_signal_init(&agent->terminate, on_terminate, SIGTERM);
	ev_signal_init(&agent->interrupt, on_terminate, SIGINT);
	agent->hangup.data = agent;
	ev_signal_start(agent->loop, &agent->hangup);
	ev_signal_start(agent->loop, &agent->terminate);
	ev_signal_start(agent->loop, &agent->interrupt);
}

static void watch_watchdog(struct agent *agent)
{
	uint64_t us = systemd_watchdog_us();
	double period = (double)us / 1e6 / 3;

	ev_timer_init(&agent->watchdog, on_watchdog, period, period);
	agent->watchdog.data = agent;
	if (us == 0)
		return;
	for (unsigned i = 0; i < agent->seat_count; i++)
		worker_wake(agent->seats[i].worker);
	ev_timer_start(agent->loop, &agent->watchdog);
}

/* ---- starting
 * ------------------------------------------------------------------------------------------ */

static bool open_listeners(struct agent *agent, const struct config *config, struct err *err)
{
	const struct listener_options options = {
		.mode = (mode_t)config_socket_mode(config),
		.group = config->socket_group,
		.threads = (unsigned)config->threads,
	};
	int fds[LISTENER_MAX];
	size_t inherited = listener_inherited(fds);

	agent->inherited = inherited > 0;
	if (agent->inherited)
		return listener_adopt(fds, inherited, options.threads, &agent->listeners, err);
	if (config->listen.count == 0)
		return err_set(err, "'listen' is empty and systemd has passed no socket");
	return listener_open(
	    config->listen.items, config->listen.count, &options, &agent->listeners, err);
}

static bool open_admin(struct agent *agent, struct err *err)
{
	const char *address = agent->boot.metrics_listen;

	if (!address || !*address)
		return true;
	agent->admin = admin_start(agent->loop, address, pages, agent, err);
	return agent->admin != NULL;
}

/* Counters of two threads never share a cache line. */
static struct counters *counters_new(void)
{
	enum { CACHE_LINE = 64 };
	size_t size = (sizeof(struct counters) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	struct counters *counters = aligned_alloc(CACHE_LINE, size);

	if (counters)
		memset(counters, 0, size);
	return counters;
}

static bool start_seat(struct agent *agent, unsigned index, struct err *err)
{
	const struct config *config = &agent->boot;
	struct seat *seat = &agent->seats[index];
	char name[16];
	struct worker_options options = {
		.name = name,
		.listeners = listener_row(&agent->listeners, index),
		.listener_count = agent->listeners.count,
		.accept_rest = !agent->inherited,
		.limits = limits_of(config),
		.on_wake = on_worker_wake,
		.context = seat,
		.connections = &agent->connections,
		.max_connections = (size_t)config->max_connections,
	};

	snprintf(name, sizeof(name), "spoa-%u", index);
	seat->counters = counters_new();
	if (seat->counters)
		seat->dispatcher = dispatcher_new(agent->snapshot, seat->counters);
	if (!seat->dispatcher)
		return err_set(err, "cannot start: no memory");
	options.counters = seat->counters;
	options.handler = (struct session_handler){
		.notify = dispatcher_notify,
		.context = seat->dispatcher,
		.max_frame_size = (uint32_t)config->max_frame_bytes,
	};
	seat->worker = worker_start(&options, err);
	return seat->worker != NULL;
}

static bool start_seats(struct agent *agent, struct err *err)
{
	unsigned count = (unsigned)agent->boot.threads;

	assert(count <= SEATS_MAX);
	agent->seats = calloc(count, sizeof(*agent->seats));
	if (!agent->seats)
		return err_set(err, "cannot start: no memory");
	agent->seat_count = count;
	for (unsigned i = 0; i < count; i++)
		if (!start_seat(agent, i, err))
			return false;
	return true;
}

static bool init_loop(struct agent *agent, struct err *err)
{
	agent->loop = ev_loop_new(EVFLAG_AUTO);
	if (!agent->loop)
		return err_set(err, "cannot start: no event loop");
	ev_async_init(&agent->requested, on_requested);
	ev_async_init(&agent->loaded, on_loaded);
	ev_timer_init(&agent->retire, on_retire, 0, retire_period_s);
	agent->requested.data = agent;
	agent->loaded.data = agent;
	agent->retire.data = agent;
	ev_async_start(agent->loop, &agent->requested);
	ev_async_start(agent->loop, &agent->loaded);
	return true;
}

/*
 * Sockets are opened with the rights of the start; key sets and rules are read with those that a
 * reload will have, and no thread is started before.
 */
static bool boot(struct agent *agent, struct err_list *errors, struct err *err)
{
	arena_init(&agent->arena, 0);
	if (!config_load(agent->config_path, &agent->arena, &agent->boot, errors))
		return false;
	log_set_level((enum log_level)agent->boot.log_level);
	if (!init_loop(agent, err) || !open_listeners(agent, &agent->boot, err) ||
	    !open_admin(agent, err) || !privileges_drop(agent->boot.user, err))
		return false;
	agent->snapshot = snapshot_load(agent->config_path, NULL, errors);
	agent->started_unix_s = clock_unix_s();
	agent->loaded_unix_s = agent->started_unix_s;
	if (!agent->snapshot)
		return false;
	snapshot_wait_for_keys(agent->snapshot, KEYS_WAIT_MS);
	return start_seats(agent, err);
}

struct agent *agent_start(const struct agent_options *options, struct err_list *errors)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	struct err err = { 0 };

	if (!agent) {
		err_list_add(errors, (struct err_pos){ 0 }, "cannot start: no memory");
		return NULL;
	}
	agent->config_path = options->config_path;
	if (boot(agent, errors, &err)) {
		if (options->handle_signals)
			watch_signals(agent);
		watch_watchdog(agent);
		return agent;
	}
	if (err_is_set(&err))
		err_list_add_err(errors, &err);
	agent_free(agent);
	return NULL;
}

/* ---- ending
 * -------------------------------------------------------------------------------------------- */

static void stop_seats(struct agent *agent)
{
	double drain_s =
	    agent->snapshot ? (double)agent->snapshot->config.drain_timeout_ms / 1000 : 0;

	listener_retire(&agent->listeners);
	for (unsigned i = 0; i < agent->seat_count; i++)
		if (agent->seats[i].worker)
			worker_drain(agent->seats[i].worker, drain_s);
	for (unsigned i = 0; i < agent->seat_count; i++) {
		struct seat *seat = &agent->seats[i];

		if (seat->worker)
			worker_join(seat->worker);
		dispatcher_free(seat->dispatcher);
		snapshot_unref(atomic_exchange(&seat->mail, NULL));
		free(seat->counters);
	}
	free(agent->seats);
	agent->seats = NULL;
	agent->seat_count = 0;
}

static void abandon_reload(struct agent *agent)
{
	struct loader *loader = &agent->loader;

	if (!loader->running)
		return;
	pthread_join(loader->thread, NULL);
	snapshot_unref(loader->previous);
	snapshot_unref(loader->snapshot);
	err_list_release(&loader->errors);
	loader->running = false;
}

void agent_run(struct agent *agent)
{
	const struct config *config = &agent->snapshot->config;

	log_info("ready: revision '%s', %zu routes, %u threads", config->revision,
	    config->routes.count, agent->seat_count);
	systemd_notify("READY=1");
	ev_run(agent->loop, 0);
	systemd_notify("STOPPING=1");
	log_info("draining %zu connections", atomic_load(&agent->connections));
	stop_seats(agent);
	log_info("stopped");
}

void agent_free(struct agent *agent)
{
	admin_stop(agent->admin);
	stop_seats(agent);
	abandon_reload(agent);
	snapshot_unref(agent->snapshot);
	while (agent->retired) {
		struct snapshot *old = agent->retired;

		agent->retired = old->older;
		snapshot_unref(old);
	}
	listener_close(&agent->listeners);
	arena_release(&agent->arena);
	if (agent->loop)
		ev_loop_destroy(agent->loop);
	free(agent);
}

void agent_reload(struct agent *agent)
{
	atomic_store(&agent->reload_requested, true);
	ev_async_send(agent->loop, &agent->requested);
}

void agent_stop(struct agent *agent)
{
	atomic_store(&agent->stop_requested, true);
	ev_async_send(agent->loop, &agent->requested);
}

struct agent_reloads agent_reload_counts(const struct agent *agent)
{
	return (struct agent_reloads){
		.ok = atomic_load(&agent->reloads_ok),
		.failed = atomic_load(&agent->reloads_failed),
	};
}

bool agent_check(const char *path, struct err_list *errors)
{
	struct snapshot *snapshot = snapshot_load(path, NULL, errors);
	bool ok = snapshot && snapshot_check_key_files(snapshot, path, errors);

	snapshot_unref(snapshot);
	return ok;
}
