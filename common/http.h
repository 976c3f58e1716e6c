/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http: one request by libcurl, bounded in time and size. No redirects, no cookies, no proxy from
 * the environment unless asked for, certificates and host names always verified, TLS 1.2 at least.
 * Blocks: never call it on an event loop.
 */
#include "common/buf.h"
#include "common/err.h"

/* Once per process, before threads. */
bool http_global_init(void);

/* Keeps connections open between requests of one thread. May be left out everywhere. */
struct http_session;

/* NULL: no memory. */
struct http_session *http_session_new(void);
void http_session_free(struct http_session *session);

struct http_request {
	const char *method;           /* NULL: GET */
	const char *url;              /* http and https; https only when `https_only` */
	const char *const *headers;   /* "Name: value", NULL-terminated; may be NULL */
	struct slice body;            /* sent when len > 0 or the method is not GET */
	struct http_session *session; /* NULL: a connection for this request alone */
	const char *ca_file;          /* PEM; NULL: the system's */
	const char *unix_socket;      /* connect there instead; NULL: TCP */
	bool https_only;
	bool use_env_proxy;
	bool
	    http1_only; /* no HTTP/2, in which an early answer may be lost to the reset behind it */
	unsigned connect_timeout_ms; /* 0: 2000 */
	unsigned total_timeout_ms;   /* 0: 5000 */
	size_t max_body_bytes;       /* 0: 256 KiB; headers: 64 KiB always */
};

struct http_response {
	long status;
	struct buf body;
	struct buf headers; /* "name: value\n" with lower-case names */
};

void http_response_init(struct http_response *response);
void http_response_release(struct http_response *response);
/* The first header of that lower-case name, trimmed; empty when there is none. */
struct slice http_response_header(const struct http_response *response, const char *name);

/*
 * True when a whole response came, whatever its status. False with err set: not connected, TLS
 * failed, timed out, too large. `response` is emptied first.
 */
bool http_perform(
    const struct http_request *request, struct http_response *response, struct err *err);
