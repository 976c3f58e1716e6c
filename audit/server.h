/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* server: sallyport-audit serve: receiver, writer and status on one event loop. */
#include "audit/journal.h"

enum server_when_full {
	SERVER_COUNT,  /* /ready stays 200: requests pass, lost records are counted and told in the
	                  log */
	SERVER_REFUSE, /* /ready becomes 503 before records are lost, for HAProxy to refuse traffic
	                */
};

struct server_options {
	struct journal_options journal;
	const char *listen;        /* datagrams: HOST:PORT or a path */
	const char *listen_stream; /* TCP: HOST:PORT; NULL: none */
	const char *status;        /* HOST:PORT for /metrics, /healthz, /ready; NULL: none */
	unsigned commit_ms;        /* 0: each batch is synced at once */
	const char *spool;         /* a file on a tmpfs; NULL: inherited, or private memory */
	size_t spool_bytes;        /* of records that wait for the disk */
	enum server_when_full when_full;
	unsigned stop_ms;
	unsigned expire_wait_ms; /* after the start, before anything is removed */
};

/* Until SIGTERM or SIGINT. False with err set when it cannot start, or when records were lost at
 * the end. */
bool server_run(const struct server_options *options, struct err *err);
