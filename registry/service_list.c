/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/service_list.h"

static bool is_separator(char c)
{
	return c == ',' || ascii_is_space(c);
}

bool service_list_next(struct slice *rest, struct slice *id)
{
	size_t at = 0, end;
	while (at < rest->len && (is_separator(rest->ptr[at]) || rest->ptr[at] == '#')) {
		if (rest->ptr[at] == '#')
			while (at < rest->len && rest->ptr[at] != '\n')
				at++;
		else
			at++;
	}
	for (end = at; end < rest->len && !is_separator(rest->ptr[end]);)
		end++;
	*id = slice_sub(*rest, at, end - at);
	*rest = slice_from(*rest, end);
	return id->len > 0;
}

void service_list_add(struct slice text, struct slice id, struct buf *out)
{
	buf_append_slice(out, text);
	if (text.len > 0 && !slice_ends_with(text, SLICE("\n")))
		buf_append_byte(out, '\n');
	buf_printf(out, "%.*s\n", SLICE_ARG(id));
}

static bool has(struct slice line, struct slice id)
{
	struct slice word;
	while (service_list_next(&line, &word))
		if (slice_eq(word, id))
			return true;
	return false;
}

/* A line that has the id, with its other ids and its comment. */
static void drop_from_line(struct slice line, struct slice id, struct buf *out)
{
	struct slice rest = line, word, comment = SLICE("");
	size_t kept = 0;
	while (service_list_next(&rest, &word))
		if (!slice_eq(word, id))
			buf_printf(out, "%s%.*s", kept++ ? ", " : "", SLICE_ARG(word));
	for (size_t i = 0; i < line.len && comment.len == 0; i++)
		if (line.ptr[i] == '#' && (i == 0 || is_separator(line.ptr[i - 1])))
			comment = slice_from(line, i);
	if (kept)
		buf_printf(out, "%s%.*s\n", comment.len ? "  " : "", SLICE_ARG(comment));
}

void service_list_drop(struct slice text, struct slice id, struct buf *out)
{
	struct slice line;
	while (text.len > 0) {
		bool ended = slice_cut(text, '\n', &line, &text);
		if (has(line, id))
			drop_from_line(line, id, out);
		else
			buf_printf(out, "%.*s%s", SLICE_ARG(line), ended ? "\n" : "");
	}
}
