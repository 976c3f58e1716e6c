/* SPDX-License-Identifier: Apache-2.0 */
#include "common/codec.h"

static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char alphabet_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value + 1 of each character, 0 for a byte outside the alphabet; '-' '_' and '+' '/' differ only.
 */
static const unsigned char values[256] = {
	['A'] = 1,
	['B'] = 2,
	['C'] = 3,
	['D'] = 4,
	['E'] = 5,
	['F'] = 6,
	['G'] = 7,
	['H'] = 8,
	['I'] = 9,
	['J'] = 10,
	['K'] = 11,
	['L'] = 12,
	['M'] = 13,
	['N'] = 14,
	['O'] = 15,
	['P'] = 16,
	['Q'] = 17,
	['R'] = 18,
	['S'] = 19,
	['T'] = 20,
	['U'] = 21,
	['V'] = 22,
	['W'] = 23,
	['X'] = 24,
	['Y'] = 25,
	['Z'] = 26,
	['a'] = 27,
	['b'] = 28,
	['c'] = 29,
	['d'] = 30,
	['e'] = 31,
	['f'] = 32,
	['g'] = 33,
	['h'] = 34,
	['i'] = 35,
	['j'] = 36,
	['k'] = 37,
	['l'] = 38,
	['m'] = 39,
	['n'] = 40,
	['o'] = 41,
	['p'] = 42,
	['q'] = 43,
	['r'] = 44,
	['s'] = 45,
	['t'] = 46,
	['u'] = 47,
	['v'] = 48,
	['w'] = 49,
	['x'] = 50,
	['y'] = 51,
	['z'] = 52,
	['0'] = 53,
	['1'] = 54,
	['2'] = 55,
	['3'] = 56,
	['4'] = 57,
	['5'] = 58,
	['6'] = 59,
	['7'] = 60,
	['8'] = 61,
	['9'] = 62,
	['-'] = 63,
	['_'] = 64,
	['+'] = 63,
	['/'] = 64,
};

/* The value of a character in the wanted alphabet, or -1. */
static inline int value_of(char c, bool url)
{
	if (url ? c == '+' || c == '/' : c == '-' || c == '_')
		return -1;
	return values[(unsigned char)c] - 1;
}

static ptrdiff_t decode(struct slice src, char *dst, bool url)
{
	size_t out = 0;
	uint32_t bits = 0;
	unsigned held = 0;
	if (src.len % 4 == 1)
		return -1;
	for (size_t i = 0; i < src.len; i++) {
		int value = value_of(src.ptr[i], url);
		if (value < 0)
			return -1;
		bits = (bits << 6) | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			dst[out++] = (char)(bits >> held);
		}
	}
	/* The bits that belong to no byte must be zero: one byte string, one spelling. */
	return (bits & ((1u << held) - 1)) ? -1 : (ptrdiff_t)out;
}

ptrdiff_t base64url_decode(struct slice src, char *dst)
{
	return decode(src, dst, true);
}

ptrdiff_t base64_decode(struct slice src, char *dst)
{
	if (src.len % 4 != 0)
		return -1;
	for (int pad = 0; pad < 2 && slice_ends_with(src, SLICE("=")); pad++)
		src.len--;
	return decode(src, dst, false);
}

static void encode(struct buf *out, struct slice bytes, const char *alphabet, bool pad)
{
	char quad[4];
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t bits = (uint32_t)slice_at(bytes, i) << 16;
		bits |= n > 1 ? (uint32_t)slice_at(bytes, i + 1) << 8 : 0;
		bits |= n > 2 ? slice_at(bytes, i + 2) : 0;
		for (unsigned k = 0; k < 4; k++)
			quad[k] = k <= n ? alphabet[(bits >> (18 - 6 * k)) & 63] : '=';
		buf_append(out, quad, pad ? 4 : n + 1);
	}
}

void base64url_encode(struct buf *out, struct slice bytes)
{
	encode(out, bytes, alphabet_url, false);
}

void base64_encode(struct buf *out, struct slice bytes)
{
	encode(out, bytes, alphabet_std, true);
}

void hex_encode(struct buf *out, struct slice bytes)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < bytes.len; i++) {
		char pair[2] = { digits[slice_at(bytes, i) >> 4], digits[slice_at(bytes, i) & 15] };
		buf_append(out, pair, 2);
	}
}

ptrdiff_t hex_decode(struct slice src, char *dst)
{
	if (src.len % 2)
		return -1;
	for (size_t i = 0; i < src.len; i += 2) {
		int high = ascii_hex_value(src.ptr[i]), low = ascii_hex_value(src.ptr[i + 1]);
		if (high < 0 || low < 0)
			return -1;
		dst[i / 2] = (char)(high << 4 | low);
	}
	return (ptrdiff_t)(src.len / 2);
}
