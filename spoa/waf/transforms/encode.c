/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/transforms/families.h"
#include "spoa/waf/transforms/rewrite.h"

#include <openssl/evp.h>
#include <stdio.h>

TRANSFORM(length)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%zu", in.len);
	(void)env;
	/* "1" is one byte long. */
	if (slice_eq(in, slice_of(text, (size_t)len)))
		return in;
	struct slice out = arena_dup(arena, slice_of(text, (size_t)len));
	return out.ptr ? out : in;
}

/* ---- base64 --------------------------------------------------------------------------------- */

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * Bits of each digit, bytes as soon as they are whole. A byte outside the alphabet ends the
 * decoding, or is passed over when `lenient`.
 */
static struct slice base64_decode_bits(struct slice in, bool lenient, struct arena *arena)
{
	struct rewrite w;
	if (in.len == 0 || !rewrite_begin(&w, in, 0, 1, arena))
		return in;
	unsigned bits = 0, held = 0;
	for (; rewrite_more(&w); w.at++) {
		int value = base64_value(slice_at(in, w.at));
		if (value < 0 && lenient)
			continue;
		if (value < 0)
			break;
		bits = (bits << 6 | (unsigned)value) & 0xffffff;
		held += 6;
		if (held >= 8) {
			held -= 8;
			rewrite_put(&w, (int)(bits >> held & 0xff));
		}
	}
	return rewrite_end(&w);
}

TRANSFORM(base64_decode)
{
	(void)env;
	return base64_decode_bits(in, false, arena);
}

TRANSFORM(base64_decode_ext)
{
	(void)env;
	return base64_decode_bits(in, true, arena);
}

TRANSFORM(base64_encode)
{
	(void)env;
	struct rewrite w;
	if (in.len == 0 || !rewrite_begin(&w, in, 0, 4, arena))
		return in;
	for (; rewrite_more(&w); w.at += w.in.len - w.at < 3 ? w.in.len - w.at : 3) {
		int b = rewrite_peek(&w, 1), c = rewrite_peek(&w, 2);
		unsigned bits = (unsigned)rewrite_peek(&w, 0) << 16 |
		                (unsigned)(b < 0 ? 0 : b) << 8 | (unsigned)(c < 0 ? 0 : c);
		rewrite_put(&w, base64_alphabet[bits >> 18]);
		rewrite_put(&w, base64_alphabet[bits >> 12 & 63]);
		rewrite_put(&w, b < 0 ? '=' : base64_alphabet[bits >> 6 & 63]);
		rewrite_put(&w, c < 0 ? '=' : base64_alphabet[bits & 63]);
	}
	return rewrite_end(&w);
}

/* ---- hexadecimal ------------------------------------------------------------------------------
 */

TRANSFORM(hex_encode)
{
	static const char digits[] = "0123456789abcdef";
	(void)env;
	struct rewrite w;
	if (!rewrite_begin(&w, in, 0, 2, arena))
		return in;
	for (; rewrite_more(&w); w.at++) {
		rewrite_put(&w, digits[slice_at(in, w.at) >> 4]);
		rewrite_put(&w, digits[slice_at(in, w.at) & 15]);
	}
	return rewrite_end(&w);
}

/* Pairs as long as they are digits; what follows is dropped. */
TRANSFORM(hex_decode)
{
	(void)env;
	struct rewrite w;
	if (!rewrite_begin(&w, in, 0, 1, arena))
		return in;
	for (int byte; (byte = rewrite_hex_pair(&w, 0)) >= 0;)
		rewrite_replace(&w, 2, byte);
	return rewrite_end(&w);
}

/* 0x4142… wherever it stands becomes the bytes it names; an odd digit stays behind them. */
TRANSFORM(sql_hex_decode)
{
	(void)env;
	struct rewrite w;
	if (!rewrite_begin(&w, in, 0, 1, arena))
		return in;
	while (rewrite_more(&w)) {
		int second = rewrite_peek(&w, 1);
		bool opens = rewrite_peek(&w, 0) == '0' && (second == 'x' || second == 'X');
		if (!opens || rewrite_hex_pair(&w, 2) < 0) {
			rewrite_copy(&w, 1);
			continue;
		}
		w.at += 2;
		for (int byte; (byte = rewrite_hex_pair(&w, 0)) >= 0;)
			rewrite_replace(&w, 2, byte);
	}
	return rewrite_end(&w);
}

/* ---- digests
 * ------------------------------------------------------------------------------------- */

/* The raw bytes of the digest. They name nothing secret: rules compare them with known values. */
static struct slice digest(struct slice in, const EVP_MD *algorithm, struct arena *arena)
{
	unsigned char out[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (!EVP_Digest(in.ptr ? in.ptr : "", in.len, out, &len, algorithm, NULL)) {
		arena->failed = true;
		return in;
	}
	struct slice copy = arena_dup(arena, slice_of(out, len));
	return copy.ptr ? copy : in;
}

TRANSFORM(md5)
{
	(void)env;
	return digest(in, EVP_md5(), arena);
}

TRANSFORM(sha1)
{
	(void)env;
	return digest(in, EVP_sha1(), arena);
}

/* ---- parity
 * ----------------------------------------------------------------------------------------- */

/* Replaces the eighth bit: by 0 (parity < 0), or so that the number of ones is even (0) or odd (1).
 */
static struct slice set_parity(struct slice in, int parity, struct arena *arena)
{
	struct rewrite w;
	if (!rewrite_begin(&w, in, 0, 1, arena))
		return in;
	for (; rewrite_more(&w); w.at++) {
		unsigned seven = slice_at(in, w.at) & 0x7f;
		bool eighth = parity >= 0 && __builtin_parity(seven) != parity;
		rewrite_put(&w, (int)(seven | (eighth ? 0x80 : 0)));
	}
	return rewrite_end(&w);
}

TRANSFORM(parity_even_7bit)
{
	(void)env;
	return set_parity(in, 0, arena);
}

TRANSFORM(parity_odd_7bit)
{
	(void)env;
	return set_parity(in, 1, arena);
}

TRANSFORM(parity_zero_7bit)
{
	(void)env;
	return set_parity(in, -1, arena);
}
