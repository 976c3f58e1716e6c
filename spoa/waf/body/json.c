/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 8259 in one pass without a tree: jansson would drop duplicate members, and a value that is
 * dropped is a value that nobody inspects. The nesting stands in an array of its own, not on the
 * stack.
 */
#include "common/utf8.h"
#include "spoa/waf/body/list.h"

#include <stdio.h>

struct level {
	bool is_array;
	size_t path_len; /* of the container itself */
	size_t index;    /* of the next element */
};

struct parser {
	struct slice in;
	size_t at;
	const struct body_limits *limits;
	struct arena *arena;
	struct body_list *out;
	size_t max_pairs;
	struct level *levels;
	unsigned depth;
	char *path; /* max_name_bytes of it */
	size_t path_len;
};

/* ---- text ----------------------------------------------------------------------------------- */

static int peek(const struct parser *p)
{
	return p->at < p->in.len ? (unsigned char)p->in.ptr[p->at] : -1;
}

static void skip_blanks(struct parser *p)
{
	int c;
	while ((c = peek(p)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		p->at++;
}

/* What a missing byte means: the end of the text, or another byte than the grammar wants. */
static enum body_result unexpected(const struct parser *p)
{
	return p->at < p->in.len ? BODY_MALFORMED : BODY_TRUNCATED;
}

static enum body_result append_path(struct parser *p, struct slice part)
{
	if (part.len > p->limits->max_name_bytes - p->path_len)
		return BODY_TOO_LONG;
	if (part.len)
		memcpy(p->path + p->path_len, part.ptr, part.len);
	p->path_len += part.len;
	return BODY_OK;
}

/* ---- strings -------------------------------------------------------------------------------- */

static int hex4(struct slice s, size_t at)
{
	int code = 0;
	if (at > s.len || s.len - at < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int digit = ascii_hex_value(s.ptr[at + i]);
		if (digit < 0)
			return -1;
		code = code * 16 + digit;
	}
	return code;
}

static size_t put_utf8(char *dst, int code)
{
	static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = len; i-- > 1; code >>= 6)
		dst[i] = (char)(0x80 | (code & 0x3f));
	dst[0] = (char)(leads[len] | code);
	return len;
}

/*
 * The \uXXXX at `at` (the backslash), with its other half when it is the first of a surrogate pair;
 * half a pair alone is U+FFFD. Bytes read, or 0 when the digits are missing.
 */
static size_t unicode_escape(struct slice s, size_t at, int *code)
{
	*code = hex4(s, at + 2);
	if (*code < 0)
		return 0;
	if (*code < 0xd800 || *code > 0xdfff)
		return 6;
	bool paired =
	    *code < 0xdc00 && at + 7 < s.len && s.ptr[at + 6] == '\\' && s.ptr[at + 7] == 'u';
	int second = paired ? hex4(s, at + 8) : -1;
	if (second < 0xdc00 || second > 0xdfff) {
		*code = 0xfffd;
		return 6;
	}
	*code = 0x10000 + ((*code - 0xd800) << 10) + (second - 0xdc00);
	return 12;
}

/* One escape at `at` into dst; bytes read, or 0 when it is none. */
static size_t unescape(struct slice s, size_t at, char *dst, size_t *written)
{
	static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	char letter = at + 1 < s.len ? s.ptr[at + 1] : '\0';
	const char *found = letter ? strchr(letters, letter) : NULL;
	if (found) {
		dst[(*written)++] = bytes[found - letters];
		return 2;
	}
	int code;
	size_t taken = letter == 'u' ? unicode_escape(s, at, &code) : 0;
	if (taken)
		*written += put_utf8(dst + *written, code);
	return taken;
}

/* The text between quotes, with its escapes resolved. An escape is never shorter than what it
 * stands for. */
static enum body_result unescape_all(struct slice raw, struct arena *arena, struct slice *out)
{
	char *dst = arena_alloc(arena, raw.len);
	size_t len = 0;
	if (!dst)
		return BODY_NO_MEMORY;
	for (size_t i = 0; i < raw.len;) {
		if (raw.ptr[i] != '\\') {
			dst[len++] = raw.ptr[i++];
			continue;
		}
		size_t taken = unescape(raw, i, dst, &len);
		if (!taken)
			return BODY_MALFORMED;
		i += taken;
	}
	*out = slice_of(dst, len);
	return BODY_OK;
}

/* From the quote at hand to the closing one. Control bytes and broken UTF-8 are not JSON. */
static enum body_result parse_string(struct parser *p, struct slice *out)
{
	size_t from = ++p->at;
	bool escaped = false;
	for (int c; (c = peek(p)) != '"'; p->at++) {
		if (c < 0)
			return BODY_TRUNCATED;
		if (c < 0x20)
			return BODY_MALFORMED;
		if (c == '\\') {
			escaped = true;
			p->at += p->at + 1 < p->in.len;
		}
	}
	*out = slice_sub(p->in, from, p->at++ - from);
	if (!utf8_is_valid(*out))
		return BODY_MALFORMED;
	return escaped ? unescape_all(*out, p->arena, out) : BODY_OK;
}

/* ---- scalars -----------------------------------------------------------------------------------
 */

static size_t skip_digits(struct parser *p)
{
	size_t from = p->at;
	while (peek(p) >= '0' && peek(p) <= '9')
		p->at++;
	return p->at - from;
}

/* RFC 8259 section 6: [ minus ] int [ frac ] [ exp ] */
static enum body_result parse_number(struct parser *p, struct slice *out)
{
	size_t from = p->at;
	p->at += peek(p) == '-';
	bool zero = peek(p) == '0';
	size_t digits = skip_digits(p);
	if (digits == 0)
		return unexpected(p);
	if (zero && digits > 1)
		return BODY_MALFORMED;
	if (peek(p) == '.') {
		p->at++;
		if (skip_digits(p) == 0)
			return unexpected(p);
	}
	if (peek(p) == 'e' || peek(p) == 'E') {
		p->at++;
		p->at += peek(p) == '+' || peek(p) == '-';
		if (skip_digits(p) == 0)
			return unexpected(p);
	}
	*out = slice_sub(p->in, from, p->at - from);
	return BODY_OK;
}

static enum body_result parse_literal(struct parser *p, struct slice *out)
{
	static const struct slice literals[] = { SLICE_INIT("true"), SLICE_INIT("false"),
		SLICE_INIT("null") };
	struct slice rest = slice_from(p->in, p->at);
	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		if (!slice_starts_with(rest, literals[i]))
			continue;
		p->at += literals[i].len;
		*out = literals[i].ptr[0] == 'n' ? slice_sub(rest, 0, 0)
		                                 : slice_sub(rest, 0, literals[i].len);
		return BODY_OK;
	}
	return unexpected(p);
}

