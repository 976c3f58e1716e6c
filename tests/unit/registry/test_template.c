/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/template.h"

#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TEXT(n, t)                                                                                 \
	{                                                                                          \
		.name = n, .kind = TEMPLATE_TEXT, .text = SLICE_INIT(t)                            \
	}
#define FLAG(n, f)                                                                                 \
	{                                                                                          \
		.name = n, .kind = TEMPLATE_FLAG, .flag = f                                        \
	}
#define LIST(n, i, c)                                                                              \
	{                                                                                          \
		.name = n, .kind = TEMPLATE_LIST, .items = i, .count = c                           \
	}
#define SCOPE(values)                                                                              \
	{                                                                                          \
		values, sizeof(values) / sizeof((values)[0])                                       \
	}

static const struct template_value ONE[] = { TEXT("x", "1") };
static const struct template_value TWO[] = { TEXT("x", "2"), FLAG("special", true) };
static const struct template_scope ITEMS[] = { SCOPE(ONE), SCOPE(TWO) };
static const struct template_value VALUES[] = {
	TEXT("name", "accounts"),
	TEXT("path", "/a b/it's"),
	TEXT("evil", "a\nb"),
	TEXT("empty", ""),
	FLAG("yes", true),
	FLAG("no", false),
	FLAG("special", false),
	LIST("items", ITEMS, 2),
	LIST("none", ITEMS, 0),
};
static const struct template_scope SCOPE_ALL = SCOPE(VALUES);

struct row {
	const char *text;
	const char *want; /* NULL: an error */
	const char *error;
};

static void run(const struct row *row)
{
	struct buf out;
	struct err err = { 0 };
	buf_init(&out, 0);
	bool ok = template_render(&out, slice_of_cstr(row->text), "t", &SCOPE_ALL, &err);
	if (row->want) {
		assert_true(ok);
		assert_string_equal(buf_cstr(&out), row->want);
	} else {
		assert_false(ok);
		assert_string_equal(err.text, row->error);
	}
	buf_release(&out);
}

static void holes_and_sections_are_filled(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "", "", NULL },
		{ "server {{name}}.", "server accounts.", NULL },
		{ "ca {{q path}}", "ca '/a b/it'\\''s'", NULL },
		{ "{{#yes}}a{{/yes}}{{#no}}b{{/no}}{{^no}}c{{/no}}", "ac", NULL },
		{ "{{#items}}<{{x}}{{name}}>{{/items}}", "<1accounts><2accounts>", NULL },
		{ "{{#items}}{{#special}}!{{/special}}{{x}}{{/items}}", "1!2", NULL },
		{ "{{#none}}x{{/none}}{{^none}}nothing{{/none}}", "nothing", NULL },
		{ "a\n  {{#yes}}  \nb\n{{/yes}}\nc\n", "a\nb\nc\n", NULL },
		{ "a\n{{! why }}\nb {{! here }} c\n", "a\nb  c\n", NULL },
		{ "{{#no}}{{#no}}x{{/no}}y{{/no}}z", "z", NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run(&rows[i]);
}

static void broken_templates_and_unsafe_values_are_errors(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "{{missing}}", NULL, "no text named 'missing'" },
		{ "{{#name}}{{/name}}", NULL, "no flag or list named 'name'" },
		{ "{{yes}}", NULL, "no text named 'yes'" },
		{ "{{name", NULL, "unclosed tag 'name'" },
		{ "{{#yes}}x", NULL, "no end of section 'yes'" },
		{ "{{#no}}x", NULL, "no end of section 'no'" },
		{ "{{/yes}}", NULL, "unexpected end of section 'yes'" },
		{ "{{#yes}}{{/no}}", NULL, "unexpected end of section 'no'" },
		{ "{{path}}", NULL, "empty or unsafe value of 'path'" },
		{ "{{empty}}", NULL, "empty or unsafe value of 'empty'" },
		{ "{{q evil}}", NULL, "control byte in the value of 'evil'" },
		{ "{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}", NULL,
		    "sections nested too deep at 'yes'" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run(&rows[i]);
}

static void no_byte_with_a_meaning_to_haproxy_is_safe(void **state)
{
	(void)state;
	for (const char *c = " \t\n\r\"'\\#$%{}();!^`"; *c; c++)
		assert_false(template_byte_is_safe((unsigned char)*c));
	for (unsigned c = 0x7f; c < 0x100; c++)
		assert_false(template_byte_is_safe((unsigned char)c));
	assert_false(template_byte_is_safe(0));
	assert_true(template_text_is_safe(SLICE("https://a-b.c:1/x_y~z")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_and_sections_are_filled),
		cmocka_unit_test(broken_templates_and_unsafe_values_are_errors),
		cmocka_unit_test(no_byte_with_a_meaning_to_haproxy_is_safe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
