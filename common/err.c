/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include <stdarg.h>
#include <stdlib.h>

enum { LIST_MAX_DEFAULT = 100, LINE_MAX_BYTES = 4 * (ERR_TEXT_MAX + ERR_FILE_MAX) + 64 };

void err_clear(struct err *err)
{
	err->set = false;
	err->line = err->column = 0;
	err->file[0] = err->text[0] = '\0';
}

__attribute__((format(printf, 3, 0))) static void err_fill(
    struct err *err, struct err_pos pos, const char *fmt, va_list args)
{
	if (!err || err->set)
		return;
	err->set = true;
	err->line = pos.line;
	err->column = pos.column;
	snprintf(err->file, sizeof(err->file), "%s", pos.file ? pos.file : "");
	vsnprintf(err->text, sizeof(err->text), fmt, args);
}

bool err_set(struct err *err, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	err_fill(err, (struct err_pos){ 0 }, fmt, args);
	va_end(args);
	return false;
}

bool err_set_at(struct err *err, struct err_pos pos, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	err_fill(err, pos, fmt, args);
	va_end(args);
	return false;
}

/* Appends `text` escaped, as far as there is room. */
static size_t append_escaped(char *dst, size_t used, size_t size, const char *text)
{
	for (; *text && used + 5 < size; text++) {
		unsigned char c = (unsigned char)*text;
		if (c >= 0x20 && c != 0x7f)
			dst[used++] = *text;
		else
			used += (size_t)snprintf(dst + used, size - used, "\\x%02x", c);
	}
	dst[used] = '\0';
	return used;
}

static size_t append_number(char *dst, size_t used, size_t size, unsigned number)
{
	char text[16];
	snprintf(text, sizeof(text), "%u:", number);
	return append_escaped(dst, used, size, text);
}

char *err_format(const struct err *err, char *dst, size_t size)
{
	size_t used = 0;
	if (size == 0)
		return dst;
	dst[0] = '\0';
	if (err->file[0]) {
		used = append_escaped(dst, used, size, err->file);
		used = append_escaped(dst, used, size, ":");
	}
	if (err->line)
		used = append_number(dst, used, size, err->line);
	if (err->line && err->column)
		used = append_number(dst, used, size, err->column);
	if (used > 0)
		used = append_escaped(dst, used, size, " ");
	append_escaped(dst, used, size, err->text);
	return dst;
}

bool err_line(const struct err *err, size_t n, struct err *out)
{
	struct slice rest = slice_of_cstr(err->text), line = SLICE("");
	for (size_t i = 0; i <= n; i++) {
		if (i > 0 && rest.len == 0)
			return false;
		slice_cut(rest, '\n', &line, &rest);
	}
	*out = (struct err){ .set = true };
	if (n == 0) {
		out->line = err->line;
		out->column = err->column;
		memcpy(out->file, err->file, sizeof(out->file));
	}
	snprintf(out->text, sizeof(out->text), "%.*s", SLICE_ARG(line));
	return true;
}

void err_print(const struct err *err, FILE *out)
{
	char shown[LINE_MAX_BYTES];
	struct err line;
	for (size_t n = 0; err_line(err, n, &line); n++)
		fprintf(
		    out, "%s%s\n", n ? "  " : "error: ", err_format(&line, shown, sizeof(shown)));
}

void err_list_init(struct err_list *list, size_t max)
{
	*list = (struct err_list){ .max = max ? max : LIST_MAX_DEFAULT };
}

void err_list_release(struct err_list *list)
{
	free(list->items);
	err_list_init(list, list->max);
}

static struct err *err_list_slot(struct err_list *list)
{
	if (list->count >= list->max)
		return NULL;
	if (list->count == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 8;
		struct err *items = realloc(list->items, cap * sizeof(*items));
		if (!items)
			return NULL;
		list->items = items;
		list->cap = cap;
	}
	return &list->items[list->count];
}

bool err_list_add_err(struct err_list *list, const struct err *err)
{
	struct err *slot = err_list_slot(list);
	if (slot) {
		*slot = *err;
		list->count++;
	} else {
		list->dropped++;
	}
	return false;
}

bool err_list_add(struct err_list *list, struct err_pos pos, const char *fmt, ...)
{
	struct err err = { 0 };
	va_list args;
	va_start(args, fmt);
	err_fill(&err, pos, fmt, args);
	va_end(args);
	return err_list_add_err(list, &err);
}

void err_list_print(const struct err_list *list, FILE *out)
{
	char line[LINE_MAX_BYTES];
	for (size_t i = 0; i < list->count; i++)
		fprintf(out, "error: %s\n", err_format(&list->items[i], line, sizeof(line)));
	if (list->dropped)
		fprintf(out, "error: %zu more errors are not shown\n", list->dropped);
}
