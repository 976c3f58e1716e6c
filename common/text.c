/* SPDX-License-Identifier: Apache-2.0 */
#include "common/text.h"

#include <stdio.h>

static struct slice escape_of(const char *c, bool escape_backslash, char hex[5])
{
	unsigned char byte = (unsigned char)*c;

	if (byte == '\\' && escape_backslash)
		return SLICE("\\\\");
	if (byte >= 0x20 && byte != 0x7f)
		return slice_of(c, 1);
	snprintf(hex, 5, "\\x%02x", byte);
	return slice_of(hex, 4);
}

size_t text_escape(struct slice s, bool escape_backslash, char *dst, size_t size)
{
	size_t len = 0;
	char hex[5];

	for (size_t i = 0; i < s.len; i++) {
		struct slice piece = escape_of(s.ptr + i, escape_backslash, hex);
		if (piece.len >= size - len)
			break;
		memcpy(dst + len, piece.ptr, piece.len);
		len += piece.len;
	}
	dst[len] = '\0';
	return len;
}
