/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 7578 and RFC 2046 section 5.1, line by line. A server behind us may read a doubtful body in
 * another way than we do, so every doubt sets its flag, and reading goes on to show the rules as
 * much as there is.
 */
#include "spoa/waf/body/list.h"

enum { BOUNDARY_MAX_BYTES = 70 }; /* RFC 2046 section 5.1.1 */

/* The manual's list for MULTIPART_STRICT_ERROR. UNMATCHED_BOUNDARY has a rule of its own there. */
enum {
	STRICT_FLAGS = MULTIPART_BOUNDARY_QUOTED | MULTIPART_BOUNDARY_WHITESPACE |
	               MULTIPART_DATA_BEFORE | MULTIPART_DATA_AFTER | MULTIPART_HEADER_FOLDING |
	               MULTIPART_INVALID_HEADER_FOLDING | MULTIPART_LF_LINE |
	               MULTIPART_MISSING_SEMICOLON | MULTIPART_INVALID_QUOTING |
	               MULTIPART_INVALID_PART | MULTIPART_FILE_LIMIT_EXCEEDED
};

// clang-format off
static const struct multipart_flag_name flag_names[] = {
	{ "MULTIPART_BOUNDARY_QUOTED",        MULTIPART_BOUNDARY_QUOTED },
	{ "MULTIPART_BOUNDARY_WHITESPACE",    MULTIPART_BOUNDARY_WHITESPACE },
	{ "MULTIPART_CRLF_LF_LINES",          MULTIPART_CRLF_LF_LINES },
	{ "MULTIPART_DATA_AFTER",             MULTIPART_DATA_AFTER },
	{ "MULTIPART_DATA_BEFORE",            MULTIPART_DATA_BEFORE },
	{ "MULTIPART_FILE_LIMIT_EXCEEDED",    MULTIPART_FILE_LIMIT_EXCEEDED },
	{ "MULTIPART_HEADER_FOLDING",         MULTIPART_HEADER_FOLDING },
	{ "MULTIPART_INVALID_HEADER_FOLDING", MULTIPART_INVALID_HEADER_FOLDING },
	{ "MULTIPART_INVALID_PART",           MULTIPART_INVALID_PART },
	{ "MULTIPART_INVALID_QUOTING",        MULTIPART_INVALID_QUOTING },
	{ "MULTIPART_LF_LINE",                MULTIPART_LF_LINE },
	{ "MULTIPART_MISSING_SEMICOLON",      MULTIPART_MISSING_SEMICOLON },
	{ "MULTIPART_STRICT_ERROR",           MULTIPART_STRICT_ERROR },
	{ "MULTIPART_UNMATCHED_BOUNDARY",     MULTIPART_UNMATCHED_BOUNDARY },
};
// clang-format on

const struct multipart_flag_name *multipart_flag_names(size_t *count)
{
	*count = sizeof(flag_names) / sizeof(flag_names[0]);
	return flag_names;
}

/* One part while it is read. */
struct part {
	bool open;
	bool in_headers;
	struct slice name, filename;
	bool has_name, has_filename;
	size_t first_header; /* its place in part_headers */
	size_t content_from, content_to;
};

struct parser {
	struct slice in;
	size_t at;
	struct slice boundary; /* without the two dashes */
	const struct body_limits *limits;
	struct arena *arena;
	struct multipart *out;
	struct part part;
	struct slice header; /* the line at hand with its folds */
	bool seen_boundary, finished;
	bool seen_crlf;
	enum body_result result; /* the first that is not BODY_OK */
};

static void note(struct parser *p, enum body_result result)
{
	if (p->result == BODY_OK)
		p->result = result;
}

static void flag(struct parser *p, unsigned flags)
{
	p->out->flags |= flags;
}

/* ---- Content-Type ------------------------------------------------------------------------------
 */

/* bchars of RFC 2046; the last one is not a blank. */
static bool is_boundary(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.ptr[i]) && !ascii_is_digit(s.ptr[i]) &&
		    (s.ptr[i] == '\0' || !strchr("'()+_,-./:=? ", s.ptr[i])))
			return false;
	return s.len > 0 && s.len <= BOUNDARY_MAX_BYTES && s.ptr[s.len - 1] != ' ';
}

static size_t find_nocase(struct slice s, struct slice lower)
{
	for (size_t i = 0; i + lower.len <= s.len; i++)
		if (slice_eq_nocase(slice_sub(s, i, lower.len), lower))
			return i;
	return SIZE_MAX;
}

