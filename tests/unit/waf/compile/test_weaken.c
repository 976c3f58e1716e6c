/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/weaken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_large_group_is_left_out(void **state)
{
	static const struct {
		const char *pattern;
		const char *first, *second; /* NULL: nothing to leave out, or unreadable */
	} rows[] = {
		{ "(?i)(?:abc|d)x(?:e|f)", "(?i).*x(?:e|f)", "(?i)(?:abc|d)x.*" },
		{ "(?:a(?:bcd|[)(])|\\)e)f", ".*f", NULL },
		{ "(?:[]|)]+)a(?:b)", ".*a(?:b)", "(?:[]|)]+)a.*" },
		{ "(?:[^]|)\\]]+)a(?:b)", ".*a(?:b)", "(?:[^]|)\\]]+)a.*" },
		{ "(?:abc)?d", ".*?d", NULL },
		{ "abc", NULL, NULL },
		{ "", NULL, NULL },
		{ "(?:abc)|d", NULL, NULL },
		{ "(a)(?:b)", NULL, NULL },
		{ "(?:(a)b)\\1", NULL, NULL },
		{ "(?=a)(?:b)", NULL, NULL },
		{ "(?>a)(?:b)", NULL, NULL },
		{ "(?x)(?:b#)\n)", NULL, NULL },
		{ "(?:a(?x: b#)\n))", NULL, NULL },
		{ "(?:a(?#))b)", NULL, NULL },
		{ "(*UTF)(?:b)", NULL, NULL },
		{ "(?:a\\Q)\\E)", NULL, NULL },
		{ "(?:a", NULL, NULL },
		{ "(?:a))", NULL, NULL },
		{ "(?:a[b", NULL, NULL },
		{ "(?:a)\\", NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *wanted[WEAKEN_GROUPS] = { rows[i].first, rows[i].second };
		struct arena arena;
		arena_init(&arena, 0);
		for (unsigned g = 0; g < WEAKEN_GROUPS; g++) {
			const char *got = weaken(slice_of_cstr(rows[i].pattern), g, &arena);
			if (!got != !wanted[g] || (got && strcmp(got, wanted[g]) != 0))
				fail_msg("%s without group %u: %s", rows[i].pattern, g,
				    got ? got : "(nothing)");
		}
		arena_release(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_large_group_is_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
