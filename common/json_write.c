/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_write.h"

#include "common/utf8.h"

#include <assert.h>
#include <math.h>

void jw_init(struct jw *w, struct buf *out, unsigned indent)
{
	*w = (struct jw){ .out = out, .indent = indent };
}

static void new_line(struct jw *w)
{
	if (w->indent)
		buf_printf(w->out, "\n%*s", (int)(w->depth * w->indent), "");
}

/* What stands before a value or a key: a comma, a line. */
static void separate(struct jw *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->depth == 0)
		return;
	if (w->need_comma[w->depth - 1])
		buf_append_byte(w->out, ',');
	w->need_comma[w->depth - 1] = true;
	new_line(w);
}

static void begin(struct jw *w, char bracket)
{
	separate(w);
	assert(w->depth < JW_DEPTH_MAX);
	buf_append_byte(w->out, bracket);
	w->need_comma[w->depth++] = false;
}

static void end(struct jw *w, char bracket)
{
	assert(w->depth > 0 && !w->after_key);
	bool filled = w->need_comma[--w->depth];
	if (filled)
		new_line(w);
	buf_append_byte(w->out, bracket);
}

void jw_object_begin(struct jw *w)
{
	begin(w, '{');
}

void jw_members_begin(struct jw *w)
{
	assert(w->depth < JW_DEPTH_MAX);
	w->need_comma[w->depth++] = false;
}

void jw_object_end(struct jw *w)
{
	end(w, '}');
}

void jw_array_begin(struct jw *w)
{
	begin(w, '[');
}

void jw_array_end(struct jw *w)
{
	end(w, ']');
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void escape_ascii(struct buf *out, unsigned char c)
{
	static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	for (size_t i = 0; i + 1 < sizeof(names); i += 2)
		if ((unsigned char)names[i] == c) {
			buf_printf(out, "\\%c", names[i + 1]);
			return;
		}
	buf_printf(out, "\\u%04x", c);
}

void jw_escape(struct buf *out, struct slice value)
{
	size_t i = 0;
	while (i < value.len) {
		size_t plain = i;
		while (plain < value.len && is_plain(slice_at(value, plain)))
			plain++;
		buf_append(out, value.ptr + i, plain - i);
		i = plain;
		if (i == value.len)
			break;
		size_t len = utf8_sequence_len(slice_from(value, i));
		if (len == 0)
			buf_append_cstr(out, "\xef\xbf\xbd");
		else if (len == 1)
			escape_ascii(out, slice_at(value, i));
		else
			buf_append(out, value.ptr + i, len);
		i += len ? len : 1;
	}
}

static void quoted(struct jw *w, struct slice value)
{
	buf_append_byte(w->out, '"');
	jw_escape(w->out, value);
	buf_append_byte(w->out, '"');
}

void jw_key_slice(struct jw *w, struct slice key)
{
	separate(w);
	quoted(w, key);
	buf_append_cstr(w->out, w->indent ? ": " : ":");
	w->after_key = true;
}

void jw_key(struct jw *w, const char *key)
{
	jw_key_slice(w, slice_of_cstr(key));
}

void jw_string(struct jw *w, struct slice value)
{
	separate(w);
	quoted(w, value);
}

void jw_cstr(struct jw *w, const char *value)
{
	if (value)
		jw_string(w, slice_of_cstr(value));
	else
		jw_null(w);
}

void jw_raw(struct jw *w, struct slice json)
{
	separate(w);
	buf_append_slice(w->out, json);
}

/* Not by printf(), which takes longer than the rest of a record. */
static void digits(struct buf *out, uint64_t value)
{
	char text[20], *at = text + sizeof(text);

	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	buf_append(out, at, (size_t)(text + sizeof(text) - at));
}

void jw_int(struct jw *w, int64_t value)
{
	separate(w);
	if (value < 0)
		buf_append_byte(w->out, '-');
	digits(w->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void jw_uint(struct jw *w, uint64_t value)
{
	separate(w);
	digits(w->out, value);
}

void jw_double(struct jw *w, double value)
{
	if (!isfinite(value)) {
		jw_null(w);
		return;
	}
	separate(w);
	buf_printf(w->out, "%.15g", value);
}

void jw_bool(struct jw *w, bool value)
{
	jw_raw(w, value ? SLICE("true") : SLICE("false"));
}

void jw_null(struct jw *w)
{
	jw_raw(w, SLICE("null"));
}