/* A scalar under the path as it is now. */
static enum body_result parse_scalar(struct parser *p)
{
	struct slice value = { NULL, 0 };
	int c = peek(p);
	bool numeric = c == '-' || (c >= '0' && c <= '9');
	enum body_result result = c == '"'  ? parse_string(p, &value)
	                          : numeric ? parse_number(p, &value)
	                                    : parse_literal(p, &value);
	if (result != BODY_OK)
		return result;
	struct slice name = arena_dup(p->arena, slice_of(p->path, p->path_len));
	if (!name.ptr)
		return BODY_NO_MEMORY;
	return body_list_add(p->out, name, value, p->max_pairs, p->arena);
}

/* ---- structure ----------------------------------------------------------------------------------
 */

static enum body_result open_container(struct parser *p)
{
	if (p->depth == p->limits->max_depth)
		return BODY_TOO_DEEP;
	p->levels[p->depth++] =
	    (struct level){ .is_array = peek(p) == '[', .path_len = p->path_len };
	p->at++;
	return BODY_OK;
}

/* Puts the name of the next member or element behind the container's path. */
static enum body_result enter_element(struct parser *p, struct level *level)
{
	char text[32];
	int len = snprintf(text, sizeof(text), ".array_%zu", level->index++);
	return append_path(p, slice_of(text, (size_t)len));
}

static enum body_result enter_member(struct parser *p)
{
	struct slice key = { NULL, 0 };
	if (peek(p) != '"')
		return unexpected(p);
	enum body_result result = parse_string(p, &key);
	if (result == BODY_OK)
		result = append_path(p, SLICE("."));
	if (result == BODY_OK)
		result = append_path(p, key);
	if (result != BODY_OK)
		return result;
	skip_blanks(p);
	if (peek(p) != ':')
		return unexpected(p);
	p->at++;
	return BODY_OK;
}

/* After a value, or right behind an opening bracket: closes, or goes on to the next value's place.
 */
static enum body_result next_value(struct parser *p, bool first, bool *closed)
{
	struct level *level = &p->levels[p->depth - 1];
	p->path_len = level->path_len;
	skip_blanks(p);
	*closed = peek(p) == (level->is_array ? ']' : '}');
	if (*closed) {
		p->at++;
		p->depth--;
		return BODY_OK;
	}
	if (!first) {
		if (peek(p) != ',')
			return unexpected(p);
		p->at++;
		skip_blanks(p);
	}
	return level->is_array ? enter_element(p, level) : enter_member(p);
}

static enum body_result parse(struct parser *p)
{
	bool at_value = true, opened = false;
	do {
		enum body_result result = BODY_OK;
		skip_blanks(p);
		if (!at_value) {
			bool closed;
			result = next_value(p, opened, &closed);
			at_value = !closed;
			opened = false;
		} else if (peek(p) == '{' || peek(p) == '[') {
			result = open_container(p);
			opened = true;
			at_value = false;
		} else {
			result = parse_scalar(p);
			at_value = false;
		}
		if (result != BODY_OK)
			return result;
	} while (at_value || p->depth);
	skip_blanks(p);
	return p->at == p->in.len ? BODY_OK : BODY_MALFORMED;
}

enum body_result body_json(
    struct slice in, const struct body_limits *limits, struct arena *arena, struct body_list *out)
{
	struct parser p = { .in = in, .limits = limits, .arena = arena, .out = out };
	p.max_pairs = out->count + limits->max_args;
	p.levels = arena_array(arena, struct level, limits->max_depth);
	p.path = arena_alloc(arena, limits->max_name_bytes);
	if (!p.levels || !p.path)
		return BODY_NO_MEMORY;
	enum body_result result = append_path(&p, SLICE("json"));
	return result == BODY_OK ? parse(&p) : result;
}
