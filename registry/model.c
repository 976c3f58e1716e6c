/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model.h"

#include "common/cli.h"
#include "registry/validate.h"

#include <stdlib.h>

const struct field SERVICE_FIELDS[] = {
#define F(member, name, type, check, required, fallback, min, max, allowed, change, doc)           \
	{ name, FIELD_##type, check, required, fallback, min, max, allowed, CHANGE_##change,       \
		offsetof(struct service, member), doc },
#include "registry/model.def"
#undef F
};
const size_t SERVICE_FIELD_COUNT = sizeof(SERVICE_FIELDS) / sizeof(SERVICE_FIELDS[0]);

const struct field *service_field_find(struct slice name)
{
	for (size_t i = 0; i < SERVICE_FIELD_COUNT; i++)
		if (slice_eq(name, slice_of_cstr(SERVICE_FIELDS[i].name)))
			return &SERVICE_FIELDS[i];
	return NULL;
}

struct builder {
	struct model *model;
	const struct settings *settings;
	const struct parameter_list *parameters;
	struct findings *findings;
};

static const struct parameter *find_parameter(const struct builder *b, const char *name)
{
	return parameter_list_find(b->parameters, slice_of_cstr(name));
}

/* --- services --------------------------------------------------------------------------------- */

static void load_field(
    const struct builder *b, struct service *service, const struct field *field, const char *folder)
{
	char why[FIELD_WHY_MAX];
	struct arena *arena = &b->model->arena;
	const char *path = arena_printf(arena, "%s%s", folder, field->name);
	const struct parameter *parameter = path ? find_parameter(b, path) : NULL;
	if (!path)
		return;
	if (!parameter && field->required)
		findings_add(b->findings, service->id, path, "missing: %s", field->doc);
	struct slice value = parameter ? parameter->value : slice_of_cstr(field->fallback);
	if ((parameter || field->fallback) && !field_parse(field, value, service, arena, why))
		findings_add(b->findings, service->id, path, "%s", why);
}

static const char *nearest_field(struct slice name, struct arena *arena)
{
	const char *names[sizeof(SERVICE_FIELDS) / sizeof(SERVICE_FIELDS[0])];
	for (size_t i = 0; i < SERVICE_FIELD_COUNT; i++)
		names[i] = SERVICE_FIELDS[i].name;
	const char *word = arena_dup(arena, name).ptr;
	return word ? cli_nearest(word, names, SERVICE_FIELD_COUNT) : NULL;
}

