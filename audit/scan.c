/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/scan.h"

#include "common/utf8.h"

/* A failed step leaves `why`; the first one wins. At the end of the text next() gives NUL for ever.
 */
struct scan {
	const char *at, *end;
	const char *why;
};

static char next(const struct scan *s)
{
	return s->at < s->end ? *s->at : '\0';
}

static bool fail(struct scan *s, const char *why)
{
	if (!s->why)
		s->why = why;
	return false;
}

static void skip_blanks(struct scan *s)
{
	while (
	    s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool take(struct scan *s, char c)
{
	if (next(s) != c || s->at == s->end)
		return false;
	s->at++;
	return true;
}

static bool take_hex4(struct scan *s)
{
	for (int i = 0; i < 4; i++, s->at++)
		if (s->at == s->end || ascii_hex_value(*s->at) < 0)
			return false;
	return true;
}

static bool take_escape(struct scan *s)
{
	char c = next(s);
	if (s->at == s->end || !strchr("\"\\/bfnrtu", c) || c == '\0')
		return fail(s, "bad escape in a string");
	s->at++;
	return c != 'u' || take_hex4(s) || fail(s, "bad escape in a string");
}

/* Bytes of a string that need no second look. */
static bool is_plain(char c)
{
	unsigned char byte = (unsigned char)c;
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

static bool take_wide(struct scan *s)
{
	size_t len = utf8_sequence_len(slice_of(s->at, (size_t)(s->end - s->at)));
	if (len < 2)
		return fail(s, len ? "control byte in a string" : "bytes that are no UTF-8");
	s->at += len;
	return true;
}

/* *raw becomes what stands between the quotes. */
static bool take_string(struct scan *s, struct slice *raw)
{
	if (!take(s, '"'))
		return fail(s, "a string is missing");
	const char *from = s->at;
	for (;;) {
		while (s->at < s->end && is_plain(*s->at))
			s->at++;
		if (s->at == s->end)
			return fail(s, "a string does not end");
		if (*s->at == '"')
			break;
		if (*s->at == '\\') {
			s->at++;
			if (!take_escape(s))
				return false;
		} else if (!take_wide(s)) {
			return false;
		}
	}
	*raw = slice_of(from, (size_t)(s->at - from));
	s->at++;
	return true;
}

static bool take_digits(struct scan *s)
{
	const char *from = s->at;
	while (s->at < s->end && ascii_is_digit(*s->at))
		s->at++;
	return s->at > from;
}

static bool take_number(struct scan *s)
{
	take(s, '-');
	if (!take(s, '0') && !take_digits(s))
		return fail(s, "not a JSON value");
	if (take(s, '.') && !take_digits(s))
		return fail(s, "bad number");
	if (next(s) == 'e' || next(s) == 'E') {
		s->at++;
		if (!take(s, '+'))
			take(s, '-');
		if (!take_digits(s))
			return fail(s, "bad number");
	}
	return true;
}

static bool take_word(struct scan *s)
{
	static const struct slice words[] = { SLICE_INIT("true"), SLICE_INIT("false"),
		SLICE_INIT("null") };
	struct slice rest = slice_of(s->at, (size_t)(s->end - s->at));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_starts_with(rest, words[i])) {
			s->at += words[i].len;
			return true;
		}
	return fail(s, "not a JSON value");
}

static bool take_scalar(struct scan *s)
{
	struct slice ignored;
	char c = next(s);
	if (c == '"')
		return take_string(s, &ignored);
	return c == '-' || ascii_is_digit(c) ? take_number(s) : take_word(s);
}

/* Nesting without recursion: the closing bracket each level waits for. */
struct nest {
	char closing[SCAN_DEPTH_MAX];
	size_t depth;
};

/* In an object the name and colon before a value. */
static bool take_name(struct scan *s)
{
	struct slice ignored;
	skip_blanks(s);
	if (!take_string(s, &ignored))
		return false;
	skip_blanks(s);
	if (!take(s, ':'))
		return fail(s, "a colon is missing");
	skip_blanks(s);
	return true;
}

/* Opens an array or object. *empty when it is closed again at once. */
static bool open_level(struct scan *s, struct nest *nest, bool *empty)
{
	char closing = *s->at == '{' ? '}' : ']';
	if (nest->depth == SCAN_DEPTH_MAX)
		return fail(s, "nested too deep");
	s->at++;
	skip_blanks(s);
	*empty = take(s, closing);
	if (*empty)
		return true;
	nest->closing[nest->depth++] = closing;
	return closing == ']' || take_name(s);
}

/* Behind a value: closes levels, or goes on to the next value of the innermost one. */
static bool after_value(struct scan *s, struct nest *nest)
{
	while (nest->depth) {
		char closing = nest->closing[nest->depth - 1];
		skip_blanks(s);
		if (take(s, ',')) {
			skip_blanks(s);
			return closing == ']' || take_name(s);
		}
		if (!take(s, closing))
			return fail(s, "a comma or bracket is missing");
		nest->depth--;
	}
	return true;
}

/* A value of any kind. */
static bool take_value(struct scan *s)
{
	struct nest nest = { .depth = 0 };
	do {
		bool empty = true;
		if (next(s) == '{' || next(s) == '[') {
			if (!open_level(s, &nest, &empty))
				return false;
			if (!empty)
				continue;
		} else if (!take_scalar(s)) {
			return false;
		}
		if (!after_value(s, &nest))
			return false;
	} while (nest.depth);
	return true;
}

static bool take_member(struct scan *s, struct scan_object *object)
{
	struct scan_member member;
	if (!take_string(s, &member.name))
		return false;
	skip_blanks(s);
	if (!take(s, ':'))
		return fail(s, "a colon is missing");
	skip_blanks(s);
	const char *from = s->at;
	member.is_string = next(s) == '"';
	if (member.is_string ? !take_string(s, &member.value) : !take_value(s))
		return false;
	if (!member.is_string)
		member.value = slice_of(from, (size_t)(s->at - from));
	if (scan_find(object, member.name))
		return fail(s, "a member stands twice");
	if (object->count == SCAN_MEMBERS_MAX)
		return fail(s, "too many members");
	object->members[object->count++] = member;
	return true;
}

static bool take_object(struct scan *s, struct scan_object *object)
{
	skip_blanks(s);
	if (!take(s, '{'))
		return fail(s, "not an object");
	skip_blanks(s);
	if (take(s, '}'))
		return true;
	do {
		skip_blanks(s);
		if (!take_member(s, object))
			return false;
		skip_blanks(s);
	} while (take(s, ','));
	return take(s, '}') || fail(s, "a comma or bracket is missing");
}

const char *scan_json_object(struct slice text, struct scan_object *object)
{
	struct scan s = { text.ptr ? text.ptr : "", NULL, NULL };
	s.end = s.at + text.len;
	object->count = 0;
	if (!take_object(&s, object))
		return s.why;
	skip_blanks(&s);
	return s.at == s.end ? NULL : "text behind the object";
}

const struct scan_member *scan_find(const struct scan_object *object, struct slice name)
{
	for (size_t i = 0; i < object->count; i++)
		if (slice_eq(object->members[i].name, name))
			return &object->members[i];
	return NULL;
}

/* ---- Values. */

static unsigned hex4(const char *at)
{
	unsigned value = 0;
	for (int i = 0; i < 4; i++)
		value = value << 4 | (unsigned)ascii_hex_value(at[i]);
	return value;
}

static void append_utf8(struct buf *out, unsigned code)
{
	if (code < 0x80) {
		buf_append_byte(out, (char)code);
	} else if (code < 0x800) {
		buf_append_byte(out, (char)(0xc0 | code >> 6));
		buf_append_byte(out, (char)(0x80 | (code & 0x3f)));
	} else if (code < 0x10000) {
		buf_append_byte(out, (char)(0xe0 | code >> 12));
		buf_append_byte(out, (char)(0x80 | (code >> 6 & 0x3f)));
		buf_append_byte(out, (char)(0x80 | (code & 0x3f)));
	} else {
		buf_append_byte(out, (char)(0xf0 | code >> 18));
		buf_append_byte(out, (char)(0x80 | (code >> 12 & 0x3f)));
		buf_append_byte(out, (char)(0x80 | (code >> 6 & 0x3f)));
		buf_append_byte(out, (char)(0x80 | (code & 0x3f)));
	}
}

static bool is_between(unsigned code, unsigned from, unsigned to)
{
	return code >= from && code <= to;
}

/* \uXXXX, two of them for a pair of surrogates, behind the "u". Half a pair becomes U+FFFD. */
static const char *append_unicode(struct buf *out, const char *at, const char *end)
{
	unsigned code = hex4(at);
	at += 4;
	if (is_between(code, 0xd800, 0xdbff) && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
	    is_between(hex4(at + 2), 0xdc00, 0xdfff)) {
		code = 0x10000 + ((code - 0xd800) << 10) + (hex4(at + 2) - 0xdc00);
		at += 6;
	}
	append_utf8(out, is_between(code, 0xd800, 0xdfff) ? 0xfffd : code);
	return at;
}

static char unescape(char c)
{
	static const char table[] = "b\bf\fn\nr\rt\t";
	for (size_t i = 0; i + 1 < sizeof(table); i += 2)
		if (table[i] == c)
			return table[i + 1];
	return c;
}

void scan_text(const struct scan_member *member, struct buf *out)
{
	const char *at = member->value.ptr, *end = at + member->value.len;
	if (!member->is_string) {
		buf_append_slice(out, member->value);
		return;
	}
	while (at < end) {
		const char *escape = memchr(at, '\\', (size_t)(end - at));
		buf_append(out, at, (size_t)((escape ? escape : end) - at));
		if (!escape)
			return;
		at = escape + 2; /* the scan saw what is behind it */
		if (escape[1] == 'u')
			at = append_unicode(out, at, end);
		else
			buf_append_byte(out, unescape(escape[1]));
	}
}

struct slice scan_value(const struct scan_member *member, struct buf *scratch)
{
	if (!member->is_string || slice_find_byte(member->value, '\\') == SIZE_MAX)
		return member->value;
	buf_reset(scratch);
	scan_text(member, scratch);
	return buf_slice(scratch);
}

int64_t scan_int(const struct scan_object *object, struct slice name, int64_t otherwise)
{
	const struct scan_member *member = scan_find(object, name);
	uint64_t value;
	if (!member || member->is_string)
		return otherwise;
	bool negative = slice_starts_with(member->value, SLICE("-"));
	if (!slice_to_u64(slice_from(member->value, negative), UINT64_C(1) << 53, &value))
		return otherwise;
	return negative ? -(int64_t)value : (int64_t)value;
}

/* ---- Time. */

/* Days since 1970 of a date in the proleptic Gregorian calendar, counted from 1 March of year 0. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t m = month <= 2 ? month + 9 : month - 3;
	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

int64_t scan_time_ms(struct slice text)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	int64_t part[7] = { 0 };
	size_t parts = 0;
	if (text.len != sizeof(shape) - 1)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (shape[i] != 'd') {
			if (text.ptr[i] != shape[i])
				return -1;
			parts++;
		} else if (!ascii_is_digit(text.ptr[i])) {
			return -1;
		} else {
			part[parts] = part[parts] * 10 + (text.ptr[i] - '0');
		}
	}
	if (part[0] < 1970 || part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31 ||
	    part[3] > 23 || part[4] > 59 || part[5] > 60)
		return -1;
	int64_t minutes = (days_of(part[0], part[1], part[2]) * 24 + part[3]) * 60 + part[4];
	return (minutes * 60 + part[5]) * 1000 + part[6];
}
