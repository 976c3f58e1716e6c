/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and what is made of them. */
#include "spoa/agent/metrics.h"

#include "spoa/auth/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct counters first, second;
static struct counters *const both[] = { &first, &second };

static struct buf render(void)
{
	struct snapshot snapshot = { .config = { .revision = "a\"b\\c" }, .route_count = 3 };
	const struct metrics_input in = { .counters = both,
		.counters_count = 2,
		.snapshot = &snapshot,
		.connections = 7,
		.reloads_ok = 2,
		.reloads_failed = 1 };
	struct buf out;

	buf_init(&out, 0);
	metrics_render(&in, &out);
	assert_false(buf_failed(&out));
	return out;
}

static int reset(void **state)
{
	(void)state;
	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	return 0;
}

static void assert_line(const char *line)
{
	struct buf out = render();

	assert_non_null(strstr(buf_cstr(&out), line));
	buf_release(&out);
}

static void threads_are_summed(void **state)
{
	(void)state;
	count(&first, COUNT_verdict_200);
	count(&first, COUNT_verdict_200);
	count(&second, COUNT_verdict_200);
	counter_add(&second.auth[AUTH_TOKEN_MISSING], 4);
	assert_line("\nsallyport_spoa_requests_total{verdict=\"200\"} 3\n");
	assert_line("\nsallyport_spoa_connections 7\n");
	assert_line("\nsallyport_spoa_reloads_total{result=\"failed\"} 1\n");
	assert_line("\nsallyport_spoa_auth_total{reason=\"token_missing\"} 4\n");
}

static void label_values_are_escaped(void **state)
{
	(void)state;
	assert_line("sallyport_spoa_info{revision=\"a\\\"b\\\\c\"} 1\n");
}

static void bounds_of_the_histogram_are_inclusive_and_it_is_cumulative(void **state)
{
	(void)state;
	counters_latency(&first, 5);
	counters_latency(&first, 6);
	counters_latency(&second, 100000);
	counters_latency(&second, 100001);
	assert_line("\nsallyport_spoa_request_microseconds_bucket{le=\"5\"} 1\n");
	assert_line("\nsallyport_spoa_request_microseconds_bucket{le=\"10\"} 2\n");
	assert_line("\nsallyport_spoa_request_microseconds_bucket{le=\"100000\"} 3\n");
	assert_line("\nsallyport_spoa_request_microseconds_bucket{le=\"+Inf\"} 4\n");
	assert_line("\nsallyport_spoa_request_microseconds_sum 200012\n");
}

static void unknown_disconnects_are_other(void **state)
{
	(void)state;
	counters_disconnect(&first, 13);
	counters_disconnect(&first, 14);
	counters_disconnect(&first, 99);
	assert_line("\nsallyport_spoa_disconnects_total{status=\"13\"} 1\n");
	assert_line("\nsallyport_spoa_disconnects_total{status=\"other\"} 2\n");
}

static void rules_are_ranked_over_threads(void **state)
{
	(void)state;
	struct buf out;
	const char *a, *b;

	counters_rule(&first, 942100);
	counters_rule(&second, 941100);
	counters_rule(&second, 942100);
	out = render();
	a = strstr(buf_cstr(&out), "waf_rule_matches_total{rule=\"942100\"} 2\n");
	b = strstr(buf_cstr(&out), "waf_rule_matches_total{rule=\"941100\"} 1\n");
	assert_non_null(a);
	assert_non_null(b);
	assert_true(a < b);
	buf_release(&out);
}

static void more_rules_than_places_are_other(void **state)
{
	(void)state;
	for (uint32_t id = 1; id <= COUNTERS_RULES + 1; id++)
		counters_rule(&first, id);
	assert_int_equal(counter_get(&first.other_rule_matches), 1);
	/* The places beyond the first fifty are summed up with it. */
	assert_line("waf_rule_matches_total{rule=\"other\"} 975\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(threads_are_summed, reset),
		cmocka_unit_test_setup(label_values_are_escaped, reset),
		cmocka_unit_test_setup(
		    bounds_of_the_histogram_are_inclusive_and_it_is_cumulative, reset),
		cmocka_unit_test_setup(unknown_disconnects_are_other, reset),
		cmocka_unit_test_setup(rules_are_ranked_over_threads, reset),
		cmocka_unit_test_setup(more_rules_than_places_are_other, reset),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