/* The value of the boundary parameter, quotes and blanks noted and taken off. */
static struct slice boundary_value(struct parser *p, struct slice text)
{
	struct slice value;
	if (text.len && ascii_is_space(text.ptr[0])) {
		flag(p, MULTIPART_BOUNDARY_WHITESPACE);
		text = slice_trim(text);
	}
	if (text.len && text.ptr[0] == '"') {
		flag(p, MULTIPART_BOUNDARY_QUOTED);
		if (!slice_cut(slice_from(text, 1), '"', &value, &text))
			note(p, BODY_MALFORMED);
		return value;
	}
	slice_cut(text, ';', &value, &text);
	if (value.len != slice_trim(value).len) {
		flag(p, MULTIPART_BOUNDARY_WHITESPACE);
		value = slice_trim(value);
	}
	return value;
}

/* False: there is no way to know where parts begin. */
static bool find_boundary(struct parser *p, struct slice content_type)
{
	size_t at = find_nocase(content_type, SLICE("boundary"));
	if (at == SIZE_MAX)
		return false;
	struct slice rest = slice_from(content_type, at + strlen("boundary"));
	if (find_nocase(rest, SLICE("boundary=")) != SIZE_MAX)
		return false;
	size_t equals = slice_find_byte(rest, '=');
	if (equals == SIZE_MAX || slice_trim(slice_sub(rest, 0, equals)).len)
		return false;
	if (equals)
		flag(p, MULTIPART_BOUNDARY_WHITESPACE);
	if (slice_find_byte(slice_sub(content_type, 0, at), ';') == SIZE_MAX)
		flag(p, MULTIPART_MISSING_SEMICOLON);
	p->boundary = boundary_value(p, slice_from(rest, equals + 1));
	return is_boundary(p->boundary);
}

/* ---- Content-Disposition
 * ------------------------------------------------------------------------- */

static void skip_blanks(struct slice *s)
{
	while (s->len && ascii_is_space(s->ptr[0]))
		*s = slice_from(*s, 1);
}

static bool is_escape(struct slice s, size_t at)
{
	return s.ptr[at] == '\\' && at + 1 < s.len &&
	       (s.ptr[at + 1] == '"' || s.ptr[at + 1] == '\\');
}

/* \" and \\ stand for their second character. */
static struct slice without_escapes(struct parser *p, struct slice s)
{
	char *dst = arena_alloc(p->arena, s.len);
	size_t len = 0;
	if (!dst) {
		note(p, BODY_NO_MEMORY);
		return s;
	}
	for (size_t i = 0; i < s.len; i++) {
		i += is_escape(s, i);
		dst[len++] = s.ptr[i];
	}
	return slice_of(dst, len);
}

/* A quoted string behind its opening quote. */
static struct slice quoted_value(struct parser *p, struct slice *rest)
{
	size_t end = 0, escapes = 0;
	while (end < rest->len && rest->ptr[end] != '"') {
		bool escape = is_escape(*rest, end);
		escapes += escape;
		end += 1 + escape;
	}
	if (end >= rest->len)
		flag(p, MULTIPART_INVALID_QUOTING | MULTIPART_INVALID_PART);
	struct slice value = slice_sub(*rest, 0, end);
	*rest = slice_from(*rest, end + 1);
	return escapes ? without_escapes(p, value) : value;
}

static struct slice token_value(struct parser *p, struct slice *rest)
{
	size_t len = 0;
	while (len < rest->len && rest->ptr[len] != ';' && !ascii_is_space(rest->ptr[len]))
		len++;
	struct slice value = slice_sub(*rest, 0, len);
	if (slice_find_byte(value, '"') != SIZE_MAX || slice_find_byte(value, '\'') != SIZE_MAX)
		flag(p, MULTIPART_INVALID_QUOTING);
	*rest = slice_from(*rest, len);
	return value;
}

/* Some servers take 'a' for a: such a value is read without its quotes, and flagged. */
static struct slice without_single_quotes(struct slice s)
{
	bool quoted = s.len >= 2 && s.ptr[0] == '\'' && s.ptr[s.len - 1] == '\'';
	return quoted ? slice_sub(s, 1, s.len - 2) : s;
}

static void set_parameter(struct parser *p, struct slice key, struct slice value)
{
	struct part *part = &p->part;
	if (slice_eq_nocase(key, SLICE("name")) && !part->has_name) {
		part->name = value;
		part->has_name = true;
	} else if (slice_eq_nocase(key, SLICE("filename")) && !part->has_filename) {
		part->filename = value;
		part->has_filename = true;
	} else {
		/* Twice the same, or one that RFC 7578 does not know, such as filename*. */
		flag(p, MULTIPART_INVALID_PART);
		if (slice_starts_with_nocase(key, SLICE("filename")) && !part->has_filename) {
			part->filename = value;
			part->has_filename = true;
		}
	}
}

