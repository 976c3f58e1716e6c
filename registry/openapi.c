/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/openapi.h"

#include "common/json_read.h"
#include "common/json_write.h"

static const struct {
	const char *member, *method;
} METHODS[] = {
	// clang-format off
	{ "get", "GET" }, { "head", "HEAD" }, { "post", "POST" }, { "put", "PUT" },
	{ "patch", "PATCH" }, { "delete", "DELETE" }, { "options", "OPTIONS" },
	// clang-format on
};
enum { METHOD_COUNT = sizeof(METHODS) / sizeof(METHODS[0]) };

struct import {
	const char *name;
	struct openapi_fields *out;
	struct err *err;
	struct slice common; /* what all paths begin with, by whole segments */
	bool has_common;
	bool methods[METHOD_COUNT];
	const char *scopes[OPENAPI_SCOPES_MAX];
	size_t scope_count;
};

void openapi_fields_release(struct openapi_fields *fields)
{
	arena_release(&fields->arena);
}

static struct openapi_field *find(struct openapi_fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (strcmp(fields->items[i].name, name) == 0)
			return &fields->items[i];
	return NULL;
}

const char *openapi_field_find(const struct openapi_fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (strcmp(fields->items[i].name, name) == 0)
			return fields->items[i].value;
	return NULL;
}

/* `value` NULL or "" sets nothing. */
static bool set(struct import *import, const char *name, const char *value)
{
	struct openapi_fields *out = import->out;
	struct openapi_field *old = find(out, name);
	if (!value || !*value)
		return !arena_failed(&out->arena);
	if (!old && out->count == OPENAPI_FIELDS_MAX)
		return err_set(
		    import->err, "%s: more than %d parameters", import->name, OPENAPI_FIELDS_MAX);
	if (!old)
		old = &out->items[out->count++];
	old->name = arena_dup_cstr(&out->arena, name);
	old->value = arena_dup_cstr(&out->arena, value);
	return old->name && old->value;
}

static bool refuse(const struct import *import, const char *where, const char *why)
{
	return err_set(import->err, "%s: %s: %s", import->name, where, why);
}

/* ---- paths ---- */

/* Up to the first {parameter}, by whole segments: /v1/accounts for /v1/accounts/{id}/items. */
static struct slice fixed_part(struct slice path)
{
	size_t brace = slice_find_byte(path, '{');
	struct slice out = slice_sub(path, 0, brace);
	if (brace != SIZE_MAX)
		while (out.len && out.ptr[out.len - 1] != '/')
			out.len--;
	while (out.len && out.ptr[out.len - 1] == '/')
		out.len--;
	return out;
}

static struct slice common_part(struct slice a, struct slice b)
{
	size_t len = 0, end = 0;
	while (len < a.len && len < b.len && a.ptr[len] == b.ptr[len])
		if (a.ptr[len++] == '/')
			end = len - 1;
	bool whole = (len == a.len || a.ptr[len] == '/') && (len == b.len || b.ptr[len] == '/');
	return slice_sub(a, 0, whole ? len : end);
}

static bool add_scope(struct import *import, const json_t *value)
{
	const char *scope = json_string_value(value);
	if (!scope)
		return refuse(import, "security", "a scope that is no text");
	for (size_t i = 0; i < import->scope_count; i++)
		if (strcmp(import->scopes[i], scope) == 0)
			return true;
	if (import->scope_count == OPENAPI_SCOPES_MAX)
		return refuse(import, "security", "more than 64 scopes");
	import->scopes[import->scope_count++] = scope;
	return true;
}

/* [{"oauth": ["a", "b"]}, {"key": []}] */
static bool read_security(struct import *import, json_t *security)
{
	json_t *requirement, *scopes, *scope;
	const char *scheme;
	size_t i, k;
	json_array_foreach(security, i, requirement)
	    json_object_foreach(requirement, scheme, scopes)
	        json_array_foreach(scopes, k, scope) if (!add_scope(import, scope)) return false;
	return true;
}

static bool read_path(struct import *import, const char *path, json_t *item)
{
	struct slice fixed = fixed_part(slice_of_cstr(path));
	if (path[0] != '/' || !json_is_object(item))
		return refuse(import, path, "a path begins with '/' and is an object");
	if (json_object_get(item, "$ref"))
		return refuse(import, path, "is a $ref: bundle the document first");
	import->common = import->has_common ? common_part(import->common, fixed) : fixed;
	import->has_common = true;
	for (size_t i = 0; i < METHOD_COUNT; i++) {
		json_t *operation = json_object_get(item, METHODS[i].member);
		import->methods[i] = import->methods[i] || operation;
		if (!read_security(import, json_object_get(operation, "security")))
			return false;
	}
	return true;
}

static bool read_paths(struct import *import, json_t *root)
{
	json_t *paths = json_object_get(root, "paths"), *item;
	const char *path;
	if (json_object_size(paths) == 0)
		return refuse(import, "paths", "there are none");
	json_object_foreach(paths, path, item) if (!read_path(import, path, item)) return false;
	return read_security(import, json_object_get(root, "security"));
}

