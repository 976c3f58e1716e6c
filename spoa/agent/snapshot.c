/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/snapshot.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/log.h"
#include "spoa/agent/listener.h"
#include "spoa/auth/alg.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_FILES_WAIT_MS = 5000 };

/* What is under construction, and where complaints go. */
struct build {
	struct snapshot *snapshot;
	const struct snapshot *previous;
	const char *path;
	struct err_list *errors;
};

/* Where the text stands: the file is read once more, as errors are rare. */
static bool complain_at(const struct build *b, const char *json_path, const char *text)
{
	struct err_pos pos = { .file = b->path };
	struct buf file;

	buf_init(&file, 0);
	if (file_read(b->path, CONFIG_FILE_MAX, &file, NULL))
		pos = json_locate(buf_slice(&file), b->path, json_path);
	err_list_add(b->errors, pos, "%s: %s", json_path, text);
	buf_release(&file);
	return false;
}

static bool complain(const struct build *b, const char *section, const char *name, const char *text)
{
	char json_path[512];

	snprintf(json_path, sizeof(json_path), "%s[\"%s\"]", section, name);
	return complain_at(b, json_path, text);
}

static bool no_memory(const struct build *b)
{
	return err_list_add(b->errors, (struct err_pos){ .file = b->path }, "no memory");
}

/* ---- authorizers
 * ---------------------------------------------------------------------------------- */

static struct key_source_config source_config(
    const char *name, const struct config_authorizer *from)
{
	return (struct key_source_config){
		.name = name,
		.issuer = from->issuer,
		.url = from->jwks_url,
		.file = from->jwks_file,
		.ca_file = from->ca_file,
	};
}

/* A source that goes on as it was keeps its keys, its thread and its cool-down. */
static struct key_source *source_of(
    const struct build *b, const struct key_source_config *wanted, struct err *err)
{
	for (size_t i = 0; b->previous && i < b->previous->authorizer_count; i++) {
		struct key_source *source = b->previous->authorizers[i].keys;

		if (!key_source_matches(source, wanted))
			continue;
		key_source_refresh_now(source);
		return key_source_ref(source);
	}
	return key_source_new(wanted, err);
}

static struct authorizer_config authorizer_config_of(
    const char *name, const struct config_authorizer *from)
{
	return (struct authorizer_config){
		.name = name,
		.issuer = from->issuer,
		.audiences = from->audiences.items,
		.audience_count = from->audiences.count,
		.algorithms = from->algorithms.items,
		.algorithm_count = from->algorithms.count,
		.token_use = (enum token_use)from->token_use,
		.typ = (enum token_typ)from->typ,
		.leeway_s = (unsigned)from->leeway_s,
		.max_lifetime_s = (unsigned)from->max_lifetime_s,
		.kid_optional = !from->kid_required,
		.single_decoder = !from->second_decoder,
	};
}

static bool build_authorizer(const struct build *b, size_t i)
{
	const struct config_authorizer *from = config_authorizer_at(&b->snapshot->config, i);
	const char *name = b->snapshot->config.authorizers.names[i];
	struct snapshot_authorizer *to = &b->snapshot->authorizers[i];
	const struct key_source_config keys = source_config(name, from);
	const struct authorizer_config config = authorizer_config_of(name, from);
	struct err err = { 0 };

	to->keys = source_of(b, &keys, &err);
	if (to->keys)
		to->authorizer = authorizer_new(&config, to->keys, NULL, &err);
	return to->authorizer || complain(b, "authorizers", name, err.text);
}

/* ---- rules
 * ------------------------------------------------------------------------------------------ */

