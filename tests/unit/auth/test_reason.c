/* SPDX-License-Identifier: Apache-2.0 */
/* The table of docs/tokens.md is the table of reason.def. */
#include "common/file.h"
#include "spoa/auth/auth.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_reason_has_its_row_in_the_documentation(void **state)
{
	static const struct {
		const char *error, *description;
	} rows[] = {
#define REASON(id, status, error, description) { error, description },
#include "spoa/auth/reason.def"
#undef REASON
	};
	struct buf text;
	struct err err = { 0 };
	size_t found = 0, at;
	(void)state;
	buf_init(&text, 0);
	assert_true(file_read("docs/tokens.md", 1 << 20, &text, &err));
	for (enum auth_reason i = 0; i < AUTH_REASON_COUNT; i++) {
		char line[512];
		const char *quote = rows[i].error[0] ? "`" : "";
		snprintf(line, sizeof(line), "\n| `%s` | %u | %s%s%s | %s |\n", auth_reason_code(i),
		    auth_reason_status(i), quote, rows[i].error, quote, rows[i].description);
		if (slice_find(buf_slice(&text), slice_of_cstr(line)) == SIZE_MAX)
			fail_msg("docs/tokens.md has no row%s", line);
	}
	for (struct slice rest = buf_slice(&text);
	     (at = slice_find(rest, SLICE("\n| `"))) != SIZE_MAX; rest = slice_from(rest, at + 1))
		found++;
	assert_int_equal(found, AUTH_REASON_COUNT);
	buf_release(&text);
}

static void descriptions_can_stand_in_a_quoted_string(void **state)
{
	static const char *const texts[] = {
#define REASON(id, status, error, description) error description,
#include "spoa/auth/reason.def"
#undef REASON
	};
	(void)state;
	for (size_t i = 0; i < AUTH_REASON_COUNT; i++)
		for (const char *c = texts[i]; *c; c++)
			assert_true(*c >= ' ' && *c < 0x7f && *c != '"' && *c != '\\');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_its_row_in_the_documentation),
		cmocka_unit_test(descriptions_can_stand_in_a_quoted_string),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
