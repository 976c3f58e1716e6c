/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * status_server: a small HTTP server on the event loop for /metrics, /healthz and /ready. One
 * request per connection; GET alone; everything else is answered with an error and closed.
 */
#include "common/buf.h"
#include "common/err.h"

#include <ev.h>

enum { STATUS_CONNECTIONS_MAX = 32, STATUS_REQUEST_MAX_BYTES = 4096, STATUS_TIMEOUT_S = 5 };

/* Fills `body` for a path and returns the HTTP status; 404 for a path it does not know. */
typedef int status_handler(void *context, struct slice path, struct buf *body);

struct status_server;

/* Listens on HOST:PORT (numbers). NULL with err set. */
struct status_server *status_server_new(struct ev_loop *loop, const char *address,
    status_handler *handler, void *context, struct err *err);
void status_server_free(struct status_server *server);
