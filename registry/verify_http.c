/* SPDX-License-Identifier: Apache-2.0 */
/* What clients see: the shape of every refusal, and each service's way. */
#include "registry/verify.h"

#define UNAUTHORIZED "Unauthorized"
#define NO_TOKEN     "no token: give --token-staff, --token-customers or --issuer"

enum { THROTTLE_REQUESTS_MAX = 3000 };

static bool header_starts(const struct verification *v, const char *name, const char *with)
{
	return slice_starts_with(http_response_header(&v->reply, name), slice_of_cstr(with));
}

/* The gateway's own answer: JSON with a message, and a request id. */
static bool is_shape(const struct verification *v, long status, const char *message)
{
	char body[128];
	snprintf(body, sizeof(body), "{\"message\":\"%s\"}", message);
	return v->reply.status == status &&
	       slice_eq(buf_slice(&v->reply.body), slice_of_cstr(body)) &&
	       header_starts(v, "content-type", "application/json") &&
	       http_response_header(&v->reply, "x-request-id").len > 0;
}

static void expect_shape(struct verification *v, long status, const char *message, const char *name)
{
	verify_check(v, is_shape(v, status, message), verify_reply_text(v), "%s: %ld %s", name,
	    status, message);
}

static const struct service *first_service(const struct verification *v)
{
	const struct model *model = &v->gateway->model;
	for (size_t i = 0; i < model->service_count; i++)
		if (!model->services[i].held_back && model->services[i].mtls != MTLS_REQUIRED)
			return &model->services[i];
	return NULL;
}

/* A method that the service takes, GET before all others. */
static const char *a_method(const struct service *service)
{
	const struct text_list *methods = &service->methods;
	for (size_t i = 0; i < methods->count; i++)
		if (strcmp(methods->items[i], "GET") == 0)
			return "GET";
	return methods->count ? methods->items[0] : "GET";
}

static const char *below(struct verification *v, const struct service *service, const char *rest)
{
	return arena_printf(&v->arena, "%s%s", service->route_prefix, rest);
}

/* ---- shapes ---- */

static void check_not_found(struct verification *v)
{
	verify_ask(v, &(struct verify_request){ .path = "/v1/sallyport-verify-no-such-route" });
	expect_shape(v, 404, "Not Found", "an unknown route");
	struct slice id = http_response_header(&v->reply, "x-request-id");
	const char *first = arena_dup(&v->arena, id).ptr;
	verify_ask(
	    v, &(struct verify_request){ .path = "/v9999/x", .header = "x-request-id: mine" });
	expect_shape(v, 404, "Not Found", "an unknown version");
	id = http_response_header(&v->reply, "x-request-id");
	verify_check(v,
	    first && id.len && !slice_eq(id, slice_of_cstr(first)) && !slice_eq(id, SLICE("mine")),
	    verify_reply_text(v), "request ids are the gateway's own, one for each request");
	verify_ask(v, &(struct verify_request){ .path = "/" });
	expect_shape(v, 404, "Not Found", "the root");
}

static void check_ambiguous_paths(struct verification *v, const struct service *service)
{
	static const char *const rests[] = { "/%2e%2e/x", "/a%2fb", "//a", "/%00" };
	for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		long status =
		    verify_ask(v, &(struct verify_request){ .path = below(v, service, rests[i]) });
		verify_check(v, status == 400, verify_reply_text(v),
		    "an ambiguous path is refused (400): %s", rests[i]);
	}
}

static void check_bad_tokens(struct verification *v, const struct service *service)
{
	/* {"alg":"none","typ":"JWT"} . {"sub":"x"} . nothing */
	static const char none[] = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ4In0.";
	static const struct {
		const char *name, *token;
	} rows[] = { { "a token that is none", "not.a.token" },
		{ "a token without signature", none } };
	struct verify_request request = { .method = a_method(service),
		.path = service->route_prefix };
	for (size_t i = 0; i < 2; i++) {
		request.token = rows[i].token;
		verify_ask(v, &request);
		expect_shape(v, 401, UNAUTHORIZED, rows[i].name);
		verify_check(v,
		    header_starts(v, "www-authenticate", "Bearer error=\"invalid_token\""),
		    verify_reply_text(v), "%s: the challenge says so", rows[i].name);
	}
}

