/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http_server: a real server in a thread, on 127.0.0.1 or a unix socket, with or without TLS, that
 * gives every request the same canned answer. Certificates come from a CA made for the process.
 */
#include "common/buf.h"

#include <pthread.h>

struct http_server_options {
	const char *tls_name;  /* DNS name in the certificate, or "127.0.0.1"; NULL: no TLS */
	const char *unix_path; /* NULL: TCP */
	struct slice answer;   /* the bytes, status line and all */
	unsigned drip_ms;      /* 0: at once, else a byte each so often */
};

struct http_server {
	struct http_server_options options;
	int listener;
	unsigned port;
	void *tls; /* SSL_CTX */
	pthread_t thread;
	/* Read these after http_server_stop(). */
	unsigned requests;
	struct buf request; /* the last one, whole */
};

/* Aborts the test when it cannot start. */
void http_server_start(struct http_server *server, const struct http_server_options *options);
/* Waits for the thread. `request` stays until http_server_release(). */
void http_server_stop(struct http_server *server);
void http_server_release(struct http_server *server);

/* The PEM file of the CA, in a temporary folder; removed at exit. */
const char *http_server_ca_file(void);
