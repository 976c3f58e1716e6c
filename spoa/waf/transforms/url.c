/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/transforms/families.h"
#include "spoa/waf/transforms/rewrite.h"

/* The first byte that URL decoding may change. */
static size_t find_encoded(struct slice in)
{
	size_t i = 0;
	while (i < in.len && in.ptr[i] != '%' && in.ptr[i] != '+')
		i++;
	return i;
}

/* + and %XX; anything else, a broken %-sequence included, passes as it is. */
static void decode_plain(struct rewrite *w)
{
	int c = rewrite_peek(w, 0);
	int byte = c == '%' ? rewrite_hex_pair(w, 1) : -1;
	if (byte >= 0)
		rewrite_replace(w, 3, byte);
	else
		rewrite_replace(w, 1, c == '+' ? ' ' : c);
}

TRANSFORM(url_decode)
{
	(void)env;
	size_t first = find_encoded(in);
	struct rewrite w;
	if (first == in.len || !rewrite_begin(&w, in, first, 1, arena))
		return in;
	while (rewrite_more(&w))
		decode_plain(&w);
	return rewrite_end(&w);
}

/* The code unit of %uXXXX at the next byte, or -1. */
static int unicode_escape(const struct rewrite *w)
{
	int second = rewrite_peek(w, 1);
	if (rewrite_peek(w, 0) != '%' || (second != 'u' && second != 'U'))
		return -1;
	int high = rewrite_hex_pair(w, 2);
	int low = rewrite_hex_pair(w, 4);
	return high < 0 || low < 0 ? -1 : high * 256 + low;
}

TRANSFORM(url_decode_uni)
{
	size_t first = find_encoded(in);
	struct rewrite w;
	if (first == in.len || !rewrite_begin(&w, in, first, 1, arena))
		return in;
	while (rewrite_more(&w)) {
		int code = unicode_escape(&w);
		if (code < 0) {
			decode_plain(&w);
			continue;
		}
		int mapped = env && env->unicode_map
		                 ? unicode_map_find(env->unicode_map, (unsigned)code)
		                 : -1;
		rewrite_replace(&w, 6, mapped >= 0 ? mapped : rewrite_narrow((unsigned)code));
	}
	return rewrite_end(&w);
}

TRANSFORM(url_encode)
{
	static const char digits[] = "0123456789abcdef";
	(void)env;
	struct rewrite w;
	if (!rewrite_begin(&w, in, 0, 3, arena))
		return in;
	for (; rewrite_more(&w); w.at++) {
		unsigned char c = slice_at(in, w.at);
		if (c == ' ' || c == '*' || ascii_is_alpha((char)c) || ascii_is_digit((char)c)) {
			rewrite_put(&w, c == ' ' ? '+' : c);
			continue;
		}
		rewrite_put(&w, '%');
		rewrite_put(&w, digits[c >> 4]);
		rewrite_put(&w, digits[c & 15]);
	}
	return rewrite_end(&w);
}
