/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * token_batch: many tokens, each with keys of its own: `sallyport-jwt verify --batch`.
 * A line is {"id": any, "token": "...", "jwks": {"keys":[...]}, "algs": ["RS256", ...]}; without
 * algs every algorithm that is supported and fits the key will do. For each line comes one line
 * {"id": ..., "ok": true|false, "reason": "..."}, in the same order, also for lines that are no
 * such object.
 */
#include "spoa/auth/policy.h"

#include <stdio.h>

struct token_batch {
	bool signature_only; /* else `rules` hold; its keys and algorithms come from the lines */
	struct authorizer_config rules;
	const char *const *scopes;
	size_t scope_count;
	int64_t now_unix_s;
};

/* True: every line was answered, whatever the answers. False: reading or writing failed. */
bool token_batch_run(const struct token_batch *batch, FILE *in, FILE *out);
