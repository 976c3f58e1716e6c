/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/state.h"

#include "registry/agent_control.h"
#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>

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
		cmocka_unit_test(the_same_state_has_no_difference_and_none_is_all_new),
		cmocka_unit_test(routes_that_go_stay_with_the_agent_for_one_revision),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
