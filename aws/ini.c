/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/ini.h"

enum line_kind { LINE_NOTHING, LINE_SECTION, LINE_SETTING, LINE_BAD };

struct line {
	enum line_kind kind;
	struct slice name; /* of the section or the setting */
	struct slice value;
};

static bool starts_comment(char c)
{
	return c == '#' || c == ';';
}

/* Up to a comment that stands after white space. */
static struct slice without_comment(struct slice value)
{
	for (size_t i = 1; i < value.len; i++)
		if (starts_comment(value.ptr[i]) && ascii_is_space(value.ptr[i - 1]))
			return slice_sub(value, 0, i);
	return value;
}

static size_t find_separator(struct slice text)
{
	size_t equals = slice_find_byte(text, '='), colon = slice_find_byte(text, ':');
	return equals < colon ? equals : colon;
}

static struct line parse_section(struct slice text)
{
	size_t end = slice_find_byte(text, ']');
	if (end == SIZE_MAX)
		return (struct line){ .kind = LINE_BAD };
	struct slice behind = slice_trim(slice_from(text, end + 1));
	if (behind.len && !starts_comment(behind.ptr[0]))
		return (struct line){ .kind = LINE_BAD };
	struct slice name = slice_trim(slice_sub(text, 1, end - 1));
	return (struct line){ .kind = name.len ? LINE_SECTION : LINE_BAD, .name = name };
}

static struct line parse_line(struct slice text)
{
	struct slice trimmed = slice_trim(text);
	if (trimmed.len == 0 || starts_comment(trimmed.ptr[0]))
		return (struct line){ .kind = LINE_NOTHING };
	if (ascii_is_space(text.ptr[0]))
		return (struct line){ .kind = LINE_NOTHING };
	if (trimmed.ptr[0] == '[')
		return parse_section(trimmed);
	size_t at = find_separator(trimmed);
	if (at == SIZE_MAX || at == 0)
		return (struct line){ .kind = LINE_BAD };
	return (struct line){ .kind = LINE_SETTING,
		.name = slice_trim(slice_sub(trimmed, 0, at)),
		.value = slice_trim(without_comment(slice_from(trimmed, at + 1))) };
}

/* The next character of a section's name: no quotes, a run of blanks as one; NUL at the end. */
static char next_name_char(struct slice *rest)
{
	while (rest->len && rest->ptr[0] == '"')
		*rest = slice_from(*rest, 1);
	if (rest->len == 0)
		return '\0';
	if (!ascii_is_space(rest->ptr[0])) {
		char c = rest->ptr[0];
		*rest = slice_from(*rest, 1);
		return c;
	}
	while (rest->len && ascii_is_space(rest->ptr[0]))
		*rest = slice_from(*rest, 1);
	return ' ';
}

/* [profile "dev"] and [ profile  dev ] are the section "profile dev". */
static bool section_is(struct slice have, struct slice want)
{
	char a, b;
	do {
		a = next_name_char(&have);
		b = next_name_char(&want);
	} while (a == b && a != '\0');
	return a == b;
}

static struct line next_line(struct slice *rest)
{
	struct slice text;
	slice_cut(*rest, '\n', &text, rest);
	return parse_line(text);
}

bool ini_find(struct slice text, struct slice section, const char *name, struct slice *out)
{
	bool inside = false, found = false;
	while (text.len) {
		struct line line = next_line(&text);
		if (line.kind == LINE_SECTION)
			inside = section_is(line.name, section);
		if (line.kind != LINE_SETTING || !inside ||
		    !slice_eq_nocase(line.name, slice_of_cstr(name)))
			continue;
		*out = line.value;
		found = true;
	}
	return found;
}

bool ini_has_section(struct slice text, struct slice section)
{
	while (text.len) {
		struct line line = next_line(&text);
		if (line.kind == LINE_SECTION && section_is(line.name, section))
			return true;
	}
	return false;
}

bool ini_check(struct slice text, const char *file, struct err *err)
{
	bool in_section = false;
	for (unsigned number = 1; text.len; number++) {
		struct line line = next_line(&text);
		struct err_pos pos = { .file = file, .line = number };
		if (line.kind == LINE_BAD)
			return err_set_at(err, pos, "neither a [section] nor a setting");
		if (line.kind == LINE_SETTING && !in_section)
			return err_set_at(err, pos, "setting before the first [section]");
		in_section = in_section || line.kind == LINE_SECTION;
	}
	return true;
}