/* The files of "aws+crs", in order, in `paths`. */
static bool collect_paths(const struct build *b, const char *rulesets, struct config_list *paths)
{
	const struct config *config = &b->snapshot->config;
	struct slice rest = slice_of_cstr(rulesets), head;
	bool more;

	paths->items = NULL;
	paths->count = 0;
	do {
		char name[257];
		const struct config_list *part;
		const char **items;

		more = slice_cut(rest, '+', &head, &rest);
		snprintf(name, sizeof(name), "%.*s", SLICE_ARG(head));
		part = config_ruleset_at(config, config_map_find(&config->waf.rulesets, name));
		items =
		    arena_array(&b->snapshot->arena, const char *, paths->count + part->count + 1);
		if (!items)
			return false;
		for (size_t i = 0; i < paths->count; i++)
			items[i] = paths->items[i];
		for (size_t i = 0; i < part->count; i++)
			items[paths->count++] = part->items[i];
		paths->items = items;
	} while (more);
	return true;
}

static void log_notice(const char *text)
{
	log_info("%s", text);
}

static struct waf_rules *load_rules(const struct build *b, const char *rulesets)
{
	const struct config_waf *waf = &b->snapshot->config.waf;
	const struct waf_options options = {
		.cache_dir = waf->cache_dir,
		.step_budget = waf->step_budget,
		.budget_blocks = waf->on_budget == CONFIG_BUDGET_BLOCK,
		.notice = log_notice,
		.reject_uninspected = true,
		/* HAProxy sends what a service's body-limit allows; a frame bounds that. */
		.max_body_bytes = b->snapshot->config.max_frame_bytes,
	};
	struct config_list paths;
	struct waf_rules *rules;

	if (!collect_paths(b, rulesets, &paths)) {
		no_memory(b);
		return NULL;
	}
	rules = waf_rules_load(paths.items, paths.count, &options, b->errors);
	if (rules && waf_rules_warning(rules))
		log_warning("rule set %s: %s", rulesets, waf_rules_warning(rules));
	if (rules && !strmap_put(&b->snapshot->rules, slice_of_cstr(rulesets), rules, NULL)) {
		waf_rules_unref(rules);
		no_memory(b);
		return NULL;
	}
	return rules;
}

static void append_list(struct buf *key, const struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		buf_append(key, list->items[i], strlen(list->items[i]) + 1);
	buf_append(key, "", 1);
}

/* Routes with the same lists on the same rules share what was compiled from them. */
static struct slice overrides_key(const struct build *b, const struct config_route *route)
{
	struct buf key;
	struct slice copy;

	buf_init(&key, 0);
	buf_append(&key, route->waf_ruleset, strlen(route->waf_ruleset) + 1);
	append_list(&key, &route->waf_exclude);
	append_list(&key, &route->waf_count);
	copy =
	    buf_failed(&key) ? slice_of(NULL, 0) : arena_dup(&b->snapshot->arena, buf_slice(&key));
	buf_release(&key);
	return copy;
}

static struct waf_names names_of(const struct config_list *list)
{
	return (struct waf_names){ list->items, list->count };
}

static bool build_overrides(const struct build *b, struct snapshot_route *route)
{
	const struct config_route *config = route->config;
	struct slice key = overrides_key(b, config);
	struct waf_overrides *made;

	if (!key.ptr)
		return no_memory(b);
	route->overrides = strmap_find(&b->snapshot->overrides, key);
	if (route->overrides)
		return true;
	made = waf_overrides_new(
	    route->rules, names_of(&config->waf_exclude), names_of(&config->waf_count), b->errors);
	if (!made)
		return complain(
		    b, "routes", route->id, "'waf_exclude' or 'waf_count' does not fit its rules");
	route->overrides = made;
	if (strmap_put(&b->snapshot->overrides, key, made, NULL))
		return true;
	waf_overrides_free(made);
	return no_memory(b);
}

static bool build_waf(const struct build *b, struct snapshot_route *route)
{
	const char *rulesets = route->config->waf_ruleset;

	if (route->config->waf == CONFIG_WAF_OFF)
		return true;
	route->rules = strmap_find(&b->snapshot->rules, slice_of_cstr(rulesets));
	if (!route->rules)
		route->rules = load_rules(b, rulesets);
	if (!route->rules)
		return false;
	if (route->config->waf_exclude.count == 0 && route->config->waf_count.count == 0)
		return true;
	return build_overrides(b, route);
}