/* The first parameter whose name is not before `folder`. */
static size_t lower_bound(const struct parameter_list *list, struct slice folder)
{
	size_t low = 0, high = list->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (slice_cmp(list->items[middle].name, folder) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void refuse_unknown(
    const struct builder *b, const struct service *service, const char *folder)
{
	struct slice prefix = slice_of_cstr(folder);
	for (size_t i = lower_bound(b->parameters, prefix); i < b->parameters->count; i++) {
		const struct parameter *parameter = &b->parameters->items[i];
		if (!slice_starts_with(parameter->name, prefix))
			break;
		struct slice name = slice_from(parameter->name, prefix.len);
		if (service_field_find(name))
			continue;
		char shown[FIELD_SHOWN_MAX];
		const char *nearest = nearest_field(name, &b->model->arena);
		const char *path =
		    arena_printf(&b->model->arena, "%s%s", folder, field_show(name, shown));
		findings_add(b->findings, service->id, path ? path : folder,
		    "unknown parameter%s%s%s", nearest ? "; did you mean \"" : "",
		    nearest ? nearest : "", nearest ? "\"?" : "");
	}
}

static void fill_defaults(const struct settings *settings, struct service *service)
{
	if (!service->throttle_rate)
		service->throttle_rate = settings->throttle_rate;
	if (!service->throttle_burst)
		service->throttle_burst = settings->throttle_burst;
	if (service->client_rate && !service->client_burst)
		service->client_burst = service->client_rate * 2;
	if (!service->body_limit)
		service->body_limit = settings->body_limit;
	if (!service->timeout_ms)
		service->timeout_ms = settings->upstream_timeout_ms;
	if (!service->waf_ruleset)
		service->waf_ruleset = settings->waf_ruleset;
	if (!service->waf_ruleset)
		service->waf = WAF_MODE_OFF;
	if (!service->tls_name && service->url.https)
		service->tls_name = service->url.host;
}

static void load_service(const struct builder *b, struct service *service)
{
	const char *folder =
	    arena_printf(&b->model->arena, "%s/api-services/%s/", b->settings->prefix, service->id);
	if (!folder)
		return;
	size_t first = lower_bound(b->parameters, slice_of_cstr(folder));
	bool exists = first < b->parameters->count &&
	              slice_starts_with(b->parameters->items[first].name, slice_of_cstr(folder));
	if (!exists) {
		findings_add(b->findings, service->id, folder,
		    "no parameters, though %s lists the service", b->settings->live_services_from);
		return;
	}
	for (size_t i = 0; i < SERVICE_FIELD_COUNT; i++)
		load_field(b, service, &SERVICE_FIELDS[i], folder);
	refuse_unknown(b, service, folder);
	validate_service(b->settings, service, folder, b->findings);
	fill_defaults(b->settings, service);
}

static int compare_services(const void *a, const void *b)
{
	return strcmp(((const struct service *)a)->id, ((const struct service *)b)->id);
}

static bool load_services(const struct builder *b)
{
	const struct text_list *ids = &b->settings->live_services;
	struct model *model = b->model;
	model->services = arena_array(&model->arena, struct service, ids->count + 1);
	if (!model->services)
		return false;
	model->service_count = ids->count;
	for (size_t i = 0; i < ids->count; i++)
		model->services[i].id = ids->items[i];
	qsort(model->services, ids->count, sizeof(model->services[0]), compare_services);
	for (size_t i = 0; i < ids->count; i++)
		load_service(b, &model->services[i]);
	validate_routes(b->settings, model->services, ids->count, b->findings, &model->arena);
	return !arena_failed(&model->arena);
}

/* --- authorizers ------------------------------------------------------------------------------ */

struct authorizer_source {
	const char *name;
	const char *clients[2];
	/* where the settings overrule the pool */
	size_t issuer, jwks_url, jwks_file, ca_file, audiences, algorithms, token_use;
};

#define OVERRULED_BY(pool)                                                                         \
	offsetof(struct settings, pool##_issuer), offsetof(struct settings, pool##_jwks_url),      \
	    offsetof(struct settings, pool##_jwks_file),                                           \
	    offsetof(struct settings, pool##_ca_file),                                             \
	    offsetof(struct settings, pool##_audiences),                                           \
	    offsetof(struct settings, pool##_algorithms),                                          \
	    offsetof(struct settings, pool##_token_use)

static const struct authorizer_source SOURCES[AUTHORIZER_COUNT] = {
	[AUTHORIZER_STAFF] = { "staff", { "back-office", "api-authoriser" }, OVERRULED_BY(staff) },
	[AUTHORIZER_CUSTOMERS] = { "customers", { "mobile", "web" }, OVERRULED_BY(customers) },
};

#define SETTING(settings, offset, type)                                                            \
	(*(type const *)(const void *)((const char *)(settings) + (offset)))

static const char *text_setting(const struct settings *settings, size_t offset)
{
	return SETTING(settings, offset, char *);
}

/* eu-west-1_AbCdEf123 */
static bool is_pool_id(struct slice id)
{
	struct slice region, rest;
	return CHECK_WORD.ok(id) && id.len <= 55 && slice_find_byte(id, '/') == SIZE_MAX &&
	       slice_cut(id, '_', &region, &rest) && region.len > 0 && rest.len > 0;
}

/* The value of a parameter of the pool, or NULL with a finding. */
static const char *pool_parameter(const struct builder *b, const char *pool, const char *leaf,
    bool (*ok)(struct slice), const char *allowed)
{
	char shown[FIELD_SHOWN_MAX];
	const char *path =
	    arena_printf(&b->model->arena, "%s/cognito/%s/%s", b->settings->prefix, pool, leaf);
	const struct parameter *parameter = path ? find_parameter(b, path) : NULL;
	if (!path)
		return NULL;
	if (!parameter)
		findings_add(b->findings, NULL, path, "missing: give %s", allowed);
	else if (!ok(parameter->value))
		findings_add(b->findings, NULL, path, "%s is not allowed; give %s",
		    field_show(parameter->value, shown), allowed);
	else
		return arena_dup(&b->model->arena, parameter->value).ptr;
	return NULL;
}

static void load_issuer(
    const struct builder *b, const struct authorizer_source *source, struct authorizer *authorizer)
{
	authorizer->issuer = text_setting(b->settings, source->issuer);
	if (authorizer->issuer)
		return;
	const char *pool = pool_parameter(b, source->name, "pool-id", is_pool_id,
	    "a Cognito pool id such as eu-west-1_AbCdEf123");
	if (!pool)
		return;
	int region = (int)(strchr(pool, '_') - pool);
	authorizer->issuer = arena_printf(
	    &b->model->arena, "https://cognito-idp.%.*s.amazonaws.com/%s", region, pool, pool);
	authorizer->jwks_url =
	    arena_printf(&b->model->arena, "%s/.well-known/jwks.json", authorizer->issuer);
}

static void load_audiences(
    const struct builder *b, const struct authorizer_source *source, struct authorizer *authorizer)
{
	authorizer->audiences = SETTING(b->settings, source->audiences, struct text_list);
	if (authorizer->audiences.count > 0)
		return;
	authorizer->audiences.items = arena_array(&b->model->arena, const char *, 2);
	for (size_t i = 0; i < 2 && authorizer->audiences.items; i++) {
		char leaf[64];
		snprintf(leaf, sizeof(leaf), "client/%s", source->clients[i]);
		const char *client =
		    pool_parameter(b, source->name, leaf, CHECK_WORD.ok, "a Cognito client id");
		if (client)
			authorizer->audiences.items[authorizer->audiences.count++] = client;
	}
}

static void load_authorizer(const struct builder *b, unsigned index)
{
	static const char *const TOKEN_USES[] = { "access", "id", "any" };
	const struct authorizer_source *source = &SOURCES[index];
	struct authorizer *authorizer = &b->model->authorizers[index];
	authorizer->name = source->name;
	for (size_t i = 0; i < b->model->service_count; i++)
		if (b->model->services[i].authorizer == index && b->model->services[i].route_prefix)
			authorizer->used = true;
	if (!authorizer->used)
		return;
	load_issuer(b, source, authorizer);
	load_audiences(b, source, authorizer);
	const char *jwks_url = text_setting(b->settings, source->jwks_url);
	authorizer->jwks_file = text_setting(b->settings, source->jwks_file);
	if (jwks_url || authorizer->jwks_file)
		authorizer->jwks_url = jwks_url;
	if (jwks_url && authorizer->jwks_file)
		findings_add(b->findings, NULL, "authorizers",
		    "%s: give jwks_url or jwks_file, not both", source->name);
	authorizer->ca_file = text_setting(b->settings, source->ca_file);
	authorizer->algorithms = SETTING(b->settings, source->algorithms, struct text_list);
	authorizer->token_use = TOKEN_USES[SETTING(b->settings, source->token_use, unsigned)];
}

/* --- the whole -------------------------------------------------------------------------------- */

static void hold_back(struct model *model, const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		if (!findings->items[i].service)
			continue;
		struct service key = { .id = findings->items[i].service };
		struct service *service = bsearch(&key, model->services, model->service_count,
		    sizeof(model->services[0]), compare_services);
		if (service)
			service->held_back = true;
	}
}

bool model_build(struct model *model, const struct settings *settings,
    const struct parameter_list *parameters, struct findings *findings, struct err *err)
{
	*model = (struct model){ .settings = settings };
	arena_init(&model->arena, 0);
	struct builder builder = { model, settings, parameters, findings };
	if (!load_services(&builder))
		return err_set(err, "no memory for %zu services", settings->live_services.count);
	for (unsigned i = 0; i < AUTHORIZER_COUNT; i++)
		load_authorizer(&builder, i);
	hold_back(model, findings);
	return !arena_failed(&model->arena) || err_set(err, "no memory for the services");
}

void model_release(struct model *model)
{
	arena_release(&model->arena);
}

const struct service *model_find(const struct model *model, const char *id)
{
	struct service key = { .id = id };
	return model->service_count == 0 ? NULL
	                                 : bsearch(&key, model->services, model->service_count,
	                                       sizeof(model->services[0]), compare_services);
}