/* A good token whose signature is changed by one character. */
static void check_forged_token(struct verification *v, const struct service *service)
{
	const char *token = v->tokens[service->authorizer];
	const char *dot = token ? strrchr(token, '.') : NULL;
	if (!dot || strlen(dot) < 10) {
		verify_skip(v, NO_TOKEN, "a forged token: 401");
		return;
	}
	char *forged = arena_dup_cstr(&v->arena, token);
	if (!forged)
		return;
	char *c = forged + (dot - token) + 5;
	*c = *c == 'A' ? 'B' : 'A';
	verify_ask(
	    v, &(struct verify_request){
	           .method = a_method(service), .path = service->route_prefix, .token = forged });
	expect_shape(v, 401, UNAUTHORIZED, "a forged token");
}

static void check_too_large(struct verification *v, const struct service *service)
{
	size_t size = (size_t)service->body_limit + 1;
	if (service->oversize == OVERSIZE_CONTINUE) {
		verify_skip(v, "the service takes them", "a body over the limit: 413");
		return;
	}
	char *body = arena_alloc(&v->arena, size);
	if (!body)
		return;
	memset(body, ' ', size);
	struct verify_request request = { .method = "POST",
		.path = service->route_prefix,
		.token = v->tokens[service->authorizer],
		.body = slice_of(body, size) };
	for (size_t i = 0; service->methods.count && i < service->methods.count; i++)
		if (strcmp(service->methods.items[i], "GET") != 0 &&
		    strcmp(service->methods.items[i], "HEAD") != 0)
			request.method = service->methods.items[i];
	verify_ask(v, &request);
	verify_check(
	    v, v->reply.status == 413, verify_reply_text(v), "a body one byte over the limit: 413");
}

static const struct service *service_with_scopes(const struct verification *v)
{
	const struct model *model = &v->gateway->model;
	for (size_t i = 0; i < model->service_count; i++)
		if (!model->services[i].held_back && model->services[i].scopes.count)
			return &model->services[i];
	return NULL;
}

static bool asks_for(const struct service *service, const char *scope)
{
	for (size_t i = 0; i < service->scopes.count; i++)
		if (strcmp(service->scopes.items[i], scope) == 0)
			return true;
	return false;
}

/* Only a development issuer gives tokens with a scope of our choice. */
static const char *token_without_scope(struct verification *v, const struct service *service)
{
	static const char scope[] = "sallyport/verify";
	if (!v->options->issuer || asks_for(service, scope))
		return NULL;
	const struct authorizer *pool = &v->gateway->model.authorizers[service->authorizer];
	return pool->audiences.count ? verify_issue(v, service->authorizer, scope) : NULL;
}

static void check_scope(struct verification *v)
{
	const struct service *service = service_with_scopes(v);
	const char *token = service ? token_without_scope(v, service) : NULL;
	if (!token) {
		verify_skip(v, service ? "needs --issuer" : "no service asks for scopes",
		    "a token without the scope: 403 Forbidden");
		return;
	}
	verify_ask(
	    v, &(struct verify_request){
	           .method = a_method(service), .path = service->route_prefix, .token = token });
	expect_shape(v, 403, "Forbidden", "a token without the scope");
	struct slice challenge = http_response_header(&v->reply, "www-authenticate");
	verify_check(v, slice_find(challenge, SLICE("error=\"insufficient_scope\"")) != SIZE_MAX,
	    verify_reply_text(v), "a token without the scope: the challenge says so");
}

static void check_waf_blocks(struct verification *v)
{
	static const char name[] = "an attack is blocked by the WAF: 403 Forbidden";
	const struct model *model = &v->gateway->model;
	for (size_t i = 0; i < model->service_count; i++) {
		const struct service *s = &model->services[i];
		const char *token = v->tokens[s->authorizer];
		if (s->held_back || s->waf != WAF_MODE_BLOCK || !token || s->mtls == MTLS_REQUIRED)
			continue;
		verify_ask(v, &(struct verify_request){ .method = a_method(s),
		                  .token = token,
		                  .path = below(v, s, "?q=%3Cscript%3Ealert(1)%3C/script%3E") });
		verify_check(v, is_shape(v, 403, "Forbidden"), verify_reply_text(v), "%s", name);
		return;
	}
	verify_skip(v, "no service that blocks, or no token for it", "%s", name);
}

void verify_throttle(struct verification *v)
{
	static const char name[] = "past its burst a service throttles: 429 Too Many Requests";
	const struct service *s =
	    v->options->throttle ? model_find(&v->gateway->model, v->options->throttle) : NULL;
	if (!s || s->held_back || !v->tokens[s->authorizer] ||
	    s->throttle_burst > THROTTLE_REQUESTS_MAX / 2) {
		verify_skip(
		    v, "needs --throttle SERVICE with a burst below 1500, and a token", "%s", name);
		return;
	}
	struct verify_request request = {
		.method = a_method(s), .path = s->route_prefix, .token = v->tokens[s->authorizer]
	};
	long status = 0;
	for (unsigned i = 0; i < THROTTLE_REQUESTS_MAX && status != 429; i++)
		status = verify_ask(v, &request);
	verify_check(v, is_shape(v, 429, "Too Many Requests"), verify_reply_text(v), "%s", name);
	verify_check(v, http_response_header(&v->reply, "retry-after").len > 0,
	    verify_reply_text(v), "a throttled answer says when to come again");
}

