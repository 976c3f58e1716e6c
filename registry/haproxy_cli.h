/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* haproxy_cli: commands to a running HAProxy, by its stats socket or its master's socket. */
#include "common/buf.h"
#include "common/err.h"

enum { CLI_ANSWER_MAX_BYTES = 256 << 20, CLI_TIMEOUT_MS = 10000, CLI_PAYLOAD_MAX_BYTES = 8192 };

/* Sends one command (with its payload, if it has one) and appends the answer. */
bool haproxy_cli(
    const char *socket_path, struct slice command, struct buf *answer, struct err *err);

/* Whether anything answers there; sets no error. */
bool haproxy_is_running(const char *socket_path);

/* The revision that new connections are served with; "" when gateway.map does not say. */
enum { REVISION_NAME_MAX = 64 };
bool haproxy_revision(const char *stats_socket, char out[REVISION_NAME_MAX], struct err *err);

/* Tells the master to reload. That the new workers answer is for the caller to see. */
bool haproxy_reload(const char *master_socket, struct err *err);

/* How many reloads of the master failed since it started; false when it does not say. */
bool haproxy_failed_reloads(const char *master_socket, uint64_t *count);

/* Replaces a map's content in one step by "key value" lines; comments and empty lines are left out.
 */
bool haproxy_replace_map(
    const char *stats_socket, const char *map, struct slice lines, struct err *err);

/* The map's content as sorted "key value" lines. A map that no rule uses is an error. */
bool haproxy_show_map(
    const char *stats_socket, const char *map, struct buf *lines, struct err *err);
