/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/throttle_views.h"
#include "registry/throttles.h"

#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void rows_of_several_nodes_are_summed(void **state)
{
	(void)state;
	struct throttle_table table;
	struct err err = { 0 };
	throttle_table_init(&table);
	assert_true(throttle_table_add(&table,
	    SLICE("# table: route_n1, type: string, size:10240, used:2\n"
	          "0x55: key=accounts use=0 exp=3599276 shard=0 gpt0=10 gpt1=50 gpc0=3 gpc1=1\n"
	          "0x56: key=payments use=0 exp=1 gpt0=5 gpt1=50 gpc0=9 gpc1=0\n\n"),
	    &err));
	assert_true(throttle_table_add(
	    &table, SLICE("0x55: key=accounts use=0 exp=1 gpt0=12 gpt1=50 gpc0=4 gpc1=2\n"), &err));
	throttle_table_sort(&table, BY_ADMITTED);
	assert_int_equal(table.count, 2);
	assert_string_equal(table.items[0].key, "accounts");
	assert_int_equal(table.items[0].admitted, 7);
	assert_int_equal(table.items[0].refused, 3);
	assert_int_equal(table.items[0].mark_count, 2);
	assert_int_equal(table.items[0].marks[1].offset, 12);
	assert_int_equal(table.items[0].marks[1].rate, 50);
	throttle_table_release(&table);
}

static void rates_with_a_period_are_read(void **state)
{
	(void)state;
	struct throttle_table table;
	struct err err = { 0 };
	throttle_table_init(&table);
	assert_true(throttle_table_add(&table,
	    SLICE(
	        "0x55: key=::ffff:127.0.0.1 use=0 exp=599983 gpc0=4 gpc0_rate(60000)=2 http_req_rate(300000)=27\n"
	        "0x56: key=2001:db8:: use=0 exp=1 gpc0=0 gpc0_rate(60000)=0 http_req_rate(300000)=99\n"
	        "0x57: no key here\nbroken"),
	    &err));
	throttle_table_sort(&table, BY_REQUESTS);
	assert_int_equal(table.count, 2);
	assert_int_equal(table.items[0].requests, 99);
	assert_int_equal(table.items[1].unauthorized, 2);
	throttle_table_release(&table);
}

static void level_follows_the_formula_of_the_configuration(void **state)
{
	(void)state;
	/* 200 per second, burst 400, at second 1 000 000: 200 000 000 made, all but 400 + 10 used
	 * up */
	struct throttle_row row = {
		.admitted = 410, .marks = { { 199999999 - 9, 200 } }, .mark_count = 1
	};
	int64_t now_ms = 1000000000;
	assert_int_equal(throttle_left(&row, 200, 400, now_ms), 0);
	assert_int_equal(throttle_left(&row, 200, 400, now_ms + 5), 1);
	assert_int_equal(throttle_left(&row, 200, 400, now_ms + 1000), 200);
	assert_int_equal(throttle_left(&row, 200, 400, now_ms + 60000), 400);
	struct throttle_row unused = { .admitted = 0 };
	assert_int_equal(throttle_left(&unused, 200, 400, now_ms), 400);
}

/* Of two nodes' marks the lower level counts; one of another rate only while there is no other. */
static void level_is_that_of_the_lowest_mark_of_the_rate(void **state)
{
	(void)state;
	int64_t now_ms = 1000000000;
	struct throttle_row row = {
		.admitted = 100,
		.marks = { { 199999900, 200 }, { 199999950, 200 }, { 49999970, 50 } },
		.mark_count = 3,
	};
	assert_int_equal(throttle_left(&row, 200, 400, now_ms), 350);
	assert_int_equal(throttle_left(&row, 50, 400, now_ms), 330);
	assert_int_equal(throttle_left(&row, 60, 400, now_ms), 330);
}

