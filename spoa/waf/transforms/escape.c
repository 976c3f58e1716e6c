/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"
#include "spoa/waf/transforms/families.h"
#include "spoa/waf/transforms/rewrite.h"

#include <limits.h>

/* ---- HTML --------------------------------------------------------------------------------- */

static const struct entity {
	struct slice name;
	int byte;
} entities[] = {
	{ SLICE_INIT("quot"), '"' },
	{ SLICE_INIT("amp"), '&' },
	{ SLICE_INIT("lt"), '<' },
	{ SLICE_INIT("gt"), '>' },
	{ SLICE_INIT("nbsp"), 0xa0 },
};

/*
 * The digits of base 10 or 16 from `ahead` on: their number in *len, their value in the result. A
 * value too large stays at all ones, as strtol() leaves it.
 */
static unsigned long number_at(const struct rewrite *w, size_t ahead, unsigned base, size_t *len)
{
	unsigned long value = 0;
	for (*len = 0; w->in.len - w->at > ahead + *len; ++*len) {
		int digit = ascii_hex_value(w->in.ptr[w->at + ahead + *len]);
		if (digit < 0 || (unsigned)digit >= base)
			break;
		if (value > (ULONG_MAX - (unsigned)digit) / base)
			value = ULONG_MAX;
		else
			value = value * base + (unsigned)digit;
	}
	return value;
}

/* The byte of "&#123", "&#x7b" at the next byte; *len is its length without a semicolon. -1: it is
 * none. */
static int numeric_entity(const struct rewrite *w, size_t *len)
{
	int third = rewrite_peek(w, 2);
	size_t prefix = third == 'x' || third == 'X' ? 3 : 2;
	size_t digits;
	unsigned long code = number_at(w, prefix, prefix == 3 ? 16 : 10, &digits);
	*len = prefix + digits;
	return digits ? (int)(code & 0xff) : -1;
}

static int named_entity(const struct rewrite *w, size_t *len)
{
	struct slice name = slice_from(w->in, w->at + 1);
	size_t n = 0;
	while (n < name.len && (ascii_is_alpha(name.ptr[n]) || ascii_is_digit(name.ptr[n])))
		n++;
	name.len = n;
	*len = n + 1;
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (slice_eq_nocase(name, entities[i].name))
			return entities[i].byte;
	return -1;
}

TRANSFORM(html_entity_decode)
{
	(void)env;
	size_t first = slice_find_byte(in, '&');
	struct rewrite w;
	if (first == SIZE_MAX || !rewrite_begin(&w, in, first, 1, arena))
		return in;
	while (rewrite_more(&w)) {
		size_t len = 1;
		int byte = -1;
		if (rewrite_peek(&w, 0) == '&')
			byte = rewrite_peek(&w, 1) == '#' ? numeric_entity(&w, &len)
			                                  : named_entity(&w, &len);
		if (byte < 0)
			rewrite_copy(&w, len);
		else
			rewrite_replace(&w, len + (rewrite_peek(&w, len) == ';'), byte);
	}
	return rewrite_end(&w);
}

/* ---- backslashes ------------------------------------------------------------------------------
 */

/* The control character that \a \b \f \n \r \t \v stands for, or -1. */
static int control_escape(int letter)
{
	static const char letters[] = "abtnvfr"; /* in the order of their codes, from BEL on */
	const char *found = letter > 0 ? strchr(letters, letter) : NULL;
	return found ? '\a' + (int)(found - letters) : -1;
}

/* Up to three octal digits behind the backslash, as far as the value fits a byte; 0: there is none.
 */
static size_t octal_escape(const struct rewrite *w, int *byte)
{
	size_t len = 0;
	*byte = 0;
	for (int c; len < 3 && (c = rewrite_peek(w, len + 1)) >= '0' && c <= '7'; len++) {
		if (len == 2 && rewrite_peek(w, 1) > '3')
			break;
		*byte = *byte * 8 + (c - '0');
	}
	return len;
}

/* One JavaScript escape at the next byte, a backslash with something behind it. */
static void decode_js(struct rewrite *w)
{
	int second = rewrite_peek(w, 1), byte;
	int high = second == 'u' ? rewrite_hex_pair(w, 2) : -1;
	int low = second == 'u' ? rewrite_hex_pair(w, 4) : -1;
	if (high >= 0 && low >= 0) {
		rewrite_replace(w, 6, rewrite_narrow((unsigned)(high * 256 + low)));
		return;
	}
	byte = second == 'x' ? rewrite_hex_pair(w, 2) : -1;
	if (byte >= 0) {
		rewrite_replace(w, 4, byte);
		return;
	}
	size_t digits = octal_escape(w, &byte);
	if (digits == 3 && byte > 0xff) { /* JavaScript takes as many digits as fit a byte */
		digits = 2;
		byte >>= 3;
	}
	if (digits) {
		rewrite_replace(w, 1 + digits, byte);
		return;
	}
	byte = control_escape(second);
	rewrite_replace(w, 2, byte >= 0 ? byte : second);
}