/* ---- what follows from it ---- */

static const char *join(struct arena *arena, const char *const *items, size_t count)
{
	const char *out = "";
	for (size_t i = 0; i < count && out; i++)
		out = arena_printf(arena, "%s%s%s", out, i ? "," : "", items[i]);
	return out;
}

static bool set_methods(struct import *import)
{
	const char *names[METHOD_COUNT];
	size_t count = 0;
	for (size_t i = 0; i < METHOD_COUNT; i++)
		if (import->methods[i])
			names[count++] = METHODS[i].method;
	return set(import, "methods", join(&import->out->arena, names, count));
}

/* "/v1" of "/v1/accounts"; empty when it does not begin with a version. */
static struct slice version_of(struct slice path)
{
	struct slice segment, rest;
	slice_cut(slice_from(path, 1), '/', &segment, &rest);
	return CHECK_VERSION.ok(segment) ? segment : (struct slice){ 0 };
}

/*
 * The gateway hands paths on as they came. When the paths carry the version themselves, the
 * server's path stays with the url; otherwise the version must be in it, and it is the clients'
 * too.
 */
static bool set_route(struct import *import, const char *server)
{
	struct arena *arena = &import->out->arena;
	struct url url;
	if (!server || !url_parse(slice_of_cstr(server), &url, arena))
		return !version_of(import->common).len ||
		       set(import, "route-prefix", arena_dup(arena, import->common).ptr);
	const char *prefix = arena_dup(arena, import->common).ptr;
	const char *origin = server;
	if (!version_of(import->common).len && version_of(slice_of_cstr(url.path)).len) {
		prefix = arena_printf(arena, "%s%.*s", url.path, SLICE_ARG(import->common));
		origin = arena_printf(arena, url.is_ipv6 ? "%s://[%s]:%u" : "%s://%s:%u",
		    url.https ? "https" : "http", url.host, url.port);
	}
	bool has_version = prefix && version_of(slice_of_cstr(prefix)).len;
	return set(import, "url", origin) && set(import, "route-prefix", has_version ? prefix : "");
}

static bool set_version(struct import *import)
{
	const char *prefix = openapi_field_find(import->out, "route-prefix");
	if (!prefix)
		return true;
	return set(import, "version",
	    arena_dup(&import->out->arena, version_of(slice_of_cstr(prefix))).ptr);
}

/* ---- x-sallyport ---- */

static const char *text_of(struct arena *arena, const json_t *value)
{
	const char *out = "";
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		return arena_printf(arena, "%lld", (long long)json_integer_value(value));
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (!json_is_array(value))
		return NULL;
	for (size_t i = 0; i < json_array_size(value) && out; i++) {
		const char *item = json_string_value(json_array_get(value, i));
		out = item ? arena_printf(arena, "%s%s%s", out, i ? "," : "", item) : NULL;
	}
	return out;
}

static bool set_extension(struct import *import, json_t *root)
{
	json_t *extension = json_object_get(root, "x-sallyport"), *value;
	const char *name;
	if (extension && !json_is_object(extension))
		return refuse(import, "x-sallyport", "is no object");
	json_object_foreach(extension, name, value)
	{
		const char *text = text_of(&import->out->arena, value);
		if (!service_field_find(slice_of_cstr(name)))
			return err_set(import->err, "%s: x-sallyport: unknown parameter '%s'",
			    import->name, name);
		if (!text)
			return err_set(import->err,
			    "%s: x-sallyport: '%s' is no text, number, boolean or list of texts",
			    import->name, name);
		if (!set(import, name, text))
			return false;
	}
	return true;
}

/* ---- import ---- */

static bool check_version(const struct import *import, const json_t *root)
{
	const char *version = json_string_value(json_object_get(root, "openapi"));
	if (version && strncmp(version, "3.", 2) == 0)
		return true;
	return refuse(import, "openapi", "only OpenAPI 3 documents are read");
}

static const char *first_server(const json_t *root)
{
	return json_string_value(
	    json_object_get(json_array_get(json_object_get(root, "servers"), 0), "url"));
}

static bool run(struct import *import, json_t *root)
{
	return check_version(import, root) && read_paths(import, root) &&
	       set_route(import, first_server(root)) && set_version(import) &&
	       set_methods(import) &&
	       set(import, "scopes",
	           join(&import->out->arena, import->scopes, import->scope_count)) &&
	       set_extension(import, root);
}

bool openapi_import(
    struct slice text, const char *name, struct openapi_fields *out, struct err *err)
{
	struct import import = { .name = name, .out = out, .err = err };
	out->count = 0;
	arena_init(&out->arena, OPENAPI_MAX_BYTES);
	struct slice begin = slice_trim(text);
	if (begin.len && begin.ptr[0] != '{')
		return err_set(err, "%s: only JSON is read; convert YAML first", name);
	json_t *root = json_read_text(text, name, err);
	/* A URL that could not be kept for want of memory looks like none. */
	bool ok = root && run(&import, root) && !arena_failed(&out->arena);
	json_decref(root);
	return ok || err_set(err, "%s: no memory", name);
}

