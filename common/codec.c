/* SPDX-License-Identifier: Apache-2.0 */
#include "common/codec.h"

static const char alphabet_std[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of a byte, or -1. c62 and c63 are the last two characters of the alphabet. */
static int value_of(char c, char c62, char c63)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	if (c == c62)
		return 62;
	return c == c63 ? 63 : -1;
}

static ptrdiff_t decode(struct slice src, const char *alphabet, char *dst)
{
	char *out = dst;
	uint32_t bits = 0;
	unsigned count = 0; /* bits held that make no byte yet */

	if (src.len % 4 == 1)
		return -1;
	for (size_t i = 0; i < src.len; i++) {
		int value = value_of(src.ptr[i], alphabet[62], alphabet[63]);
		if (value < 0)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count >= 8) {
			count -= 8;
			*out++ = (char)(unsigned char)(bits >> count & 0xff);
			bits &= (1u << count) - 1;
		}
	}
	return bits == 0 ? out - dst : -1;
}

ptrdiff_t base64url_decode(struct slice src, char *dst)
{
	return decode(src, alphabet_url, dst);
}

ptrdiff_t base64_decode(struct slice src, char *dst)
{
	if (src.len % 4 != 0)
		return -1;
	for (int pad = 0; pad < 2 && src.len && src.ptr[src.len - 1] == '='; pad++)
		src.len--;
	return decode(src, alphabet_std, dst);
}

static void encode(struct buf *out, struct slice bytes, const char *alphabet, bool padded)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t bits = 0;
		char quad[4];
		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < left ? slice_at(bytes, i + k) : 0u);
		for (size_t k = 0; k < 4; k++)
			quad[k] = k <= left ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
		buf_append(out, quad, padded ? 4 : left + 1);
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
		unsigned char byte = slice_at(bytes, i);
		buf_append(out, (char[]){ digits[byte >> 4], digits[byte & 15] }, 2);
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
		dst[i / 2] = (char)(unsigned char)(high << 4 | low);
	}
	return (ptrdiff_t)(src.len / 2);
}
