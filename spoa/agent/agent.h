/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * agent: the process: sockets, threads, signals, reload, drain. The main thread owns the snapshot,
 * loads new ones in a thread of their own and hands them to the workers, which change between two
 * requests.
 */
#include "common/err.h"

#include <stdbool.h>

struct agent;

struct agent_options {
	const char *config_path;
	bool handle_signals; /* HUP reloads; TERM and INT end */
};

/*
 * Loads the configuration, opens the sockets, drops privileges, starts the threads. NULL with what
 * is wrong in `errors`.
 */
struct agent *agent_start(const struct agent_options *options, struct err_list *errors);

/* Returns when the agent was told to stop and has drained. On the thread that called agent_start().
 */
void agent_run(struct agent *agent);
void agent_free(struct agent *agent);

/* From any thread. */
void agent_reload(struct agent *agent);
void agent_stop(struct agent *agent);

/* How often a reload has ended well or not; for tests and metrics. */
struct agent_reloads {
	uint64_t ok, failed;
};
struct agent_reloads agent_reload_counts(const struct agent *agent);

/* Loads `path` as a start would and throws the result away: --check. False with what is wrong. */
bool agent_check(const char *path, struct err_list *errors);
