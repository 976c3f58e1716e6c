/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * buf: a growing run of bytes on the heap, with a limit. Overflow of the limit or of memory is
 * sticky: further appends do nothing, buf_failed() says so once at the end. What was appended
 * before the failure stays readable.
 */
#include "common/slice.h"

#include <stdarg.h>

struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t limit_bytes; /* 0: no limit */
	bool failed;
};

void buf_init(struct buf *buf, size_t limit_bytes);
void buf_release(struct buf *buf);

/* Room for `size` more bytes at data + len; false (and sticky failure) when there is none. */
bool buf_reserve(struct buf *buf, size_t size);
void buf_append(struct buf *buf, const void *bytes, size_t size);
void buf_append_slice(struct buf *buf, struct slice s);
void buf_append_cstr(struct buf *buf, const char *s);
void buf_append_byte(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Drops the first `size` bytes (at most len). */
void buf_consume(struct buf *buf, size_t size);
/* Empties and clears the failure; keeps the memory. */
void buf_reset(struct buf *buf);
/* The bytes as a C string (a NUL is kept behind them); "" when nothing could be stored. */
const char *buf_cstr(struct buf *buf);

static inline struct slice buf_slice(const struct buf *buf)
{
	return slice_of(buf->data, buf->len);
}

static inline bool buf_failed(const struct buf *buf)
{
	return buf->failed;
}
