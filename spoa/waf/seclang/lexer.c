/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/seclang/lexer.h"

enum { WORDS_MAX = 64 };

void lexer_init(struct lexer *lexer, struct slice text, const char *file, struct arena *arena,
    struct err_list *errors)
{
	*lexer = (struct lexer){
		.text = text,
		.pos = { file, 1, 1 },
		.arena = arena,
		.errors = errors,
	};
}

/* The length of a line end at s[at], or 0. */
static size_t newline_length(struct slice s, size_t at)
{
	if (at < s.len && s.ptr[at] == '\n')
		return 1;
	return at + 1 < s.len && s.ptr[at] == '\r' && s.ptr[at + 1] == '\n' ? 2 : 0;
}

/* The length of a backslash with the line end behind it, or 0. */
static size_t join_length(struct slice s, size_t at)
{
	if (at >= s.len || s.ptr[at] != '\\')
		return 0;
	size_t newline = newline_length(s, at + 1);
	return newline ? newline + 1 : 0;
}

static void advance(struct lexer *lexer, size_t count)
{
	for (; count > 0; count--) {
		bool newline = lexer->text.ptr[lexer->at++] == '\n';
		lexer->pos.line += newline;
		lexer->pos.column = newline ? 1 : lexer->pos.column + 1;
	}
}

static char peek(const struct lexer *lexer)
{
	return lexer->at < lexer->text.len ? lexer->text.ptr[lexer->at] : '\n';
}

static bool at_line_end(const struct lexer *lexer)
{
	return lexer->at >= lexer->text.len || newline_length(lexer->text, lexer->at) > 0;
}

static void skip_blanks(struct lexer *lexer)
{
	for (;;) {
		size_t join = join_length(lexer->text, lexer->at);
		if (join)
			advance(lexer, join);
		else if (!at_line_end(lexer) && ascii_is_space(peek(lexer)))
			advance(lexer, 1);
		else
			return;
	}
}

/* To the end of the physical line: a comment does not go on behind a backslash. */
static void skip_comment(struct lexer *lexer)
{
	while (!at_line_end(lexer))
		advance(lexer, 1);
}

/* To the end of the logical line, after an error in it. */
static void skip_line(struct lexer *lexer)
{
	while (!at_line_end(lexer)) {
		size_t join = join_length(lexer->text, lexer->at);
		advance(lexer, join ? join : 1);
	}
}

/* Appends a byte of the word being read; the word's room was reserved by word_begin(). */
static void word_byte(struct lexer *lexer, char *dst, size_t *len)
{
	dst[(*len)++] = peek(lexer);
	advance(lexer, 1);
}

static bool read_plain(struct lexer *lexer, char *dst, size_t *len)
{
	while (!at_line_end(lexer)) {
		size_t join = join_length(lexer->text, lexer->at);
		if (join)
			advance(lexer, join);
		else if (ascii_is_space(peek(lexer)))
			break;
		else
			word_byte(lexer, dst, len);
	}
	return true;
}

static bool read_quoted(struct lexer *lexer, char quote, char *dst, size_t *len)
{
	while (!at_line_end(lexer)) {
		size_t join = join_length(lexer->text, lexer->at);
		if (join) {
			advance(lexer, join);
		} else if (peek(lexer) == quote) {
			advance(lexer, 1);
			return true;
		} else if (peek(lexer) == '\\') {
			advance(lexer, 1);
			if (peek(lexer) != quote || at_line_end(lexer))
				dst[(*len)++] = '\\';
			if (!at_line_end(lexer))
				word_byte(lexer, dst, len);
		} else {
			word_byte(lexer, dst, len);
		}
	}
	return false;
}

/* A word is no longer than what it is read from: the rest of its logical line. */
static size_t line_room(const struct lexer *lexer)
{
	size_t at = lexer->at;
	while (at < lexer->text.len && !newline_length(lexer->text, at)) {
		size_t join = join_length(lexer->text, at);
		at += join ? join : 1;
	}
	return at - lexer->at + 1;
}

static bool read_word(struct lexer *lexer, struct sec_word *word, char *dst, size_t *used)
{
	struct err_pos start = lexer->pos;
	char quote = peek(lexer) == '"' || peek(lexer) == '\'' ? peek(lexer) : 0;
	if (quote)
		advance(lexer, 1);
	*word = (struct sec_word){
		.raw = slice_from(lexer->text, lexer->at), .pos = lexer->pos, .quote = quote
	};
	char *text = dst + *used;
	size_t len = 0;
	if (!(quote ? read_quoted(lexer, quote, text, &len) : read_plain(lexer, text, &len)))
		return err_list_add(
		    lexer->errors, start, "the quoted text that begins here does not end");
	if (quote && !at_line_end(lexer) && !ascii_is_space(peek(lexer)) &&
	    !join_length(lexer->text, lexer->at))
		return err_list_add(lexer->errors, lexer->pos, "no blank behind a closing quote");
	word->text = slice_of(text, len);
	*used += len;
	return true;
}

static bool read_line(struct lexer *lexer, struct sec_line *out)
{
	struct sec_word words[WORDS_MAX];
	size_t used = 0;
	char *text = arena_alloc(lexer->arena, line_room(lexer));
	if (!text)
		return err_list_add(lexer->errors, lexer->pos, "out of memory");
	out->count = 0;
	for (skip_blanks(lexer); !at_line_end(lexer); skip_blanks(lexer)) {
		if (out->count == WORDS_MAX)
			return err_list_add(lexer->errors, lexer->pos,
			    "more than %d words in a directive", WORDS_MAX);
		if (!read_word(lexer, &words[out->count++], text, &used))
			return false;
	}
	out->words = arena_array(lexer->arena, struct sec_word, out->count);
	if (!out->words)
		return err_list_add(lexer->errors, lexer->pos, "out of memory");
	memcpy(out->words, words, out->count * sizeof *words);
	return true;
}

bool lexer_next(struct lexer *lexer, struct sec_line *out)
{
	while (lexer->at < lexer->text.len) {
		skip_blanks(lexer);
		if (lexer->at >= lexer->text.len)
			break;
		if (at_line_end(lexer))
			advance(lexer, newline_length(lexer->text, lexer->at));
		else if (peek(lexer) == '#')
			skip_comment(lexer);
		else if (read_line(lexer, out))
			return true;
		else
			skip_line(lexer);
	}
	return false;
}

/*
 * Reads the word again, counting. Positions inside words are wanted for errors alone, so a map kept
 * with each word would be paid for by every rule and used by none.
 */
struct err_pos sec_word_pos(const struct sec_word *word, size_t offset)
{
	struct err_pos pos = word->pos;
	size_t at = 0, join;
	for (size_t seen = 0;; seen++) {
		while ((join = join_length(word->raw, at)) > 0) {
			at += join;
			pos.line++;
			pos.column = 1;
		}
		if (seen >= offset || seen >= word->text.len || at >= word->raw.len)
			return pos;
		bool escape = word->quote && word->raw.ptr[at] == '\\' && at + 1 < word->raw.len &&
		              word->raw.ptr[at + 1] == word->quote;
		at += escape ? 2 : 1;
		pos.column += escape ? 2 : 1;
	}
}
