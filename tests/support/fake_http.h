/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * fake_http: an HTTP/1.1 peer on 127.0.0.1 whose answers a test decides: slow, wrong, cut off, or
 * none. Real sockets; one thread; connections are kept open unless the answer closes them.
 */
#include "common/slice.h"

struct fake_request {
	struct slice method, path; /* path with its query */
	struct slice headers;      /* as they came, lines ending in \r\n */
	struct slice body;
};

struct fake_reply {
	int status;          /* 200 before the handler is called */
	const char *headers; /* lines ending in \r\n; NULL: none */
	const char *body;    /* NULL: none */
	unsigned delay_ms;
	bool drop;  /* close without an answer */
	bool close; /* close behind the answer */
};

/* `n` counts the requests from 0. What the reply points to must live until the next request. */
typedef void fake_http_fn(
    const struct fake_request *request, unsigned n, struct fake_reply *reply, void *context);

struct fake_http;
/* Asserts that it could start. */
struct fake_http *fake_http_start(fake_http_fn *handle, void *context);
void fake_http_stop(struct fake_http *peer);

const char *fake_http_url(const struct fake_http *peer); /* "http://127.0.0.1:PORT" */
unsigned fake_http_requests(const struct fake_http *peer);
unsigned fake_http_connections(const struct fake_http *peer);

/* The value of a request's header, by lower-case name; empty when there is none. */
struct slice fake_header(const struct fake_request *request, const char *name);
