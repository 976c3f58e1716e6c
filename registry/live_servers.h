/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * live_servers: the addresses a running HAProxy uses for the services' servers, by its stats
 * socket.
 */
#include "common/buf.h"
#include "common/err.h"
#include "registry/servers.h"

/*
 * Says for each move which of its backend's two servers, primary and spare, is in use and which is
 * free to take over, and fills in addresses that stay. False, then a reload is the way: HAProxy
 * does not answer, there is no spare (the upstream's name is followed by DNS), an operator has
 * changed the servers' states, or the free one still ends requests of the time before.
 */
bool live_servers_complete(const char *stats_socket, struct server_moves *moves);

/*
 * Gives the free servers their addresses, lets them take over and waits until HAProxy says so:
 * later versions do some of it behind their answer. Requests that have begun end where they began;
 * those that begin after it go to the new address alone. On failure some have moved.
 */
bool live_servers_move(const char *stats_socket, const struct server_moves *moves, struct err *err);

/*
 * A line for each service whose server in use has another address or port than `config` says. What
 * a name stands for is for DNS to say: there only the port counts. Nothing when HAProxy does not
 * answer, nor for servers that are all in maintenance.
 */
void live_servers_drift(const char *stats_socket, struct slice config, struct buf *lines);
