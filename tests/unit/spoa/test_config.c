/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/config.h"

#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define AUTHORIZERS "\"authorizers\":{\"staff\":{\"issuer\":\"https://i.test\"}}"
#define RULESETS    "\"waf\":{\"rulesets\":{\"aws\":[\"/a.conf\"],\"crs\":[\"/b.conf\"]}}"

static bool parse(
    const char *text, struct arena *arena, struct config *out, struct err_list *errors)
{
	arena_init(arena, 0);
	err_list_init(errors, 0);
	return config_parse(slice_of_cstr(text), "f.json", arena, out, errors);
}

static void an_empty_object_gives_the_defaults(void **state)
{
	(void)state;
	struct arena arena;
	struct config config;
	struct err_list errors;

	assert_true(parse("{}", &arena, &config, &errors));
	assert_int_equal(config.threads, 1);
	assert_int_equal(config.max_frame_bytes, 1048576);
	assert_int_equal(config.token_cache.entries, 16384);
	assert_string_equal(config.socket_mode, "0660");
	assert_int_equal(config_socket_mode(&config), 0660);
	assert_null(config.user);
	assert_int_equal(config.log_level, 2);
	assert_int_equal(config.waf.on_budget, CONFIG_BUDGET_BLOCK);
	assert_int_equal(config.routes.count, 0);
	arena_release(&arena);
}

static void every_kind_of_member_is_read(void **state)
{
	(void)state;
	struct arena arena;
	struct config config;
	struct err_list errors;
	const struct config_route *route;

	assert_true(parse(
	    "{\"listen\":[\"unix:/x\",\"tcp:127.0.0.1:1\"],\"threads\":4,\"token_cache\":{\"ttl_s\":9}," AUTHORIZERS
	    "," RULESETS ",\"routes\":{\"a.b\":{\"authorizer\":\"staff\",\"waf\":\"count\","
	    "\"waf_ruleset\":\"aws+crs\",\"waf_response\":true,\"scopes\":[\"x/y\"],\"mtls\":\"required\"}}}",
	    &arena, &config, &errors));
	assert_int_equal(config.listen.count, 2);
	assert_string_equal(config.listen.items[1], "tcp:127.0.0.1:1");
	assert_int_equal(config.threads, 4);
	assert_int_equal(config.token_cache.ttl_s, 9);
	assert_int_equal(config.token_cache.entries, 16384);
	assert_string_equal(config.authorizers.names[0], "staff");
	assert_true(config_authorizer_at(&config, 0)->kid_required);
	assert_true(config_authorizer_at(&config, 0)->second_decoder);
	assert_string_equal(config_ruleset_at(&config, 1)->items[0], "/b.conf");
	assert_string_equal(config.routes.names[0], "a.b");
	route = config_route_at(&config, 0);
	assert_int_equal(route->waf, CONFIG_WAF_COUNT);
	assert_int_equal(route->mtls, CONFIG_MTLS_REQUIRED);
	assert_true(route->waf_response);
	assert_string_equal(route->scopes.items[0], "x/y");
	arena_release(&arena);
}

struct row {
	const char *text;
	const char *error; /* the first one, as printed */
};

