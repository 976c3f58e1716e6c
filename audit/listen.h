/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * listen: the sockets records come in by. One that was handed over (sd_listen_fds(3): LISTEN_FDS,
 * LISTEN_PID) goes first; else it is bound to an address: HOST:PORT or [HOST]:PORT with numbers,
 * for datagrams also a path from "/". All return a descriptor, or -1 with err set.
 */
#include "common/err.h"

enum { LISTEN_BUFFER_BYTES = 128 << 20 }; /* asked for, for datagrams */

int listen_datagrams(const char *address, struct err *err);
int listen_stream(const char *address, struct err *err);
/* Bound to the address, never handed over: for the process that holds the sockets. */
int listen_bind_datagrams(const char *address, struct err *err);
int listen_bind_stream(const char *address, struct err *err);
