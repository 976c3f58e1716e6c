/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/verify.h"

#include "common/json_read.h"

#include <stdlib.h>

enum { TOKEN_MAX = 16384, DETAIL_BYTES = 200 };

/* ---- results ---- */

static void __attribute__((format(printf, 4, 0))) add(struct verification *v,
    enum verify_outcome outcome, const char *detail, const char *fmt, va_list args)
{
	if (v->count == v->cap) {
		size_t cap = v->cap ? 2 * v->cap : 64;
		struct verify_result *results = realloc(v->results, cap * sizeof(*results));
		if (!results) {
			v->arena.failed = true;
			return;
		}
		v->results = results;
		v->cap = cap;
	}
	const char *name = arena_vprintf(&v->arena, fmt, args);
	v->results[v->count++] = (struct verify_result){ outcome, name ? name : fmt,
		detail ? arena_dup_cstr(&v->arena, detail) : NULL };
	v->counts[outcome]++;
}

void verify_check(struct verification *v, bool ok, const char *detail, const char *name, ...)
{
	va_list args;
	va_start(args, name);
	add(v, ok ? VERIFY_PASSED : VERIFY_FAILED, ok ? NULL : detail, name, args);
	va_end(args);
}

void verify_skip(struct verification *v, const char *why, const char *name, ...)
{
	va_list args;
	va_start(args, name);
	add(v, VERIFY_SKIPPED, why, name, args);
	va_end(args);
}

/* ---- requests ---- */

long verify_ask(struct verification *v, const struct verify_request *request)
{
	const char *headers[5];
	size_t n = 0;
	headers[n++] = "user-agent: sallyport-registry-verify";
	if (request->token)
		headers[n++] = arena_printf(&v->arena, "authorization: Bearer %s", request->token);
	if (request->header)
		headers[n++] = request->header;
	if (request->body.len)
		headers[n++] = "content-type: application/json";
	headers[n] = NULL;
	struct http_request http = { .method = request->method,
		.url = arena_printf(&v->arena, "%s%s", v->base, request->path),
		.headers = headers,
		.body = request->body,
		.session = v->session,
		.ca_file = v->options->ca_file,
		.https_only = true,
		.http1_only = request->body.len > 0,
		.total_timeout_ms = 15000,
		.max_body_bytes = 16 << 20 };
	err_clear(&v->no_reply);
	if (arena_failed(&v->arena) || !http_perform(&http, &v->reply, &v->no_reply))
		v->reply.status = 0;
	return v->reply.status;
}

const char *verify_reply_text(struct verification *v)
{
	char shown[FIELD_SHOWN_MAX];
	if (v->reply.status == 0)
		return arena_printf(&v->arena, "no answer: %s", v->no_reply.text);
	return arena_printf(&v->arena, "status %ld, body %s", v->reply.status,
	    field_show(slice_sub(buf_slice(&v->reply.body), 0, DETAIL_BYTES), shown));
}

/* ---- tokens ---- */

static const char *audience(const struct verification *v, size_t pool)
{
	const struct text_list *list = &v->gateway->model.authorizers[pool].audiences;
	return list->count ? list->items[0] : "verify";
}

/* Every scope that a service of the pool asks for, so that one token opens all. */
static const char *all_scopes(struct verification *v, size_t pool)
{
	const struct model *model = &v->gateway->model;
	const char *out = "";
	for (size_t i = 0; i < model->service_count; i++)
		for (size_t k = 0; k < model->services[i].scopes.count && out; k++)
			if (model->services[i].authorizer == pool)
				out = arena_printf(&v->arena, "%s%s%s", out, *out ? "+" : "",
				    model->services[i].scopes.items[k]);
	return out ? out : "";
}

/* Of a development issuer, which gives one to anybody. */
static const char *ask_issuer(
    struct verification *v, size_t pool, const char *scope, struct err *err)
{
	struct http_response response;
	const char *name = v->gateway->model.authorizers[pool].name;
	const char *form = arena_printf(&v->arena,
	    "grant_type=client_credentials&client_id=%s&scope=%s", audience(v, pool), scope);
	struct http_request request = { .method = "POST",
		.url = arena_printf(&v->arena, "%s/%s/oauth2/token", v->options->issuer, name),
		.body = slice_of_cstr(form),
		.ca_file = v->options->ca_file };
	const char *token = NULL;
	http_response_init(&response);
	if (!arena_failed(&v->arena) && http_perform(&request, &response, err)) {
		json_t *reply = json_read_text(buf_slice(&response.body), NULL, err);
		const char *text = json_string_value(json_object_get(reply, "access_token"));
		token = text && strlen(text) <= TOKEN_MAX ? arena_dup_cstr(&v->arena, text) : NULL;
		json_decref(reply);
	}
	http_response_release(&response);
	return token;
}

const char *verify_issue(struct verification *v, size_t pool, const char *scope)
{
	return v->options->issuer ? ask_issuer(v, pool, scope, NULL) : NULL;
}

static void find_tokens(struct verification *v)
{
	for (size_t pool = 0; pool < AUTHORIZER_COUNT; pool++) {
		struct err err = { 0 };
		v->tokens[pool] = v->options->tokens[pool];
		if (v->tokens[pool] || !v->options->issuer ||
		    !v->gateway->model.authorizers[pool].used)
			continue;
		v->tokens[pool] = ask_issuer(v, pool, all_scopes(v, pool), &err);
		verify_check(v, v->tokens[pool] != NULL, err.text,
		    "the issuer gives a token for %s", v->gateway->model.authorizers[pool].name);
	}
}

/* ---- the whole ---- */

static bool init(struct verification *v, struct gateway *gateway,
    const struct verify_options *options, struct err *err)
{
	*v = (struct verification){ .gateway = gateway, .options = options };
	arena_init(&v->arena, 0);
	http_response_init(&v->reply);
	v->session = http_session_new();
	const char *url = options->url ? options->url : gateway->settings.public_url;
	if (!v->session)
		return err_set(err, "no memory for requests");
	if (!url)
		return err_set(err, "where is the gateway: give --url or the setting public_url");
	if (!url_parse(slice_of_cstr(url), &v->url, &v->arena) || !v->url.https || *v->url.path)
		return err_set(err, "'%s': give https://host:port", url);
	v->base = arena_printf(&v->arena, v->url.is_ipv6 ? "https://[%s]:%u" : "https://%s:%u",
	    v->url.host, v->url.port);
	return v->base || err_set(err, "no memory for requests");
}

bool verify_run(struct verification *v, struct gateway *gateway,
    const struct verify_options *options, struct err *err)
{
	if (!init(v, gateway, options, err))
		return false;
	find_tokens(v);
	verify_tls(v);
	verify_state(v);
	verify_shapes(v);
	verify_services(v);
	verify_records(v);
	verify_throttle(v);
	return !arena_failed(&v->arena) || err_set(err, "no memory for the results");
}

void verify_release(struct verification *v)
{
	http_session_free(v->session);
	http_response_release(&v->reply);
	arena_release(&v->arena);
	free(v->results);
}