/* A smaller bucket than what was spent is empty; what no bucket can have spent is none. */
static void impossible_levels_are_an_empty_or_a_new_bucket(void **state)
{
	(void)state;
	int64_t now_ms = 1000000000;
	struct throttle_row row = { .marks = { { 200000300, 200 } }, .mark_count = 1 };
	assert_int_equal(throttle_left(&row, 200, 400, now_ms), 100);
	assert_int_equal(throttle_left(&row, 200, 10, now_ms), 0);
	assert_int_equal(throttle_left(&row, 20, 10, now_ms), 0);
	row.marks[0].offset = 200000000 + 3000000;
	assert_int_equal(throttle_left(&row, 200, 10, now_ms), 10);
}

static void keys_are_read_as_haproxy_escapes_them(void **state)
{
	(void)state;
	struct throttle_table table;
	struct err err = { 0 };
	throttle_table_init(&table);
	assert_true(throttle_table_add(&table,
	    SLICE("0x55: key=pay|a\\ gpc0\\=9 use=0 exp=1 gpt0=1 gpt1=5 gpc0=3 gpc1=0\n"
	          "0x56: key=pay|a\\\\b use=0 exp=1 gpt0=1 gpt1=5 gpc0=2 gpc1=0\n"
	          "0x57: key= use=0 exp=1 gpc0=2\n0x58: key=end\\"),
	    &err));
	throttle_table_sort(&table, BY_ADMITTED);
	assert_int_equal(table.count, 3);
	assert_string_equal(table.items[0].key, "pay|a gpc0=9");
	assert_int_equal(table.items[0].admitted, 3);
	assert_string_equal(table.items[1].key, "pay|a\\b");
	throttle_table_release(&table);
}

/* ---- what is shown ---- */

static struct throttle_shown *add(
    struct throttle_views *views, enum throttle_view_id id, const char *rows)
{
	struct err err = { 0 };
	struct throttle_shown *shown = throttle_views_add(views, id);
	shown->now_ms = 1000000;
	assert_true(throttle_table_add(&shown->table, slice_of_cstr(rows), &err));
	return shown;
}

static void limit(
    struct throttle_shown *shown, const char *service, uintptr_t rate, uintptr_t burst)
{
	assert_true(strmap_put(&shown->rates, slice_of_cstr(service), (void *)rate, NULL));
	assert_true(strmap_put(&shown->bursts, slice_of_cstr(service), (void *)burst, NULL));
}

static void fill(struct throttle_views *views)
{
	*views = (struct throttle_views){ 0 };
	struct throttle_shown *routes = add(views, THROTTLE_ROUTES,
	    "0x1: key=pay use=0 exp=1 gpt0=49980 gpt1=50 gpc0=30 gpc1=4\n"
	    "0x2: key=gone use=0 exp=1 gpt0=1 gpt1=5 gpc0=9 gpc1=0\n");
	limit(routes, "pay", 50, 100);
	struct throttle_shown *gateway = add(views, THROTTLE_GATEWAY,
	    "0x1: key=gateway use=0 exp=1 gpt0=1 gpt1=90 gpc0=37 gpc1=2\n");
	gateway->rate = 90;
	gateway->burst = 180;
	struct throttle_shown *clients = add(views, THROTTLE_CLIENTS,
	    "0x1: key=pay|a\"b\\\\c\xc3\xa9|d use=0 exp=1 gpt0=1 gpt1=9 gpc0=8 gpc1=1\n"
	    "0x2: key=pay|shy use=0 exp=1 gpt0=1 gpt1=9 gpc0=1 gpc1=0\n"
	    "0x3: key=pay|mid use=0 exp=1 gpt0=1 gpt1=9 gpc0=2 gpc1=0\n");
	limit(clients, "pay", 9, 18);
	add(views, THROTTLE_ADDRESSES,
	    "0x1: key=::ffff:192.0.2.1 use=0 exp=1 gpc0=4 gpc0_rate(60000)=2 http_req_rate(300000)=27\n"
	    "0x2: key=2001:db8:: use=0 exp=1 gpc0=0 gpc0_rate(60000)=0 http_req_rate(300000)=99\n");
	for (size_t i = 0; i < views->count; i++)
		throttle_views_sort(&views->shown[i]);
}

