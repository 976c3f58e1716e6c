/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/settings.h"

#include "common/cli.h"
#include "common/file.h"
#include "common/json_read.h"
#include "registry/service_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const struct field SETTINGS_FIELDS[] = {
#define F(member, name, type, check, required, fallback, min, max, allowed, change, doc)           \
	{ name, FIELD_##type, check, required, fallback, min, max, allowed, CHANGE_##change,       \
		offsetof(struct settings, member), doc },
#include "registry/settings.def"
#undef F
};
const size_t SETTINGS_FIELD_COUNT = sizeof(SETTINGS_FIELDS) / sizeof(SETTINGS_FIELDS[0]);

enum { DEPTH_MAX = 4 };

static const json_t *find_member(const json_t *object, const char *path)
{
	struct slice rest = slice_of_cstr(path), name;
	char key[64];
	while (object && rest.len > 0) {
		slice_cut(rest, '.', &name, &rest);
		snprintf(key, sizeof(key), "%.*s", SLICE_ARG(name));
		object = json_object_get(object, key);
	}
	return object;
}

/* A JSON value as the text field_parse() takes; NULL when the field cannot have such a value. */
static const char *to_text(const struct field *field, const json_t *value, struct arena *arena)
{
	if (field->type == FIELD_UINT || (field->type == FIELD_ENUM && json_is_integer(value)))
		return json_is_integer(value)
		           ? arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value))
		           : NULL;
	if (field->type == FIELD_BOOL)
		return json_is_boolean(value) ? (json_is_true(value) ? "true" : "false") : NULL;
	if (field->type != FIELD_LIST)
		return json_string_value(value);
	if (!json_is_array(value))
		return NULL;
	const char *out = "";
	for (size_t i = 0; i < json_array_size(value); i++) {
		const char *item = json_string_value(json_array_get(value, i));
		if (!item || strpbrk(item, ", ") || !*item)
			return NULL;
		out = arena_printf(arena, "%s%s%s", out, i ? "," : "", item);
	}
	return out;
}

static const char *const TYPE_TEXTS[] = {
	[FIELD_TEXT] = "a string",
	[FIELD_ENUM] = "a string",
	[FIELD_UINT] = "a whole number",
	[FIELD_BOOL] = "true or false",
	[FIELD_LIST] = "an array of strings without blanks and commas",
	[FIELD_URL] = "a string",
	[FIELD_DATE] = "a string",
};

static void load_field(struct settings *settings, const struct field *field, const json_t *document,
    struct findings *findings)
{
	char why[FIELD_WHY_MAX];
	const json_t *value = find_member(document, field->name);
	const char *text = field->fallback;
	if (!value && field->required)
		findings_add(findings, NULL, field->name, "missing: %s", field->doc);
	if (value) {
		text = to_text(field, value, &settings->arena);
		if (!text)
			findings_add(
			    findings, NULL, field->name, "must be %s", TYPE_TEXTS[field->type]);
	}
	if (text && !field_parse(field, slice_of_cstr(text), settings, &settings->arena, why))
		findings_add(findings, NULL, field->name, "%s", why);
}

/* A name that is a field, or the beginning of one. */
static bool is_known(const char *path, bool is_object)
{
	size_t len = strlen(path);
	for (size_t i = 0; i < SETTINGS_FIELD_COUNT; i++) {
		const char *name = SETTINGS_FIELDS[i].name;
		if (strncmp(name, path, len) == 0 && name[len] == (is_object ? '.' : 0))
			return true;
	}
	return false;
}

static void refuse_unknown(
    const json_t *object, const char *parent, unsigned depth, struct findings *findings)
{
	const char *key;
	json_t *value;
	const char *names[sizeof(SETTINGS_FIELDS) / sizeof(SETTINGS_FIELDS[0])];
	for (size_t i = 0; i < SETTINGS_FIELD_COUNT; i++)
		names[i] = SETTINGS_FIELDS[i].name;
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		const char *path =
		    arena_printf(&findings->arena, "%s%s%s", parent, *parent ? "." : "", key);
		if (!path || is_known(path, false))
			continue;
		if (json_is_object(value) && depth < DEPTH_MAX && is_known(path, true)) {
			refuse_unknown(value, path, depth + 1, findings);
			continue;
		}
		const char *nearest = cli_nearest(path, names, SETTINGS_FIELD_COUNT);
		char shown[FIELD_SHOWN_MAX];
		findings_add(findings, NULL, path, "unknown setting %s%s%s%s",
		    field_show(slice_of_cstr(path), shown), nearest ? "; did you mean \"" : "",
		    nearest ? nearest : "", nearest ? "\"?" : "");
	}
}

