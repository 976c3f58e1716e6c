/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* s3: what the audit log's anchors need of the AWS Simple Storage Service, by a client of the
 * service "s3". */
#include "aws/aws_client.h"

enum { S3_KEY_MAX = 1024, S3_BUCKET_MAX = 63 };

enum s3_lock { S3_LOCK_NONE, S3_LOCK_GOVERNANCE, S3_LOCK_COMPLIANCE };

struct s3_object {
	const char *bucket;
	const char *key; /* UTF-8, without a leading slash */
	const char *content_type;
	struct slice body;
	enum s3_lock lock;
	int64_t retain_until_unix_s; /* with a lock */
	bool only_if_absent;         /* If-None-Match: *; an existing object is an error
	                                (PreconditionFailed) */
};

/*
 * PutObject, with a SHA-256 checksum that S3 checks. With an endpoint of its own the bucket is
 * named in the path, otherwise in the host. False with err set, and *error filled when it is given.
 */
bool s3_put_object(struct aws_client *client, const struct s3_object *object,
    struct aws_error *error, struct err *err);