/* ; key = value, as often as it comes */
static void parse_parameters(struct parser *p, struct slice rest)
{
	for (skip_blanks(&rest); rest.len; skip_blanks(&rest)) {
		if (rest.ptr[0] == ';')
			rest = slice_from(rest, 1);
		else
			flag(p, MULTIPART_MISSING_SEMICOLON | MULTIPART_INVALID_PART);
		struct slice key;
		if (!slice_cut(rest, '=', &key, &rest)) {
			flag(p, MULTIPART_INVALID_PART);
			return;
		}
		skip_blanks(&rest);
		bool quoted = rest.len && rest.ptr[0] == '"';
		if (quoted)
			rest = slice_from(rest, 1);
		struct slice value =
		    quoted ? quoted_value(p, &rest) : without_single_quotes(token_value(p, &rest));
		set_parameter(p, slice_trim(key), value);
	}
}

static void parse_disposition(struct parser *p, struct slice value)
{
	struct slice type = slice_trim(value), wanted = SLICE("form-data");
	if (!slice_starts_with_nocase(type, wanted)) {
		flag(p, MULTIPART_INVALID_PART);
		size_t semicolon = slice_find_byte(type, ';');
		wanted.len = semicolon == SIZE_MAX ? type.len : semicolon;
	}
	parse_parameters(p, slice_from(type, wanted.len));
}

/* ---- part headers
 * ----------------------------------------------------------------------------------- */

/* The header that is complete now. The part's name is put beside all of them once it is known. */
static void end_header(struct parser *p)
{
	struct slice name, value, line = p->header;
	p->header = slice_of(NULL, 0);
	if (line.len == 0)
		return;
	bool has_colon = slice_cut(line, ':', &name, &value);
	if (!has_colon)
		note(p, BODY_MALFORMED);
	if (has_colon && slice_eq_nocase(slice_trim(name), SLICE("content-disposition")))
		parse_disposition(p, value);
	size_t max = p->part.first_header + p->limits->max_part_headers;
	note(p, body_list_add(&p->out->part_headers, slice_of(NULL, 0), line, max, p->arena));
}

static void fold_header(struct parser *p, struct slice line)
{
	flag(p, MULTIPART_HEADER_FOLDING);
	if (p->header.len == 0) {
		flag(p, MULTIPART_INVALID_HEADER_FOLDING);
		p->header = line;
		return;
	}
	if (p->header.len + line.len > p->limits->max_header_bytes) {
		note(p, BODY_TOO_LONG);
		return;
	}
	char *joined = arena_alloc(p->arena, p->header.len + line.len);
	if (!joined) {
		note(p, BODY_NO_MEMORY);
		return;
	}
	memcpy(joined, p->header.ptr, p->header.len);
	memcpy(joined + p->header.len, line.ptr, line.len);
	p->header = slice_of(joined, p->header.len + line.len);
}

static void name_headers(struct parser *p)
{
	for (size_t i = p->part.first_header; i < p->out->part_headers.count; i++)
		p->out->part_headers.items[i].name = p->part.name;
}

static void header_line(struct parser *p, struct slice line)
{
	if (line.len && ascii_is_space(line.ptr[0])) {
		if (line.ptr[0] != ' ' && line.ptr[0] != '\t')
			flag(p, MULTIPART_INVALID_HEADER_FOLDING);
		fold_header(p, line);
		return;
	}
	end_header(p);
	if (line.len > p->limits->max_header_bytes)
		note(p, BODY_TOO_LONG);
	p->header = slice_sub(line, 0, p->limits->max_header_bytes);
	if (line.len)
		return;
	p->part.in_headers = false;
	p->part.content_from = p->part.content_to = p->at;
	name_headers(p);
	if (!p->part.has_name || p->part.name.len == 0)
		flag(p, MULTIPART_INVALID_PART);
}

/* ---- parts
 * ------------------------------------------------------------------------------------------- */

static void add_file(struct parser *p, struct slice content)
{
	struct multipart *out = p->out;
	if (out->file_count >= p->limits->max_args) {
		flag(p, MULTIPART_FILE_LIMIT_EXCEEDED);
		note(p, BODY_TOO_MANY);
		return;
	}
	struct multipart_file *files =
	    body_grow(out->files, out->file_count, &out->file_cap, sizeof(*files), p->arena);
	if (!files) {
		note(p, BODY_NO_MEMORY);
		return;
	}
	out->files = files;
	out->files[out->file_count++] =
	    (struct multipart_file){ p->part.name, p->part.filename, content };
	out->files_combined_bytes += content.len;
}