/* Paths in the file are relative to it, so that a settings folder can be moved as a whole. */
static void resolve(struct settings *settings, const char **path)
{
	if (!*path || **path == '/')
		return;
	*path = arena_printf(&settings->arena, "%s/%s", settings->folder, *path);
}

static bool find_folder(struct settings *settings, struct err *err)
{
	char *whole = realpath(settings->file, NULL);
	if (!whole)
		return err_set(err, "%s: %s", settings->file, strerror(errno));
	settings->folder =
	    arena_dup(&settings->arena, slice_of(whole, (size_t)(strrchr(whole, '/') - whole))).ptr;
	free(whole);
	return settings->folder || err_set(err, "no memory for '%s'", settings->file);
}

static void resolve_paths(struct settings *settings)
{
	const char **paths[] = { &settings->store_path, &settings->services_file,
		&settings->output_dir, &settings->tls_certificate, &settings->tls_crt_list,
		&settings->tls_client_ca, &settings->tls_client_crl, &settings->upstream_ca_file,
		&settings->store_ca_file, &settings->staff_jwks_file, &settings->staff_ca_file,
		&settings->customers_jwks_file, &settings->customers_ca_file,
		&settings->haproxy_master, &settings->haproxy_stats, &settings->agent_pid_file,
		&settings->cluster_certificate, &settings->cluster_ca_file,
		&settings->waf_cache_dir };
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		resolve(settings, paths[i]);
	for (size_t i = 0; i < settings->waf_aws_rules.count; i++)
		resolve(settings, &settings->waf_aws_rules.items[i]);
	for (size_t i = 0; i < settings->waf_crs_rules.count; i++)
		resolve(settings, &settings->waf_crs_rules.items[i]);
}

static void fill_defaults(struct settings *settings)
{
	struct arena *arena = &settings->arena;
	if (!settings->prefix && settings->environment)
		settings->prefix = arena_printf(arena, "/bank/%s", settings->environment);
	if (!settings->output_dir)
		return;
	if (!settings->haproxy_master)
		settings->haproxy_master =
		    arena_printf(arena, "%s/master.sock", settings->output_dir);
	if (!settings->haproxy_stats)
		settings->haproxy_stats =
		    arena_printf(arena, "%s/stats.sock", settings->output_dir);
	if (settings->global_rate && !settings->global_burst)
		settings->global_burst = settings->global_rate * 2;
}

/* --- the list of live services ---------------------------------------------------------------- */

