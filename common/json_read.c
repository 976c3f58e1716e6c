/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_read.h"

#include "common/buf.h"
#include "common/file.h"

static struct err_pos position_at(struct slice text, const char *name, size_t offset)
{
	struct err_pos pos = { name, 1, 1 };
	for (size_t i = 0; i < offset && i < text.len; i++) {
		pos.column++;
		if (text.ptr[i] == '\n') {
			pos.line++;
			pos.column = 1;
		}
	}
	return pos;
}

json_t *json_read_text(struct slice text, const char *name, struct err *err)
{
	json_error_t error;
	/* jansson takes no notice of a NUL behind a number; RFC 8259 has no place for one. */
	size_t nul = slice_find_byte(text, '\0');
	if (nul != SIZE_MAX) {
		err_set_at(err, position_at(text, name, nul), "not valid JSON: a NUL byte");
		return NULL;
	}
	json_t *root = json_loadb(
	    text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!root) {
		/* Its columns count characters; its position counts the bytes it has taken. */
		size_t last = error.position > 0 ? (size_t)error.position - 1 : 0;
		err_set_at(err, position_at(text, name, last), "not valid JSON: %s", error.text);
	}
	return root;
}

json_t *json_read_file(const char *path, size_t max_bytes, struct buf *text, struct err *err)
{
	struct buf own;
	json_t *root = NULL;
	buf_init(&own, 0);
	if (!text)
		text = &own;
	buf_reset(text);
	if (file_read(path, max_bytes, text, err))
		root = json_read_text(buf_slice(text), path, err);
	buf_release(&own);
	return root;
}

/*
 * The scanner below runs over a text that jansson has accepted. On any other it answers something,
 * but it ends and never reads past the end: each loop moves forward, up to the end.
 */
struct scan {
	struct slice text;
	size_t at;
};

static char peek(const struct scan *s)
{
	return s->at < s->text.len ? s->text.ptr[s->at] : '\0';
}

static void skip_blanks(struct scan *s)
{
	while (s->at < s->text.len && ascii_is_space(peek(s)))
		s->at++;
}

/* Past the string that begins here; its raw bytes between the quotes. */
static struct slice skip_string(struct scan *s)
{
	size_t from = ++s->at;
	while (s->at < s->text.len && peek(s) != '"')
		s->at += peek(s) == '\\' ? 2 : 1;
	struct slice raw = slice_sub(s->text, from, s->at - from);
	s->at++;
	return raw;
}

/* To the comma or bracket behind a value, by counting brackets: no recursion. */
static void skip_value(struct scan *s)
{
	size_t depth = 0;
	while (s->at < s->text.len) {
		char c = peek(s);
		bool closes = c == '}' || c == ']';
		if (depth == 0 && (closes || c == ','))
			return;
		if (c == '"') {
			skip_string(s);
			continue;
		}
		depth += c == '{' || c == '[';
		depth -= closes;
		s->at++;
	}
}

/* From the start of an object to the value of its member `name`; false: at the object again. */
static bool enter_member(struct scan *s, struct slice name)
{
	size_t start = s->at;
	if (peek(s) != '{')
		return false;
	s->at++;
	for (;;) {
		skip_blanks(s);
		if (peek(s) != '"')
			break;
		struct slice key = skip_string(s);
		skip_blanks(s);
		s->at++; /* the colon */
		skip_blanks(s);
		if (slice_eq(key, name))
			return true;
		skip_value(s);
		if (peek(s) != ',')
			break;
		s->at++;
	}
	s->at = start;
	return false;
}

static bool enter_element(struct scan *s, uint64_t index)
{
	size_t start = s->at;
	if (peek(s) != '[')
		return false;
	s->at++;
	skip_blanks(s);
	while (peek(s) != ']' && s->at < s->text.len) {
		if (index-- == 0)
			return true;
		skip_value(s);
		if (peek(s) != ',')
			break;
		s->at++;
		skip_blanks(s);
	}
	s->at = start;
	return false;
}

/* Takes one step off the path: .name, name, [n] or ["name"]. */
static bool step(struct scan *s, struct slice *path)
{
	struct slice inside;
	uint64_t index;
	if (slice_starts_with(*path, SLICE("[\""))) {
		size_t end = slice_find(*path, SLICE("\"]"));
		if (end == SIZE_MAX)
			return false;
		inside = slice_sub(*path, 2, end - 2);
		*path = slice_from(*path, end + 2);
		return enter_member(s, inside);
	}
	if (slice_starts_with(*path, SLICE("["))) {
		slice_cut(slice_from(*path, 1), ']', &inside, path);
		return slice_to_u64(inside, SIZE_MAX, &index) && enter_element(s, index);
	}
	if (slice_starts_with(*path, SLICE(".")))
		*path = slice_from(*path, 1);
	size_t len = 0;
	while (len < path->len && path->ptr[len] != '.' && path->ptr[len] != '[')
		len++;
	inside = slice_sub(*path, 0, len);
	*path = slice_from(*path, len);
	return enter_member(s, inside);
}

struct err_pos json_locate(struct slice text, const char *name, const char *path)
{
	struct scan s = { text, 0 };
	struct slice rest = slice_of_cstr(path);
	skip_blanks(&s);
	while (rest.len && step(&s, &rest))
		;
	return position_at(text, name, s.at);
}
