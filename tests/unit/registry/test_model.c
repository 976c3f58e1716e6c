/* SPDX-License-Identifier: Apache-2.0 */
/* Settings and parameters to a model: every diagnostic, defaults, and what hostile values do. */
#include "registry/model.h"

#include "common/file.h"
#include "registry/render.h"
#include "registry/template.h"
#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/sallyport-model.XXXXXX";
static char settings_path[64];

static const char SETTINGS[] =
    "{\"environment\":\"dev\",\"store\":{\"kind\":\"file\",\"path\":\"p.json\"},"
    "\"services\":[\"accounts\",\"payments\"],\"output_dir\":\"out\","
    "\"listen\":[\"127.0.0.1:8443\"],\"tls\":{\"certificate\":\"s.pem\"%s}%s}";

static void write_settings(const char *tls, const char *more)
{
	struct buf text;
	struct err err = { 0 };
	buf_init(&text, 0);
	buf_printf(&text, SETTINGS, tls, more);
	assert_true(file_write_atomic(settings_path, buf_slice(&text), 0600, &err));
	buf_release(&text);
}

struct fixture {
	struct settings settings;
	struct parameter_list parameters;
	struct model model;
	struct findings findings;
};

static void put(struct fixture *f, const char *name, struct slice value)
{
	char path[300];
	struct err err = { 0 };
	snprintf(path, sizeof(path), "/bank/dev/%s", name);
	for (size_t i = 0; i < f->parameters.count; i++) {
		if (slice_eq(f->parameters.items[i].name, slice_of_cstr(path))) {
			f->parameters.items[i].value = arena_dup(&f->parameters.arena, value);
			return;
		}
	}
	assert_true(parameter_list_add(
	    &f->parameters, slice_of_cstr(path), value, PARAMETER_STRING, 1, &err));
}

static void fixture_init(struct fixture *f, const char *tls, const char *more)
{
	static const char *const ROWS[][2] = {
		{ "cognito/staff/pool-id", "eu-west-1_Staff" },
		{ "cognito/staff/client/back-office", "back-office-id" },
		{ "cognito/staff/client/api-authoriser", "api-authoriser-id" },
		{ "cognito/customers/pool-id", "eu-west-1_Cust" },
		{ "cognito/customers/client/mobile", "mobile-id" },
		{ "cognito/customers/client/web", "web-id" },
		{ "api-services/accounts/url", "https://accounts.internal" },
		{ "api-services/accounts/version", "v1" },
		{ "api-services/accounts/route-prefix", "/v1/accounts" },
		{ "api-services/accounts/authorizer", "customers" },
		{ "api-services/payments/url", "https://payments.internal:8443/base" },
		{ "api-services/payments/version", "v1" },
		{ "api-services/payments/route-prefix", "/v1/payments" },
		{ "api-services/payments/authorizer", "staff" },
	};
	struct err err = { 0 };
	*f = (struct fixture){ 0 };
	write_settings(tls, more);
	findings_init(&f->findings);
	parameter_list_init(&f->parameters);
	settings_load(&f->settings, settings_path, &f->findings, &err);
	assert_false(err_is_set(&err));
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
		put(f, ROWS[i][0], slice_of_cstr(ROWS[i][1]));
}

static void build(struct fixture *f)
{
	struct err err = { 0 };
	parameter_list_sort(&f->parameters);
	assert_true(model_build(&f->model, &f->settings, &f->parameters, &f->findings, &err));
}

static void fixture_release(struct fixture *f)
{
	model_release(&f->model);
	parameter_list_release(&f->parameters);
	settings_release(&f->settings);
	findings_release(&f->findings);
}

static void four_parameters_make_a_service_with_defaults(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f, "", "");
	build(&f);
	assert_true(findings_is_empty(&f.findings));
	const struct service *s = model_find(&f.model, "payments");
	assert_string_equal(s->url.host, "payments.internal");
	assert_string_equal(s->url.path, "/base");
	assert_int_equal(s->url.port, 8443);
	assert_int_equal(s->throttle_rate, 200);
	assert_int_equal(s->throttle_burst, 400);
	assert_int_equal(s->body_limit, 65536);
	assert_int_equal(s->waf, WAF_MODE_OFF); /* no rule set in the settings */
	assert_string_equal(s->tls_name, "payments.internal");
	assert_string_equal(f.model.authorizers[AUTHORIZER_STAFF].issuer,
	    "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Staff");
	assert_int_equal(f.model.authorizers[AUTHORIZER_CUSTOMERS].audiences.count, 2);
	assert_null(model_find(&f.model, "nobody"));
	fixture_release(&f);
}

