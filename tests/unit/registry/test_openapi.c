/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/openapi.h"

#include "common/json_read.h"
#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct err err;

#define DOCUMENT(rest) "{\"openapi\":\"3.0.3\"," rest "}"
#define SERVER(url)    "\"servers\":[{\"url\":\"" url "\"}],"
#define PATHS(paths)   "\"paths\":{" paths "}"
#define GET(path)      "\"" path "\":{\"get\":{}}"

static void expect(const char *text, const char *name, const char *value)
{
	struct openapi_fields fields;
	err_clear(&err);
	if (!openapi_import(slice_of_cstr(text), "a.json", &fields, &err))
		fail_msg("%s", err.text);
	const char *got = openapi_field_find(&fields, name);
	if (!value != !got || (value && strcmp(got, value) != 0))
		fail_msg("%s is '%s' instead of '%s'", name, got ? got : "(none)",
		    value ? value : "(none)");
	openapi_fields_release(&fields);
}

static void the_prefix_is_what_all_paths_have_in_common(void **state)
{
	(void)state;
	static const struct {
		const char *paths, *prefix;
	} rows[] = {
		{ PATHS(GET("/v1/accounts")), "/v1/accounts" },
		{ PATHS(GET("/v1/accounts/{id}")), "/v1/accounts" },
		{ PATHS(GET("/v1/accounts") "," GET("/v1/accounts/{id}/items")), "/v1/accounts" },
		{ PATHS(GET("/v1/accounts/a") "," GET("/v1/accounts/ab")), "/v1/accounts" },
		{ PATHS(GET("/v1/accounts/{a}-{b}")), "/v1/accounts" },
		{ PATHS(GET("/v1/accounts/x{a}")), "/v1/accounts" },
		{ PATHS(GET("/v1/accounts/") "," GET("/v1/accounts/{id}")), "/v1/accounts" },
		{ PATHS(GET("/v1/a") "," GET("/v1/b")), "/v1" },
		{ PATHS(GET("/accounts")), NULL },
		{ PATHS(GET("/{all}")), NULL },
		{ PATHS(GET("/v1/a") "," GET("/v2/a")), NULL },
	};
	char text[1024];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "{\"openapi\":\"3.1.0\",%s}", rows[i].paths);
		expect(text, "route-prefix", rows[i].prefix);
	}
}

static void the_version_may_stand_in_the_servers_url(void **state)
{
	(void)state;
	static const char text[] =
	    DOCUMENT(SERVER("https://Acc.internal:8443/v2") PATHS(GET("/accounts/{id}")));
	expect(text, "route-prefix", "/v2/accounts");
	expect(text, "version", "v2");
	expect(text, "url", "https://acc.internal:8443");
}

static void a_base_path_stays_with_the_url(void **state)
{
	(void)state;
	static const char text[] =
	    DOCUMENT(SERVER("https://acc.internal/base") PATHS(GET("/v1/accounts")));
	expect(text, "url", "https://acc.internal/base");
	expect(text, "route-prefix", "/v1/accounts");
	expect(text, "version", "v1");
}

static void a_relative_server_gives_no_url(void **state)
{
	(void)state;
	expect(DOCUMENT(SERVER("/api") PATHS(GET("/v1/a"))), "url", NULL);
	expect(DOCUMENT(SERVER("https://{host}/") PATHS(GET("/v1/a"))), "url", NULL);
}

static void methods_and_scopes_are_collected(void **state)
{
	(void)state;
	static const char text[] = DOCUMENT("\"security\":[{\"oauth\":[\"a/read\"]}]," PATHS(
	    "\"/v1/a\":{\"get\":{},\"post\":{\"security\":[{\"oauth\":[\"a/write\",\"a/read\"]},{}]},"
	    "\"summary\":\"x\"},\"/v1/a/{id}\":{\"delete\":{}}"));
	expect(text, "methods", "GET,POST,DELETE");
	expect(text, "scopes", "a/write,a/read");
}

static void the_extension_wins(void **state)
{
	(void)state;
	static const char text[] = DOCUMENT(PATHS(GET(
	    "/v1/a")) ",\"x-sallyport\":{\"authorizer\":\"staff\",\"throttle-rate\":5,"
	              "\"ratelimit-headers\":true,\"scopes\":[\"x\",\"y\"],\"route-prefix\":\"/v1/b\"}");
	expect(text, "authorizer", "staff");
	expect(text, "throttle-rate", "5");
	expect(text, "ratelimit-headers", "true");
	expect(text, "scopes", "x,y");
	expect(text, "route-prefix", "/v1/b");
	expect(text, "version", "v1");
}

