/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/body/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* What was found, in one line: a=v for arguments, @field:file=content, #part:header. */
static const char *render(const struct multipart *m, struct arena *arena)
{
	char *text = arena_dup_cstr(arena, "");
	for (size_t i = 0; i < m->args.count; i++)
		text = arena_printf(arena, "%s%.*s=%.*s|", text, SLICE_ARG(m->args.items[i].name),
		    SLICE_ARG(m->args.items[i].value));
	for (size_t i = 0; i < m->file_count; i++)
		text = arena_printf(arena, "%s@%.*s:%.*s=%.*s|", text, SLICE_ARG(m->files[i].field),
		    SLICE_ARG(m->files[i].filename), SLICE_ARG(m->files[i].content));
	return text;
}

#define TYPE   "multipart/form-data; boundary=B"
#define NAME   "Content-Disposition: form-data; name=\"a\""
#define STRICT MULTIPART_STRICT_ERROR
#define PART   (MULTIPART_STRICT_ERROR | MULTIPART_INVALID_PART)

/* Flags and results as libmodsecurity 3.0.9 gives them; but where it stops, we go on and show what
 * is there. */
static const struct row {
	const char *type, *body;
	enum body_result result;
	unsigned flags;
	const char *out;
} rows[] = {
	{ TYPE,
	    "--B\r\n" NAME
	    "\r\n\r\nv1\r\n--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n"
	    "Content-Type: text/plain\r\n\r\nfile\r\n--B--\r\n",
	    BODY_OK, 0, "a=v1|@f:x.txt=file|" },
	{ TYPE, "--B\r\ncontent-disposition:form-data;name=a\r\n\r\nv\r\n--B--", BODY_OK, 0,
	    "a=v|" },
	{ TYPE, "--B\r\n" NAME "\r\n\r\n\r\n--B--\r\n", BODY_OK, 0, "a=|" },
	{ TYPE, "--B\r\n" NAME "\r\n\r\na\nb\r\n\r\n--B--\r\n", BODY_OK, 0, "a=a\nb\r\n|" },
	{ TYPE, "--B\r\n" NAME "; filename=\"\"\r\n\r\nv\r\n--B--\r\n", BODY_OK, 0, "a=v|" },
	{ TYPE, "--B\r\nContent-Disposition: form-data; name=\"a\\\"b\\\\\"\r\n\r\nv\r\n--B--\r\n",
	    BODY_OK, 0, "a\"b\\=v|" },
	{ TYPE, "--B--\r\n", BODY_OK, 0, "" },
	{ TYPE, "", BODY_OK, 0, "" },
	{ TYPE "; charset=utf-8", "--B\r\n" NAME "\r\n\r\nv\r\n--B--\r\n", BODY_OK, 0, "a=v|" },
	{ "multipart/form-data; boundary=\"B\"", "--B\r\n" NAME "\r\n\r\nv\r\n--B--\r\n", BODY_OK,
	    STRICT | MULTIPART_BOUNDARY_QUOTED, "a=v|" },
	{ "multipart/form-data; boundary= B", "--B\r\n" NAME "\r\n\r\nv\r\n--B--\r\n", BODY_OK,
	    STRICT | MULTIPART_BOUNDARY_WHITESPACE, "a=v|" },
	{ "multipart/form-data boundary=B", "--B\r\n" NAME "\r\n\r\nv\r\n--B--\r\n", BODY_OK,
	    STRICT | MULTIPART_MISSING_SEMICOLON, "a=v|" },
	{ TYPE, "pre\r\n--B\r\n" NAME "\r\n\r\nv\r\n--B--\r\npost\r\n", BODY_OK,
	    STRICT | MULTIPART_DATA_BEFORE | MULTIPART_DATA_AFTER, "a=v|" },
	{ TYPE, "--B\n" NAME "\n\nv\n--B--\n", BODY_OK, STRICT | MULTIPART_LF_LINE, "a=v|" },
	{ TYPE, "--B\r\n" NAME "\r\n\r\nv\n--B--\r\n", BODY_OK,
	    STRICT | MULTIPART_LF_LINE | MULTIPART_CRLF_LF_LINES, "a=v|" },
	{ TYPE, "--B\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\nv\r\n--B--\r\n",
	    BODY_OK, STRICT | MULTIPART_HEADER_FOLDING, "a=v|" },
	{ TYPE, "--B\r\n" NAME "\r\n\vX: y\r\n\r\nv\r\n--B--\r\n", BODY_OK,
	    STRICT | MULTIPART_HEADER_FOLDING | MULTIPART_INVALID_HEADER_FOLDING |
	        MULTIPART_INVALID_PART | MULTIPART_MISSING_SEMICOLON,
	    "a=v|" },
	{ TYPE, "--B\r\nContent-Disposition: form-data; name='a'\r\n\r\nv\r\n--B--\r\n", BODY_OK,
	    STRICT | MULTIPART_INVALID_QUOTING, "a=v|" },
	{ TYPE, "--B\r\nContent-Disposition: form-data; name=\"a\r\n\r\nv\r\n--B--\r\n",
	    BODY_MALFORMED, PART | MULTIPART_INVALID_QUOTING, "a=v|" },
	{ TYPE, "--B\r\nContent-Disposition: form-data name=\"a\"\r\n\r\nv\r\n--B--\r\n",
	    BODY_MALFORMED, PART | MULTIPART_MISSING_SEMICOLON, "a=v|" },
	{ TYPE, "--B\r\n" NAME " filename=\"q\"\r\n\r\nv\r\n--B--\r\n", BODY_MALFORMED,
	    PART | MULTIPART_MISSING_SEMICOLON, "@a:q=v|" },
	{ TYPE, "--B\r\n" NAME "; name=\"b\"\r\n\r\nv\r\n--B--\r\n", BODY_MALFORMED, PART, "a=v|" },
	{ TYPE, "--B\r\n" NAME "; foo=bar\r\n\r\nv\r\n--B--\r\n", BODY_MALFORMED, PART, "a=v|" },
	{ TYPE, "--B\r\n" NAME "; filename*=x%20y\r\n\r\nv\r\n--B--\r\n", BODY_MALFORMED, PART,
	    "@a:x%20y=v|" },
	{ TYPE, "--B\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nv\r\n--B--\r\n",
	    BODY_MALFORMED, PART, "a=v|" },
	{ TYPE, "--B\r\nX: y\r\n\r\nv\r\n--B--\r\n", BODY_MALFORMED, PART, "=v|" },
	{ TYPE, "--B\r\n" NAME "\r\nbroken\r\n\r\nv\r\n--B--\r\n", BODY_MALFORMED, STRICT, "a=v|" },
	{ TYPE, "--B\r\n" NAME "\r\n--B--\r\n", BODY_MALFORMED, PART, "" },
	{ TYPE, "--B\r\n" NAME "\r\n\r\nv\r\n--Bx\r\n--B--\r\n", BODY_MALFORMED,
	    STRICT | MULTIPART_UNMATCHED_BOUNDARY, "a=v\r\n--Bx|" },
	{ TYPE, "--B\r\n" NAME "\r\n\r\nv\r\n--C\r\n--B--\r\n", BODY_OK, 0, "a=v\r\n--C|" },
	{ TYPE, "--B\r\n" NAME "\r\n\r\nv\r\n", BODY_TRUNCATED, STRICT, "a=v\r\n|" },
	{ TYPE, "nope", BODY_MALFORMED, STRICT | MULTIPART_DATA_BEFORE, "" },
	{ "multipart/form-data", "--B\r\n" NAME "\r\n\r\nv\r\n--B--\r\n", BODY_MALFORMED, STRICT,
	    "" },
	{ TYPE "; boundary=C", "--B\r\n" NAME "\r\n\r\nv\r\n--B--\r\n", BODY_MALFORMED, STRICT,
	    "" },
	{ "multipart/form-data; boundary=a<b", "--a<b\r\n", BODY_MALFORMED, STRICT, "" },
};

