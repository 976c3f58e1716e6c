/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * aws_credentials: where the keys come from, in the order of the AWS SDKs, and when to fetch new
 * ones.
 *
 *   environment         AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   profile             role_arn with source_profile, credential_source or web_identity_token_file
 *   web identity        AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_SESSION_NAME
 *   shared credentials  the profile's keys in ~/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE)
 *   process             the profile's credential_process
 *   config file         the profile's keys in ~/.aws/config (AWS_CONFIG_FILE)
 *   container           AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI
 *   instance            IMDSv2; never v1
 *
 * A source that is set up but fails is an error: the chain does not go on to a weaker one. A
 * profile that was asked for by name wins over the environment's keys. No text of an error or log
 * line holds a key, a token or a reply.
 */
#include "common/err.h"

enum {
	AWS_ACCESS_KEY_ID_MAX = 128,
	AWS_SECRET_KEY_MAX = 256,
	AWS_SESSION_TOKEN_MAX = 16384,
	AWS_PROFILE_NAME_MAX = 128,
	AWS_REGION_MAX = 64,
};

struct aws_credentials {
	char access_key_id[AWS_ACCESS_KEY_ID_MAX + 1];
	char secret_access_key[AWS_SECRET_KEY_MAX + 1];
	char session_token[AWS_SESSION_TOKEN_MAX + 1]; /* "" when there is none */
	int64_t expires_unix_s;                        /* 0: never */
	const char *source;                            /* a row of the list above; static */
};

/* Overwrites all of it, in a way that the compiler cannot leave out. */
void aws_credentials_wipe(struct aws_credentials *credentials);

struct aws_credential_chain;

struct aws_chain_options {
	const char *profile; /* NULL: AWS_PROFILE, else "default" */
	const char *region;  /* for STS; NULL: as aws_region_find() says */
	const char *ca_file; /* PEM for STS; NULL: AWS_CA_BUNDLE, else the system's */
};

/* NULL with err set when there is no memory or a name is too long. Fetches nothing yet. */
struct aws_credential_chain *aws_credential_chain_new(
    const struct aws_chain_options *options, struct err *err);
void aws_credential_chain_free(struct aws_credential_chain *chain);

/*
 * The current keys, fetched at first use and again from 15 minutes before they expire. A fetch that
 * fails is no error as long as the old keys are good, and is tried again within a minute; instance
 * keys are used beyond their expiry while IMDS has no others. Valid until the next call. NULL with
 * err set.
 */
const struct aws_credentials *aws_credentials_get(
    struct aws_credential_chain *chain, int64_t now_unix_s, struct err *err);
/* The service said that they have expired: the next aws_credentials_get() fetches. */
void aws_credentials_expire(struct aws_credential_chain *chain);

/*
 * AWS_REGION, AWS_DEFAULT_REGION, the profile's region, then IMDSv2. False with err set. `profile`
 * as above.
 */
bool aws_region_find(const char *profile, char out[AWS_REGION_MAX + 1], struct err *err);
