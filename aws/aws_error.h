/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * aws_error: what an AWS service said when it refused. Pure.
 * JSON 1.1: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html, XML: S3 and STS.
 */
#include "common/slice.h"

enum { AWS_ERROR_CODE_MAX = 128, AWS_ERROR_MESSAGE_MAX = 512, AWS_REQUEST_ID_MAX = 128 };

struct aws_error {
	long status;                         /* HTTP; 0 when no answer came */
	char code[AWS_ERROR_CODE_MAX];       /* "ParameterNotFound"; "" when none was given */
	char message[AWS_ERROR_MESSAGE_MAX]; /* cut to fit; any byte, so escape it for output */
	char request_id[AWS_REQUEST_ID_MAX]; /* "" when none was given */
};

enum aws_error_kind {
	AWS_ERROR_FINAL,     /* the same request will fail again */
	AWS_ERROR_THROTTLED, /* slow down and try again */
	AWS_ERROR_TRANSIENT, /* try again */
	AWS_ERROR_EXPIRED,   /* new keys, then again */
	AWS_ERROR_SKEWED,    /* perhaps our clock */
};

/*
 * Takes code and message from the body of a reply that is not 2xx, and `request_id`, `error_type`
 * from its headers (x-amzn-requestid or x-amz-request-id, x-amzn-errortype; either may be empty).
 * Never fails: what cannot be understood leaves "".
 */
void aws_error_parse_json(struct aws_error *error, long status, struct slice body,
    struct slice error_type, struct slice request_id);
void aws_error_parse_xml(
    struct aws_error *error, long status, struct slice body, struct slice request_id);

enum aws_error_kind aws_error_classify(const struct aws_error *error);
bool aws_error_is(const struct aws_error *error, const char *code);

/* The text of the first element of that name without children; false when there is none. Entities
 * are not resolved. */
bool aws_xml_text(struct slice document, const char *element, struct slice *out);
