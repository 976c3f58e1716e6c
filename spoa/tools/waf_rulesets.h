/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* waf_rulesets: where rule sets and compiled databases are on this machine. */
#include "common/arena.h"
#include "common/cli.h"
#include "common/err.h"

struct rule_paths {
	const char **items;
	size_t count;
};

/*
 * The files of --rules; without any those of the named set: "aws", "crs" or "aws+crs" (also for
 * NULL). An error when the set is unknown or not installed.
 */
bool rulesets_paths(const char *ruleset, const struct cli_list *rules, struct arena *arena,
    struct rule_paths *out, struct err_list *errors);

/*
 * `wanted`, made when it is missing; without it /var/cache/sallyport/waf when it can be written, or
 * the user's own cache. NULL when that cannot be written.
 */
const char *rulesets_cache_dir(const char *wanted, struct arena *arena);
