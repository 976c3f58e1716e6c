/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/syslog.h"

enum { PRIORITY_MAX = 191, RFC5424_WORDS = 5 /* time, host, program, process, message id */ };

/* "<134>", at the start. */
static bool take_priority(struct slice *line)
{
	struct slice digits, rest;
	uint64_t priority;
	if (!slice_starts_with(*line, SLICE("<")) ||
	    !slice_cut(slice_sub(*line, 1, 4), '>', &digits, &rest) ||
	    !slice_to_u64(digits, PRIORITY_MAX, &priority))
		return false;
	*line = slice_from(*line, digits.len + 2);
	return true;
}

/* "-" or [id name="value"]..., in which a backslash guards the next byte. */
static bool take_structured_data(struct slice *line)
{
	size_t i = 0;
	if (slice_starts_with(*line, SLICE("-"))) {
		*line = slice_from(*line, 1);
		return true;
	}
	while (i < line->len && line->ptr[i] == '[') {
		bool quoted = false;
		for (i++; i < line->len && (quoted || line->ptr[i] != ']'); i++) {
			if (line->ptr[i] == '"')
				quoted = !quoted;
			else if (quoted && line->ptr[i] == '\\')
				i++;
		}
		if (i >= line->len)
			return false;
		i++;
	}
	*line = slice_from(*line, i);
	return i > 0;
}

static bool take_rfc5424(struct slice *line)
{
	struct slice rest, word;
	if (!slice_starts_with(*line, SLICE("1 ")))
		return false;
	rest = slice_from(*line, 2);
	for (int i = 0; i < RFC5424_WORDS; i++)
		if (!slice_cut(rest, ' ', &word, &rest))
			return false;
	if (!take_structured_data(&rest))
		return false;
	if (slice_starts_with(rest, SLICE(" ")))
		rest = slice_from(rest, 1);
	if (slice_starts_with(rest, SLICE("\xef\xbb\xbf")))
		rest = slice_from(rest, 3);
	*line = rest;
	return true;
}

/* "Nov 24 01:49:00 ", then up to the first ": ". */
static void take_rfc3164(struct slice *line)
{
	static const char shape[] = "aaa dd dd:dd:dd ";
	size_t len = sizeof(shape) - 1;
	if (line->len < len)
		return;
	for (size_t i = 0; i < len; i++) {
		char c = line->ptr[i];
		bool fits = shape[i] == 'a'   ? ascii_is_alpha(c)
		            : shape[i] == 'd' ? ascii_is_digit(c) || c == ' '
		                              : c == shape[i];
		if (!fits)
			return;
	}
	size_t tag_end = slice_find(slice_from(*line, len), SLICE(": "));
	*line = slice_from(*line, tag_end == SIZE_MAX ? len : len + tag_end + 2);
}

struct slice syslog_message(struct slice line)
{
	while (
	    line.len && (line.ptr[line.len - 1] == '\0' || ascii_is_space(line.ptr[line.len - 1])))
		line.len--;
	if (take_priority(&line) && !take_rfc5424(&line))
		take_rfc3164(&line);
	return line;
}
