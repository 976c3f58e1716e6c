/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/render.h"

#include "registry/embedded.h"
#include "registry/template.h"

#include <assert.h>
#include <time.h>

enum {
	SCOPE_VALUES_MAX = 96,
	MAXREWRITE_BYTES = 8192,
	BUFFER_SLACK_BYTES =
	    8192, /* block headers of HAProxy's representation, request line, SPOE frame */
	BUFFER_STEP_BYTES = 16384,
	HOT_BUFFERS = 16, /* for each thread: some requests under way at once */
	RENDERED_MAX_BYTES = 64 << 20,
};

/* --- building scopes -------------------------------------------------------------------------- */

struct scope {
	struct arena *arena;
	struct template_value *values;
	size_t count;
};

static struct scope scope_new(struct arena *arena, size_t max)
{
	return (struct scope){ arena, arena_array(arena, struct template_value, max), 0 };
}

static void add(struct scope *scope, struct template_value value)
{
	if (!scope->values)
		return;
	assert(scope->count < SCOPE_VALUES_MAX);
	scope->values[scope->count++] = value;
}

static void add_text(struct scope *scope, const char *name, const char *text)
{
	add(scope,
	    (struct template_value){
	        .name = name, .kind = TEMPLATE_TEXT, .text = slice_of_cstr(text ? text : "") });
}

static void add_uint(struct scope *scope, const char *name, uint64_t value)
{
	add_text(scope, name, arena_printf(scope->arena, "%llu", (unsigned long long)value));
}

static void add_flag(struct scope *scope, const char *name, bool flag)
{
	add(scope, (struct template_value){ .name = name, .kind = TEMPLATE_FLAG, .flag = flag });
}

static void add_list(
    struct scope *scope, const char *name, const struct template_scope *items, size_t count)
{
	add(scope,
	    (struct template_value){
	        .name = name, .kind = TEMPLATE_LIST, .items = items, .count = items ? count : 0 });
}

static struct template_scope scope_end(const struct scope *scope)
{
	return (struct template_scope){ scope->values, scope->values ? scope->count : 0 };
}

/* {{#name}} … {{inner}} … {{/name}}: there when the text is. */
static void add_optional(struct scope *scope, const char *name, const char *inner, const char *text)
{
	struct template_scope *item = arena_new(scope->arena, struct template_scope);
	struct scope values = scope_new(scope->arena, 1);
	if (text)
		add_text(&values, inner, text);
	if (item)
		*item = scope_end(&values);
	add_list(scope, name, item, text ? 1 : 0);
}

static struct template_scope *scopes_new(struct arena *arena, size_t count)
{
	return arena_array(arena, struct template_scope, count + 1);
}

/* --- services --------------------------------------------------------------------------------- */

static const char *authority(const struct url *url, struct arena *arena)
{
	return arena_printf(arena, url->is_ipv6 ? "[%s]:%u" : "%s:%u", url->host, url->port);
}

static bool is_address(const char *host)
{
	size_t len = strlen(host);
	return strchr(host, ':') || ascii_is_digit(host[len - 1]);
}

static void add_upstream(struct scope *scope, const struct service *service, const struct url *url,
    const char *tls_name, const struct settings *settings)
{
	bool local = url->is_address || strcmp(url->host, "localhost") == 0;
	add_text(scope, "authority", authority(url, scope->arena));
	add_optional(scope, "base", "path", *url->path ? url->path : NULL);
	add_flag(scope, "tls", url->https);
	add_text(scope, "tls_name", tls_name);
	add_text(scope, "ca_file", settings->upstream_ca_file);
	add_flag(scope, "sni", url->https && !is_address(tls_name));
	add_flag(scope, "resolve", settings->upstream_resolvers.count > 0 && !local);
	add_optional(scope, "health", "path", service->health_path);
}