static void metrics_have_every_route_and_the_top_spenders(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"# HELP sallyport_throttle_route_rate ",
		"\n# TYPE sallyport_throttle_route_refused_total counter\n",
		"\nsallyport_throttle_route_rate{service=\"pay\"} 50\n",
		"\nsallyport_throttle_route_burst{service=\"pay\"} 100\n",
		/* 50 000 made, 49 980 + 30 gone: ten below full */
		"\nsallyport_throttle_route_left{service=\"pay\"} 90\n",
		"\nsallyport_throttle_route_admitted_total{service=\"pay\"} 30\n",
		"\nsallyport_throttle_route_refused_total{service=\"pay\"} 4\n",
		"\nsallyport_throttle_gateway_admitted_total 37\n",
		"\nsallyport_throttle_gateway_burst 180\n",
		"\nsallyport_throttle_client_admitted_total{service=\"pay\",client=\"a\\\"b\\\\c\?\?|d\"} 8\n",
		"\nsallyport_throttle_client_admitted_total{service=\"pay\",client=\"mid\"} 2\n",
		"\nsallyport_throttle_address_requests{address=\"2001:db8::\"} 99\n",
		"\nsallyport_throttle_address_unauthorized{address=\"::ffff:192.0.2.1\"} 2\n",
		"\nsallyport_throttle_rows{of=\"clients\"} 3\n",
	};
	struct throttle_views views;
	struct buf text;
	fill(&views);
	buf_init(&text, 0);
	throttle_views_metrics(&views, 2, &text);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strstr(buf_cstr(&text), lines[i]))
			fail_msg("no%s in\n%s", lines[i], buf_cstr(&text));
	assert_null(strstr(buf_cstr(&text), "gone"));
	assert_null(strstr(buf_cstr(&text), "shy"));
	buf_reset(&text);
	throttle_views_metrics(&views, 0, &text);
	assert_null(strstr(buf_cstr(&text), "client=\""));
	assert_non_null(strstr(buf_cstr(&text), "_route_rate{service=\"pay\"}"));
	buf_release(&text);
	throttle_views_release(&views);
}

/* Each line of the text format is a comment, or name, labels and number; each name is described
 * once, before its series. */
static void metrics_are_well_formed(void **state)
{
	(void)state;
	struct throttle_views views;
	struct buf text;
	char help[128] = "", series[128];
	fill(&views);
	buf_init(&text, 0);
	throttle_views_metrics(&views, 10, &text);
	for (struct slice rest = buf_slice(&text), line; rest.len > 0;) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_starts_with(line, SLICE("# HELP "))) {
			snprintf(series, sizeof(series), "%.*s",
			    (int)slice_find_byte(slice_from(line, 7), ' '), line.ptr + 7);
			assert_string_not_equal(series, help);
			strcpy(help, series);
		} else if (line.ptr[0] != '#') {
			assert_true(slice_starts_with(line, slice_of_cstr(help)));
			char next = line.ptr[strlen(help)];
			assert_true(next == '{' || next == ' ');
			for (size_t i = 0; i < line.len; i++)
				assert_in_range(line.ptr[i], ' ', '~');
		}
	}
	buf_release(&text);
	throttle_views_release(&views);
}

static void a_gateway_that_does_not_run_is_an_error(void **state)
{
	(void)state;
	struct throttle_views views;
	struct err err = { 0 };
	char socket[] = "/nonexistent/stats.sock";
	struct settings settings = { .haproxy_stats = socket };
	assert_false(throttle_views_load(&views, &settings, true, &err));
	assert_non_null(strstr(err.text, socket));
	throttle_views_release(&views);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_several_nodes_are_summed),
		cmocka_unit_test(rates_with_a_period_are_read),
		cmocka_unit_test(level_is_that_of_the_lowest_mark_of_the_rate),
		cmocka_unit_test(impossible_levels_are_an_empty_or_a_new_bucket),
		cmocka_unit_test(keys_are_read_as_haproxy_escapes_them),
		cmocka_unit_test(metrics_have_every_route_and_the_top_spenders),
		cmocka_unit_test(metrics_are_well_formed),
		cmocka_unit_test(a_gateway_that_does_not_run_is_an_error),
		cmocka_unit_test(level_follows_the_formula_of_the_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
