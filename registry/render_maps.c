/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps and lists. Each is a table row: the file, the parameters it comes from, and what one service
 * adds to it. Keys and values are of safe bytes only (registry/template.h), which is asserted.
 */
#include "common/json_write.h"
#include "registry/render.h"
#include "registry/template.h"

struct map {
	const char *name;
	const char *from; /* parameters or settings, for the comment */
	void (*add)(struct buf *out, const struct service *service);
};

static const char *const METHODS[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

static void add_route(struct buf *out, const struct service *s)
{
	buf_printf(out, "%s/ %s\n", s->route_prefix, s->id);
}

/* Members of the access log's record, so that HAProxy has only to copy them. */
static void add_service(struct buf *out, const struct service *s)
{
	static const char *const AUTHORIZERS[] = { "staff", "customers" };
	struct jw record;
	buf_printf(out, "%s ", s->id);
	jw_init(&record, out, 0);
	jw_members_begin(&record);
	jw_key(&record, "route");
	jw_cstr(&record, s->route_prefix);
	jw_key(&record, "service");
	jw_cstr(&record, s->id);
	jw_key(&record, "version");
	jw_cstr(&record, s->version);
	jw_key(&record, "authorizer");
	jw_cstr(&record, AUTHORIZERS[s->authorizer]);
	buf_append_byte(out, '\n');
}

static void add_methods(struct buf *out, const struct service *s)
{
	size_t count = s->methods.count ? s->methods.count : sizeof(METHODS) / sizeof(METHODS[0]);
	for (size_t i = 0; i < count; i++)
		buf_printf(
		    out, "%s:%s 1\n", s->id, s->methods.count ? s->methods.items[i] : METHODS[i]);
}

static void add_number(struct buf *out, const struct service *s, uint64_t value)
{
	if (value)
		buf_printf(out, "%s %llu\n", s->id, (unsigned long long)value);
}

static void add_rate(struct buf *out, const struct service *s)
{
	add_number(out, s, s->throttle_rate);
}

static void add_burst(struct buf *out, const struct service *s)
{
	add_number(out, s, s->throttle_burst);
}

static void add_client_rate(struct buf *out, const struct service *s)
{
	add_number(out, s, s->client_rate);
}

static void add_client_burst(struct buf *out, const struct service *s)
{
	add_number(out, s, s->client_burst);
}

static void add_client_key(struct buf *out, const struct service *s)
{
	static const char *const KEYS[] = { "client", "sub", "source" };
	if (s->client_rate)
		buf_printf(out, "%s %s\n", s->id, KEYS[s->client_key]);
}

static void add_ratelimit_headers(struct buf *out, const struct service *s)
{
	if (s->ratelimit_headers)
		buf_printf(out, "%s 1\n", s->id);
}

static void add_body_limit(struct buf *out, const struct service *s)
{
	add_number(out, s, s->body_limit);
}

static void add_oversize(struct buf *out, const struct service *s)
{
	if (s->oversize == OVERSIZE_CONTINUE)
		buf_printf(out, "%s continue\n", s->id);
}

static void add_mtls(struct buf *out, const struct service *s)
{
	if (s->mtls != MTLS_OFF)
		buf_printf(
		    out, "%s %s\n", s->id, s->mtls == MTLS_REQUIRED ? "required" : "optional");
}

static void add_waf_response(struct buf *out, const struct service *s)
{
	if (s->waf_response)
		buf_printf(out, "%s 1\n", s->id);
}

static void add_canary(struct buf *out, const struct service *s)
{
	if (s->canary_url.text)
		buf_printf(out, "%s %llu\n", s->id, (unsigned long long)s->canary_weight);
}

static void add_authority(
    struct buf *out, const struct service *s, const char *suffix, const struct url *url)
{
	if (url->text)
		buf_printf(out, url->is_ipv6 ? "svc_%s%s [%s]:%u\n" : "svc_%s%s %s:%u\n", s->id,
		    suffix, url->host, url->port);
}

/* By backend. */
static void add_upstreams(struct buf *out, const struct service *s)
{
	add_authority(out, s, "", &s->url);
	add_authority(out, s, "_canary", &s->canary_url);
}

// clang-format off
static const struct map MAPS[] = {
	{ "routes.map",            "route-prefix",                          add_route },
	{ "services.map",          "route-prefix, version, authorizer",     add_service },
	{ "methods.map",           "methods",                               add_methods },
	{ "rate.map",              "throttle-rate",                         add_rate },
	{ "burst.map",             "throttle-burst",                        add_burst },
	{ "client-rate.map",       "client-rate",                           add_client_rate },
	{ "client-burst.map",      "client-burst",                          add_client_burst },
	{ "client-key.map",        "client-key",                            add_client_key },
	{ "ratelimit-headers.map", "ratelimit-headers",                     add_ratelimit_headers },
	{ "body-limit.map",        "body-limit",                            add_body_limit },
	{ "oversize.map",          "oversize",                              add_oversize },
	{ "mtls.map",              "mtls",                                  add_mtls },
	{ "waf-response.map",      "waf-response",                          add_waf_response },
	{ "canary.map",            "canary-weight",                         add_canary },
	{ "upstream.map",          "url, canary-url",                       add_upstreams },
};
// clang-format on

static void add_map(struct rendering *out, const struct map *map, const struct model *model)
{
	struct buf *text = rendering_add(out, map->name, RENDERED_MAP);
	buf_printf(text, "# %s/api-services/*/{%s}\n", model->settings->prefix, map->from);
	for (size_t i = 0; i < model->service_count; i++)
		if (!model->services[i].held_back)
			map->add(text, &model->services[i]);
}

static void add_list(
    struct rendering *out, const char *name, const char *setting, const struct text_list *list)
{
	struct buf *text = rendering_add(out, name, RENDERED_CONFIG);
	buf_printf(text, "# setting %s\n", setting);
	for (size_t i = 0; i < list->count; i++)
		buf_printf(text, "%s\n", list->items[i]);
}

/* Safe, but for the quotes of add_service(); one in a value would come with a backslash, which is
 * not. */
static bool is_safe(struct slice word, bool is_json)
{
	for (size_t i = 0; i < word.len; i++)
		if (!template_byte_is_safe(slice_at(word, i)) &&
		    !(is_json && slice_at(word, i) == '"'))
			return false;
	return word.len > 0;
}

/* One pair per line, of safe bytes: whatever the validation let through, nothing else may arrive
 * here. */
static bool check_text(const struct rendered_file *file, struct err *err)
{
	struct slice rest = buf_slice(&file->text), line, word;
	bool is_json = strcmp(file->name, "services.map") == 0;
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_starts_with(line, SLICE("#")))
			continue;
		while (line.len > 0) {
			slice_cut(line, ' ', &word, &line);
			if (!is_safe(word, is_json))
				return err_set(err, "unsafe word in %s", file->name);
		}
	}
	return !buf_failed(&file->text) || err_set(err, "%s grows too large", file->name);
}

bool render_maps(
    struct rendering *out, const struct model *model, const char *revision, struct err *err)
{
	size_t first = out->count;
	for (size_t i = 0; i < sizeof(MAPS) / sizeof(MAPS[0]); i++)
		add_map(out, &MAPS[i], model);
	add_list(out, "trusted-proxies.lst", "trusted_proxies", &model->settings->trusted_proxies);
	add_list(out, "ip-exempt.lst", "ip_rate.exempt", &model->settings->ip_exempt);
	buf_printf(rendering_add(out, "gateway.map", RENDERED_MAP),
	    "# about this revision\nrevision %s\n", revision);
	for (size_t i = first; i < out->count; i++)
		if (!check_text(&out->files[i], err))
			return false;
	return true;
}
