/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/transforms/transform.h"

#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct row {
	const char *name;
	struct slice in, out;
};

#define ROW(name, in, out)                                                                         \
	{                                                                                          \
		name, SLICE_INIT(in), SLICE_INIT(out)                                              \
	}

/* Vectors written from the reference manual's text, and checked against libmodsecurity 3.0.9. */
// clang-format off
static const struct row rows[] = {
	ROW("none", "aB", "aB"),
	ROW("lowercase", "aBZ\xc3\x89[", "abz\xc3\x89["),
	ROW("uppercase", "abz{", "ABZ{"),
	ROW("trim", " \t a b\r\n ", "a b"),
	ROW("trimLeft", " \ta ", "a "),
	ROW("trimRight", " a\v\f ", " a"),
	ROW("trim", " \n ", ""),
	ROW("removeNulls", "\0a\0b\0", "ab"),
	ROW("replaceNulls", "\0a\0b", " a b"),
	ROW("removeWhitespace", " a\tb\nc\xa0" "d\v", "abcd"),
	ROW("compressWhitespace", "a \t\r\n b\xa0\xa0" "c ", "a b c "),

	ROW("replaceComments", "UNION/**/SELECT/* x", "UNION SELECT "),
	ROW("replaceComments", "/a*/b", "/a*/b"),
	ROW("replaceComments", "/*/x*/y", " y"),
	ROW("removeComments", "a/*b*/c", "ac"),
	ROW("removeComments", "a<!--b-->c", "ac"),
	ROW("removeComments", "a--b", "a"),
	ROW("removeComments", "a#b", "a"),
	ROW("removeComments", "a/*b", "a "),
	ROW("removeCommentsChar", "/*a*/b<!--c-->d--e#f", "abcdef"),
	ROW("removeCommentsChar", "a/b*c-d<e", "a/b*c-d<e"),
	ROW("cmdLine", "C^OMMAND /C", "command/c"),
	ROW("cmdLine", "\"command\" /C", "command/c"),
	ROW("cmdLine", "command,/C", "command/c"),
	ROW("cmdLine", "c\\m\\d  ;,\t'x' (y", "cmd x(y"),
	ROW("cmdLine", "a ' /b", "a/b"),

	ROW("urlDecode", "a+b%41%7a", "a bAz"),
	ROW("urlDecode", "%zz%4%", "%zz%4%"),
	ROW("urlDecode", "%u0041", "%u0041"),
	ROW("urlDecodeUni", "%u0041+%41%U0042", "A AB"),
	ROW("urlDecodeUni", "%uff1cscript%uff1e", "<script>"),
	ROW("urlDecodeUni", "%u2039", "9"),
	ROW("urlDecodeUni", "%u00", "%u00"),
	ROW("urlDecodeUni", "%u00g0%4", "%u00g0%4"),
	ROW("urlDecodeUni", "%2541", "%41"),
	ROW("urlEncode", "a b*c/~\xff", "a+b*c%2f%7e%ff"),

	ROW("htmlEntityDecode", "&lt;&GT;&quot;&amp;&nbsp;", "<>\"&\xa0"),
	ROW("htmlEntityDecode", "&#60&#x3c;&#X3C;&#0060;", "<<<<"),
	ROW("htmlEntityDecode", "&ltx;&;&#;&#x;&unknown;", "&ltx;&;&#;&#x;&unknown;"),
	ROW("htmlEntityDecode", "&lt", "<"),
	ROW("htmlEntityDecode", "&#99999999999999999999;", "\xff"),
	ROW("jsDecode", "\\x41\\u0042\\103\\n\\q\\\\", "ABC\nq\\"),
	ROW("jsDecode", "\\uff1c\\x4\\u004", "<x4u004"),
	ROW("jsDecode", "\\400\\8\\", " 08\\"),
	ROW("cssDecode", "\\41 b\\000042\\\n\\zc\\", "AbBzc"),
	ROW("cssDecode", "ja\\76 ascript", "javascript"),
	ROW("cssDecode", "\\ff1c", "<"),
	ROW("escapeSeqDecode", "\\a\\x41\\101\\?\\'\\\"\\q\\", "\aAA?'\"q\\"),
	ROW("escapeSeqDecode", "\\xg\\8", "xg8"),
	ROW("utf8toUnicode", "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "a%u00e9%u20ac%u1f600"),
	ROW("utf8toUnicode", "\xc0\xaf\xff\xe2\x82", "\xc0\xaf\xff\xe2\x82"),

	ROW("normalizePath", "/a/./b//c/../d", "/a/b/d"),
	ROW("normalizePath", "/../../etc/passwd", "/etc/passwd"),
	ROW("normalizePath", "../../a/../b", "../../b"),
	ROW("normalizePath", "/a/b/..", "/a/"),
	ROW("normalizePath", "/a/.", "/a/"),
	ROW("normalizePath", "a\\..\\b", "a\\..\\b"),
	ROW("normalizePath", "/a.../..b/.c", "/a.../..b/.c"),
	ROW("normalisePath", "a//b", "a/b"),
	ROW("normalizePathWin", "c:\\a\\..\\b\\.\\d", "c:/b/d"),
	ROW("normalisePathWin", "a\\b", "a/b"),

	ROW("length", "", "0"),
	ROW("length", "1", "1"),
	ROW("length", "abcdefghijkl", "12"),
	ROW("base64Decode", "QUJD", "ABC"),
	ROW("base64Decode", "QUI=", "AB"),
	ROW("base64Decode", "QUI", "AB"),
	ROW("base64Decode", "QUJD!QUJD", "ABC"),
	ROW("base64DecodeExt", "Q.U\nJ D!Q=UJD", "ABCABC"),
	ROW("base64Encode", "ABC", "QUJD"),
	ROW("base64Encode", "A", "QQ=="),
	ROW("base64Encode", "AB", "QUI="),
	ROW("hexDecode", "4142fF", "AB\xff"),
	ROW("hexDecode", "414", "A"),
	ROW("hexEncode", "AB\xff", "4142ff"),
	ROW("sqlHexDecode", "x=0x414243 or 0X41", "x=ABC or A"),
	ROW("sqlHexDecode", "0xg0x", "0xg0x"),
	ROW("sqlHexDecode", "0x414", "A4"),
	ROW("md5", "abc", "\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72"),
	ROW("sha1", "abc", "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d"),
	ROW("parityEven7bit", "ab\xff", "\xe1\xe2\xff"),
	ROW("parityOdd7bit", "ab\x7f", "ab\x7f"),
	ROW("parityZero7bit", "a\xe1", "aa"),
};
// clang-format on

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static struct slice run(const char *name, struct slice in, struct arena *arena)
{
	const struct transform *t = transform_find(slice_of_cstr(name));
	assert_non_null(t);
	return t->apply(in, NULL, arena);
}

static void each_row_gives_its_result(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 0);
	for (size_t i = 0; i < ROWS; i++) {
		struct slice got = run(rows[i].name, rows[i].in, &arena);
		if (!slice_eq(got, rows[i].out))
			fail_msg("row %zu, %s: got '%.*s'", i, rows[i].name, SLICE_ARG(got));
	}
	arena_release(&arena);
}