static void add_dates(struct scope *scope, const struct service *service)
{
	char text[64];
	struct tm tm;
	time_t sunset = (time_t)service->sunset;
	gmtime_r(&sunset, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	add_flag(scope, "deprecation", service->deprecated || service->sunset);
	add_optional(scope, "deprecated", "unix",
	    service->deprecated ? arena_printf(scope->arena, "%lld", (long long)service->deprecated)
	                        : NULL);
	add_optional(
	    scope, "sunset", "date", service->sunset ? arena_dup_cstr(scope->arena, text) : NULL);
}

static void add_canary(
    struct scope *scope, const struct service *service, const struct settings *settings)
{
	struct template_scope *item = scopes_new(scope->arena, 1);
	struct scope values = scope_new(scope->arena, 12);
	if (service->canary_url.text)
		add_upstream(
		    &values, service, &service->canary_url, service->canary_url.host, settings);
	if (item)
		*item = scope_end(&values);
	add_list(scope, "canary", item, service->canary_url.text ? 1 : 0);
}

static struct template_scope service_scope(
    const struct service *service, const struct settings *settings, struct arena *arena)
{
	struct scope scope = scope_new(arena, 24);
	add_text(&scope, "id", service->id);
	add_text(&scope, "folder",
	    arena_printf(arena, "%s/api-services/%s/", settings->prefix, service->id));
	add_uint(&scope, "timeout_ms", service->timeout_ms);
	add_upstream(&scope, service, &service->url, service->tls_name, settings);
	add_dates(&scope, service);
	add_canary(&scope, service, settings);
	return scope_end(&scope);
}

struct wanted {
	bool client_buckets, canaries, mtls, oversize_continue, ratelimit_headers, waf_response;
	size_t count; /* of services that are rendered */
};

static struct wanted look_through(const struct model *model)
{
	struct wanted wanted = { 0 };
	for (size_t i = 0; i < model->service_count; i++) {
		const struct service *service = &model->services[i];
		if (service->held_back)
			continue;
		wanted.count++;
		wanted.client_buckets |= service->client_rate > 0;
		wanted.canaries |= service->canary_url.text != NULL;
		wanted.mtls |= service->mtls != MTLS_OFF;
		wanted.oversize_continue |= service->oversize == OVERSIZE_CONTINUE;
		wanted.ratelimit_headers |= service->ratelimit_headers;
		wanted.waf_response |= service->waf_response;
	}
	return wanted;
}

static void add_services(
    struct scope *scope, const struct model *model, const struct wanted *wanted)
{
	struct template_scope *items = scopes_new(scope->arena, wanted->count);
	size_t count = 0;
	for (size_t i = 0; items && i < model->service_count; i++)
		if (!model->services[i].held_back)
			items[count++] =
			    service_scope(&model->services[i], model->settings, scope->arena);
	add_list(scope, "services", items, count);
	add_flag(scope, "client_buckets", wanted->client_buckets);
	add_flag(scope, "canaries", wanted->canaries);
	add_flag(scope, "mtls", wanted->mtls);
	add_flag(scope, "oversize_continue", wanted->oversize_continue);
	add_flag(scope, "ratelimit_headers", wanted->ratelimit_headers);
	add_flag(scope, "waf_response", wanted->waf_response);
}

/* --- the gateway ------------------------------------------------------------------------------ */

/* Of a buffer: HAProxy keeps lengths and kinds beside the headers' bytes. */
static uint64_t headers_room(const struct settings *s)
{
	return s->header_bytes * 5 / 4;
}

uint64_t render_bufsize(const struct model *model)
{
	uint64_t body = model->settings->body_limit;
	for (size_t i = 0; i < model->service_count; i++)
		if (!model->services[i].held_back && model->services[i].body_limit > body)
			body = model->services[i].body_limit;
	uint64_t needed =
	    body + headers_room(model->settings) + MAXREWRITE_BYTES + BUFFER_SLACK_BYTES;
	return (needed + BUFFER_STEP_BYTES - 1) / BUFFER_STEP_BYTES * BUFFER_STEP_BYTES;
}

static void add_listens(struct scope *scope, const struct settings *s)
{
	struct template_scope *items = scopes_new(scope->arena, s->listen.count);
	for (size_t i = 0; items && i < s->listen.count; i++) {
		struct scope item = scope_new(scope->arena, 1);
		add_text(&item, "address", s->listen.items[i]);
		items[i] = scope_end(&item);
	}
	add_list(scope, "listens", items, s->listen.count);
	add_optional(scope, "crt_list", "path", s->tls_crt_list);
	add_optional(scope, "certificate", "path", s->tls_certificate);
	add_optional(scope, "client_ca", "path", s->tls_client_ca);
	add_optional(scope, "client_crl", "path", s->tls_client_crl);
	add_flag(scope, "client_certificates", s->tls_client_ca != NULL);
	add_flag(scope, "http2", s->http2);
	add_text(
	    scope, "tls_min_version", s->tls_min_version == TLS_MIN_13 ? "TLSv1.3" : "TLSv1.2");
}

/* A list of {name, address}. */
static void add_addresses(
    struct scope *scope, const char *list, const char *stem, const struct text_list *addresses)
{
	struct template_scope *items = scopes_new(scope->arena, addresses->count);
	for (size_t i = 0; items && i < addresses->count; i++) {
		const char *address = addresses->items[i];
		struct scope item = scope_new(scope->arena, 2);
		add_text(&item, "name", arena_printf(scope->arena, "%s%zu", stem, i + 1));
		add_text(&item, "address",
		    *address == '/' ? arena_printf(scope->arena, "unix@%s", address) : address);
		items[i] = scope_end(&item);
	}
	add_list(scope, list, items, addresses->count);
}

static void add_resolvers(struct scope *scope, const struct settings *s)
{
	const struct text_list *list = &s->upstream_resolvers;
	bool system = list->count == 1 && strcmp(list->items[0], "system") == 0;
	struct text_list none = { 0 };
	add_flag(scope, "upstream_resolvers", list->count > 0);
	add_flag(scope, "resolvers_system", system);
	add_addresses(scope, "resolvers", "ns", system ? &none : list);
}

static void add_nodes(struct scope *scope, const struct settings *s)
{
	static const struct cluster_node ALONE = { .name = NODE_ALONE, .is_self = true };
	const struct cluster_node *nodes = s->node_count ? s->nodes : &ALONE;
	size_t count = s->node_count ? s->node_count : 1;
	struct template_scope *items = scopes_new(scope->arena, count);
	const struct cluster_node *self = NULL;
	for (size_t i = 0; items && i < count; i++) {
		struct scope item = scope_new(scope->arena, 5);
		add_text(&item, "node_name", nodes[i].name);
		add_text(&item, "node_address", nodes[i].address);
		add_uint(&item, "index", i + 1);
		add_flag(&item, "is_self", nodes[i].is_self);
		items[i] = scope_end(&item);
		if (nodes[i].is_self)
			self = &nodes[i];
	}
	add_list(scope, "nodes", items, count);
	add_flag(scope, "cluster", s->node_count > 0);
	add_text(scope, "node", self ? self->name : NULL);
	add_text(scope, "self_bind", self ? self->address : NULL);
	add_text(
	    scope, "peers_socket", arena_printf(scope->arena, "unix@%s/peers.sock", s->output_dir));
	add_text(scope, "cluster_certificate", s->cluster_certificate);
	add_text(scope, "cluster_ca_file", s->cluster_ca_file);
}

struct bucket {
	const char *name;
	unsigned sc;      /* sc1 is the source address's, but for what add_buckets() says */
	const char *key;  /* the variable that holds it */
	unsigned key_len; /* a longer key is cut, and shares its bucket */
	const char *table_size;
	const char *expire; /* of a row nobody asks for; then its bucket is full */
};

static const struct bucket BUCKETS[] = {
	{ "route", 0, "txn.svc", 48, "10k", "24h" },
	{ "client", 2, "req.client_key", 192, "100k", "1h" },
	{ "global", 3, "proc.gateway", 16, "1k", "24h" },
};

/* Without a fourth stick counter the gateway's bucket takes the one of the source address, which is
 * then counted without being tracked. */
static void add_buckets(struct scope *scope, const struct settings *s, const struct wanted *wanted,
    struct haproxy_version version)
{
	bool has_fourth = haproxy_has(version, FEATURE_STICK_COUNTERS);
	bool used[] = { true, wanted->client_buckets, s->global_rate > 0 };
	struct template_scope *items = scopes_new(scope->arena, 3);
	size_t count = 0;
	for (size_t i = 0; items && i < 3; i++) {
		if (!used[i])
			continue;
		struct scope item = scope_new(scope->arena, 7);
		add_text(&item, "bucket", BUCKETS[i].name);
		add_uint(&item, "sc", BUCKETS[i].sc == 3 && !has_fourth ? 1 : BUCKETS[i].sc);
		add_text(&item, "key", BUCKETS[i].key);
		add_uint(&item, "key_len", BUCKETS[i].key_len);
		add_text(&item, "table_size", BUCKETS[i].table_size);
		add_text(&item, "expire", BUCKETS[i].expire);
		items[count++] = scope_end(&item);
	}
	add_list(scope, "buckets", items, count);
	add_flag(scope, "ip_tracked", !used[2] || has_fourth);
	add_flag(scope, "stick_counters", used[2] && has_fourth);
	add_uint(scope, "stick_counters_count", 4);
	add_flag(scope, "global_bucket", used[2]);
	add_uint(scope, "global_rate", s->global_rate);
	add_uint(scope, "global_burst", s->global_burst);
}

static void add_limits(struct scope *scope, const struct settings *s)
{
	static const unsigned IP_WINDOWS_S[] = { 60, 120, 300, 600 };
	static const unsigned UNAUTHORIZED_WINDOWS_S[] = { 10, 60, 300 };
	unsigned window = IP_WINDOWS_S[s->ip_window_s];
	unsigned unauthorized = UNAUTHORIZED_WINDOWS_S[s->unauthorized_window_s];
	add_uint(scope, "ip_limit", s->ip_limit);
	add_uint(scope, "ip_window_s", window);
	add_uint(scope, "ip_expire_s", 2 * (window > unauthorized ? window : unauthorized));
	add_uint(scope, "unauthorized_limit", s->unauthorized_limit);
	add_uint(scope, "unauthorized_window_s", unauthorized);
	add_flag(scope, "ip_exempt", s->ip_exempt.count > 0);
	add_flag(scope, "trusted_proxies", s->trusted_proxies.count > 0);
	add_uint(scope, "throttle_rate", s->throttle_rate);
	add_uint(scope, "throttle_burst", s->throttle_burst);
	add_uint(scope, "body_limit", s->body_limit);
	add_uint(scope, "header_bytes", s->header_bytes);
}

static void add_process(
    struct scope *scope, const struct model *model, struct haproxy_version version)
{
	const struct settings *s = model->settings;
	add_text(scope, "haproxy_version",
	    arena_printf(scope->arena, "%u.%u", version.major, version.minor));
	add_flag(scope, "early_errorfiles", haproxy_has(version, FEATURE_EARLY_ERRORFILES));
	add_flag(scope, "pause", haproxy_has(version, FEATURE_PAUSE));
	add_flag(scope, "rule_pauses", haproxy_has(version, FEATURE_RULE_PAUSES));
	add_flag(scope, "hot_memory", haproxy_has(version, FEATURE_HOT_MEMORY));
	add_text(scope, "agents_mode", haproxy_has(version, FEATURE_SPOP_MODE) ? "spop" : "tcp");
	add_text(scope, "stats_socket", s->haproxy_stats);
	add_text(scope, "log_own", s->log_own);
	add_text(scope, "log_target", s->log_target);
	add_uint(scope, "maxconn", s->maxconn);
	add_flag(scope, "nbthread_set", s->nbthread > 0);
	add_uint(scope, "nbthread", s->nbthread);
	add_optional(scope, "user", "name", s->haproxy_user);
	add_optional(scope, "group", "name", s->haproxy_group);
	add_uint(scope, "hard_stop_s", s->hard_stop_s);
	add_uint(scope, "bufsize", render_bufsize(model));
	add_uint(scope, "maxrewrite", MAXREWRITE_BYTES);
	add_uint(scope, "hot_bytes", HOT_BUFFERS * render_bufsize(model));
	add_uint(scope, "body_room",
	    render_bufsize(model) - MAXREWRITE_BYTES - headers_room(model->settings));
	add_uint(scope, "client_timeout_ms", s->client_timeout_ms);
	add_uint(scope, "request_timeout_ms", s->request_timeout_ms);
	add_uint(scope, "upstream_connect_timeout_ms", s->upstream_connect_timeout_ms);
	add_optional(scope, "retry", "rate",
	    s->upstream_retry_rate
	        ? arena_printf(scope->arena, "%llu", (unsigned long long)s->upstream_retry_rate)
	        : NULL);
	add_uint(scope, "agent_timeout_ms", s->agent_timeout_ms);
	add_text(scope, "agent_metrics", s->agent_metrics);
	add_text(scope, "admin_listen", s->admin_listen);
	add_addresses(scope, "agents", "agent", &s->agent_socket);
}

static struct template_scope gateway_scope(
    const struct model *model, struct haproxy_version version, struct arena *arena)
{
	struct wanted wanted = look_through(model);
	struct scope scope = scope_new(arena, SCOPE_VALUES_MAX);
	add_process(&scope, model, version);
	add_listens(&scope, model->settings);
	add_resolvers(&scope, model->settings);
	add_nodes(&scope, model->settings);
	add_buckets(&scope, model->settings, &wanted, version);
	add_limits(&scope, model->settings);
	add_services(&scope, model, &wanted);
	return scope_end(&scope);
}

/* --- the whole -------------------------------------------------------------------------------- */

struct buf *rendering_add(struct rendering *rendering, const char *name, enum rendered_kind kind)
{
	assert(rendering->count < RENDERED_FILES_MAX);
	struct rendered_file *file = &rendering->files[rendering->count++];
	file->name = name;
	file->kind = kind;
	buf_init(&file->text, RENDERED_MAX_BYTES);
	return &file->text;
}

static bool render_template(struct rendering *out, const char *name, enum embedded_file file,
    const struct template_scope *scope, struct err *err)
{
	struct buf *text = rendering_add(out, name, RENDERED_CONFIG);
	return template_render(text, embedded_get(file), embedded_name(file), scope, err);
}

bool render(struct rendering *out, const struct model *model, struct haproxy_version version,
    const char *revision, struct err *err)
{
	struct arena arena;
	*out = (struct rendering){ 0 };
	arena_init(&arena, 0);
	struct template_scope scope = gateway_scope(model, version, &arena);
	bool ok = !arena_failed(&arena) || err_set(err, "no memory to render");
	ok = ok && render_template(out, "haproxy.cfg", EMBEDDED_GATEWAY_CFG, &scope, err) &&
	     render_template(out, "spoe.conf", EMBEDDED_SPOE_CONF, &scope, err);
	if (ok) {
		buf_append_slice(rendering_add(out, "400.http", RENDERED_CONFIG),
		    embedded_get(EMBEDDED_400_HTTP));
		buf_append_slice(rendering_add(out, "408.http", RENDERED_CONFIG),
		    embedded_get(EMBEDDED_408_HTTP));
	}
	ok = ok && render_maps(out, model, revision, err) &&
	     render_agent(rendering_add(out, "agent.json", RENDERED_AGENT), model, revision,
	         render_bufsize(model), err);
	arena_release(&arena);
	return ok;
}

void rendering_release(struct rendering *rendering)
{
	for (size_t i = 0; i < rendering->count; i++)
		buf_release(&rendering->files[i].text);
	*rendering = (struct rendering){ 0 };
}

const struct rendered_file *rendering_find(const struct rendering *rendering, const char *name)
{
	for (size_t i = 0; i < rendering->count; i++)
		if (strcmp(rendering->files[i].name, name) == 0)
			return &rendering->files[i];
	return NULL;
}
