/* SPDX-License-Identifier: Apache-2.0 */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_several_nodes_are_summed),
		cmocka_unit_test(rates_with_a_period_are_read),
		cmocka_unit_test(level_is_that_of_the_lowest_mark_of_the_rate),
		cmocka_unit_test(impossible_levels_are_an_empty_or_a_new_bucket),
		cmocka_unit_test(keys_are_read_as_haproxy_escapes_them),
		cmocka_unit_test(level_follows_the_formula_of_the_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
