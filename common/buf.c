/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"

#include <stdio.h>
#include <stdlib.h>

enum { CAP_MIN_BYTES = 64 };

void buf_init(struct buf *buf, size_t limit_bytes)
{
	*buf = (struct buf){ .limit_bytes = limit_bytes };
}

void buf_release(struct buf *buf)
{
	free(buf->data);
	buf_init(buf, buf->limit_bytes);
}

/* One byte more than `need`, for the NUL of buf_cstr(). */
static bool grow(struct buf *buf, size_t need)
{
	size_t cap = buf->cap ? buf->cap : CAP_MIN_BYTES;

	while (cap <= need) {
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			return false;
	}
	char *data = realloc(buf->data, cap);
	if (!data)
		return false;
	buf->data = data;
	buf->cap = cap;
	return true;
}

bool buf_reserve(struct buf *buf, size_t size)
{
	size_t need;

	if (buf->failed)
		return false;
	bool fits = !__builtin_add_overflow(buf->len, size, &need) &&
	            (!buf->limit_bytes || need <= buf->limit_bytes);
	if (!fits || (need >= buf->cap && !grow(buf, need)))
		buf->failed = true;
	return !buf->failed;
}

void buf_append(struct buf *buf, const void *bytes, size_t size)
{
	if (size == 0 || !buf_reserve(buf, size))
		return;
	memcpy(buf->data + buf->len, bytes, size);
	buf->len += size;
}

void buf_append_slice(struct buf *buf, struct slice s)
{
	buf_append(buf, s.ptr, s.len);
}

void buf_append_cstr(struct buf *buf, const char *s)
{
	buf_append(buf, s, strlen(s));
}

void buf_append_byte(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void buf_vprintf(struct buf *buf, const char *fmt, va_list args)
{
	va_list again;

	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, args);
	if (len < 0) {
		buf->failed = true;
	} else if (buf_reserve(buf, (size_t)len)) {
		vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
		buf->len += (size_t)len;
	}
	va_end(again);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	buf_vprintf(buf, fmt, args);
	va_end(args);
}

void buf_consume(struct buf *buf, size_t size)
{
	if (size >= buf->len) {
		buf->len = 0;
		return;
	}
	if (size == 0)
		return;
	buf->len -= size;
	memmove(buf->data, buf->data + size, buf->len);
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

const char *buf_cstr(struct buf *buf)
{
	if (!buf->data)
		return "";
	buf->data[buf->len] = '\0';
	return buf->data;
}
