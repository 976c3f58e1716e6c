/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/tools/http_raw.h"

/* Cuts one line off the text: without its CRLF or LF. False when no line ends there. */
static bool next_line(struct slice *text, struct slice *line)
{
	size_t end = slice_find_byte(*text, '\n');
	if (end == SIZE_MAX)
		return false;
	*line = slice_sub(*text, 0, end);
	if (line->len && line->ptr[line->len - 1] == '\r')
		line->len--;
	*text = slice_from(*text, end + 1);
	return true;
}

/* RFC 9110 5.6.2 */
static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_alpha(s.ptr[i]) && !ascii_is_digit(s.ptr[i]) &&
		    !memchr("!#$%&'*+-.^_`|~", s.ptr[i], 15))
			return false;
	return s.len > 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct slice trim_blanks(struct slice s)
{
	while (s.len && is_blank(s.ptr[0]))
		s = slice_from(s, 1);
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

/* ---- headers ----------------------------------------------------------------------------------
 */

static struct slice unfold(struct arena *arena, struct slice value, struct slice more)
{
	more = trim_blanks(more);
	char *text = arena_alloc(arena, value.len + more.len + 1);
	if (!text)
		return value;
	if (value.len)
		memcpy(text, value.ptr, value.len);
	text[value.len] = ' ';
	if (more.len)
		memcpy(text + value.len + 1, more.ptr, more.len);
	return slice_of(text, value.len + 1 + more.len);
}

static const char *add_header(struct slice line, struct waf_header *header)
{
	size_t colon = slice_find_byte(line, ':');
	if (colon == SIZE_MAX)
		return "a header line has no colon";
	header->name = slice_sub(line, 0, colon);
	header->value = trim_blanks(slice_from(line, colon + 1));
	if (!is_token(header->name))
		return "a header name is no token";
	if (memchr(line.ptr, '\r', line.len) || memchr(line.ptr, '\0', line.len))
		return "a header line holds a CR or NUL";
	return NULL;
}

/* Up to the empty line; a message that ends before it is taken as it is. */
static const char *read_headers(
    struct slice *text, struct arena *arena, const struct waf_header **headers, size_t *count)
{
	struct waf_header *list = arena_array(arena, struct waf_header, HTTP_RAW_HEADERS_MAX);
	struct slice line;
	*count = 0;
	*headers = list;
	if (!list)
		return "out of memory";
	while (text->len) {
		if (!next_line(text, &line)) {
			line = *text;
			*text = slice_of(NULL, 0);
		}
		if (!line.len)
			return NULL;
		if (is_blank(line.ptr[0]) && *count > 0) {
			list[*count - 1].value = unfold(arena, list[*count - 1].value, line);
			continue;
		}
		if (*count == HTTP_RAW_HEADERS_MAX)
			return "too many headers";
		const char *error = add_header(line, &list[*count]);
		if (error)
			return error;
		++*count;
	}
	return NULL;
}

static struct slice find_header(const struct waf_header *headers, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq_nocase(headers[i].name, name))
			return headers[i].value;
	return slice_of(NULL, 0);
}

/* ---- body ---------------------------------------------------------------------------------------
 */

static bool chunk_size(struct slice line, size_t *out)
{
	size_t size = 0, digits = 0;
	for (; digits < line.len && ascii_hex_value(line.ptr[digits]) >= 0; digits++) {
		if (size > (SIZE_MAX >> 8))
			return false;
		size = size * 16 + (size_t)ascii_hex_value(line.ptr[digits]);
	}
	*out = size;
	return digits > 0;
}

/* RFC 9112 7.1. False when the chunks are broken: the bytes are then looked at as they are. */
static bool unchunk(struct slice in, struct arena *arena, struct slice *out)
{
	char *text = arena_alloc(arena, in.len + 1);
	size_t len = 0, size;
	struct slice line;
	while (text && next_line(&in, &line)) {
		if (!chunk_size(line, &size) || size > in.len)
			return false;
		if (size == 0) {
			*out = slice_of(text, len);
			return true;
		}
		memcpy(text + len, in.ptr, size);
		len += size;
		in = slice_from(in, size);
		if (!next_line(&in, &line) || line.len)
			return false;
	}
	return false;
}

/* `otherwise` is the body of a message that says nothing about its length. */
static struct slice read_body(struct slice rest, struct arena *arena,
    const struct waf_header *headers, size_t count, struct slice otherwise)
{
	struct slice coding = find_header(headers, count, SLICE("transfer-encoding"));
	struct slice length = find_header(headers, count, SLICE("content-length"));
	struct slice body;
	uint64_t bytes;
	if (slice_eq_nocase(coding, SLICE("chunked")) && unchunk(rest, arena, &body))
		return body;
	if (slice_to_u64(length, SIZE_MAX / 2, &bytes))
		return slice_sub(rest, 0, (size_t)bytes);
	/* A wrong length or coding is for rules to see, with all that came. */
	return length.len || coding.len ? rest : otherwise;
}

