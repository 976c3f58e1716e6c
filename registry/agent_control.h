/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* agent_control: the agent's installed configuration, and telling the agent of it. */
#include "common/buf.h"
#include "registry/settings.h"

/* OUTPUT_DIR/agent.json, what the agent is started with. */
const char *agent_control_config_path(char *path, size_t size, const struct settings *settings);

/*
 * `next` with the routes of `previous` that it no longer has, and their authorizers: requests that
 * HAProxy let in by the old routes are answered while it drains.
 */
bool agent_control_merge(
    struct slice next, struct slice previous, struct buf *out, struct err *err);

/* sallyport-spoa --check FILE. */
bool agent_control_check(const struct settings *settings, const char *file, struct err *err);

/* Whether its metrics answer. */
bool agent_control_is_running(const struct settings *settings);

/* SIGHUP, or the reload command, then waits until the metrics name the revision. */
bool agent_control_reload(const struct settings *settings, const char *revision, struct err *err);
