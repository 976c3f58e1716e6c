/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/body/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *render(const struct body_xml *xml, struct arena *arena)
{
	char *text = arena_printf(arena, "%.*s", SLICE_ARG(xml->text));
	for (size_t i = 0; i < xml->attributes.count; i++)
		text = arena_printf(arena, "%s|%.*s=%.*s", text,
		    SLICE_ARG(xml->attributes.items[i].name),
		    SLICE_ARG(xml->attributes.items[i].value));
	return text;
}

static const struct row {
	const char *in;
	enum body_result result;
	const char *out; /* of a malformed document: what stands before the fault at least */
} rows[] = {
	{ "<r a=\"1\"><b c=\"2\">t1 <![CDATA[<cd>]]></b>t2<!-- com --><?pi x?></r>", BODY_OK,
	    "t1 <cd>t2|a=1|c=2" },
	{ "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a:r xmlns:a=\"u\" a:b=\"c\">z</a:r>", BODY_OK,
	    "z|b=c" },
	{ "<r>&lt;&#65;&#x42;&amp;</r>", BODY_OK, "<AB&" },
	{ "<r a=\"&lt;b&#10;\"/>", BODY_OK, "|a=<b\n" },
	{ "<r a=\"1&amp;2&#38;3&amp;amp;\"/>", BODY_OK, "|a=1&2&3&amp;" },
	{ "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r>\xe9</r>", BODY_OK, "\xc3\xa9" },
	{ "<!DOCTYPE r><r>a</r>", BODY_OK, "a" },
	{ "<!DOCTYPE r SYSTEM \"file:///etc/passwd\"><r>a</r>", BODY_FORBIDDEN, "" },
	{ "<!DOCTYPE r PUBLIC \"-//x\" \"http://127.0.0.1/x.dtd\"><r>a</r>", BODY_FORBIDDEN, "" },
	{ "<!DOCTYPE r [<!ENTITY x \"y\">]><r>&x;</r>", BODY_FORBIDDEN, "" },
	{ "<!DOCTYPE r [<!ENTITY % x SYSTEM \"file:///etc/passwd\"> %x;]><r/>", BODY_FORBIDDEN,
	    "" },
	{ "<r>a&undeclared;b</r>", BODY_MALFORMED, "a" },
	{ "<r>a", BODY_MALFORMED, "a" },
	{ "<r>a</s>", BODY_MALFORMED, "a" },
	{ "<r/><s/>", BODY_MALFORMED, "" },
	{ "plain", BODY_MALFORMED, "" },
	{ "", BODY_MALFORMED, "" },
};

/* How far libxml2 reads behind a fault depends on its version. */
static bool as_expected(const struct row *row, enum body_result result, const char *text)
{
	size_t compared = row->result == BODY_MALFORMED ? strlen(row->out) : strlen(row->out) + 1;
	return result == row->result && strncmp(text, row->out, compared) == 0;
}

static void text_and_attributes_come_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena arena;
		struct body_xml xml;
		arena_init(&arena, 0);
		enum body_result result =
		    body_xml(slice_of_cstr(rows[i].in), &body_default_limits, &arena, &xml);
		const char *text = render(&xml, &arena);
		if (!as_expected(&rows[i], result, text))
			fail_msg("%s: %s: %s", rows[i].in, body_result_text(result), text);
		arena_release(&arena);
	}
}

static enum body_result parse_with(const struct body_limits *limits, const char *text)
{
	struct arena arena;
	struct body_xml xml;
	arena_init(&arena, 0);
	enum body_result result = body_xml(slice_of_cstr(text), limits, &arena, &xml);
	arena_release(&arena);
	return result;
}

static void limits_hold_at_their_edge(void **state)
{
	(void)state;
	const struct body_limits limits = { .max_args = 2, .max_depth = 3 };
	assert_int_equal(parse_with(&limits, "<a><b><c/></b><b><c/></b></a>"), BODY_OK);
	assert_int_equal(parse_with(&limits, "<a><b><c><d/></c></b></a>"), BODY_TOO_DEEP);
	assert_int_equal(parse_with(&limits, "<a x='1'><b y='2'/></a>"), BODY_OK);
	assert_int_equal(parse_with(&limits, "<a x='1'><b y='2' z='3'/></a>"), BODY_TOO_MANY);
}

/* Twice the bytes of the document: each of Latin-1 becomes two of UTF-8. */
static void text_may_be_longer_than_the_document(void **state)
{
	(void)state;
	enum { LETTERS = 5000 };
	static const char head[] = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r>";
	char text[sizeof(head) + LETTERS + 8];
	struct arena arena;
	struct body_xml xml;
	int len = snprintf(text, sizeof(text), "%s", head);
	memset(text + len, 0xe9, LETTERS);
	memcpy(text + len + LETTERS, "</r>", 5);
	arena_init(&arena, 0);
	assert_int_equal(
	    body_xml(slice_of_cstr(text), &body_default_limits, &arena, &xml), BODY_OK);
	assert_int_equal(xml.text.len, 2 * LETTERS);
	arena_release(&arena);
}

static void want_of_memory_is_told(void **state)
{
	(void)state;
	const char *text = "<r a='1' b='2'>some text<c d='3'/></r>";
	enum body_result result = BODY_NO_MEMORY;
	for (size_t limit = 1; result != BODY_OK && limit < 4000; limit += 16) {
		struct arena arena;
		struct body_xml xml;
		arena_init(&arena, limit);
		result = body_xml(slice_of_cstr(text), &body_default_limits, &arena, &xml);
		assert_true(result == BODY_OK || result == BODY_NO_MEMORY);
		assert_int_equal(result == BODY_NO_MEMORY, arena_failed(&arena));
		arena_release(&arena);
	}
	assert_int_equal(result, BODY_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_attributes_come_out),
		cmocka_unit_test(limits_hold_at_their_edge),
		cmocka_unit_test(text_may_be_longer_than_the_document),
		cmocka_unit_test(want_of_memory_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