static void each_mistake_has_its_diagnostic(void **state)
{
	(void)state;
	const struct row rows[] = {
		{ "[]", "f.json:1:1: file: must be an object" },
		{ "{\"thread\":1}",
		    "f.json:1:11: thread: no such member; the nearest is 'threads'" },
		{ "{\"qqqqqqqqqqqqq\":1}", "f.json:1:18: qqqqqqqqqqqqq: no such member" },
		{ "{\n \"threads\": 0}",
		    "f.json:2:13: threads: must be a whole number from 1 to 64" },
		{ "{\"threads\":65}", "f.json:1:12: threads: must be a whole number from 1 to 64" },
		{ "{\"threads\":1.5}",
		    "f.json:1:12: threads: must be a whole number from 1 to 64" },
		{ "{\"threads\":\"1\"}",
		    "f.json:1:12: threads: must be a whole number from 1 to 64" },
		{ "{\"idle_timeout_ms\":99}",
		    "f.json:1:20: idle_timeout_ms: must be a whole number from 100 to 86400000 ms" },
		{ "{\"user\":1}", "f.json:1:9: user: must be a string of at most 64 bytes" },
		{ "{\"log_level\":\"loud\"}",
		    "f.json:1:14: log_level: must be one of error|warning|info|debug" },
		{ "{\"socket_mode\":\"0888\"}",
		    "f.json:1:16: socket_mode: must be an octal mode up to 0777" },
		{ "{\"socket_mode\":\"1777\"}",
		    "f.json:1:16: socket_mode: must be an octal mode up to 0777" },
		{ "{\"listen\":{}}", "f.json:1:11: listen: must be a list of at most 16 strings" },
		{ "{\"listen\":[\"a\",7]}",
		    "f.json:1:16: listen[1]: must be a string of 1 to 4096 bytes" },
		{ "{\"routes\":[]}",
		    "f.json:1:11: routes: must be an object of at most 100000 members" },
		{ "{\"routes\":{\"a\":{\"waf\":\"off\"}}}",
		    "f.json:1:16: routes.a: 'authorizer' is missing" },
		{ "{\"routes\":{\"a\":{\"authorizer\":\"\",\"waf\":\"off\"}}}",
		    "f.json:1:30: routes.a.authorizer: must not be empty" },
		{ "{" AUTHORIZERS ",\"routes\":{\"a\":{\"authorizer\":\"stadf\",\"waf\":\"off\"}}}",
		    "f.json:1:82: routes.a.authorizer: no authorizer 'stadf'; the nearest is 'staff'" },
		{ "{\"routes\":{\"a\":{\"authorizer\":\"none\"}}}",
		    "f.json:1:16: routes.a: 'waf_ruleset' is missing, or 'waf' is to be off" },
		{ "{" RULESETS
		  ",\"routes\":{\"a\":{\"authorizer\":\"none\",\"waf_ruleset\":\"aws+crx\"}}}",
		    "f.json:1:108: routes.a.waf_ruleset: no rule set 'crx'; the nearest is 'crs'" },
		{ "{\"authorizers\":{\"none\":{\"issuer\":\"x\"}}}",
		    "f.json:1:24: authorizers.none: 'none' is what a route without authorizer says" },
		{ "{\"authorizers\":{\"a\":{\"issuer\":\"x\",\"jwks_url\":\"u\",\"jwks_file\":\"f\"}}}",
		    "f.json:1:62: authorizers.a.jwks_file: not together with jwks_url" },
		{ "{\"authorizers\":{\"a\":{\"kid_required\":1}}}",
		    "f.json:1:21: authorizers.a: 'issuer' is missing" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena arena;
		struct config config;
		struct err_list errors;
		char text[1200];

		assert_false(parse(rows[i].text, &arena, &config, &errors));
		assert_true(errors.count > 0);
		assert_string_equal(
		    err_format(&errors.items[0], text, sizeof(text)), rows[i].error);
		err_list_release(&errors);
		arena_release(&arena);
	}
}

static void all_mistakes_are_reported_at_once(void **state)
{
	(void)state;
	struct arena arena;
	struct config config;
	struct err_list errors;

	assert_false(parse(
	    "{\"threads\":0,\"user\":1,\"x\":2,\"waf\":{\"step_budget\":1},\"routes\":{\"a\":{}}}",
	    &arena, &config, &errors));
	assert_int_equal(errors.count, 6);
	err_list_release(&errors);
	arena_release(&arena);
}

static void no_memory_is_an_error_and_no_crash(void **state)
{
	(void)state;
	bool done = false;

	for (long n = 1; !done; n++) {
		struct arena arena;
		struct config config;
		struct err_list errors;

		fail_alloc_at(n);
		done =
		    parse(
		        "{" AUTHORIZERS "," RULESETS
		        ",\"listen\":[\"unix:/x\"],\"routes\":{\"a\":{\"authorizer\":\"staff\",\"waf_ruleset\":\"crs\"}}}",
		        &arena, &config, &errors) ||
		    !fail_alloc_happened();
		fail_alloc_off();
		err_list_release(&errors);
		arena_release(&arena);
		assert_true(n < 1000);
	}
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
	(void)state;
	struct arena arena;
	struct config config;
	struct err_list errors;

	arena_init(&arena, 0);
	err_list_init(&errors, 0);
	assert_false(config_load("/nonexistent/f.json", &arena, &config, &errors));
	assert_int_equal(errors.count, 1);
	err_list_release(&errors);
	arena_release(&arena);
}

static void the_help_names_every_section(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	config_print_help(out);
	fclose(out);
	assert_non_null(strstr(text, "threads: 1  (1 to 64)\n"));
	assert_non_null(strstr(text, "token_cache.ttl_s: 300  (1 to 86400 s)\n"));
	assert_non_null(strstr(text, "authorizers.NAME.issuer: required\n"));
	assert_non_null(strstr(text, "routes.NAME.waf: \"block\"  (off|count|block)\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_object_gives_the_defaults),
		cmocka_unit_test(every_kind_of_member_is_read),
		cmocka_unit_test(each_mistake_has_its_diagnostic),
		cmocka_unit_test(all_mistakes_are_reported_at_once),
		cmocka_unit_test(no_memory_is_an_error_and_no_crash),
		cmocka_unit_test(a_file_that_is_not_there_is_an_error),
		cmocka_unit_test(the_help_names_every_section),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