/* ---- routes
 * ------------------------------------------------------------------------------------------- */

static bool build_policy(const struct build *b, struct snapshot_route *route)
{
	const struct config_route *config = route->config;
	struct err err = { 0 };
	size_t i;

	if (strcmp(config->authorizer, "none") == 0)
		return true;
	i = config_map_find(&b->snapshot->config.authorizers, config->authorizer);
	route->pool = slice_of_cstr(config->authorizer);
	/* What is wrong with it has been said. */
	if (!b->snapshot->authorizers[i].authorizer)
		return true;
	route->policy = policy_new(b->snapshot->authorizers[i].authorizer, config->scopes.items,
	    config->scopes.count, config->scope_match == CONFIG_SCOPES_ALL,
	    (enum mtls_mode)config->mtls, &err);
	return route->policy || complain(b, "routes", route->id, err.text);
}

static bool build_route(const struct build *b, size_t i)
{
	struct snapshot_route *route = &b->snapshot->route_list[i];

	route->id = b->snapshot->config.routes.names[i];
	route->config = config_route_at(&b->snapshot->config, i);
	if (!build_policy(b, route) || !build_waf(b, route))
		return false;
	return strmap_put(&b->snapshot->routes, slice_of_cstr(route->id), route, NULL) ||
	       no_memory(b);
}

/* ---- what can be said of the file without opening what it names
 * ---------------------------------------------------- */

static void check_listeners(const struct build *b)
{
	const struct config *config = &b->snapshot->config;

	for (size_t i = 0; i < config->listen.count; i++) {
		struct err err = { 0 };
		char json_path[32];

		snprintf(json_path, sizeof(json_path), "listen[%zu]", i);
		if (!listener_check(config->listen.items[i], &err))
			complain_at(b, json_path, err.text);
	}
	if (config->metrics_listen && *config->metrics_listen) {
		struct err err = { 0 };
		char address[300];

		snprintf(address, sizeof(address), "tcp:%s", config->metrics_listen);
		if (!listener_check(address, &err))
			complain_at(b, "metrics_listen", "must be ADDRESS:PORT in numbers");
	}
}

static void check_authorizer(const struct build *b, size_t i)
{
	const struct config_authorizer *from = config_authorizer_at(&b->snapshot->config, i);
	const char *name = b->snapshot->config.authorizers.names[i];
	struct authorizer_config config = authorizer_config_of(name, from);
	struct err err = { 0 };
	char json_path[512];

	/* That it is missing has been said. */
	if (!config.issuer || !*config.issuer)
		config.issuer = "-";
	if (!authorizer_check(&config, &err))
		complain(b, "authorizers", name, err.text);
	for (size_t k = 0; k < from->algorithms.count; k++) {
		if (alg_find(slice_of_cstr(from->algorithms.items[k])))
			continue;
		snprintf(
		    json_path, sizeof(json_path), "authorizers[\"%s\"].algorithms[%zu]", name, k);
		complain_at(b, json_path, "unknown algorithm");
	}
}

static void check_route(const struct build *b, size_t i)
{
	const struct config_list *scopes = &config_route_at(&b->snapshot->config, i)->scopes;

	for (size_t k = 0; k < scopes->count; k++) {
		struct err err = { 0 };
		char json_path[512];

		if (policy_scope_check(scopes->items[k], &err))
			continue;
		snprintf(json_path, sizeof(json_path), "routes[\"%s\"].scopes[%zu]",
		    b->snapshot->config.routes.names[i], k);
		complain_at(b, json_path, err.text);
	}
}

