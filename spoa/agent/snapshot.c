/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/snapshot.h"

#include "spoa/agent/listener.h"

#include <assert.h>
#include <stdlib.h>

static void snapshot_free(struct snapshot *snapshot)
{
	strmap_release(&snapshot->routes);
	arena_release(&snapshot->arena);
	free(snapshot);
}

static bool no_memory(struct err_list *errors, const char *path)
{
	return err_list_add(errors, (struct err_pos){ .file = path }, "no memory");
}

static bool check_listeners(const struct config *config, const char *path, struct err_list *errors)
{
	for (size_t i = 0; i < config->listen.count; i++) {
		struct err err = { 0 };

		if (!listener_check(config->listen.items[i], &err))
			err_list_add(errors, (struct err_pos){ .file = path }, "listen[%zu]: %s", i,
			    err.text);
	}
	return err_list_is_empty(errors);
}

static bool build_routes(struct snapshot *snapshot, const char *path, struct err_list *errors)
{
	const struct config *config = &snapshot->config;
	struct snapshot_route *routes =
	    arena_array(&snapshot->arena, struct snapshot_route, config->routes.count + 1);

	if (!routes)
		return no_memory(errors, path);
	for (size_t i = 0; i < config->routes.count; i++) {
		routes[i].id = config->routes.names[i];
		routes[i].config = config_route_at(config, i);
		if (!strmap_put(&snapshot->routes, slice_of_cstr(routes[i].id), &routes[i], NULL))
			return no_memory(errors, path);
	}
	return true;
}

struct snapshot *snapshot_load(const char *path, struct err_list *errors)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!snapshot) {
		no_memory(errors, path);
		return NULL;
	}
	atomic_init(&snapshot->refs, 1);
	arena_init(&snapshot->arena, 0);
	strmap_init(&snapshot->routes);
	if (config_load(path, &snapshot->arena, &snapshot->config, errors) &&
	    check_listeners(&snapshot->config, path, errors) &&
	    build_routes(snapshot, path, errors))
		return snapshot;
	snapshot_free(snapshot);
	return NULL;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	size_t before = atomic_fetch_add(&snapshot->refs, 1);

	assert(before > 0);
	return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
	if (snapshot && atomic_fetch_sub(&snapshot->refs, 1) == 1)
		snapshot_free(snapshot);
}
