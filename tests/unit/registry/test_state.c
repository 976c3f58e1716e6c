/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/state.h"

#include "registry/agent_control.h"
#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void differences_name_service_field_and_effect(void **state)
{
	(void)state;
	struct change_list list;
	struct err err = { 0 };
	struct slice old = SLICE(
	    "{\"settings\":{\"maxconn\":\"10\"},\"services\":{\"a\":{\"route-prefix\":\"/v1/a\","
	    "\"throttle-rate\":\"50\",\"scopes\":\"x\"},\"gone\":{\"route-prefix\":\"/v1/g\"}}}");
	struct slice new = SLICE(
	    "{\"settings\":{\"maxconn\":\"20\"},\"services\":{\"a\":{\"route-prefix\":\"/v1/a\","
	    "\"throttle-rate\":\"60\",\"mtls\":\"off\"},\"new\":{\"route-prefix\":\"/v1/n\"}}}");
	assert_true(state_diff(old, new, &list, &err));
	static const struct change WANT[] = {
		{ ACTION_CHANGE, NULL, "maxconn", "10", "20", CHANGE_RELOAD },
		{ ACTION_CHANGE, "a", "throttle-rate", "50", "60", CHANGE_RUNTIME },
		{ ACTION_REMOVE, "a", "scopes", "x", "", CHANGE_AGENT },
		{ ACTION_ADD, "a", "mtls", "", "off", CHANGE_RUNTIME },
		{ ACTION_REMOVE, "gone", NULL, "/v1/g", "", CHANGE_RELOAD },
		{ ACTION_ADD, "new", NULL, "", "/v1/n", CHANGE_RELOAD },
	};
	assert_int_equal(list.count, sizeof(WANT) / sizeof(WANT[0]));
	for (size_t i = 0; i < list.count; i++) {
		const struct change *got = &list.items[i];
		assert_int_equal(got->action, WANT[i].action);
		assert_int_equal(got->effect, WANT[i].effect);
		assert_string_equal(
		    got->service ? got->service : "", WANT[i].service ? WANT[i].service : "");
		assert_string_equal(
		    got->field ? got->field : "", WANT[i].field ? WANT[i].field : "");
		assert_string_equal(got->from, WANT[i].from);
		assert_string_equal(got->to, WANT[i].to);
	}
	change_list_release(&list);
}

/* As the server lines will say, see test_servers.c. */
static void an_address_alone_is_for_run_time(void **state)
{
	(void)state;
#define URL(url, name) "'url':'" url "','tls-name':'" name "'"
#define CANARY(url)    "'canary-url':'" url "'"
	static const struct {
		const char *resolvers, *from, *to;
		enum field_change effect;
	} CASES[] = {
		{ "", URL("https://a:1", "a"), URL("https://a:2", "a"), CHANGE_RUNTIME },
		{ "system", URL("https://a:1", "a"), URL("https://a:2", "a"), CHANGE_RELOAD },
		{ "system", URL("https://localhost", "a"), URL("https://localhost:2", "a"),
		    CHANGE_RUNTIME },
		{ "system", URL("https://10.0.0.1", "a"), URL("https://[::2]:4", "a"),
		    CHANGE_RUNTIME },
		{ "", URL("https://10.0.0.1", "10.0.0.1"), URL("https://10.0.0.2", "10.0.0.2"),
		    CHANGE_RELOAD },
		{ "", URL("https://a", "n"), URL("https://b", "n"), CHANGE_RELOAD },
		{ "", URL("https://a/x", "a"), URL("https://a/y", "a"), CHANGE_RELOAD },
		{ "", URL("https://a:1", "a"), "'url':'http://a:1'", CHANGE_RELOAD },
		{ "", "'url':'http://10.0.0.1'", "'url':'http://10.0.0.2'", CHANGE_RUNTIME },
		{ "", CANARY("https://a:1"), CANARY("https://a:2"), CHANGE_RUNTIME },
		{ "", CANARY("https://10.0.0.1"), CANARY("https://10.0.0.2"), CHANGE_RELOAD },
		{ "", "'version':'v1'", "'version':'v1'," CANARY("https://a"), CHANGE_RELOAD },
	};
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const char *const sides[2] = { CASES[i].from, CASES[i].to };
		char text[2][300];
		struct change_list list;
		struct err err = { 0 };
		for (size_t side = 0; side < 2; side++) {
			snprintf(text[side], sizeof(text[side]),
			    "{'settings':{'upstream.resolvers':'%s'},'services':{'s':{%s}}}",
			    CASES[i].resolvers, sides[side]);
			for (char *c = text[side]; *c; c++)
				*c = *c == '\'' ? '"' : *c;
		}
		assert_true(
		    state_diff(slice_of_cstr(text[0]), slice_of_cstr(text[1]), &list, &err));
		enum field_change effect = CHANGE_RECORD;
		for (size_t c = 0; c < list.count; c++)
			if (strstr(list.items[c].field, "url"))
				effect = list.items[c].effect;
		assert_int_equal(effect, CASES[i].effect);
		change_list_release(&list);
	}
}

