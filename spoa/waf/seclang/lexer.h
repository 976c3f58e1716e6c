/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * lexer: a rule file as directives made of words.
 *
 *     file      = *( blank line | comment | directive )
 *     comment   = *blank "#" rest of the line
 *     directive = word *( blanks word ) newline
 *     word      = 1*nonblank | <"> *char <"> | "'" *char "'"
 *
 * A backslash at the end of a line joins the next line to it; both disappear. In a quoted word a
 * backslash keeps the byte behind it from ending the word, and disappears only before that quote.
 */
#include "common/arena.h"
#include "common/err.h"

struct sec_word {
	struct slice text;  /* without quotes, lines joined */
	struct slice raw;   /* the rest of the file, from where the text begins */
	struct err_pos pos; /* of raw */
	char quote;         /* 0, '"' or '\'' */
};

struct sec_line {
	struct sec_word *words; /* words[0] is the directive's name */
	size_t count;
};

struct lexer {
	struct slice text;
	size_t at;
	struct err_pos pos;
	struct arena *arena; /* words live here */
	struct err_list *errors;
};

/* `file` must outlive every position handed out. */
void lexer_init(struct lexer *lexer, struct slice text, const char *file, struct arena *arena,
    struct err_list *errors);

/* The next directive; false at the end of the file. One with an error is reported and left out. */
bool lexer_next(struct lexer *lexer, struct sec_line *out);

/* Where byte `offset` of word->text stands in the file. */
struct err_pos sec_word_pos(const struct sec_word *word, size_t offset);