void verify_shapes(struct verification *v)
{
	const struct service *service = first_service(v);
	check_not_found(v);
	if (!service) {
		verify_skip(v, "no service is live", "the shapes of refusals");
		return;
	}
	check_ambiguous_paths(v, service);
	check_bad_tokens(v, service);
	check_forged_token(v, service);
	check_too_large(v, service);
	check_scope(v);
	check_waf_blocks(v);
}

/* ---- services ---- */

static void check_no_token(struct verification *v, const struct service *s)
{
	static const char *const rests[] = { "", "/sallyport-verify" };
	for (size_t i = 0; i < 2; i++) {
		verify_ask(v, &(struct verify_request){
		                  .method = a_method(s), .path = below(v, s, rests[i]) });
		bool ok = is_shape(v, 401, UNAUTHORIZED) &&
		          header_starts(v, "www-authenticate", "Bearer");
		verify_check(v, ok, verify_reply_text(v), "%s: %s route asks for a token: 401",
		    s->id, i ? "the wildcard" : "the exact");
	}
}

static bool reached_the_upstream(const struct verification *v)
{
	long status = v->reply.status;
	return status != 0 && status != 401 && status != 413 && status != 429 && status < 502 &&
	       !is_shape(v, 403, "Forbidden") && !is_shape(v, 404, "Not Found");
}

static void check_tokens(struct verification *v, const struct service *s)
{
	struct verify_request request = { .method = a_method(s), .path = s->route_prefix };
	size_t other = s->authorizer == AUTHORIZER_STAFF ? AUTHORIZER_CUSTOMERS : AUTHORIZER_STAFF;
	const char *pool = v->gateway->model.authorizers[s->authorizer].name;
	request.token = v->tokens[s->authorizer];
	if (request.token) {
		verify_ask(v, &request);
		verify_check(v, reached_the_upstream(v), verify_reply_text(v),
		    "%s: a token of %s reaches the upstream", s->id, pool);
	} else {
		verify_skip(v, NO_TOKEN, "%s: a token of %s reaches the upstream", s->id, pool);
	}
	request.token = v->tokens[other];
	if (request.token) {
		verify_ask(v, &request);
		verify_check(v, is_shape(v, 401, UNAUTHORIZED), verify_reply_text(v),
		    "%s: a token of the other pool is refused: 401", s->id);
	} else {
		verify_skip(v, NO_TOKEN, "%s: a token of the other pool is refused: 401", s->id);
	}
}

static void check_method(struct verification *v, const struct service *s)
{
	static const char *const all[] = { "DELETE", "PATCH", "PUT", "POST", "GET" };
	for (size_t i = 0; s->methods.count && i < sizeof(all) / sizeof(all[0]); i++) {
		bool is_allowed = false;
		for (size_t k = 0; k < s->methods.count; k++)
			is_allowed = is_allowed || strcmp(s->methods.items[k], all[i]) == 0;
		if (is_allowed)
			continue;
		verify_ask(
		    v, &(struct verify_request){ .method = all[i], .path = s->route_prefix });
		verify_check(v, is_shape(v, 404, "Not Found"), verify_reply_text(v),
		    "%s: a method it does not have: 404", s->id);
		return;
	}
}

static void check_certificate_wanted(struct verification *v, const struct service *s)
{
	verify_ask(v, &(struct verify_request){ .method = a_method(s), .path = s->route_prefix });
	verify_check(v, v->reply.status == 403, verify_reply_text(v),
	    "%s: without a client certificate: 403", s->id);
}

void verify_services(struct verification *v)
{
	const struct model *model = &v->gateway->model;
	size_t asked = 0;
	for (size_t i = 0; i < model->service_count; i++) {
		const struct service *s = &model->services[i];
		if (s->held_back || asked++ >= VERIFY_SERVICES_MAX)
			continue;
		if (s->mtls == MTLS_REQUIRED) {
			check_certificate_wanted(v, s);
			continue;
		}
		check_no_token(v, s);
		check_tokens(v, s);
		check_method(v, s);
	}
	if (asked > VERIFY_SERVICES_MAX)
		verify_skip(v, "the rate rules would count them", "%zu more services",
		    asked - VERIFY_SERVICES_MAX);
}
