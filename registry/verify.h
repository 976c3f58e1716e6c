/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * verify: assertions about a running gateway, after a deploy or at any time. Requests are few: the
 * gateway's own rate rules also count them.
 */
#include "common/http.h"
#include "registry/gateway.h"

enum {
	VERIFY_SERVICES_MAX = 10, /* that are asked one by one; the first, by id */
	VERIFY_SAMPLES = 50,
	VERIFY_CERTIFICATE_DAYS = 14,
};

struct verify_options {
	const char *url;                      /* NULL: the setting public_url */
	const char *ca_file;                  /* NULL: the system's */
	const char *tokens[AUTHORIZER_COUNT]; /* NULL: skipped, or asked of the issuer */
	const char *issuer;                   /* base URL of `sallyport-jwt serve`; NULL: none */
	const char *access_log;               /* file with the records; NULL: skipped */
	const char *throttle; /* service that is asked until it throttles; NULL: skipped */
	uint64_t slo_ms;
};

enum verify_outcome { VERIFY_PASSED, VERIFY_FAILED, VERIFY_SKIPPED };

struct verify_result {
	enum verify_outcome outcome;
	const char *name;
	const char *detail; /* why it failed or was skipped */
};

struct verification {
	struct gateway *gateway;
	const struct verify_options *options;
	struct arena arena;
	struct verify_result *results;
	size_t count, cap;
	size_t counts[3]; /* by outcome */
	/* of the URL */
	const char *base; /* without a slash at the end */
	struct url url;
	const char *tokens[AUTHORIZER_COUNT];
	struct http_session *session;
	struct http_response reply;
	struct err no_reply; /* of the last request */
};

/* Adds one assertion. `detail` is copied when it is needed. */
void verify_check(struct verification *v, bool ok, const char *detail, const char *name, ...)
    __attribute__((format(printf, 4, 5)));
void verify_skip(struct verification *v, const char *why, const char *name, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * One request to the gateway: the answer is in v->reply, status 0 when there was none. `token` and
 * `header` may be NULL.
 */
struct verify_request {
	const char *method; /* NULL: GET */
	const char *path;
	const char *token;
	const char *header;
	struct slice body;
};
long verify_ask(struct verification *v, const struct verify_request *request);
/* A token with that scope from a development issuer; NULL when there is none. */
const char *verify_issue(struct verification *v, size_t pool, const char *scope);
/* What came, for a detail; in the arena. */
const char *verify_reply_text(struct verification *v);

/* The groups, in this order. */
void verify_tls(struct verification *v);
void verify_state(struct verification *v);
void verify_shapes(struct verification *v);
void verify_services(struct verification *v);
void verify_records(struct verification *v);
void verify_throttle(struct verification *v);

/* Runs all groups. False with err set when there is no URL, or no memory. */
bool verify_run(struct verification *v, struct gateway *gateway,
    const struct verify_options *options, struct err *err);
void verify_release(struct verification *v);
