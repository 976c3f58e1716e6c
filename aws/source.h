/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* source: the sources of the credential chain (aws_credentials.h), for the chain alone. */
#include "aws/aws_credentials.h"
#include "aws/aws_profile.h"
#include "common/http.h"

enum source_result {
	SOURCE_ABSENT, /* not set up: ask the next one */
	SOURCE_FOUND,
	SOURCE_FAILED, /* set up and broken: the chain ends here, with err set */
};

/* What a source may look at. */
struct source_input {
	const char *profile;
	bool profile_asked; /* by the program, so that the environment's keys do not count */
	const char *region; /* for STS; "" when not known */
	const char *ca_file;
	const struct aws_profile_files *files;
	int64_t now_unix_s;
	unsigned depth;   /* of source_profile links */
	char *why_absent; /* of ERR_TEXT_MAX bytes: what the last source found when it is
	                     SOURCE_ABSENT */
};

typedef enum source_result source_fn(
    const struct source_input *input, struct aws_credentials *out, struct err *err);

source_fn source_environment, source_role_profile, source_web_identity, source_shared_file,
    source_process, source_config_file, source_container, source_instance;

/* "WHAT: file:line: text": an error inside another. Returns false always. */
bool source_explain(struct err *err, const char *what, const struct err *inner);

/* False with err set when a value is longer than aws_credentials can hold, or a key is empty. */
bool source_set(struct aws_credentials *out, struct slice id, struct slice secret,
    struct slice token, struct err *err);

/*
 * {"AccessKeyId", "SecretAccessKey", `token_member`, "Expiration"}, the last two optional: the
 * shape of credential_process, container and IMDS. Pure. False with err set; the error quotes
 * nothing of the text.
 */
bool source_parse_json(
    struct slice text, const char *token_member, struct aws_credentials *out, struct err *err);

/* 2026-11-24T02:00:00Z, with a fraction or +hh:mm allowed. False: something else. */
bool source_parse_time(struct slice text, int64_t *unix_s);

/* One request without a proxy, 2 s at most, of a local endpoint; the caller wipes the response. */
bool source_fetch(const char *method, const char *url, const char *const *headers,
    unsigned timeout_ms, struct http_response *response, struct err *err);
/* Room first, so that growing leaves no copies behind. */
void source_response_init(struct http_response *response);
void source_response_wipe(struct http_response *response);

/* Where AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI point. False with err set: a host that
 * is not allowed. */
bool source_container_url(
    const char *relative, const char *full, char *out, size_t size, struct err *err);

/* "http://169.254.169.254" unless AWS_EC2_METADATA_SERVICE_ENDPOINT or _ENDPOINT_MODE say
 * otherwise. */
const char *source_imds_base(void);
/* One text from below /latest/ by IMDSv2. False with err set. `out` gets a NUL behind its text. */
bool source_imds_get(const char *path, char *out, size_t size, struct err *err);