static void flags_result_and_parts_are_as_in_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena arena;
		struct multipart m;
		arena_init(&arena, 0);
		enum body_result result = body_multipart(slice_of_cstr(rows[i].body),
		    slice_of_cstr(rows[i].type), &body_default_limits, &arena, &m);
		const char *text = render(&m, &arena);
		bool invalid_part = (rows[i].flags & MULTIPART_INVALID_PART) != 0;
		enum body_result wanted =
		    invalid_part && rows[i].result == BODY_OK ? BODY_MALFORMED : rows[i].result;
		if (result != wanted || m.flags != rows[i].flags || strcmp(text, rows[i].out) != 0)
			fail_msg("row %zu: %s, flags %x not %x: %s", i, body_result_text(result),
			    m.flags, rows[i].flags, text);
		arena_release(&arena);
	}
}

static void no_truncation_reads_behind_the_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t len = 0; len < strlen(rows[i].body); len++) {
			struct arena arena;
			struct multipart m;
			char *copy = malloc(len ? len : 1);
			assert_non_null(copy);
			memcpy(copy, rows[i].body, len);
			arena_init(&arena, 0);
			body_multipart(slice_of(copy, len), slice_of_cstr(rows[i].type),
			    &body_default_limits, &arena, &m);
			free(copy);
			arena_release(&arena);
		}
	}
}