struct diagnostic {
	const char *name, *value; /* a parameter; value NULL: it is taken away by an empty model */
	const char *path;         /* of the finding */
	const char *text;
};

#define AT(leaf) "/bank/dev/api-services/accounts/" leaf

// clang-format off
static const struct diagnostic DIAGNOSTICS[] = {
	{ "url", "http://accounts.internal", AT("url"), "\"http://accounts.internal\" is not https; give an https URL" },
	{ "url", "accounts.internal", AT("url"), "\"accounts.internal\" is not allowed; give https://host, with :port and /path if need be, and no user, query or fragment" },
	{ "url", "https://user@host", AT("url"), "\"https://user@host\" is not allowed; give https://host, with :port and /path if need be, and no user, query or fragment" },
	{ "url", "https://10.0.0.256", AT("url"), "\"https://10.0.0.256\" is not allowed; give https://host, with :port and /path if need be, and no user, query or fragment" },
	{ "url", "https://h:0", AT("url"), "\"https://h:0\" is not allowed; give https://host, with :port and /path if need be, and no user, query or fragment" },
	{ "url", "https://0.0.0.0", AT("url"), "\"https://0.0.0.0\" is no address to connect to; give the upstream's" },
	{ "canary-url", "https://[0::0]:8443", AT("canary-url"), "\"https://[0::0]:8443\" is no address to connect to; give the upstream's" },
	{ "version", "1", AT("version"), "\"1\" is not allowed; give v1, v2, … v9999" },
	{ "version", "v2", AT("route-prefix"), "\"/v1/accounts\" does not start with /v2/, as version \"v2\" asks for" },
	{ "route-prefix", "/v1/", AT("route-prefix"), "\"/v1/\" is not allowed; give segments of letters, digits and . _ ~ - behind slashes, at most 120 bytes, no slash at the end, such as /v1/accounts" },
	{ "route-prefix", "/v1/a/../b", AT("route-prefix"), "\"/v1/a/../b\" is not allowed; give segments of letters, digits and . _ ~ - behind slashes, at most 120 bytes, no slash at the end, such as /v1/accounts" },
	{ "route-prefix", "/v1/payments", "/bank/dev/api-services/payments/route-prefix", "\"/v1/payments\" is taken already by service \"accounts\" (\"/v1/payments\")" },
	{ "route-prefix", "/v1/payments/fast", AT("route-prefix"), "\"/v1/payments/fast\" takes paths away from service \"payments\" (\"/v1/payments\")" },
	{ "authorizer", "custmers", AT("authorizer"), "\"custmers\" is not allowed; choose staff or customers; did you mean \"customers\"?" },
	{ "throttle-rate", "0", AT("throttle-rate"), "\"0\" is not allowed; give a whole number from 1 to 500000" },
	{ "throttle-rate", "1e3", AT("throttle-rate"), "\"1e3\" is not allowed; give a whole number from 1 to 500000" },
	{ "throttle-rate", "500", AT("throttle-burst"), "burst 400 (inherited) is not above rate 500; give a burst of at least 501" },
	{ "throttle-burst", "200", AT("throttle-burst"), "burst 200 is not above rate 200 (inherited); give a burst of at least 201" },
	{ "throttle-burst", "20001", AT("throttle-burst"), "20001 is above the gateway's ceiling 20000" },
	{ "client-burst", "5", AT("client-burst"), "needs client-rate" },
	{ "client-rate", "10001", AT("client-rate"), "10001 is above the gateway's ceiling 10000" },
	{ "client-key", "ip", AT("client-key"), "\"ip\" is not allowed; choose client, sub or source" },
	{ "methods", "GET,FETCH", AT("methods"), "\"FETCH\" is not allowed; choose GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS; did you mean \"PATCH\"?" },
	{ "methods", "GET,GET", AT("methods"), "\"GET\" is not allowed; give each item once" },
	{ "scopes", "a\"b", AT("scopes"), "\"a\"b\" is not allowed; give scope names of visible ASCII without comma, quote and backslash (RFC 6749)" },
	{ "waf", "on", AT("waf"), "\"on\" is not allowed; choose block, count or off; did you mean \"off\"?" },
	{ "waf-ruleset", "crs", AT("waf-ruleset"), "\"crs\" is not of the gateway's rule sets; give, or both joined by +" },
	{ "body-limit", "1048577", AT("body-limit"), "1048577 is above the gateway's ceiling 1048576" },
	{ "timeout-ms", "49", AT("timeout-ms"), "\"49\" is not allowed; give a whole number from 50 to 300000" },
	{ "health-path", "health", AT("health-path"), "\"health\" is not allowed; give a path such as /health, letters, digits and / . _ ~ - ? = & + , : @" },
	{ "mtls", "required", AT("mtls"), "needs tls.client_ca in the gateway's settings" },
	{ "canary-weight", "10", AT("canary-weight"), "needs canary-url" },
	{ "canary-url", "http://c", AT("canary-url"), "\"http://c\" is not https; give an https URL" },
	{ "sunset", "31.12.2026", AT("sunset"), "\"31.12.2026\" is not allowed; give a date such as 2026-12-31 or 2026-12-31T23:59:59Z" },
	{ "trottle-rate", "5", AT("\"trottle-rate\""), "unknown parameter; did you mean \"throttle-rate\"?" },
	{ "zzzzzzzzzzzz", "5", AT("\"zzzzzzzzzzzz\""), "unknown parameter" },
};
// clang-format on

