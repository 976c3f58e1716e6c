/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * snapshot: a loaded configuration with the policies, rule sets and exclusions that it names.
 * Immutable, shared by all threads, counted by reference, replaced as a whole by a reload.
 */
#include "common/strmap.h"
#include "spoa/config.h"

#include <stdatomic.h>

struct snapshot_route {
	const char *id;
	const struct config_route *config;
};

struct snapshot {
	atomic_size_t refs;
	struct snapshot *older; /* for the owner's list of those that are going out of use */
	struct arena arena;     /* everything below */
	struct config config;
	struct strmap routes; /* service id → struct snapshot_route */
};

/*
 * Reads the file and all that it names; blocks for as long as that takes. All that is wrong is
 * added to `errors`; NULL when there was anything. The caller holds one reference.
 */
struct snapshot *snapshot_load(const char *path, struct err_list *errors);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
/* NULL is fine. */
void snapshot_unref(struct snapshot *snapshot);

/* NULL when there is no such route. */
static inline const struct snapshot_route *snapshot_route_find(
    const struct snapshot *snapshot, struct slice id)
{
	return (const struct snapshot_route *)strmap_find(&snapshot->routes, id);
}
