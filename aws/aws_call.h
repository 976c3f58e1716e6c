/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * aws_call: one signed HTTP request to an AWS endpoint: no retries, no judgement of the answer. For
 * aws_client and the STS sources alone.
 */
#include "aws/aws_credentials.h"
#include "common/http.h"

enum { AWS_HOST_MAX = 320, AWS_URL_MAX = 2048, AWS_CALL_HEADERS_MAX = 16 };

/* A checked endpoint: scheme://host[:port], nothing behind it. */
struct aws_endpoint {
	bool is_https;
	char host[AWS_HOST_MAX]; /* with the port, as the Host header says it */
};

/* False with err set: not http(s), a path, a user, or a host that is none. One "/" at the end is
 * dropped. */
bool aws_endpoint_parse(const char *url, struct aws_endpoint *out, struct err *err);
/* "https://SERVICE.REGION.amazonaws.com", with the domain of the region's partition. Appends ".cn"
 * and its like. */
const char *aws_dns_suffix(const char *region);
/* Letters, digits and dashes, 1 to AWS_REGION_MAX: a region becomes part of a host name. */
bool aws_region_is_valid(const char *region);

struct aws_call {
	const char *method;
	const struct aws_endpoint *endpoint;
	const char *host_prefix;    /* NULL: none */
	const char *path, *query;   /* query may be NULL */
	const char *const *headers; /* "name: value", NULL-terminated; may be NULL */
	struct slice body;
	const struct aws_credentials *credentials; /* NULL: not signed */
	const char *region, *service;
	int64_t now_unix_s; /* by the service's clock */
	const char *ca_file;
	struct http_session *session;
	unsigned timeout_ms;
	size_t max_response_bytes;
};

/* As http_perform(). */
bool aws_call_perform(const struct aws_call *call, struct http_response *response, struct err *err);