static bool has_finding(const struct findings *findings, const char *path, const char *text)
{
	for (size_t i = 0; i < findings->count; i++)
		if (strcmp(findings->items[i].path, path) == 0 &&
		    strcmp(findings->items[i].text, text) == 0)
			return true;
	findings_print(findings, stderr);
	return false;
}

static void each_wrong_parameter_is_named_with_what_is_allowed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(DIAGNOSTICS) / sizeof(DIAGNOSTICS[0]); i++) {
		const struct diagnostic *d = &DIAGNOSTICS[i];
		struct fixture f;
		char name[100];
		fixture_init(&f, "", "");
		snprintf(name, sizeof(name), "api-services/accounts/%s", d->name);
		put(&f, name, slice_of_cstr(d->value));
		build(&f);
		assert_true(has_finding(&f.findings, d->path, d->text));
		fixture_release(&f);
	}
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	struct fixture f;
	fixture_init(&f, "", "");
	f.parameters.count -= 5; /* all of payments, and accounts' authorizer */
	build(&f);
	assert_true(has_finding(&f.findings, "/bank/dev/api-services/payments/",
	    "no parameters, though services lists the service"));
	assert_true(
	    has_finding(&f.findings, AT("authorizer"), "missing: pool whose tokens are accepted"));
	assert_true(model_find(&f.model, "payments")->held_back);
	fixture_release(&f);
}

static void one_bad_service_holds_back_only_itself(void **state)
{
	(void)state;
	struct fixture f;
	struct rendering files;
	struct err err = { 0 };
	fixture_init(&f, "", "");
	put(&f, "api-services/accounts/url", SLICE("nonsense"));
	build(&f);
	assert_true(render(&files, &f.model, (struct haproxy_version){ 2, 6 }, "r", &err));
	struct slice routes = buf_slice(&rendering_find(&files, "routes.map")->text);
	assert_int_equal(slice_find(routes, SLICE("accounts\n")), SIZE_MAX);
	assert_int_not_equal(slice_find(routes, SLICE("/v1/payments/ payments\n")), SIZE_MAX);
	rendering_release(&files);
	fixture_release(&f);
}

/* Whatever is written into a parameter: refused, or nothing of it changes the configuration's
 * lines. */
