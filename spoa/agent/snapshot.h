/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * snapshot: a loaded configuration with the policies, key sources, rule sets and overrides that it
 * names. Immutable, shared by all threads, counted by reference, replaced as a whole by a reload.
 */
#include "common/strmap.h"
#include "spoa/auth/keyset_refresh.h"
#include "spoa/auth/policy.h"
#include "spoa/config.h"
#include "spoa/waf/waf.h"

#include <stdatomic.h>

struct snapshot_authorizer {
	struct authorizer *authorizer;
	struct key_source *keys;
};

struct snapshot_route {
	const char *id;
	const struct config_route *config;
	struct policy *policy;   /* NULL: the route is open */
	struct slice pool;       /* the authorizer's name */
	struct waf_rules *rules; /* NULL: the WAF is off; else a part of the snapshot */
	const struct waf_overrides *overrides; /* NULL: none */
};

struct snapshot {
	atomic_size_t refs;
	struct snapshot *older; /* for the owner's list of those that are going out of use */
	struct arena arena;     /* everything below but what counts its own references */
	struct config config;
	struct strmap routes; /* service id → struct snapshot_route */
	struct snapshot_route *route_list;
	size_t route_count;
	struct snapshot_authorizer *authorizers; /* as in config.authorizers */
	size_t authorizer_count;
	struct strmap rules;     /* value of waf_ruleset → struct waf_rules */
	struct strmap overrides; /* waf_ruleset and lists → struct waf_overrides */
};

/*
 * Reads the file and all that it names; blocks for as long as that takes. Key sources of `previous`
 * that would do the same are kept (NULL: there is none). All that is wrong is added to `errors`;
 * NULL when there was anything. The caller holds one reference.
 */
struct snapshot *snapshot_load(
    const char *path, const struct snapshot *previous, struct err_list *errors);
/*
 * Waits until the first fetch of each key set is over, well or not, all of them together at most
 * `timeout_ms`: who begins to answer before has no keys, and answers 503.
 */
void snapshot_wait_for_keys(const struct snapshot *snapshot, unsigned timeout_ms);
/* For --check: a key set in a file that cannot be read or used is an error. False when there is
 * one. */
bool snapshot_check_key_files(
    const struct snapshot *snapshot, const char *path, struct err_list *errors);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
/* NULL is fine. */
void snapshot_unref(struct snapshot *snapshot);

/* NULL when there is no such route. */
static inline const struct snapshot_route *snapshot_route_find(
    const struct snapshot *snapshot, struct slice id)
{
	return (const struct snapshot_route *)strmap_find(&snapshot->routes, id);
}