/* ---- first lines
 * --------------------------------------------------------------------------------- */

/* Where path and query stand in a request target (RFC 9112 3.2). */
static void split_target(struct slice uri, struct waf_request *out)
{
	struct slice rest = uri;
	size_t scheme = slice_find(uri, SLICE("://"));
	out->uri_raw = uri;
	if (uri.len && uri.ptr[0] != '/' && scheme != SIZE_MAX &&
	    scheme < slice_find_byte(uri, '?')) {
		rest = slice_from(uri, scheme + 3);
		size_t path = slice_find_byte(rest, '/');
		rest = path == SIZE_MAX ? SLICE("/") : slice_from(rest, path);
	}
	slice_cut(rest, '?', &out->path, &out->query);
}

/* RFC 9112 2.3 */
static bool is_version(struct slice s)
{
	return s.len == 8 && slice_starts_with(s, SLICE("HTTP/")) && ascii_is_digit(s.ptr[5]) &&
	       s.ptr[6] == '.' && ascii_is_digit(s.ptr[7]);
}

/* host:port, the only form CONNECT knows */
static bool is_authority(struct slice uri)
{
	size_t at = uri.len;
	while (at > 0 && ascii_is_digit(uri.ptr[at - 1]))
		at--;
	return at > 1 && at < uri.len && uri.ptr[at - 1] == ':';
}

/*
 * RFC 9112 3.2, as HAProxy holds to it; but bytes above 0x7f pass, for HAProxy can be told to let
 * them. What is wrong, or NULL.
 */
static const char *check_target(struct slice method, struct slice uri)
{
	for (size_t i = 0; i < uri.len; i++)
		if ((unsigned char)uri.ptr[i] <= ' ' || uri.ptr[i] == 0x7f || uri.ptr[i] == '#')
			return "the request target has a blank, a control character or a fragment";
	if (slice_eq(method, SLICE("CONNECT")))
		return is_authority(uri) ? NULL : "the target of CONNECT is not host:port";
	bool asterisk = slice_eq(uri, SLICE("*"));
	bool rooted = uri.len && uri.ptr[0] == '/';
	bool absolute =
	    uri.len && ascii_is_alpha(uri.ptr[0]) && slice_find(uri, SLICE("://")) != SIZE_MAX;
	return rooted || absolute || asterisk ? NULL
	                                      : "the request target is neither a path nor a URI";
}

static const char *split_request_line(struct slice line, struct waf_request *out)
{
	struct slice rest, uri;
	if (!slice_cut(line, ' ', &out->method, &rest) || !is_token(out->method))
		return "the request line does not begin with a method";
	size_t space = SIZE_MAX;
	for (size_t i = 0; i < rest.len; i++)
		if (rest.ptr[i] == ' ')
			space = i;
	uri = trim_blanks(slice_sub(rest, 0, space));
	out->version = SLICE("0.9");
	if (space != SIZE_MAX) {
		struct slice version = slice_from(rest, space + 1);
		if (!is_version(version))
			return "the request line does not end in a version of HTTP";
		out->version = slice_from(version, 5);
	}
	const char *error = check_target(out->method, uri);
	if (!error)
		split_target(uri, out);
	return error;
}

const char *http_raw_request(struct slice raw, struct arena *arena, struct waf_request *out)
{
	struct slice line;
	do { /* RFC 9112 2.2: empty lines before the request line are skipped */
		if (!next_line(&raw, &line))
			return "the request line does not end";
	} while (!line.len && raw.len);
	const char *error = split_request_line(line, out);
	if (!error)
		error = read_headers(&raw, arena, &out->headers, &out->header_count);
	if (error)
		return error;
	/* RFC 9112 6.3: without a length a request has no body, a response goes on to the end. */
	out->body = read_body(raw, arena, out->headers, out->header_count, slice_of(NULL, 0));
	return NULL;
}

const char *http_raw_response(struct slice raw, struct arena *arena, struct waf_response *out)
{
	struct slice line, version, rest, status;
	uint64_t number;
	if (!next_line(&raw, &line) || !slice_starts_with(line, SLICE("HTTP/")))
		return "the status line does not begin with HTTP/";
	slice_cut(slice_from(line, 5), ' ', &version, &rest);
	slice_cut(rest, ' ', &status, &line);
	if (!slice_to_u64(status, 999, &number) || number < 100)
		return "the status line has no status";
	out->version = version;
	out->status = (unsigned)number;
	const char *error = read_headers(&raw, arena, &out->headers, &out->header_count);
	if (!error)
		out->body = read_body(raw, arena, out->headers, out->header_count, raw);
	return error;
}
