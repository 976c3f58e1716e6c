/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/hold_back.h"

#include "common/file.h"
#include "registry/publish.h"
#include "registry/state.h"
#include "registry/watch.h"
#include "tests/support/memory_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define P "/bank/dev/api-services/"
#define O "/bank/dev/api-gateway/"

static char folder[] = "/tmp/test_hold_back.XXXXXX";
static struct memory_store store;
static struct err err;

static const char *in_folder(const char *name)
{
	static char path[512];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_settings(const char *services, const char *more)
{
	char text[2048];
	snprintf(text, sizeof(text),
	    "{\"environment\":\"dev\",\"store\":{\"kind\":\"file\",\"path\":\"x.json\"},"
	    "\"services\":[%s],\"public_url\":\"https://gateway.example\",\"output_dir\":\"%s/out\","
	    "\"listen\":[\"*:8443\"],\"tls\":{\"certificate\":\"/c.pem\"},"
	    "\"authorizers\":{\"staff\":{\"issuer\":\"https://i.example\",\"audiences\":[\"a\"]},"
	    "\"customers\":{\"issuer\":\"https://j.example\",\"audiences\":[\"b\"]}}%s}",
	    services, folder, more);
	assert_true(file_write_atomic(in_folder("gateway.json"), slice_of_cstr(text), 0600, &err));
}

static void set(const char *service, const char *field, const char *value)
{
	char name[256];
	snprintf(name, sizeof(name), P "%s/%s", service, field);
	memory_store_set(&store, name, value);
}

static void set_service(const char *id, const char *prefix)
{
	set(id, "url", "https://up.example");
	set(id, "version", "v1");
	set(id, "route-prefix", prefix);
	set(id, "authorizer", "staff");
}

static void load(struct gateway *gateway)
{
	err_clear(&err);
	if (!gateway_open_settings(gateway, in_folder("gateway.json"), &err))
		fail_msg("%s %s", err.text,
		    gateway->findings.count ? gateway->findings.items[0].text : "");
	gateway->store = &store.store;
	if (!gateway_load(gateway, &err))
		fail_msg("%s", err.text);
}

/* What is loaded now becomes the revision that was applied last. */
static void remember(void)
{
	struct gateway gateway;
	struct buf state;
	load(&gateway);
	assert_true(findings_is_empty(&gateway.findings));
	buf_init(&state, 0);
	assert_true(state_write(&state, &gateway.model, &err));
	assert_true(file_make_dirs(in_folder("out/revisions/1-abcdef"), 0700, &err));
	assert_true(file_write_atomic(
	    in_folder("out/revisions/1-abcdef/state.json"), buf_slice(&state), 0600, &err));
	unlink(in_folder("out/current"));
	assert_int_equal(symlink("revisions/1-abcdef", in_folder("out/current")), 0);
	buf_release(&state);
	gateway_release(&gateway);
}

static int set_up(void **state)
{
	(void)state;
	memory_store_init(&store);
	unsetenv("MOD_075_REGISTERED_SERVICES");
	write_settings("\"a\",\"b\"", "");
	set_service("a", "/v1/a");
	set_service("b", "/v1/b");
	set("a", "throttle-rate", "7");
	remember();
	err_clear(&err);
	return 0;
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static void a_live_service_keeps_what_it_was_applied_with(void **state)
{
	(void)state;
	struct gateway gateway;
	set("a", "throttle-rate", "many");
	set("b", "throttle-rate", "9");
	load(&gateway);
	assert_true(model_find(&gateway.model, "a")->held_back);
	assert_true(hold_back_is_enough(&gateway.findings));
	assert_true(hold_back(&gateway, &err));
	assert_false(model_find(&gateway.model, "a")->held_back);
	assert_int_equal(model_find(&gateway.model, "a")->throttle_rate, 7);
	assert_int_equal(model_find(&gateway.model, "b")->throttle_rate, 9);
	assert_int_equal(gateway.findings.count, 1);
	gateway_release(&gateway);
}

static void a_live_service_survives_the_loss_of_its_parameters(void **state)
{
	(void)state;
	struct gateway gateway;
	for (size_t i = 0; i < MEMORY_STORE_MAX; i++)
		store.items[i].version = 0;
	load(&gateway);
	assert_true(hold_back(&gateway, &err));
	assert_false(model_find(&gateway.model, "a")->held_back);
	assert_string_equal(model_find(&gateway.model, "b")->route_prefix, "/v1/b");
	gateway_release(&gateway);
}

static void a_new_service_waits_until_it_is_whole(void **state)
{
	(void)state;
	struct gateway gateway;
	write_settings("\"a\",\"b\",\"c\"", "");
	set("c", "url", "https://up.example");
	load(&gateway);
	assert_true(hold_back(&gateway, &err));
	assert_true(model_find(&gateway.model, "c")->held_back);
	assert_false(model_find(&gateway.model, "a")->held_back);
	gateway_release(&gateway);
}

static void a_live_prefix_cannot_be_taken(void **state)
{
	(void)state;
	struct gateway gateway;
	/* By name it stands before its victim, so that validation blames the victim. */
	write_settings("\"a0\",\"a\",\"b\"", "");
	set_service("a0", "/v1/b");
	load(&gateway);
	assert_true(findings_blame(&gateway.findings, "b"));
	assert_true(hold_back(&gateway, &err));
	assert_true(model_find(&gateway.model, "a0")->held_back);
	assert_false(model_find(&gateway.model, "b")->held_back);
	assert_true(findings_blame(&gateway.findings, "a0"));
	gateway_release(&gateway);
}

static void a_service_that_moves_onto_a_live_prefix_stays_where_it_was(void **state)
{
	(void)state;
	struct gateway gateway;
	set("a", "route-prefix", "/v1/b");
	load(&gateway);
	assert_true(hold_back(&gateway, &err));
	assert_string_equal(model_find(&gateway.model, "a")->route_prefix, "/v1/a");
	assert_string_equal(model_find(&gateway.model, "b")->route_prefix, "/v1/b");
	assert_false(model_find(&gateway.model, "a")->held_back);
	assert_false(model_find(&gateway.model, "b")->held_back);
	gateway_release(&gateway);
}

static void a_live_service_that_settings_forbid_stops_everything(void **state)
{
	(void)state;
	struct gateway gateway;
	write_settings("\"a\",\"b\"", ",\"throttle\":{\"rate\":1,\"burst\":2,\"ceiling_rate\":5}");
	load(&gateway);
	assert_false(findings_is_empty(&gateway.findings));
	assert_false(hold_back(&gateway, &err));
	assert_non_null(
	    strstr(err.text, "the live service a cannot stay as it is: " P "a/throttle-rate"));
	gateway_release(&gateway);
}

static void without_a_revision_all_that_is_wrong_is_left_out(void **state)
{
	(void)state;
	struct gateway gateway;
	unlink(in_folder("out/current"));
	set("a", "version", "one");
	load(&gateway);
	assert_true(hold_back(&gateway, &err));
	assert_true(model_find(&gateway.model, "a")->held_back);
	assert_false(model_find(&gateway.model, "b")->held_back);
	gateway_release(&gateway);
}

static void a_state_that_cannot_be_read_is_an_error(void **state)
{
	(void)state;
	struct gateway gateway;
	assert_true(file_write_atomic(
	    in_folder("out/revisions/1-abcdef/state.json"), SLICE("{"), 0600, &err));
	set("a", "version", "one");
	load(&gateway);
	assert_false(hold_back(&gateway, &err));
	gateway_release(&gateway);
}

static void summaries_are_bounded(void **state)
{
	(void)state;
	struct findings findings;
	struct buf text;
	findings_init(&findings);
	buf_init(&text, 0);
	hold_back_summary(&findings, 100, &text);
	assert_string_equal(buf_cstr(&text), "none");
	buf_reset(&text);
	for (int i = 0; i < 50; i++)
		findings_add(&findings, "svc", "/p/x", "wrong %d", i);
	hold_back_summary(&findings, 100, &text);
	assert_true(text.len <= 100);
	assert_non_null(strstr(buf_cstr(&text), "svc: /p/x: wrong 0\n"));
	assert_true(slice_ends_with(buf_slice(&text), SLICE(" more")));
	buf_release(&text);
	findings_release(&findings);
}

/* ---- publish ---- */

static void outputs_are_written_once_and_the_list_last(void **state)
{
	(void)state;
	struct gateway gateway;
	load(&gateway);
	assert_true(publish(&gateway, &err));
	assert_string_equal(memory_store_get(&store, O "registered-services"), "a,b");
	assert_string_equal(memory_store_get(&store, O "held-back-services"), "none");
	assert_string_equal(memory_store_get(&store, O "url"), "https://gateway.example");
	assert_true(slice_ends_with(slice_of_cstr(store.order), SLICE(O "registered-services\n")));
	gateway_release(&gateway);
	unsigned before = store.puts;
	load(&gateway);
	assert_true(publish(&gateway, &err));
	assert_int_equal(store.puts, before);
	gateway_release(&gateway);
}

/* Name and ARN are of one group, whichever it is. */
static void the_log_group_is_the_shipped_one_when_there_is_one(void **state)
{
	(void)state;
	static const char *const CASES[][3] = {
		{ "", "/sallyport/dev/access-log",
		    "arn:sallyport:gateway:local:sallyport-dev/log-group:/sallyport/dev/access-log" },
		{ ",\"log\":{\"group_arn\":\"arn:aws:logs:eu-west-1:123456789012:log-group:/bank/access:*\"}",
		    "/bank/access", "arn:aws:logs:eu-west-1:123456789012:log-group:/bank/access" },
		{ ",\"log\":{\"group_arn\":\"arn:aws-cn:logs:cn-north-1:123456789012:log-group:a#b\"}",
		    "a#b", "arn:aws-cn:logs:cn-north-1:123456789012:log-group:a#b" },
	};
	for (size_t i = 0; i < 3; i++) {
		struct gateway gateway;
		write_settings("\"a\",\"b\"", CASES[i][0]);
		load(&gateway);
		assert_true(publish(&gateway, &err));
		assert_string_equal(memory_store_get(&store, O "log-group-name"), CASES[i][1]);
		assert_string_equal(memory_store_get(&store, O "log-group-arn"), CASES[i][2]);
		gateway_release(&gateway);
	}
}

static void what_is_no_log_group_is_refused(void **state)
{
	(void)state;
	static const char *const WRONG[] = { "", "/bank/access",
		"arn:aws:logs:eu-west-1:123456789012:log-group:",
		"arn:aws:logs:eu-west-1:123456789012:log-group::*",
		"arn:aws:logs:eu-west-1:1234:log-group:/bank/access",
		"arn:aws:s3:eu-west-1:123456789012:log-group:/bank/access",
		"arn:aws:logs:eu-west-1:123456789012:log-group:/a:log-stream:b",
		"arn:aws:logs::123456789012:log-group:/a",
		"arn:aws:logs:eu-west-1:123456789012:log-group:/a b" };
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
		assert_int_equal(log_group_name(slice_of_cstr(WRONG[i])).len, 0);
}

static void outputs_are_all_written_or_none(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 12; n++) {
		struct gateway gateway;
		set_up(NULL);
		memory_store_set(&store, O "api-id", "old");
		store.puts = 0;
		store.fail_at = n;
		load(&gateway);
		bool ok = publish(&gateway, &err);
		if (!ok) {
			assert_non_null(strstr(err.text, ": refused"));
			assert_string_equal(memory_store_get(&store, O "api-id"), "old");
			assert_null(memory_store_get(&store, O "url"));
			assert_null(memory_store_get(&store, O "registered-services"));
		}
		assert_int_equal(ok, n > 12);
		gateway_release(&gateway);
	}
}

static void an_output_that_does_not_read_back_is_an_error(void **state)
{
	(void)state;
	struct gateway gateway;
	store.forget = O "stage-arn";
	load(&gateway);
	assert_false(publish(&gateway, &err));
	assert_string_equal(err.text, "'" O "stage-arn': reads back differently");
	gateway_release(&gateway);
}

static void what_is_held_back_is_published(void **state)
{
	(void)state;
	struct gateway gateway;
	set("a", "version", "one\ntwo");
	load(&gateway);
	assert_true(hold_back(&gateway, &err));
	assert_true(publish(&gateway, &err));
	assert_string_equal(memory_store_get(&store, O "registered-services"), "a,b");
	const char *text = memory_store_get(&store, O "held-back-services");
	assert_non_null(strstr(text, "a: " P "a/version: \"one\\x0atwo\""));
	assert_null(strchr(text, '\n'));
	gateway_release(&gateway);
}

/* ---- watch ---- */

static void waits_double_with_failures_and_are_spread(void **state)
{
	(void)state;
	static const struct {
		uint64_t interval_s;
		unsigned failures;
		uint32_t random;
		uint64_t wait_ms;
	} rows[] = {
		{ 10, 0, 0, 8000 },
		{ 10, 0, 500, 9998 },
		{ 10, 0, 1000, 12000 },
		{ 10, 1, 0, 16000 },
		{ 10, 4, 0, 128000 },
		{ 10, 5, 0, 240000 },
		{ 10, 4000000000, 1000, 360000 },
		{ 3600, 9, 1000, 4320000 },
		{ 1, 0, 1001, 800 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t got = watch_wait_ms(rows[i].interval_s, rows[i].failures, rows[i].random);
		assert_in_range(got, rows[i].wait_ms - 2, rows[i].wait_ms + 2);
	}
}

static void metrics_name_each_service_once(void **state)
{
	(void)state;
	struct watch_status status = { .failures = 3, .last_poll_ms = 1500, .revision = "7-abc" };
	struct findings findings;
	struct buf text;
	status.results[WATCH_STORE_FAILED] = 2;
	findings_init(&findings);
	buf_init(&text, 0);
	findings_add(&findings, "a", "/p/a/x", "one");
	findings_add(&findings, NULL, "/p/y", "two");
	findings_add(&findings, "a", "/p/a/z", "three");
	watch_metrics(&status, &findings, &text);
	static const char *const lines[] = {
		"\nsallyport_registry_polls_total{result=\"store_failed\"} 2\n",
		"\nsallyport_registry_failures_in_a_row 3\n",
		"\nsallyport_registry_last_poll_timestamp_seconds 1.500\n",
		"\nsallyport_registry_held_back{service=\"a\"} 1\n# HELP",
		"\nsallyport_registry_held_back_services 1\n",
		"\nsallyport_registry_findings 3\n",
		"\nsallyport_registry_revision_info{revision=\"7-abc\"} 1\n",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strstr(buf_cstr(&text), lines[i]))
			fail_msg("no%s in\n%s", lines[i], buf_cstr(&text));
	buf_release(&text);
	findings_release(&findings);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_live_service_keeps_what_it_was_applied_with),
		TEST(a_live_service_survives_the_loss_of_its_parameters),
		TEST(a_new_service_waits_until_it_is_whole),
		TEST(a_live_prefix_cannot_be_taken),
		TEST(a_service_that_moves_onto_a_live_prefix_stays_where_it_was),
		TEST(a_live_service_that_settings_forbid_stops_everything),
		TEST(without_a_revision_all_that_is_wrong_is_left_out),
		TEST(a_state_that_cannot_be_read_is_an_error),
		TEST(summaries_are_bounded),
		TEST(outputs_are_written_once_and_the_list_last),
		TEST(the_log_group_is_the_shipped_one_when_there_is_one),
		TEST(what_is_no_log_group_is_refused),
		TEST(outputs_are_all_written_or_none),
		TEST(an_output_that_does_not_read_back_is_an_error),
		TEST(what_is_held_back_is_published),
		TEST(waits_double_with_failures_and_are_spread),
		TEST(metrics_name_each_service_once),
	};
	return cmocka_run_group_tests(tests, make_folder, NULL);
}
