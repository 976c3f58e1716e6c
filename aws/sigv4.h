/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * sigv4: AWS Signature Version 4 in the Authorization header. Pure: time and keys are arguments.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
#include "common/buf.h"

enum {
	SIGV4_HEADERS_MAX = 32,
	SIGV4_QUERY_MAX = 64,   /* name=value pairs */
	SIGV4_SEGMENTS_MAX = 64 /* of a path */
};
enum { SIGV4_TIME_LEN = 16, SIGV4_HASH_HEX_LEN = 64 };

struct sigv4_header {
	struct slice name; /* any case */
	struct slice value;
};

struct sigv4_request {
	struct slice method;
	struct slice path;  /* as on the request line, without the query; empty means "/" */
	struct slice query; /* as on the request line, percent-encoded, without the "?" */
	/* All of them are signed; Host, and X-Amz-Date of sigv4_time(), must be among them. */
	const struct sigv4_header *headers;
	size_t header_count;
	struct slice payload_hash; /* lower-case hexadecimal SHA-256 of the body */
	bool is_s3; /* S3 signs the path as it is; all others resolve and encode it again */
};

struct sigv4_key {
	struct slice access_key_id;
	struct slice secret_access_key;
	struct slice region;
	struct slice service; /* the signing name: "ssm", "logs", "kms", "s3" */
};

/* 20150830T123600Z with a NUL behind it: the value of X-Amz-Date. Years 1970 to 9999. */
void sigv4_time(int64_t unix_s, char out[SIGV4_TIME_LEN + 1]);
/* Lower-case hexadecimal SHA-256 with a NUL behind it; false when OpenSSL has no memory. */
bool sigv4_payload_hash(struct slice body, char out[SIGV4_HASH_HEX_LEN + 1]);

/* The canonical request (step 1). False: more headers, pairs or segments than the limits, or no
 * memory. */
bool sigv4_canonical_request(const struct sigv4_request *request, struct buf *out);

/*
 * Appends the value of the Authorization header. `time` is the X-Amz-Date of the request.
 * False as above; what was appended is then useless.
 */
bool sigv4_authorize(const struct sigv4_request *request, const struct sigv4_key *key,
    const char time[SIGV4_TIME_LEN + 1], struct buf *out);