/* An input of exactly its size on the heap, so that a sanitizer sees a read beside it. */
static struct slice exact_copy(struct slice s)
{
	char *copy = malloc(s.len ? s.len : 1);
	assert_non_null(copy);
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	return slice_of(copy, s.len);
}

/* Every transformation, on every prefix of every input of the table. */
static void result_is_bounded_and_unchanged_input_is_returned_itself(void **state)
{
	(void)state;
	struct arena arena;
	size_t count;
	const struct transform *table = transform_table(&count);
	arena_init(&arena, 0);
	for (size_t t = 0; t < count; t++) {
		for (size_t i = 0; i < ROWS; i++) {
			for (size_t len = 0; len <= rows[i].in.len; len++) {
				struct slice in = exact_copy(slice_sub(rows[i].in, 0, len));
				struct slice out = table[t].apply(in, NULL, &arena);
				assert_true(out.len <= table[t].max_growth * in.len + 40);
				if (slice_eq(in, out) && in.len)
					assert_ptr_equal(in.ptr, out.ptr);
				free((void *)(uintptr_t)in.ptr);
				arena_reset(&arena);
			}
		}
	}
	arena_release(&arena);
}

static void input_without_its_bytes_is_never_changed(void **state)
{
	(void)state;
	struct arena arena;
	size_t count;
	const struct transform *table = transform_table(&count);
	arena_init(&arena, 0);
	for (size_t t = 0; t < count; t++) {
		char others[2 * 256];
		size_t len = 0;
		if (table[t].always)
			continue;
		for (unsigned byte = 0; byte < 256; byte++) {
			if (byteset_has(&table[t].only_if, (unsigned char)byte))
				continue;
			others[len++] = (char)byte;
			others[len++] = (char)byte;
		}
		struct slice in = slice_of(others, len);
		assert_ptr_equal(table[t].apply(in, NULL, &arena).ptr, others);
		struct byteset bytes = byteset_of(in);
		assert_false(byteset_intersects(&bytes, &table[t].only_if));
	}
	arena_release(&arena);
}