/* Runs `decode` on each backslash that has something behind it. */
static struct slice decode_backslashes(
    struct slice in, void (*decode)(struct rewrite *), struct arena *arena)
{
	size_t first = slice_find_byte(in, '\\');
	struct rewrite w;
	if (first == SIZE_MAX || !rewrite_begin(&w, in, first, 1, arena))
		return in;
	while (rewrite_more(&w)) {
		if (rewrite_peek(&w, 0) == '\\' && rewrite_peek(&w, 1) >= 0)
			decode(&w);
		else
			rewrite_copy(&w, 1);
	}
	return rewrite_end(&w);
}

TRANSFORM(js_decode)
{
	(void)env;
	return decode_backslashes(in, decode_js, arena);
}

/* One ANSI C escape; what is none loses its backslash. */
static void decode_c(struct rewrite *w)
{
	int second = rewrite_peek(w, 1);
	int byte = second == 'x' || second == 'X' ? rewrite_hex_pair(w, 2) : -1;
	if (byte >= 0) {
		rewrite_replace(w, 4, byte);
		return;
	}
	size_t digits = octal_escape(w, &byte);
	if (digits) {
		rewrite_replace(w, 1 + digits, byte & 0xff);
		return;
	}
	byte = control_escape(second);
	rewrite_replace(w, 2, byte >= 0 ? byte : second);
}

TRANSFORM(escape_seq_decode)
{
	(void)env;
	return decode_backslashes(in, decode_c, arena);
}

/* ---- CSS ---------------------------------------------------------------------------------------
 */

enum { CSS_DIGITS_MAX = 6 };

/* A backslash at the next byte: a code in up to six digits, a joined line, or an escaped character.
 */
static void decode_css_escape(struct rewrite *w)
{
	size_t digits = 0;
	unsigned code = 0;
	for (int c; digits < CSS_DIGITS_MAX && (c = rewrite_peek(w, digits + 1)) >= 0; digits++) {
		int value = ascii_hex_value((char)c);
		if (value < 0)
			break;
		code = code * 16 + (unsigned)value;
	}
	if (digits) {
		bool fits_16_bits = code <= 0xffff;
		int after = rewrite_peek(w, digits + 1);
		bool blank = after >= 0 && ascii_is_space((char)after);
		rewrite_replace(w, 1 + digits + blank,
		    fits_16_bits ? rewrite_narrow(code) : (int)(code & 0xff));
	} else if (rewrite_peek(w, 1) == '\n') {
		w->at += 2;
	} else {
		w->at++;
		if (rewrite_more(w))
			rewrite_copy(w, 1);
	}
}

TRANSFORM(css_decode)
{
	(void)env;
	size_t first = slice_find_byte(in, '\\');
	struct rewrite w;
	if (first == SIZE_MAX || !rewrite_begin(&w, in, first, 1, arena))
		return in;
	while (rewrite_more(&w)) {
		if (rewrite_peek(&w, 0) == '\\')
			decode_css_escape(&w);
		else
			rewrite_copy(&w, 1);
	}
	return rewrite_end(&w);
}

/* ---- UTF-8 --------------------------------------------------------------------------------------
 */

/* The code point of the well-formed sequence of `len` bytes, two to four, at the next byte. */
static long code_point(const struct rewrite *w, size_t len)
{
	long code = rewrite_peek(w, 0) & (0x7f >> len);
	for (size_t i = 1; i < len; i++)
		code = code << 6 | (rewrite_peek(w, i) & 0x3f);
	return code;
}

static void put_unicode(struct rewrite *w, long code)
{
	static const char digits[] = "0123456789abcdef";
	rewrite_put(w, '%');
	rewrite_put(w, 'u');
	for (int shift = code > 0xfffff ? 20 : code > 0xffff ? 16 : 12; shift >= 0; shift -= 4)
		rewrite_put(w, digits[code >> shift & 15]);
}

static bool is_high(struct slice in)
{
	for (size_t i = 0; i < in.len; i++)
		if (slice_at(in, i) >= 0x80)
			return true;
	return false;
}

TRANSFORM(utf8_to_unicode)
{
	(void)env;
	struct rewrite w;
	/* Two bytes become six, four become at most eight. */
	if (!is_high(in) || !rewrite_begin(&w, in, 0, 3, arena))
		return in;
	while (rewrite_more(&w)) {
		size_t len = utf8_sequence_len(slice_from(in, w.at));
		if (len < 2) {
			rewrite_copy(&w, 1);
			continue;
		}
		put_unicode(&w, code_point(&w, len));
		w.at += len;
	}
	return rewrite_end(&w);
}
