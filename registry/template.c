/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/template.h"

#include <assert.h>

struct chain {
	const struct template_scope *scope;
	const struct chain *outer;
};

struct reader {
	struct slice text;
	size_t at;
	const char *name;
	struct err *err;
};

/* What one {{…}} says, and where the text goes on behind it. */
struct tag {
	char kind; /* '#', '^', '/', '!', 'q', or 0 for a plain value */
	struct slice name;
	size_t begin, end; /* of the tag, or of its whole line when it stands alone */
};

bool template_byte_is_safe(unsigned char c)
{
	return ascii_is_alpha((char)c) || ascii_is_digit((char)c) ||
	       (c != 0 && strchr("_./:@+,=~*[]<>-|?&", c) != NULL);
}

bool template_text_is_safe(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!template_byte_is_safe(slice_at(text, i)))
			return false;
	return text.len > 0;
}

bool template_quote(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (slice_at(text, i) < 0x20 || slice_at(text, i) == 0x7f)
			return false;
	buf_append_byte(out, '\'');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\'')
			buf_append_cstr(out, "'\\''");
		else
			buf_append_byte(out, text.ptr[i]);
	}
	buf_append_byte(out, '\'');
	return true;
}

static bool fail(struct reader *r, size_t at, const char *what, struct slice name)
{
	unsigned line = 1;
	for (size_t i = 0; i < at && i < r->text.len; i++)
		line += r->text.ptr[i] == '\n';
	return err_set_at(
	    r->err, (struct err_pos){ r->name, line, 0 }, "%s '%.*s'", what, SLICE_ARG(name));
}

static const struct template_value *find(const struct chain *chain, struct slice name)
{
	for (; chain; chain = chain->outer)
		for (size_t i = 0; i < chain->scope->count; i++)
			if (slice_eq(name, slice_of_cstr(chain->scope->values[i].name)))
				return &chain->scope->values[i];
	return NULL;
}

/* Widens a section tag that is alone on its line to the whole line. */
static void take_line(const struct reader *r, struct tag *tag)
{
	size_t begin = tag->begin, end = tag->end;
	while (begin > 0 && (r->text.ptr[begin - 1] == ' ' || r->text.ptr[begin - 1] == '\t'))
		begin--;
	while (end < r->text.len && (r->text.ptr[end] == ' ' || r->text.ptr[end] == '\t'))
		end++;
	bool starts = begin == 0 || r->text.ptr[begin - 1] == '\n';
	bool ends = end == r->text.len || r->text.ptr[end] == '\n';
	if (starts && ends) {
		tag->begin = begin;
		tag->end = end < r->text.len ? end + 1 : end;
	}
}

/* Finds the next tag at or behind r->at. False without err: there is none. */
static bool next_tag(struct reader *r, struct tag *tag)
{
	size_t open = slice_find(slice_from(r->text, r->at), SLICE("{{"));
	if (open == SIZE_MAX)
		return false;
	tag->begin = r->at + open;
	struct slice inside = slice_from(r->text, tag->begin + 2);
	size_t close = slice_find(inside, SLICE("}}"));
	if (close == SIZE_MAX)
		return fail(r, tag->begin, "unclosed tag", slice_sub(inside, 0, 20));
	inside = slice_sub(inside, 0, close);
	tag->end = tag->begin + 2 + close + 2;
	tag->kind = 0;
	if (inside.len > 0 && strchr("#^/!", inside.ptr[0])) {
		tag->kind = inside.ptr[0];
		inside = slice_from(inside, 1);
		take_line(r, tag);
	} else if (slice_starts_with(inside, SLICE("q "))) {
		tag->kind = 'q';
		inside = slice_from(inside, 2);
	}
	tag->name = slice_trim(inside);
	return true;
}

static bool put_value(
    struct reader *r, struct buf *out, const struct tag *tag, const struct chain *chain)
{
	const struct template_value *value = find(chain, tag->name);
	if (!value || value->kind != TEMPLATE_TEXT)
		return fail(r, tag->begin, "no text named", tag->name);
	if (tag->kind == 'q')
		return template_quote(out, value->text) ||
		       fail(r, tag->begin, "control byte in the value of", tag->name);
	if (!template_text_is_safe(value->text))
		return fail(r, tag->begin, "empty or unsafe value of", tag->name);
	buf_append_slice(out, value->text);
	return true;
}

static bool run(struct reader *r, struct buf *out, const struct chain *chain, struct slice until,
    unsigned depth);

/* Reads over a section without output, so that r->at stands behind its end. */
static bool skip_section(struct reader *r, struct slice name)
{
	unsigned open = 1;
	struct tag tag;
	while (open > 0 && next_tag(r, &tag)) {
		r->at = tag.end;
		if (!slice_eq(tag.name, name))
			continue;
		if (tag.kind == '#' || tag.kind == '^')
			open++;
		else if (tag.kind == '/')
			open--;
	}
	return open == 0 || fail(r, r->at, "no end of section", name);
}

static bool run_section(struct reader *r, struct buf *out, const struct tag *tag,
    const struct chain *chain, unsigned depth)
{
	const struct template_value *value = find(chain, tag->name);
	if (!value || value->kind == TEMPLATE_TEXT)
		return fail(r, tag->begin, "no flag or list named", tag->name);
	bool is_list = value->kind == TEMPLATE_LIST;
	bool holds = is_list ? value->count > 0 : value->flag;
	size_t times = tag->kind == '^' ? (holds ? 0 : 1) : !holds ? 0 : is_list ? value->count : 1;
	static const struct template_scope nothing = { NULL, 0 };
	size_t inside = r->at;
	for (size_t i = 0; i < times; i++) {
		bool with_item = is_list && tag->kind == '#';
		struct chain item = { with_item ? &value->items[i] : &nothing, chain };
		r->at = inside;
		if (!run(r, out, &item, tag->name, depth + 1))
			return false;
	}
	return times > 0 || skip_section(r, tag->name);
}

/* Copies text and fills holes up to {{/until}}, or to the end of the text when `until` is empty. */
static bool run(struct reader *r, struct buf *out, const struct chain *chain, struct slice until,
    unsigned depth)
{
	if (depth > TEMPLATE_DEPTH_MAX)
		return fail(r, r->at, "sections nested too deep at", until);
	struct tag tag;
	while (next_tag(r, &tag)) {
		buf_append_slice(out, slice_sub(r->text, r->at, tag.begin - r->at));
		r->at = tag.end;
		bool ok = true;
		if (tag.kind == '/')
			return slice_eq(tag.name, until) ||
			       fail(r, tag.begin, "unexpected end of section", tag.name);
		if (tag.kind == '#' || tag.kind == '^')
			ok = run_section(r, out, &tag, chain, depth);
		else if (tag.kind != '!')
			ok = put_value(r, out, &tag, chain);
		if (!ok)
			return false;
	}
	if (err_is_set(r->err))
		return false;
	if (until.len > 0)
		return fail(r, r->at, "no end of section", until);
	buf_append_slice(out, slice_from(r->text, r->at));
	return true;
}

bool template_render(struct buf *out, struct slice text, const char *name,
    const struct template_scope *scope, struct err *err)
{
	assert(err && !err_is_set(err));
	struct reader reader = { .text = text, .name = name, .err = err };
	struct chain chain = { scope, NULL };
	if (!run(&reader, out, &chain, (struct slice){ NULL, 0 }, 0))
		return false;
	return !buf_failed(out) || err_set(err, "no memory for '%s'", name);
}
