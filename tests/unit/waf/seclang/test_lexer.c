/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/seclang/lexer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
	struct arena arena;
	struct err_list errors;
	struct lexer lexer;
};

static void open_text(struct fixture *f, const char *text)
{
	arena_init(&f->arena, 0);
	err_list_init(&f->errors, 0);
	lexer_init(&f->lexer, slice_of_cstr(text), "a.conf", &f->arena, &f->errors);
}

static void close_text(struct fixture *f)
{
	err_list_release(&f->errors);
	arena_release(&f->arena);
}

/* All words of a text, each in brackets, directives apart by a newline. */
static void render(const char *text, char *dst, size_t size)
{
	struct fixture f;
	struct sec_line line;
	size_t len = 0;
	dst[0] = '\0';
	open_text(&f, text);
	while (lexer_next(&f.lexer, &line)) {
		for (size_t i = 0; i < line.count; i++)
			len += (size_t)snprintf(
			    dst + len, size - len, "[%.*s]", SLICE_ARG(line.words[i].text));
		len += (size_t)snprintf(dst + len, size - len, "\n");
	}
	close_text(&f);
}

static void words_are_split_unquoted_and_joined(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", "" },
		{ "\n\n  \t\n", "" },
		{ "SecMarker END", "[SecMarker][END]\n" },
		{ "# comment\nSecMarker a\n  # more\nSecMarker b\n",
		    "[SecMarker][a]\n[SecMarker][b]\n" },
		{ "SecRule ARGS \"@rx a b\" 'id:1'", "[SecRule][ARGS][@rx a b][id:1]\n" },
		{ "SecRule A \"say \\\"hi\\\"\"", "[SecRule][A][say \"hi\"]\n" },
		{ "SecRule A \"\\d\\\\x\"", "[SecRule][A][\\d\\\\x]\n" },
		{ "SecRule A \\\n  \"id:1,\\\n  pass\"\n", "[SecRule][A][id:1,  pass]\n" },
		{ "SecRule A \\\r\n B\r\nC\r\n", "[SecRule][A][B]\n[C]\n" },
		{ "# comment \\\nSecMarker a", "[SecMarker][a]\n" },
		{ "A \"\"", "[A][]\n" },
		{ "A 'it''s'", "" },
	};
	char words[256];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		render(rows[i].text, words, sizeof words);
		assert_string_equal(words, rows[i].words);
	}
}

static void errors_carry_their_position(void **state)
{
	static const struct {
		const char *text;
		unsigned line, column;
		const char *error;
	} rows[] = {
		{ "\nA \"open", 2, 3, "the quoted text that begins here does not end" },
		{ "A \\\n  'open\nB", 2, 3, "the quoted text that begins here does not end" },
		{ "A \"x\"y", 1, 6, "no blank behind a closing quote" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture f;
		struct sec_line line;
		open_text(&f, rows[i].text);
		while (lexer_next(&f.lexer, &line))
			;
		assert_int_equal(f.errors.count, 1);
		assert_string_equal(f.errors.items[0].text, rows[i].error);
		assert_int_equal(f.errors.items[0].line, rows[i].line);
		assert_int_equal(f.errors.items[0].column, rows[i].column);
		close_text(&f);
	}
}

static void a_line_with_an_error_does_not_hide_the_next(void **state)
{
	struct fixture f;
	struct sec_line line;
	(void)state;
	open_text(&f, "A \"x\"y \\\n more\nSecMarker ok\n");
	assert_true(lexer_next(&f.lexer, &line));
	assert_true(slice_eq(line.words[1].text, SLICE("ok")));
	assert_int_equal(f.errors.count, 1);
	close_text(&f);
}

static void positions_inside_words_follow_joined_lines_and_escapes(void **state)
{
	struct fixture f;
	struct sec_line line;
	(void)state;
	open_text(&f, "A \"a\\\"b,\\\n  c\"");
	assert_true(lexer_next(&f.lexer, &line));
	const struct sec_word *word = &line.words[1];
	assert_true(slice_eq(word->text, SLICE("a\"b,  c")));
	static const struct {
		size_t offset;
		unsigned line, column;
	} rows[] = { { 0, 1, 4 }, { 1, 1, 5 }, { 2, 1, 7 }, { 3, 1, 8 }, { 4, 2, 1 }, { 6, 2, 3 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err_pos pos = sec_word_pos(word, rows[i].offset);
		assert_int_equal(pos.line, rows[i].line);
		assert_int_equal(pos.column, rows[i].column);
	}
	close_text(&f);
}

static void every_truncation_ends(void **state)
{
	static const char text[] =
	    "SecRule ARGS \"@rx \\\"a\" \\\n  \"id:1,msg:'x'\"\r\n# c\nSecMarker e\n";
	char cut[sizeof text];
	char words[512];
	(void)state;
	for (size_t len = 0; len < sizeof text; len++) {
		memcpy(cut, text, len);
		cut[len] = '\0';
		render(cut, words, sizeof words);
	}
	assert_string_equal(words, "[SecRule][ARGS][@rx \"a][id:1,msg:'x']\n[SecMarker][e]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split_unquoted_and_joined),
		cmocka_unit_test(errors_carry_their_position),
		cmocka_unit_test(a_line_with_an_error_does_not_hide_the_next),
		cmocka_unit_test(positions_inside_words_follow_joined_lines_and_escapes),
		cmocka_unit_test(every_truncation_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