static void hostile_values_reach_no_file_unescaped(void **state)
{
	(void)state;
	static const struct slice HOSTILE[] = {
		SLICE_INIT("x\n    use_backend evil"),
		SLICE_INIT("x\r\nbackend evil"),
		SLICE_INIT("\"quoted\""),
		SLICE_INIT("'"),
		SLICE_INIT("\\"),
		SLICE_INIT("a b"),
		SLICE_INIT("a#b"),
		SLICE_INIT("${HOME}"),
		SLICE_INIT("%[env(HOME)]"),
		SLICE_INIT("x\0y"),
		SLICE_INIT("\xff\xfe"),
		SLICE_INIT("\xe2\x80\xa8"),
		SLICE_INIT("/v1/x }"),
		SLICE_INIT("https://h/%0a"),
		SLICE_INIT("https://h\" x"),
		SLICE_INIT(" "),
		SLICE_INIT("{{id}}"),
		SLICE_INIT("v1,v2"),
		SLICE_INIT("-1"),
		SLICE_INIT("99999999999999999999"),
	};
	char long_value[4097];
	memset(long_value, 'a', sizeof(long_value) - 1);
	long_value[4096] = 0;
	for (size_t i = 0; i <= sizeof(HOSTILE) / sizeof(HOSTILE[0]); i++) {
		struct slice value = i < sizeof(HOSTILE) / sizeof(HOSTILE[0])
		                         ? HOSTILE[i]
		                         : slice_of_cstr(long_value);
		for (size_t j = 0; j < SERVICE_FIELD_COUNT; j++) {
			struct fixture f;
			struct rendering files;
			struct err err = { 0 };
			char name[100];
			fixture_init(&f, "", "");
			snprintf(
			    name, sizeof(name), "api-services/accounts/%s", SERVICE_FIELDS[j].name);
			put(&f, name, value);
			build(&f);
			assert_true(
			    render(&files, &f.model, (struct haproxy_version){ 2, 6 }, "r", &err));
			struct slice cfg = buf_slice(&rendering_find(&files, "haproxy.cfg")->text);
			assert_int_equal(slice_find(cfg, SLICE("evil")), SIZE_MAX);
			assert_int_equal(slice_find(cfg, slice_of_cstr(long_value)), SIZE_MAX);
			rendering_release(&files);
			fixture_release(&f);
		}
	}
}

static void wrong_settings_are_found_all_at_once(void **state)
{
	(void)state;
	struct settings settings;
	struct findings findings;
	struct err err = { 0 };
	findings_init(&findings);
	write_settings("",
	    ",\"listne\":[],\"maxconn\":5,\"http2\":\"yes\",\"throttle\":{\"rate\":300,\"burst\":200},"
	    "\"ip_rate\":{\"window_s\":90},\"trusted_proxies\":[\"10.0.0.0/33\"],\"agent\":{\"x\":1}");
	assert_false(settings_load(&settings, settings_path, &findings, &err));
	assert_true(has_finding(
	    &findings, "listne", "unknown setting \"listne\"; did you mean \"listen\"?"));
	assert_true(has_finding(
	    &findings, "maxconn", "\"5\" is not allowed; give a whole number from 10 to 1000000"));
	assert_true(has_finding(&findings, "http2", "must be true or false"));
	assert_true(has_finding(&findings, "throttle.burst", "200 is not above throttle.rate 300"));
	assert_true(has_finding(&findings, "ip_rate.window_s",
	    "\"90\" is not allowed; choose 60, 120, 300 or 600; did you mean \"60\"?"));
	assert_true(has_finding(&findings, "trusted_proxies",
	    "\"10.0.0.0/33\" is not allowed; give an address or a block such as 10.0.0.0/8"));
	settings_release(&settings);
	findings_release(&findings);
}

static void the_variable_overrules_the_list_of_services(void **state)
{
	(void)state;
	struct fixture f;
	setenv("MOD_075_REGISTERED_SERVICES", "payments, accounts ,Bad_Id,payments", 1);
	fixture_init(&f, "", "");
	unsetenv("MOD_075_REGISTERED_SERVICES");
	assert_int_equal(f.settings.live_services.count, 3);
	assert_int_equal(f.findings.count, 2);
	assert_true(has_finding(
	    &f.findings, "MOD_075_REGISTERED_SERVICES", "\"payments\" stands in the list twice"));
	build(&f);
	fixture_release(&f);
}

static void every_failed_allocation_is_reported(void **state)
{
	(void)state;
	struct fixture f;
	bool built = false;
	fixture_init(&f, "", "");
	parameter_list_sort(&f.parameters);
	for (long n = 1; !built && n < 2000; n++) {
		struct err err = { 0 };
		struct model model;
		fail_alloc_from(n);
		built = model_build(&model, &f.settings, &f.parameters, &f.findings, &err);
		fail_alloc_off();
		model_release(&model);
	}
	assert_true(built);
	build(&f);
	fixture_release(&f);
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(settings_path, sizeof(settings_path), "%s/g.json", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(settings_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_parameters_make_a_service_with_defaults),
		cmocka_unit_test(each_wrong_parameter_is_named_with_what_is_allowed),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(one_bad_service_holds_back_only_itself),
		cmocka_unit_test(hostile_values_reach_no_file_unescaped),
		cmocka_unit_test(wrong_settings_are_found_all_at_once),
		cmocka_unit_test(the_variable_overrules_the_list_of_services),
		cmocka_unit_test(every_failed_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