static void table_is_sorted_and_names_ignore_case(void **state)
{
	(void)state;
	size_t count;
	const struct transform *table = transform_table(&count);
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(transform_find(slice_of_cstr(table[i].name)), &table[i]);
		assert_ptr_equal(transform_find(slice_of_cstr(table[i].manual)), &table[i]);
		assert_true(i == 0 || strcmp(table[i - 1].name, table[i].name) < 0);
	}
	assert_null(transform_find(SLICE("lowercas")));
	assert_null(transform_find(SLICE("lowercaseanythingmuchtoolongforaname")));
	assert_null(transform_find(SLICE("")));
}

static void want_of_memory_returns_the_input_and_sets_the_flag(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct arena arena;
		arena_init(&arena, 1);
		struct slice in = rows[i].in;
		struct slice out = run(rows[i].name, in, &arena);
		/* Trimming needs no memory. */
		if (arena_failed(&arena))
			assert_ptr_equal(out.ptr, in.ptr);
		arena_release(&arena);
	}
}

/* ---- unicode maps ------------------------------------------------------------------------------
 */

static const char map_text[] = "# comment\n\n"
                               "1250 (ANSI - Central Europe)\n00a1:21 00a2:63\n"
                               "20127 (US-ASCII)\n00e9:65 2039:3c 203a:3e\n";

static const struct unicode_map *load(
    const char *text, unsigned page, struct arena *arena, struct err *err)
{
	char path[] = "/tmp/unicode-map-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	const struct unicode_map *map = unicode_map_load(path, page, arena, err);
	unlink(path);
	return map;
}

static void mapped_code_points_become_their_byte(void **state)
{
	(void)state;
	struct arena arena;
	struct err err = { 0 };
	arena_init(&arena, 0);
	struct transform_env env = { load(map_text, 20127, &arena, &err) };
	assert_non_null(env.unicode_map);
	const struct transform *t = transform_find(SLICE("urlDecodeUni"));
	struct slice out = t->apply(SLICE("%u2039%u203A%u00e9%u0142%uff41"), &env, &arena);
	assert_true(slice_eq(out, SLICE("<>eBa")));
	arena_release(&arena);
}

static void broken_maps_are_refused_with_their_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *error;
		unsigned page, line;
	} cases[] = {
		{ map_text, "no code page 437 in this map", 437, 0 },
		{ "20127 (x)\n00e9:65 00ea:6\n", "'00ea:6' is not a mapping like 00e4:61", 20127,
		    2 },
		{ "20127 (x)\n", "no code page 20127 in this map", 20127, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena;
		struct err err = { 0 };
		arena_init(&arena, 0);
		assert_null(load(cases[i].text, cases[i].page, &arena, &err));
		assert_string_equal(err.text, cases[i].error);
		assert_int_equal(err.line, cases[i].line);
		arena_release(&arena);
	}
}

static void loading_a_map_survives_each_failing_allocation(void **state)
{
	(void)state;
	for (long n = 1; n < 100; n++) {
		struct arena arena;
		struct err err = { 0 };
		arena_init(&arena, 0);
		fail_alloc_at(n);
		const struct unicode_map *map = load(map_text, 20127, &arena, &err);
		bool failed = fail_alloc_happened();
		fail_alloc_off();
		assert_true(map != NULL || err_is_set(&err));
		arena_release(&arena);
		if (!failed)
			return;
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_gives_its_result),
		cmocka_unit_test(result_is_bounded_and_unchanged_input_is_returned_itself),
		cmocka_unit_test(input_without_its_bytes_is_never_changed),
		cmocka_unit_test(table_is_sorted_and_names_ignore_case),
		cmocka_unit_test(want_of_memory_returns_the_input_and_sets_the_flag),
		cmocka_unit_test(mapped_code_points_become_their_byte),
		cmocka_unit_test(broken_maps_are_refused_with_their_line),
		cmocka_unit_test(loading_a_map_survives_each_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
