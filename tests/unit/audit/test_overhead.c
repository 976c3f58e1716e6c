/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/overhead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void note(struct overhead *overhead, const char *record)
{
	struct scan_object object;

	assert_null(scan_json_object(slice_of_cstr(record), &object));
	overhead_note(overhead, &object);
}

static void assert_renders(const struct overhead *overhead, const char *line)
{
	struct buf text;

	buf_init(&text, 0);
	overhead_render(overhead, &text);
	assert_false(buf_failed(&text));
	assert_non_null(strstr(buf_cstr(&text), line));
	buf_release(&text);
}

static void each_part_has_its_histogram(void **state)
{
	struct overhead overhead = { 0 };

	(void)state;
	note(&overhead, "{\"overhead_us\":900,\"spoe_us\":100,\"agent_us\":7}");
	note(&overhead, "{\"overhead_us\":5001,\"spoe_us\":101,\"agent_us\":25}");
	assert_renders(&overhead, "_bucket{part=\"agent\",le=\"25\"} 2\n");
	assert_renders(&overhead, "_sum{part=\"agent\"} 32\n");
	assert_renders(&overhead, "_bucket{part=\"spoe\",le=\"100\"} 1\n");
	assert_renders(&overhead, "_bucket{part=\"spoe\",le=\"250\"} 2\n");
	assert_renders(&overhead, "_bucket{part=\"gateway\",le=\"1000\"} 1\n");
	assert_renders(&overhead, "_bucket{part=\"gateway\",le=\"5000\"} 1\n");
	assert_renders(&overhead, "_bucket{part=\"gateway\",le=\"10000\"} 2\n");
	assert_renders(&overhead, "_count{part=\"gateway\"} 2\n");
}

static void what_was_not_measured_is_not_counted(void **state)
{
	struct overhead overhead = { 0 };

	(void)state;
	note(&overhead, "{\"overhead_us\":-1,\"spoe_us\":\"12\",\"agent_us\":1e3}");
	note(&overhead, "{\"ua\":\"\\\"overhead_us\\\":5\"}");
	assert_renders(&overhead, "_count{part=\"gateway\"} 0\n");
	assert_renders(&overhead, "_count{part=\"spoe\"} 0\n");
	assert_renders(&overhead, "_count{part=\"agent\"} 0\n");
}

static void the_last_bucket_has_no_bound(void **state)
{
	struct overhead overhead = { 0 };

	(void)state;
	note(&overhead, "{\"overhead_us\":9000000}");
	assert_renders(&overhead, "_bucket{part=\"gateway\",le=\"100000\"} 0\n");
	assert_renders(&overhead, "_bucket{part=\"gateway\",le=\"+Inf\"} 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_part_has_its_histogram),
		cmocka_unit_test(what_was_not_measured_is_not_counted),
		cmocka_unit_test(the_last_bucket_has_no_bound),
	};

	return cmocka_run_group_tests_name("overhead", tests, NULL, NULL);
}
