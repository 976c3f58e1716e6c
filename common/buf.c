/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"

#include <stdio.h>
#include <stdlib.h>

enum { CAP_MIN = 256 };

void buf_init(struct buf *buf, size_t limit_bytes)
{
	*buf = (struct buf){ .limit_bytes = limit_bytes };
}

void buf_release(struct buf *buf)
{
	free(buf->data);
	buf_init(buf, buf->limit_bytes);
}

static bool buf_fail(struct buf *buf)
{
	buf->failed = true;
	return false;
}

/* `need` counts a byte for the NUL of buf_cstr(). */
static bool buf_grow(struct buf *buf, size_t need)
{
	size_t cap = buf->cap ? buf->cap : CAP_MIN;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	char *data = realloc(buf->data, cap);
	if (!data)
		return buf_fail(buf);
	buf->data = data;
	buf->cap = cap;
	return true;
}

bool buf_reserve(struct buf *buf, size_t size)
{
	if (buf->failed || size >= SIZE_MAX - buf->len)
		return buf_fail(buf);
	if (buf->limit_bytes && buf->len + size > buf->limit_bytes)
		return buf_fail(buf);
	return buf->len + size < buf->cap || buf_grow(buf, buf->len + size + 1);
}

void buf_append(struct buf *buf, const void *bytes, size_t size)
{
	if (!buf_reserve(buf, size))
		return;
	if (size)
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
	int len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0) {
		buf_fail(buf);
		return;
	}
	if (!buf_reserve(buf, (size_t)len))
		return;
	vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
	buf->len += (size_t)len;
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
	if (size > buf->len)
		size = buf->len;
	if (size == 0)
		return;
	memmove(buf->data, buf->data + size, buf->len - size);
	buf->len -= size;
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
	/* buf_reserve() keeps a byte for it. */
	buf->data[buf->len] = '\0';
	return buf->data;
}
