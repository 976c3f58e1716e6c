/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"
#include "common/text.h"

#include <stdarg.h>
#include <stdlib.h>

enum { LIST_MAX_DEFAULT = 100, LINE_MAX_BYTES = 4 * (ERR_TEXT_MAX + ERR_FILE_MAX) + 32 };

void err_clear(struct err *err)
{
	*err = (struct err){ 0 };
}

static void fill(struct err *err, struct err_pos pos, const char *fmt, va_list args)
{
	err->set = true;
	err->line = pos.line;
	err->column = pos.column;
	snprintf(err->file, sizeof(err->file), "%s", pos.file ? pos.file : "");
	if (vsnprintf(err->text, sizeof(err->text), fmt, args) < 0)
		snprintf(err->text, sizeof(err->text), "an error that cannot be shown");
}

bool err_set(struct err *err, const char *fmt, ...)
{
	va_list args;

	if (!err || err->set)
		return false;
	va_start(args, fmt);
	fill(err, (struct err_pos){ 0 }, fmt, args);
	va_end(args);
	return false;
}

bool err_set_at(struct err *err, struct err_pos pos, const char *fmt, ...)
{
	va_list args;

	if (!err || err->set)
		return false;
	va_start(args, fmt);
	fill(err, pos, fmt, args);
	va_end(args);
	return false;
}

char *err_format(const struct err *err, char *dst, size_t size)
{
	char plain[ERR_TEXT_MAX + ERR_FILE_MAX + 32];
	char line[16] = "", column[16] = "";

	if (err->line)
		snprintf(line, sizeof(line), "%u:", err->line);
	if (err->line && err->column)
		snprintf(column, sizeof(column), "%u:", err->column);
	const char *colon = err->file[0] ? ":" : "";
	const char *blank = err->file[0] || err->line ? " " : "";
	int len = snprintf(
	    plain, sizeof(plain), "%s%s%s%s%s%s", err->file, colon, line, column, blank, err->text);
	if (size)
		text_escape(slice_of(plain, len < 0 ? 0 : (size_t)len), false, dst, size);
	return dst;
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

/* Room for one more; NULL, and counted as dropped, when there is none. */
static struct err *list_next(struct err_list *list)
{
	if (list->count < list->max && list->count == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 4;
		struct err *items = reallocarray(list->items, cap, sizeof(*items));
		if (items) {
			list->items = items;
			list->cap = cap;
		}
	}
	if (list->count == list->max || list->count == list->cap) {
		list->dropped++;
		return NULL;
	}
	return &list->items[list->count++];
}

bool err_list_add(struct err_list *list, struct err_pos pos, const char *fmt, ...)
{
	struct err *err = list_next(list);
	va_list args;

	if (!err)
		return false;
	va_start(args, fmt);
	fill(err, pos, fmt, args);
	va_end(args);
	return false;
}

bool err_list_add_err(struct err_list *list, const struct err *err)
{
	struct err *next = list_next(list);

	if (next)
		*next = *err;
	return false;
}

void err_list_print(const struct err_list *list, FILE *out)
{
	char line[LINE_MAX_BYTES];

	for (size_t i = 0; i < list->count; i++)
		fprintf(out, "error: %s\n", err_format(&list->items[i], line, sizeof(line)));
	if (list->dropped)
		fprintf(out, "error: %zu more not shown\n", list->dropped);
}