static void print(const struct change_list *list, bool coloured, const char *want)
{
	char *shown = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&shown, &len);
	change_list_print(list, coloured, out);
	fclose(out);
	assert_string_equal(shown, want);
	free(shown);
}

static void changes_are_printed_with_and_without_colours(void **state)
{
	(void)state;
	struct change items[] = {
		{ ACTION_ADD, "new", NULL, "", "/v1/n", CHANGE_RELOAD },
		{ ACTION_CHANGE, "a", "throttle-rate", "5", "6", CHANGE_RUNTIME },
		{ ACTION_REMOVE, NULL, "waf.aws", "x", "", CHANGE_AGENT },
	};
	struct change_list list = { .items = items, .count = 3 };
	print(&list, false,
	    "+ new: /v1/n  (reload)\n~ a throttle-rate: 5 -> 6  (runtime)\n"
	    "- settings waf.aws: was x  (agent)\n");
	print(&list, true,
	    "\033[32m+ new: /v1/n  (reload)\033[0m\n"
	    "\033[33m~ a throttle-rate: 5 -> 6  (runtime)\033[0m\n"
	    "\033[31m- settings waf.aws: was x  (agent)\033[0m\n");
}

static void the_same_state_has_no_difference_and_none_is_all_new(void **state)
{
	(void)state;
	struct change_list list;
	struct err err = { 0 };
	struct slice text = SLICE("{\"settings\":{},\"services\":{\"a\":{\"url\":\"u\"}}}");
	assert_true(state_diff(text, text, &list, &err));
	assert_int_equal(list.count, 0);
	change_list_release(&list);
	assert_true(state_diff(SLICE(""), text, &list, &err));
	assert_int_equal(list.count, 1);
	change_list_release(&list);
	assert_false(state_diff(SLICE("{"), text, &list, &err));
	change_list_release(&list);
}

static void routes_that_go_stay_with_the_agent_for_one_revision(void **state)
{
	(void)state;
	struct buf out;
	struct err err = { 0 };
	buf_init(&out, 0);
	assert_true(agent_control_merge(
	    SLICE(
	        "{\"authorizers\":{\"staff\":{}},\"routes\":{\"a\":{\"authorizer\":\"staff\",\"waf\":\"off\"}}}"),
	    SLICE(
	        "{\"authorizers\":{\"customers\":{\"issuer\":\"i\"}},\"routes\":{\"a\":{\"authorizer\":\"staff\"},"
	        "\"b\":{\"authorizer\":\"customers\"}}}"),
	    &out, &err));
	struct slice text = buf_slice(&out);
	assert_int_not_equal(slice_find(text, SLICE("\"waf\": \"off\"")), SIZE_MAX);
	assert_int_not_equal(slice_find(text, SLICE("\"b\"")), SIZE_MAX);
	assert_int_not_equal(slice_find(text, SLICE("\"issuer\": \"i\"")), SIZE_MAX);
	buf_reset(&out);
	assert_true(agent_control_merge(
	    SLICE("{\"authorizers\":{},\"routes\":{}}"), SLICE("garbage"), &out, &err));
	assert_false(agent_control_merge(SLICE("garbage"), SLICE(""), &out, &err));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences_name_service_field_and_effect),
		cmocka_unit_test(an_address_alone_is_for_run_time),
		cmocka_unit_test(changes_are_printed_with_and_without_colours),
		cmocka_unit_test(the_same_state_has_no_difference_and_none_is_all_new),
		cmocka_unit_test(routes_that_go_stay_with_the_agent_for_one_revision),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