static void what_is_wrong_is_said(void **state)
{
	(void)state;
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "openapi: 3.0.0\n", "a.json: only JSON is read; convert YAML first" },
		{ "{\"swagger\":\"2.0\"}", "a.json: openapi: only OpenAPI 3 documents are read" },
		{ "{\"openapi\":3}", "a.json: openapi: only OpenAPI 3 documents are read" },
		{ DOCUMENT("\"paths\":{}"), "a.json: paths: there are none" },
		{ DOCUMENT("\"paths\":[]"), "a.json: paths: there are none" },
		{ DOCUMENT(PATHS("\"a\":{}")),
		    "a.json: a: a path begins with '/' and is an object" },
		{ DOCUMENT(PATHS("\"/a\":7")),
		    "a.json: /a: a path begins with '/' and is an object" },
		{ DOCUMENT(PATHS("\"/a\":{\"$ref\":\"b.json\"}")),
		    "a.json: /a: is a $ref: bundle the document first" },
		{ DOCUMENT("\"security\":[{\"o\":[7]}]," PATHS(GET("/a"))),
		    "a.json: security: a scope that is no text" },
		{ DOCUMENT(PATHS(GET("/a")) ",\"x-sallyport\":7"),
		    "a.json: x-sallyport: is no object" },
		{ DOCUMENT(PATHS(GET("/a")) ",\"x-sallyport\":{\"colour\":\"red\"}"),
		    "a.json: x-sallyport: unknown parameter 'colour'" },
		{ DOCUMENT(PATHS(GET("/a")) ",\"x-sallyport\":{\"scopes\":[1]}"),
		    "a.json: x-sallyport: 'scopes' is no text, number, boolean or list of texts" },
		{ "{\"openapi\":\"3.0.0\",", "not valid JSON" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct openapi_fields fields;
		err_clear(&err);
		assert_false(openapi_import(slice_of_cstr(rows[i].text), "a.json", &fields, &err));
		if (!strstr(err.text, rows[i].error))
			fail_msg("'%s' instead of '%s'", err.text, rows[i].error);
		openapi_fields_release(&fields);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	static const char text[] = DOCUMENT(SERVER("https://a.example/v1")
	        PATHS(GET("/a/{id}")) ",\"x-sallyport\":{\"scopes\":[\"x\"]}");
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct openapi_fields fields;
		assert_false(openapi_import(slice_of(text, len), "a.json", &fields, &err));
		openapi_fields_release(&fields);
	}
}

static void what_is_exported_is_imported_the_same(void **state)
{
	(void)state;
	const char *methods[] = { "GET", "POST" }, *scopes[] = { "a/read", "a/write" };
	struct settings settings = { .public_url = "https://gateway.example" };
	struct service service = { .id = "accounts-v1",
		.version = "v1",
		.route_prefix = "/v1/accounts",
		.authorizer = AUTHORIZER_CUSTOMERS,
		.url = { .text = "https://acc.internal:8443" },
		.throttle_rate = 10,
		.throttle_burst = 20,
		.methods = { methods, 2 },
		.scopes = { scopes, 2 },
		.sunset = 1800000000 };
	struct model model = { .settings = &settings, .services = &service, .service_count = 1 };
	model.authorizers[AUTHORIZER_CUSTOMERS] =
	    (struct authorizer){ .name = "customers", .issuer = "https://issuer.example/pool" };
	struct openapi_fields fields;
	struct arena arena;
	struct buf text;
	buf_init(&text, 0);
	arena_init(&arena, 0);
	assert_true(openapi_export(&model, &service, &text, &err));
	assert_true(openapi_import(buf_slice(&text), "a.json", &fields, &err));
	for (size_t i = 0; i < SERVICE_FIELD_COUNT; i++) {
		const char *was = field_format(&SERVICE_FIELDS[i], &service, &arena);
		const char *is = openapi_field_find(&fields, SERVICE_FIELDS[i].name);
		if (*was)
			assert_string_equal(is, was);
		else
			assert_null(is);
	}
	json_t *document = json_read_text(buf_slice(&text), NULL, &err);
	json_t *paths = json_object_get(document, "paths");
	assert_non_null(json_object_get(json_object_get(paths, "/v1/accounts"), "post"));
	assert_non_null(json_object_get(json_object_get(paths, "/v1/accounts/{path}"), "get"));
	assert_null(json_object_get(json_object_get(paths, "/v1/accounts"), "delete"));
	json_decref(document);
	openapi_fields_release(&fields);
	arena_release(&arena);
	buf_release(&text);
}

static void every_failed_allocation_is_an_error(void **state)
{
	(void)state;
	static const char text[] = DOCUMENT(SERVER("https://a.example/v1")
	        PATHS(GET("/a/{id}")) ",\"x-sallyport\":{\"scopes\":[\"x\"],\"throttle-rate\":5}");
	long n = 0;
	bool ok;
	/* Our own allocations: jansson's lexer drops a byte when it cannot grow, and says nothing.
	 */
	do {
		struct openapi_fields fields;
		err_clear(&err);
		fail_alloc_at(++n);
		ok = openapi_import(slice_of_cstr(text), "a.json", &fields, &err);
		assert_int_equal(ok, !err_is_set(&err));
		assert_int_equal(ok, !fail_alloc_happened());
		openapi_fields_release(&fields);
	} while (fail_alloc_happened());
	fail_alloc_off();
	assert_true(ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_prefix_is_what_all_paths_have_in_common),
		cmocka_unit_test(the_version_may_stand_in_the_servers_url),
		cmocka_unit_test(a_base_path_stays_with_the_url),
		cmocka_unit_test(a_relative_server_gives_no_url),
		cmocka_unit_test(methods_and_scopes_are_collected),
		cmocka_unit_test(the_extension_wins),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(what_is_exported_is_imported_the_same),
		cmocka_unit_test(every_failed_allocation_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
