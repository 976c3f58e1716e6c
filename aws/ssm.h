/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ssm: the AWS Systems Manager Parameter Store, by a client of the service "ssm".
 * All return false with err set, and *error filled when it is given.
 */
#include "aws/aws_client.h"

enum { SSM_NAMES_MAX = 10 /* of one GetParameters */, SSM_PAGE_MAX = 10, SSM_PAGES_MAX = 20000 };

struct ssm_parameter {
	struct slice name; /* NUL behind it; valid during the callback */
	struct slice value;
	const char *type; /* "String", "StringList", "SecureString" */
	uint64_t version;
};

/* False with err set ends the listing. */
typedef bool ssm_parameter_fn(
    const struct ssm_parameter *parameter, void *context, struct err *err);

/*
 * Every parameter below `path` ("/bank/dev"), recursively and decrypted, over all pages. True: all
 * pages were read.
 */
bool ssm_get_by_path(struct aws_client *client, const char *path, ssm_parameter_fn *each,
    void *context, struct aws_error *error, struct err *err);

/* Any number of names, in tens. Names that do not exist are skipped. */
bool ssm_get(struct aws_client *client, const char *const *names, size_t count,
    ssm_parameter_fn *each, void *context, struct aws_error *error, struct err *err);

/* Creates or overwrites. `type` as above; `kms_key_id` only for SecureString, NULL: the account's.
 * *version may be NULL. */
bool ssm_put(struct aws_client *client, const char *name, struct slice value, const char *type,
    const char *kms_key_id, uint64_t *version, struct aws_error *error, struct err *err);

/* Removes; one that does not exist is success. */
bool ssm_delete(
    struct aws_client *client, const char *name, struct aws_error *error, struct err *err);
