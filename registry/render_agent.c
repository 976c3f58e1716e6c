/* SPDX-License-Identifier: Apache-2.0 */
/* agent.json: the agent's configuration, docs/agent.md. */
#include "common/json_write.h"
#include "registry/render.h"

/* One connection per request in flight at most, and those of health checks and reloads. */
enum { AGENT_CONNECTIONS_SPARE = 1000, AGENT_CONNECTIONS_MAX = 1000000 };

static void put_text(struct jw *w, const char *key, const char *value)
{
	if (!value)
		return;
	jw_key(w, key);
	jw_cstr(w, value);
}

static void put_uint(struct jw *w, const char *key, uint64_t value)
{
	jw_key(w, key);
	jw_uint(w, value);
}

static void put_list(struct jw *w, const char *key, const struct text_list *list)
{
	jw_key(w, key);
	jw_array_begin(w);
	for (size_t i = 0; i < list->count; i++)
		jw_cstr(w, list->items[i]);
	jw_array_end(w);
}

static void put_listen(struct jw *w, const struct settings *s)
{
	char address[1100];
	jw_key(w, "listen");
	jw_array_begin(w);
	for (size_t i = 0; i < s->agent_socket.count; i++) {
		const char *socket = s->agent_socket.items[i];
		snprintf(
		    address, sizeof(address), "%s%s", *socket == '/' ? "unix:" : "tcp:", socket);
		jw_cstr(w, address);
	}
	jw_array_end(w);
}

static void put_process(
    struct jw *w, const struct settings *s, const char *revision, uint64_t frame_bytes)
{
	static const char *const LEVELS[] = { "error", "warning", "info", "debug" };
	put_text(w, "revision", revision);
	put_listen(w, s);
	put_text(w, "socket_mode", s->agent_socket_mode);
	put_text(w, "socket_group", s->agent_socket_group);
	put_uint(w, "threads", s->agent_threads);
	put_text(w, "user", s->agent_user);
	put_text(w, "log_level", LEVELS[s->agent_log_level]);
	put_text(w, "metrics_listen", s->agent_metrics);
	uint64_t connections = s->maxconn + AGENT_CONNECTIONS_SPARE;
	put_uint(w, "max_connections",
	    connections < AGENT_CONNECTIONS_MAX ? connections : AGENT_CONNECTIONS_MAX);
	put_uint(w, "max_frame_bytes", frame_bytes);
	put_uint(w, "hold_ms", s->agent_timeout_ms * 2 / 3);
}

static void put_authorizer(struct jw *w, const struct authorizer *a)
{
	jw_key(w, a->name);
	jw_object_begin(w);
	put_text(w, "issuer", a->issuer);
	put_text(w, "jwks_url", a->jwks_url);
	put_text(w, "jwks_file", a->jwks_file);
	put_text(w, "ca_file", a->ca_file);
	put_list(w, "audiences", &a->audiences);
	put_list(w, "algorithms", &a->algorithms);
	put_text(w, "token_use", a->token_use);
	jw_object_end(w);
}

static void put_waf(struct jw *w, const struct settings *s)
{
	jw_key(w, "waf");
	jw_object_begin(w);
	jw_key(w, "rulesets");
	jw_object_begin(w);
	if (s->waf_aws_rules.count)
		put_list(w, "aws", &s->waf_aws_rules);
	if (s->waf_crs_rules.count)
		put_list(w, "crs", &s->waf_crs_rules);
	jw_object_end(w);
	put_text(w, "cache_dir", s->waf_cache_dir);
	jw_object_end(w);
}

static void put_route(struct jw *w, const struct service *s)
{
	static const char *const AUTHORIZERS[] = { "staff", "customers" };
	static const char *const WAF_MODES[] = { "block", "count", "off" };
	static const char *const MTLS_MODES[] = { "off", "optional", "required" };
	jw_key(w, s->id);
	jw_object_begin(w);
	put_text(w, "authorizer", AUTHORIZERS[s->authorizer]);
	put_list(w, "scopes", &s->scopes);
	put_text(w, "scope_match", s->scope_match ? "all" : "any");
	put_text(w, "mtls", MTLS_MODES[s->mtls]);
	put_text(w, "waf", WAF_MODES[s->waf]);
	if (s->waf != WAF_MODE_OFF) {
		put_text(w, "waf_ruleset", s->waf_ruleset);
		put_list(w, "waf_exclude", &s->waf_exclude);
		put_list(w, "waf_count", &s->waf_count);
	}
	jw_key(w, "waf_response");
	jw_bool(w, s->waf_response);
	jw_object_end(w);
}

bool render_agent(struct buf *out, const struct model *model, const char *revision,
    uint64_t frame_bytes, struct err *err)
{
	struct jw w;
	jw_init(&w, out, 2);
	jw_object_begin(&w);
	put_process(&w, model->settings, revision, frame_bytes);
	jw_key(&w, "authorizers");
	jw_object_begin(&w);
	for (unsigned i = 0; i < AUTHORIZER_COUNT; i++)
		if (model->authorizers[i].used)
			put_authorizer(&w, &model->authorizers[i]);
	jw_object_end(&w);
	put_waf(&w, model->settings);
	jw_key(&w, "routes");
	jw_object_begin(&w);
	for (size_t i = 0; i < model->service_count; i++)
		if (!model->services[i].held_back)
			put_route(&w, &model->services[i]);
	jw_object_end(&w);
	jw_object_end(&w);
	buf_append_byte(out, '\n');
	return !buf_failed(out) || err_set(err, "no memory for agent.json");
}
