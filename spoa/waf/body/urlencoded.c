/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/body/list.h"

static int hex_pair(struct slice s, size_t at)
{
	if (s.len - at < 2)
		return -1;
	int high = ascii_hex_value(s.ptr[at]), low = ascii_hex_value(s.ptr[at + 1]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool needs_decoding(struct slice s)
{
	return slice_find_byte(s, '%') != SIZE_MAX || slice_find_byte(s, '+') != SIZE_MAX;
}

/* ptr == NULL: no memory. */
static struct slice decode(struct slice s, struct arena *arena, bool *bad_encoding)
{
	if (!needs_decoding(s))
		return s;
	char *out = arena_alloc(arena, s.len);
	size_t len = 0;
	if (!out)
		return slice_of(NULL, 0);
	for (size_t i = 0; i < s.len; i++) {
		int byte = s.ptr[i] == '%' ? hex_pair(s, i + 1) : -1;
		if (byte >= 0) {
			out[len++] = (char)byte;
			i += 2;
			continue;
		}
		*bad_encoding |= s.ptr[i] == '%';
		out[len++] = s.ptr[i] == '+' ? ' ' : s.ptr[i];
	}
	return slice_of(out, len);
}

enum body_result body_urlencoded(struct slice in, char separator, const struct body_limits *limits,
    struct arena *arena, struct body_list *out, bool *bad_encoding)
{
	size_t max = out->count + limits->max_args;
	while (in.len) {
		struct slice pair, name, value;
		slice_cut(in, separator, &pair, &in);
		if (pair.len == 0)
			continue;
		slice_cut(pair, '=', &name, &value);
		name = decode(name, arena, bad_encoding);
		value = decode(value, arena, bad_encoding);
		if (arena_failed(arena))
			return BODY_NO_MEMORY;
		enum body_result result = body_list_add(out, name, value, max, arena);
		if (result != BODY_OK)
			return result;
	}
	return BODY_OK;
}

enum body_result body_cookies(struct slice header, const struct body_limits *limits,
    struct arena *arena, struct body_list *out)
{
	size_t max = out->count + limits->max_args;
	while (header.len) {
		struct slice pair, name, value;
		slice_cut(header, ';', &pair, &header);
		while (pair.len && ascii_is_space(pair.ptr[0]))
			pair = slice_from(pair, 1);
		if (pair.len == 0)
			continue;
		slice_cut(pair, '=', &name, &value);
		enum body_result result = body_list_add(out, name, value, max, arena);
		if (result != BODY_OK)
			return result;
	}
	return BODY_OK;
}
