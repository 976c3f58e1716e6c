/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole configurations against files: data/CASE/{gateway,parameters}.json give data/CASE/want/.
 * With UPDATE_GOLDEN=1 the wanted files are written instead, for a person to read the difference.
 */
#include "registry/render.h"

#include "common/file.h"
#include "registry/gateway.h"
#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DATA "tests/unit/registry/data"

static void load(struct gateway *gateway, const char *name)
{
	char path[200];
	struct err err = { 0 };
	snprintf(path, sizeof(path), DATA "/%s/gateway.json", name);
	bool ok = gateway_open(gateway, path, &err) && gateway_load(gateway, &err);
	findings_print(&gateway->findings, stderr);
	if (!ok)
		fail_msg("%s", err.text);
	assert_true(findings_is_empty(&gateway->findings));
}

static void compare(const char *name, const struct rendered_file *file)
{
	char path[300];
	struct err err = { 0 };
	struct buf want;
	snprintf(path, sizeof(path), DATA "/%s/want/%s", name, file->name);
	if (getenv("UPDATE_GOLDEN")) {
		assert_true(file_write_atomic(path, buf_slice(&file->text), 0644, &err));
		return;
	}
	buf_init(&want, 0);
	if (!file_read(path, 1 << 20, &want, &err))
		fail_msg("%s", err.text);
	struct buf got = file->text;
	assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	buf_release(&want);
}

static void check(const char *name, struct haproxy_version version)
{
	struct gateway gateway;
	struct rendering files, again;
	struct err err = { 0 };
	load(&gateway, name);
	assert_true(render(&files, &gateway.model, version, "12-5f3a9c", &err));
	assert_true(render(&again, &gateway.model, version, "12-5f3a9c", &err));
	for (size_t i = 0; i < files.count; i++) {
		compare(name, &files.files[i]);
		assert_true(
		    slice_eq(buf_slice(&files.files[i].text), buf_slice(&again.files[i].text)));
	}
	rendering_release(&files);
	rendering_release(&again);
	gateway_release(&gateway);
}

static void four_parameters_per_service_on_2_6(void **state)
{
	(void)state;
	check("plain", (struct haproxy_version){ 2, 6 });
}

static void every_parameter_and_setting_on_3_2(void **state)
{
	(void)state;
	check("full", (struct haproxy_version){ 3, 2 });
}

static void three_nodes_on_3_0(void **state)
{
	(void)state;
	check("cluster", (struct haproxy_version){ 3, 0 });
}

/* Three stick counters for four tables. */
static void a_global_rate_on_2_6(void **state)
{
	(void)state;
	check("global", (struct haproxy_version){ 2, 6 });
}

/* A body at its limit, with the largest headers, fits a buffer beside what HAProxy keeps free. */
static void buffers_hold_any_allowed_request(void **state)
{
	(void)state;
	struct gateway gateway;
	load(&gateway, "full");
	uint64_t bufsize = render_bufsize(&gateway.model);
	assert_true(bufsize - 8192 - gateway.settings.header_bytes > 100000);
	assert_int_equal(bufsize % 16384, 0);
	gateway_release(&gateway);
}

/* The windows that AWS has. */
static void windows_of_the_address_rule_are_those_of_aws(void **state)
{
	(void)state;
	static const unsigned windows_s[] = { 60, 120, 300, 600 };
	struct gateway gateway;
	load(&gateway, "plain");
	for (unsigned i = 0; i < 4; i++) {
		struct rendering files;
		struct err err = { 0 };
		char wanted[64];
		gateway.settings.ip_window_s = i;
		gateway.settings.ip_limit = 2000 + i;
		assert_true(
		    render(&files, &gateway.model, (struct haproxy_version){ 2, 6 }, "r", &err));
		struct slice text = buf_slice(&rendering_find(&files, "haproxy.cfg")->text);
		snprintf(wanted, sizeof(wanted), "http_req_rate(%us),gpc0", windows_s[i]);
		assert_int_not_equal(slice_find(text, slice_of_cstr(wanted)), SIZE_MAX);
		snprintf(
		    wanted, sizeof(wanted), "acl ip_over sc_http_req_rate(1) gt %u\n", 2000 + i);
		assert_int_not_equal(slice_find(text, slice_of_cstr(wanted)), SIZE_MAX);
		rendering_release(&files);
	}
	gateway_release(&gateway);
}

static void failed_allocations_give_no_file(void **state)
{
	(void)state;
	struct gateway gateway;
	struct rendering files;
	bool ok = false;
	load(&gateway, "plain");
	for (long n = 1; !ok && n < 3000; n++) {
		struct err err = { 0 };
		fail_alloc_from(n);
		ok = render(&files, &gateway.model, (struct haproxy_version){ 2, 6 }, "r", &err);
		fail_alloc_off();
		assert_true(ok || err_is_set(&err));
		rendering_release(&files);
	}
	assert_true(ok);
	gateway_release(&gateway);
}

static void versions_are_read_and_compared(void **state)
{
	(void)state;
	struct haproxy_version v;
	struct err err = { 0 };
	assert_true(
	    haproxy_version_parse(SLICE("HAProxy version 2.6.12-1+deb12u4 2026/10/17"), &v, &err));
	assert_int_equal(v.major * 100 + v.minor, 206);
	assert_false(haproxy_has(v, FEATURE_STICK_COUNTERS));
	assert_true(haproxy_version_parse(SLICE("3.2"), &v, &err));
	assert_true(haproxy_has(v, FEATURE_EARLY_ERRORFILES));
	assert_false(haproxy_version_parse(SLICE("HAProxy version 2.4.3"), &v, &err));
	assert_string_equal(err.text, "HAProxy 2.4 is too old; 2.6 and later are supported");
	err_clear(&err);
	assert_false(haproxy_version_parse(SLICE("nginx"), &v, &err));
	assert_false(haproxy_version_parse(SLICE("3"), &v, &err));
	assert_false(haproxy_version_parse(SLICE("3.x"), &v, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_parameters_per_service_on_2_6),
		cmocka_unit_test(every_parameter_and_setting_on_3_2),
		cmocka_unit_test(three_nodes_on_3_0),
		cmocka_unit_test(a_global_rate_on_2_6),
		cmocka_unit_test(windows_of_the_address_rule_are_those_of_aws),
		cmocka_unit_test(buffers_hold_any_allowed_request),
		cmocka_unit_test(failed_allocations_give_no_file),
		cmocka_unit_test(versions_are_read_and_compared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
