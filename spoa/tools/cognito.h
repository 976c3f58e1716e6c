/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* cognito: the claims of access and id tokens in the shape that Cognito user pools give them. */
#include "common/cli.h"
#include "common/err.h"

#include <jansson.h>

struct cognito_token {
	const char *issuer;
	const char *sub;
	const char *client_id;
	const char *scope;      /* access tokens only; may be NULL */
	const char *use;        /* "access" or "id" */
	struct cli_list groups; /* cognito:groups */
	struct cli_list claims; /* NAME=JSON set, NAME= removed, after all others */
	int64_t issued_unix_s;
	int64_t lifetime_s; /* may be negative: expired already */
};

/* NULL with err set: a claim that is no NAME=JSON, an unknown use, or no memory. */
json_t *cognito_claims(const struct cognito_token *token, struct err *err);