static void add_service(struct settings *settings, struct slice id, struct findings *findings)
{
	struct text_list *list = &settings->live_services;
	char shown[FIELD_SHOWN_MAX];
	if (!CHECK_NAME.ok(id)) {
		findings_add(findings, NULL, settings->live_services_from,
		    "%s is no service id; give %s", field_show(id, shown), CHECK_NAME.allowed);
		return;
	}
	if (list->count >= SERVICES_MAX) {
		findings_add(findings, NULL, settings->live_services_from, "more than %d services",
		    SERVICES_MAX);
		return;
	}
	list->items[list->count++] = arena_dup(&settings->arena, id).ptr;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void refuse_twice(struct settings *settings, struct findings *findings)
{
	size_t count = settings->live_services.count;
	const char **sorted = arena_array(&settings->arena, const char *, count + 1);
	if (!sorted || count == 0)
		return;
	memcpy(sorted, settings->live_services.items, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_texts);
	for (size_t i = 1; i < count; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			findings_add(findings, NULL, settings->live_services_from,
			    "\"%s\" stands in the list twice", sorted[i]);
}

static void add_services(struct settings *settings, struct slice text, struct findings *findings)
{
	struct slice id;
	while (service_list_next(&text, &id))
		add_service(settings, id, findings);
}

static bool load_services(struct settings *settings, struct findings *findings, struct err *err)
{
	const char *variable = getenv("MOD_075_REGISTERED_SERVICES");
	struct text_list *list = &settings->live_services;
	list->items = arena_array(&settings->arena, const char *, SERVICES_MAX);
	if (!list->items)
		return err_set(err, "no memory for the list of services");
	if (variable) {
		settings->live_services_from = "MOD_075_REGISTERED_SERVICES";
		add_services(settings, slice_of_cstr(variable), findings);
	} else if (settings->services_file) {
		struct buf text;
		buf_init(&text, 0);
		settings->live_services_from = settings->services_file;
		bool ok = file_read(settings->services_file, SETTINGS_FILE_MAX_BYTES, &text, err);
		if (ok)
			add_services(settings, buf_slice(&text), findings);
		buf_release(&text);
		if (!ok)
			return false;
	} else {
		settings->live_services_from = "services";
		for (size_t i = 0; i < settings->services.count; i++)
			add_service(settings, slice_of_cstr(settings->services.items[i]), findings);
	}
	refuse_twice(settings, findings);
	return true;
}

/* --- the cluster ------------------------------------------------------------------------------ */

static void load_nodes(struct settings *settings, struct findings *findings)
{
	const char *variable = getenv("SALLYPORT_NODE");
	bool found = false;
	if (variable && CHECK_NAME.ok(slice_of_cstr(variable)))
		settings->cluster_node = arena_dup_cstr(&settings->arena, variable);
	for (size_t i = 0; i < settings->cluster_nodes.count && i < CLUSTER_NODES_MAX; i++) {
		struct slice name, address;
		slice_cut(slice_of_cstr(settings->cluster_nodes.items[i]), '=', &name, &address);
		if (!CHECK_NAME.ok(name) || !CHECK_LISTEN.ok(address)) {
			findings_add(findings, NULL, "cluster.nodes",
			    "\"%s\" is not NAME=ADDRESS:PORT", settings->cluster_nodes.items[i]);
			continue;
		}
		struct cluster_node *node = &settings->nodes[settings->node_count++];
		node->name = arena_dup(&settings->arena, name).ptr;
		node->address = arena_dup(&settings->arena, address).ptr;
		node->port = strrchr(node->address, ':') + 1;
		node->is_self =
		    settings->cluster_node && strcmp(node->name, settings->cluster_node) == 0;
		found = found || node->is_self;
	}
	if (settings->node_count > 0 && !found)
		findings_add(findings, NULL, "cluster.node", "%s is not one of cluster.nodes",
		    settings->cluster_node ? settings->cluster_node : "nothing");
	if (settings->node_count > 0 &&
	    (!settings->cluster_certificate || !settings->cluster_ca_file))
		findings_add(findings, NULL, "cluster.certificate",
		    "missing: nodes talk by TLS and need cluster.certificate and cluster.ca_file");
}

/* --- rules between settings ------------------------------------------------------------------- */

static void check_rules(const struct settings *s, struct findings *findings)
{
	if (!s->tls_certificate == !s->tls_crt_list)
		findings_add(findings, NULL, "tls.certificate",
		    "give one of tls.certificate and tls.crt_list");
	if (s->tls_client_crl && !s->tls_client_ca)
		findings_add(findings, NULL, "tls.client_crl", "needs tls.client_ca");
	if (s->store_kind == STORE_KIND_FILE && !s->store_path)
		findings_add(findings, NULL, "store.path", "missing: the file store needs it");
	if (s->throttle_burst <= s->throttle_rate)
		findings_add(findings, NULL, "throttle.burst",
		    "%llu is not above throttle.rate %llu", (unsigned long long)s->throttle_burst,
		    (unsigned long long)s->throttle_rate);
	if (s->throttle_rate > s->ceiling_rate || s->throttle_burst > s->ceiling_burst)
		findings_add(
		    findings, NULL, "throttle.rate", "the defaults are above the ceilings");
	if (s->global_burst && s->global_burst <= s->global_rate)
		findings_add(
		    findings, NULL, "throttle.global_burst", "is not above throttle.global_rate");
	if (s->body_limit > s->body_ceiling)
		findings_add(findings, NULL, "body.limit", "is above body.ceiling");
	if (s->waf_ruleset && s->waf_aws_rules.count + s->waf_crs_rules.count == 0)
		findings_add(
		    findings, NULL, "waf.default_ruleset", "neither waf.aws nor waf.crs is set");
}

bool settings_load(
    struct settings *settings, const char *file, struct findings *findings, struct err *err)
{
	size_t before = findings->count;
	*settings = (struct settings){ 0 };
	arena_init(&settings->arena, 0);
	settings->file = arena_dup_cstr(&settings->arena, file);
	if (!find_folder(settings, err))
		return false;
	json_t *document = json_read_file(file, SETTINGS_FILE_MAX_BYTES, NULL, err);
	if (!document)
		return false;
	bool ok = json_is_object(document) || err_set(err, "%s: not a JSON object", file);
	if (ok) {
		refuse_unknown(document, "", 0, findings);
		for (size_t i = 0; i < SETTINGS_FIELD_COUNT; i++)
			load_field(settings, &SETTINGS_FIELDS[i], document, findings);
	}
	json_decref(document);
	if (!ok)
		return false;
	resolve_paths(settings);
	fill_defaults(settings);
	load_nodes(settings, findings);
	check_rules(settings, findings);
	return load_services(settings, findings, err) && findings->count == before &&
	       !arena_failed(&settings->arena);
}

void settings_release(struct settings *settings)
{
	arena_release(&settings->arena);
}