static void part_headers_bear_the_name_of_their_part(void **state)
{
	(void)state;
	struct arena arena;
	struct multipart m;
	arena_init(&arena, 0);
	body_multipart(SLICE("--B\r\nX-First: 1\r\n" NAME
	                     "\r\nContent-Type: text/html;\r\n\tcharset=x\r\n\r\nv\r\n--B--"),
	    SLICE(TYPE), &body_default_limits, &arena, &m);
	static const char *const lines[] = { "X-First: 1", NAME,
		"Content-Type: text/html;\tcharset=x" };
	assert_int_equal(m.part_headers.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(slice_eq(m.part_headers.items[i].name, SLICE("a")));
		assert_true(slice_eq(m.part_headers.items[i].value, slice_of_cstr(lines[i])));
	}
	arena_release(&arena);
}

static void limits_hold_at_their_edge(void **state)
{
	(void)state;
	static const struct {
		struct body_limits limits;
		const char *body;
		enum body_result result;
	} cases[] = {
		{ { 2, 1, 1, 2, 60 },
		    "--B\r\n" NAME "\r\n\r\n1\r\n--B\r\n" NAME "\r\n\r\n2\r\n--B--", BODY_OK },
		{ { 1, 1, 1, 2, 60 },
		    "--B\r\n" NAME "\r\n\r\n1\r\n--B\r\n" NAME "\r\n\r\n2\r\n--B--",
		    BODY_TOO_MANY },
		{ { 2, 1, 1, 2, 60 }, "--B\r\n" NAME "\r\nX: y\r\n\r\n1\r\n--B--", BODY_OK },
		{ { 2, 1, 1, 1, 60 }, "--B\r\n" NAME "\r\nX: y\r\n\r\n1\r\n--B--", BODY_TOO_MANY },
		{ { 2, 1, 1, 2, sizeof(NAME) - 1 }, "--B\r\n" NAME "\r\n\r\n1\r\n--B--", BODY_OK },
		{ { 2, 1, 1, 2, sizeof(NAME) - 2 }, "--B\r\n" NAME "\r\n\r\n1\r\n--B--",
		    BODY_TOO_LONG },
		{ { 2, 1, 1, 2, sizeof(NAME) + 2 }, "--B\r\n" NAME "\r\n ;;;\r\n\r\n1\r\n--B--",
		    BODY_TOO_LONG },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena;
		struct multipart m;
		arena_init(&arena, 0);
		enum body_result result = body_multipart(
		    slice_of_cstr(cases[i].body), SLICE(TYPE), &cases[i].limits, &arena, &m);
		if (result != cases[i].result)
			fail_msg("case %zu: %s", i, body_result_text(result));
		assert_int_equal((m.flags & MULTIPART_STRICT_ERROR) != 0, result != BODY_OK);
		arena_release(&arena);
	}
}

static void files_beyond_the_limit_are_flagged(void **state)
{
	(void)state;
	struct body_limits limits = body_default_limits;
	struct arena arena;
	struct multipart m;
	limits.max_args = 1;
	arena_init(&arena, 0);
	assert_int_equal(
	    body_multipart(SLICE("--B\r\n" NAME "; filename=1\r\n\r\nxy\r\n--B\r\n" NAME
	                         "; filename=2\r\n\r\nz\r\n--B--"),
	        SLICE(TYPE), &limits, &arena, &m),
	    BODY_TOO_MANY);
	assert_int_equal(m.file_count, 1);
	assert_int_equal(m.files_combined_bytes, 2);
	assert_true(m.flags & MULTIPART_FILE_LIMIT_EXCEEDED);
	arena_release(&arena);
}

static void flag_names_are_sorted_and_single_bits(void **state)
{
	(void)state;
	size_t count;
	unsigned seen = 0;
	const struct multipart_flag_name *names = multipart_flag_names(&count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(__builtin_popcount(names[i].flag), 1);
		assert_int_equal(seen & names[i].flag, 0);
		seen |= names[i].flag;
		assert_true(i == 0 || strcmp(names[i - 1].name, names[i].name) < 0);
	}
}

static void want_of_memory_is_told(void **state)
{
	(void)state;
	enum body_result result = BODY_NO_MEMORY;
	for (size_t limit = 1; result != BODY_OK && limit < 8000; limit += 16) {
		struct arena arena;
		struct multipart m;
		arena_init(&arena, limit);
		result = body_multipart(
		    slice_of_cstr(rows[0].body), SLICE(TYPE), &body_default_limits, &arena, &m);
		assert_int_equal(result == BODY_NO_MEMORY, arena_failed(&arena));
		arena_release(&arena);
	}
	assert_int_equal(result, BODY_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_result_and_parts_are_as_in_the_table),
		cmocka_unit_test(no_truncation_reads_behind_the_end),
		cmocka_unit_test(part_headers_bear_the_name_of_their_part),
		cmocka_unit_test(limits_hold_at_their_edge),
		cmocka_unit_test(files_beyond_the_limit_are_flagged),
		cmocka_unit_test(flag_names_are_sorted_and_single_bits),
		cmocka_unit_test(want_of_memory_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