/* ---- export ---- */

static void put(struct jw *w, const char *key, const char *value)
{
	jw_key(w, key);
	jw_cstr(w, value);
}

static void put_answers(struct jw *w)
{
	static const struct {
		const char *status, *text;
	} answers[] = {
		// clang-format off
		{ "default", "the service's own answer" },
		{ "400", "ambiguous path or malformed request" },
		{ "401", "no token, or not a good one; see www-authenticate" },
		{ "403", "scope missing, or blocked" },
		{ "404", "unknown route or method" },
		{ "413", "body over the service's limit" },
		{ "429", "throttled; see retry-after" },
		{ "502", "the service gives no answer" },
		{ "503", "the gateway cannot decide" },
		{ "504", "the service is too slow" },
		// clang-format on
	};
	jw_key(w, "responses");
	jw_object_begin(w);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		jw_key(w, answers[i].status);
		jw_object_begin(w);
		put(w, "description", answers[i].text);
		jw_object_end(w);
	}
	jw_object_end(w);
}

static bool takes(const struct service *service, const char *method)
{
	for (size_t i = 0; i < service->methods.count; i++)
		if (strcmp(service->methods.items[i], method) == 0)
			return true;
	return service->methods.count == 0;
}

static void put_path(struct jw *w, const struct service *service, bool is_wildcard)
{
	struct buf path;
	buf_init(&path, 0);
	buf_printf(&path, "%s%s", service->route_prefix, is_wildcard ? "/{path}" : "");
	jw_key(w, buf_cstr(&path));
	buf_release(&path);
	jw_object_begin(w);
	if (is_wildcard) {
		jw_key(w, "parameters");
		jw_raw(w,
		    SLICE(
		        "[{\"name\":\"path\",\"in\":\"path\",\"required\":true,"
		        "\"description\":\"any number of segments\",\"schema\":{\"type\":\"string\"}}]"));
	}
	for (size_t i = 0; i < METHOD_COUNT; i++) {
		if (!takes(service, METHODS[i].method))
			continue;
		jw_key(w, METHODS[i].member);
		jw_object_begin(w);
		put_answers(w);
		jw_object_end(w);
	}
	jw_object_end(w);
}

static void put_security(struct jw *w, const struct model *model, const struct service *service)
{
	const struct authorizer *authorizer = &model->authorizers[service->authorizer];
	struct buf url;
	buf_init(&url, 0);
	buf_printf(&url, "%s/.well-known/openid-configuration",
	    authorizer->issuer ? authorizer->issuer : "");
	jw_key(w, "components");
	jw_object_begin(w);
	jw_key(w, "securitySchemes");
	jw_object_begin(w);
	jw_key(w, authorizer->name);
	jw_object_begin(w);
	put(w, "type", "openIdConnect");
	put(w, "openIdConnectUrl", buf_cstr(&url));
	jw_object_end(w);
	jw_object_end(w);
	jw_object_end(w);
	buf_release(&url);
	jw_key(w, "security");
	jw_array_begin(w);
	jw_object_begin(w);
	jw_key(w, authorizer->name);
	jw_array_begin(w);
	for (size_t i = 0; i < service->scopes.count; i++)
		jw_cstr(w, service->scopes.items[i]);
	jw_array_end(w);
	jw_object_end(w);
	jw_array_end(w);
}

static void put_extension(struct jw *w, const struct service *service, struct arena *arena)
{
	jw_key(w, "x-sallyport");
	jw_object_begin(w);
	for (size_t i = 0; i < SERVICE_FIELD_COUNT; i++) {
		const char *text = field_format(&SERVICE_FIELDS[i], service, arena);
		if (text && *text)
			put(w, SERVICE_FIELDS[i].name, text);
	}
	jw_object_end(w);
}

bool openapi_export(
    const struct model *model, const struct service *service, struct buf *out, struct err *err)
{
	const char *url = model->settings->public_url;
	struct arena arena;
	struct jw w;
	arena_init(&arena, 0);
	jw_init(&w, out, 2);
	jw_object_begin(&w);
	put(&w, "openapi", "3.0.3");
	jw_key(&w, "info");
	jw_object_begin(&w);
	put(&w, "title", service->id);
	put(&w, "version", service->version);
	jw_object_end(&w);
	jw_key(&w, "servers");
	jw_array_begin(&w);
	jw_object_begin(&w);
	put(&w, "url", url ? url : "/");
	jw_object_end(&w);
	jw_array_end(&w);
	jw_key(&w, "paths");
	jw_object_begin(&w);
	put_path(&w, service, false);
	put_path(&w, service, true);
	jw_object_end(&w);
	put_security(&w, model, service);
	put_extension(&w, service, &arena);
	jw_object_end(&w);
	buf_append_byte(out, '\n');
	bool ok = !arena_failed(&arena) && !buf_failed(out);
	arena_release(&arena);
	return ok || err_set(err, "no memory for the document");
}
