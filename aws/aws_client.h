/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * aws_client: signed requests to one AWS service, with retries. Blocks: never use it on an event
 * loop. One thread at a time per client.
 *
 * Retried, with full jitter: the throttle codes, HTTP 500, 502, 503 and 504, requests that got no
 * answer; once each: keys that expired, a clock that is off by more than 4 minutes. All other
 * errors are final.
 */
#include "aws/aws_error.h"
#include "common/http.h"
#include "common/json_read.h"

#include <signal.h>

enum { AWS_ENDPOINT_MAX = 512, AWS_RESPONSE_MAX_BYTES = 8 << 20 };

struct aws_client;

/* All but `service` may be left out. */
struct aws_client_options {
	const char *service;      /* "ssm", "logs", "kms", "s3", "sts" */
	const char *region;       /* NULL: aws_region_find() */
	const char *profile;      /* NULL: AWS_PROFILE, else "default" */
	const char *endpoint_url; /* NULL: AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the
	                             profile's endpoint_url, AWS's own */
	const char *ca_file;      /* PEM; NULL: AWS_CA_BUNDLE, else the system's */
	unsigned max_per_second;  /* requests sent per second, retries included; 0: no limit */
	unsigned max_attempts;    /* 0: 5 */
	unsigned backoff_ms; /* the first wait is at most this, the n-th 2^n times as long, at most
	                        20 s; 0: 200 */
	unsigned timeout_ms; /* of one attempt; 0: 10000 */
	const volatile sig_atomic_t *stop; /* not zero: give up instead of waiting; may be NULL */
};

/* NULL with err set: no region, a bad endpoint URL, no memory. Sends nothing but to find the
 * region. */
struct aws_client *aws_client_new(const struct aws_client_options *options, struct err *err);
void aws_client_free(struct aws_client *client);

const char *aws_client_region(const struct aws_client *client);
/* "https://ssm.eu-west-1.amazonaws.com" */
const char *aws_client_endpoint(const struct aws_client *client);
/* True when the endpoint was given by hand, so that host names below it cannot be made up. */
bool aws_client_has_own_endpoint(const struct aws_client *client);

/*
 * One operation of the JSON 1.1 protocol. `target` is the X-Amz-Target ("AmazonSSM.PutParameter"),
 * `input` a JSON object. On success *output, when given, is the reply's object (aws_json_free()).
 * False with err set ("AmazonSSM.PutParameter: ThrottlingException: Rate exceeded (request 1a2b…)")
 * and *error, when given, filled; error->code is "" when no answer came.
 */
bool aws_client_call(struct aws_client *client, const char *target, struct slice input,
    json_t **output, struct aws_error *error, struct err *err);

/* Overwrites every string in the value, then drops it: replies hold secrets. */
void aws_json_free(json_t *value);

/* What is not JSON 1.1: S3. */
struct aws_request {
	const char *method;
	const char *host_prefix;    /* put before the endpoint's host with a dot; NULL: none */
	const char *path;           /* percent-encoded, from "/" */
	const char *query;          /* percent-encoded, without "?"; NULL: none */
	const char *const *headers; /* "name: value", signed too, NULL-terminated; may be NULL */
	struct slice body;
};

/* True when the service answered with 2xx. Errors as aws_client_call(); `what` stands before them.
 */
bool aws_client_send(struct aws_client *client, const char *what, const struct aws_request *request,
    struct http_response *response, struct aws_error *error, struct err *err);