static void end_part(struct parser *p)
{
	struct part *part = &p->part;
	if (!part->open)
		return;
	part->open = false;
	if (part->in_headers) {
		end_header(p);
		name_headers(p);
		flag(p, MULTIPART_INVALID_PART);
		return;
	}
	struct slice content =
	    slice_sub(p->in, part->content_from, part->content_to - part->content_from);
	if (part->has_filename && part->filename.len)
		add_file(p, content);
	else
		note(p, body_list_add(
		            &p->out->args, part->name, content, p->limits->max_args, p->arena));
}

static void begin_part(struct parser *p)
{
	end_part(p);
	p->seen_boundary = true;
	p->part = (struct part){
		.open = true,
		.in_headers = true,
		.first_header = p->out->part_headers.count,
	};
}

/* ---- lines
 * ------------------------------------------------------------------------------------------- */

/* The next line without its end. */
static struct slice next_line(struct parser *p)
{
	struct slice line, rest;
	bool ended = slice_cut(slice_from(p->in, p->at), '\n', &line, &rest);
	p->at += line.len + ended;
	bool crlf = ended && line.len && line.ptr[line.len - 1] == '\r';
	if (ended && !crlf)
		flag(p, MULTIPART_LF_LINE);
	p->seen_crlf |= crlf;
	return slice_sub(line, 0, line.len - crlf);
}

/* Lines of a part's content may end as they like: what they are is the file's own affair. */
static struct slice next_content_line(struct parser *p)
{
	unsigned flags = p->out->flags;
	bool seen_crlf = p->seen_crlf;
	struct slice line = next_line(p);
	p->out->flags = flags;
	p->seen_crlf = seen_crlf;
	return line;
}

static bool at_boundary(const struct parser *p)
{
	struct slice rest = slice_from(p->in, p->at);
	return slice_starts_with(rest, SLICE("--")) &&
	       slice_starts_with(slice_from(rest, 2), p->boundary);
}

/* The end of the line before a boundary belongs to the boundary. */
static size_t content_end(struct parser *p)
{
	size_t end = p->at;
	bool lf = end > p->part.content_from && p->in.ptr[end - 1] == '\n';
	end -= lf;
	bool cr = lf && end > p->part.content_from && p->in.ptr[end - 1] == '\r';
	if (lf && !cr)
		flag(p, MULTIPART_LF_LINE);
	return end - cr;
}

static void boundary_line(struct parser *p)
{
	size_t end = p->part.open && !p->part.in_headers ? content_end(p) : 0;
	struct slice line = next_line(p);
	struct slice tail = slice_from(line, 2 + p->boundary.len);
	if (tail.len && !slice_eq(tail, SLICE("--"))) {
		/* Like a boundary, but not one: another reader may take it for one. */
		flag(p, MULTIPART_UNMATCHED_BOUNDARY);
		note(p, BODY_MALFORMED);
		p->part.content_to = p->at;
		return;
	}
	p->part.content_to = end;
	if (tail.len == 0) {
		begin_part(p);
		return;
	}
	end_part(p);
	p->seen_boundary = p->finished = true;
	if (p->at < p->in.len)
		flag(p, MULTIPART_DATA_AFTER);
}

static void parse_line(struct parser *p)
{
	if (at_boundary(p)) {
		boundary_line(p);
	} else if (!p->seen_boundary) {
		flag(p, MULTIPART_DATA_BEFORE);
		next_content_line(p);
	} else if (p->part.in_headers) {
		header_line(p, next_line(p));
	} else {
		next_content_line(p);
		p->part.content_to = p->at;
	}
}

static void parse(struct parser *p)
{
	while (p->at < p->in.len && !p->finished && p->result != BODY_NO_MEMORY &&
	       p->result != BODY_TOO_MANY)
		parse_line(p);
	end_part(p);
	if (!p->finished)
		note(p, p->seen_boundary ? BODY_TRUNCATED : BODY_MALFORMED);
}

enum body_result body_multipart(struct slice in, struct slice content_type,
    const struct body_limits *limits, struct arena *arena, struct multipart *out)
{
	*out = (struct multipart){ 0 };
	struct parser p = { .in = in, .limits = limits, .arena = arena, .out = out };
	if (!find_boundary(&p, content_type))
		note(&p, BODY_MALFORMED);
	else if (in.len)
		parse(&p);
	if ((out->flags & MULTIPART_LF_LINE) && p.seen_crlf)
		flag(&p, MULTIPART_CRLF_LF_LINES);
	if (out->flags & MULTIPART_INVALID_PART)
		note(&p, BODY_MALFORMED);
	if (p.result != BODY_OK || (out->flags & STRICT_FLAGS))
		flag(&p, MULTIPART_STRICT_ERROR);
	return p.result;
}