static void check_file(const struct build *b)
{
	const struct config *config = &b->snapshot->config;

	check_listeners(b);
	for (size_t i = 0; i < config->authorizers.count; i++)
		check_authorizer(b, i);
	for (size_t i = 0; i < config->routes.count; i++)
		check_route(b, i);
}

/* ---- the whole
 * ---------------------------------------------------------------------------------------- */

static bool build_all(const struct build *b)
{
	struct snapshot *s = b->snapshot;
	const struct config *config = &s->config;

	s->authorizers =
	    arena_array(&s->arena, struct snapshot_authorizer, config->authorizers.count + 1);
	s->route_list = arena_array(&s->arena, struct snapshot_route, config->routes.count + 1);
	if (!s->authorizers || !s->route_list)
		return no_memory(b);
	for (; s->authorizer_count < config->authorizers.count; s->authorizer_count++)
		build_authorizer(b, s->authorizer_count);
	for (; s->route_count < config->routes.count; s->route_count++)
		build_route(b, s->route_count);
	return err_list_is_empty(b->errors);
}

static void snapshot_free(struct snapshot *snapshot)
{
	struct strmap_entry *entry;

	for (size_t i = 0; i < snapshot->route_count; i++)
		policy_free(snapshot->route_list[i].policy);
	for (entry = NULL; (entry = strmap_next(&snapshot->overrides, entry)) != NULL;)
		waf_overrides_free(entry->value);
	for (entry = NULL; (entry = strmap_next(&snapshot->rules, entry)) != NULL;)
		waf_rules_unref(entry->value);
	for (size_t i = 0; i < snapshot->authorizer_count; i++) {
		authorizer_unref(snapshot->authorizers[i].authorizer);
		key_source_unref(snapshot->authorizers[i].keys);
	}
	strmap_release(&snapshot->overrides);
	strmap_release(&snapshot->rules);
	strmap_release(&snapshot->routes);
	arena_release(&snapshot->arena);
	free(snapshot);
}

void snapshot_wait_for_keys(const struct snapshot *snapshot, unsigned timeout_ms)
{
	uint64_t end_ms = clock_monotonic_ms() + timeout_ms;

	for (size_t i = 0; i < snapshot->authorizer_count; i++) {
		uint64_t now_ms = clock_monotonic_ms();

		key_source_wait(snapshot->authorizers[i].keys,
		    now_ms < end_ms ? (unsigned)(end_ms - now_ms) : 0);
	}
}

bool snapshot_check_key_files(
    const struct snapshot *snapshot, const char *path, struct err_list *errors)
{
	const struct build b = { .path = path, .errors = errors };
	const struct config_map *names = &snapshot->config.authorizers;
	bool ok = true;

	snapshot_wait_for_keys(snapshot, KEY_FILES_WAIT_MS);
	for (size_t i = 0; i < snapshot->authorizer_count; i++) {
		struct key_source_stats stats;

		key_source_stats(snapshot->authorizers[i].keys, &stats);
		if (config_authorizer_at(&snapshot->config, i)->jwks_file && stats.last_error[0])
			ok = complain(&b, "authorizers", names->names[i], stats.last_error);
	}
	return ok;
}

struct snapshot *snapshot_load(
    const char *path, const struct snapshot *previous, struct err_list *errors)
{
	struct build b = { calloc(1, sizeof(*b.snapshot)), previous, path, errors };

	if (!b.snapshot) {
		no_memory(&b);
		return NULL;
	}
	atomic_init(&b.snapshot->refs, 1);
	arena_init(&b.snapshot->arena, 0);
	strmap_init(&b.snapshot->routes);
	strmap_init(&b.snapshot->rules);
	strmap_init(&b.snapshot->overrides);
	bool is_read = config_load(path, &b.snapshot->arena, &b.snapshot->config, errors);
	if (!arena_failed(&b.snapshot->arena))
		check_file(&b);
	if (is_read && err_list_is_empty(errors) && build_all(&b))
		return b.snapshot;
	snapshot_free(b.snapshot);
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
