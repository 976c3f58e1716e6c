/* SPDX-License-Identifier: Apache-2.0 */
/* A request's and a response's parts as SecLang variables. Only variables that some rule reads are
 * made. */
#include "spoa/waf/engine/transaction.h"

#include <time.h>

static bool used(const struct transaction *tx, enum variable_id id)
{
	return tx->rules->uses[id];
}

static void set_if_used(struct transaction *tx, enum variable_id id, struct slice text)
{
	if (used(tx, id))
		set_scalar(tx, id, text);
}

static void count_if_used(struct transaction *tx, enum variable_id id, uint64_t number)
{
	if (used(tx, id))
		set_number(tx, id, number);
}

static struct slice find_header(const struct waf_header *headers, size_t count, struct slice name)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq_nocase(headers[i].name, name))
			return headers[i].value;
	return slice_of(NULL, 0);
}

static struct slice request_header(const struct transaction *tx, struct slice name)
{
	return find_header(tx->request->headers, tx->request->header_count, name);
}

/* What a parser left out, no rule sees. */
static void note_uninspected(struct transaction *tx, enum body_result result)
{
	if (result != BODY_OK && !tx->verdict->uninspected)
		tx->verdict->uninspected = body_result_text(result);
}

/* ---- lists of names and values ----------------------------------------------------------------
 */

/* One name or value, as a member of every collection that has it. */
static void add_shared(struct transaction *tx, const enum variable_id *ids, size_t count,
    struct slice key, struct slice text)
{
	struct value *value = NULL;
	for (size_t i = 0; i < count; i++) {
		if (!used(tx, ids[i]))
			continue;
		if (!value)
			value = value_new(tx, text);
		items_add(tx, ids[i], key, value);
	}
}

static void add_argument(struct transaction *tx, bool post, struct body_pair pair)
{
	enum variable_id values[] = { VAR_ARGS, post ? VAR_ARGS_POST : VAR_ARGS_GET };
	enum variable_id names[] = { VAR_ARGS_NAMES,
		post ? VAR_ARGS_POST_NAMES : VAR_ARGS_GET_NAMES };
	add_shared(tx, values, 2, pair.name, pair.value);
	add_shared(tx, names, 2, pair.name, pair.name);
}

static void add_arguments(struct transaction *tx, bool post, const struct body_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		add_argument(tx, post, list->items[i]);
}

static void set_combined_size(struct transaction *tx)
{
	size_t size = 0;
	if (!used(tx, VAR_ARGS_COMBINED_SIZE))
		return;
	for (size_t i = 0; i < tx->vars[VAR_ARGS].count; i++)
		size +=
		    tx->vars[VAR_ARGS].list[i].key.len + tx->vars[VAR_ARGS].list[i].value->text.len;
	set_number(tx, VAR_ARGS_COMBINED_SIZE, size);
}

static struct body_limits limits_of(const struct transaction *tx)
{
	struct body_limits limits = body_default_limits;
	limits.max_args = tx->rules->max_args;
	limits.max_depth = tx->rules->max_depth;
	return limits;
}

/* ---- the request line -------------------------------------------------------------------------
 */

static struct slice join(struct transaction *tx, struct slice a, const char *glue, struct slice b)
{
	return slice_of_cstr(
	    arena_printf(tx->arena, "%.*s%s%.*s", SLICE_ARG(a), glue, SLICE_ARG(b)));
}

/* Requests may hold NUL bytes, which printf would end at. */
static struct slice concat(struct transaction *tx, const struct slice *parts, size_t count)
{
	size_t len = 0, at = 0;
	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	char *text = arena_alloc(tx->arena, len + 1);
	if (!text)
		return slice_of(NULL, 0);
	for (size_t i = 0; i < count; i++) {
		if (parts[i].len)
			memcpy(text + at, parts[i].ptr, parts[i].len);
		at += parts[i].len;
	}
	return slice_of(text, len);
}

static struct slice uri_raw(struct transaction *tx)
{
	const struct waf_request *r = tx->request;
	if (r->uri_raw.len)
		return r->uri_raw;
	if (!r->query.len)
		return r->path;
	return concat(tx, (struct slice[]){ r->path, SLICE("?"), r->query }, 3);
}

/* An absolute URI without its scheme and host. */
static struct slice relative_uri(struct slice uri)
{
	if (uri.len && uri.ptr[0] == '/')
		return uri;
	size_t scheme = slice_find(uri, SLICE("://"));
	size_t query = slice_find_byte(uri, '?');
	if (scheme == SIZE_MAX || scheme > query)
		return uri;
	struct slice rest = slice_from(uri, scheme + 3);
	size_t path = slice_find_byte(rest, '/');
	return path == SIZE_MAX ? SLICE("/") : slice_from(rest, path);
}

/* %XX as a byte, once; "+" is a plus in a path. Servers look files up by this name. */
static struct slice decode_path(struct transaction *tx, struct slice path)
{
	if (slice_find_byte(path, '%') == SIZE_MAX)
		return path;
	char *text = arena_alloc(tx->arena, path.len);
	size_t len = 0;
	for (size_t i = 0; text && i < path.len; i++) {
		int high = i + 2 < path.len ? ascii_hex_value(path.ptr[i + 1]) : -1;
		int low = i + 2 < path.len ? ascii_hex_value(path.ptr[i + 2]) : -1;
		bool escape = path.ptr[i] == '%' && high >= 0 && low >= 0;
		text[len++] = escape ? (char)(high * 16 + low) : path.ptr[i];
		i += escape ? 2 : 0;
	}
	return text ? slice_of(text, len) : path;
}

static struct slice basename_of(struct slice path)
{
	size_t at = path.len;
	while (at > 0 && path.ptr[at - 1] != '/' && path.ptr[at - 1] != '\\')
		at--;
	return slice_from(path, at);
}

static struct slice protocol_of(struct transaction *tx, struct slice version)
{
	if (!version.len || !ascii_is_digit(version.ptr[0]))
		return version;
	return concat(tx, (struct slice[]){ SLICE("HTTP/"), version }, 2);
}

static void collect_line(struct transaction *tx)
{
	const struct waf_request *r = tx->request;
	struct slice raw = uri_raw(tx);
	struct slice protocol = protocol_of(tx, r->version);
	struct slice path = decode_path(tx, r->path);
	set_if_used(tx, VAR_REQUEST_METHOD, r->method);
	set_if_used(tx, VAR_REQUEST_URI_RAW, raw);
	set_if_used(tx, VAR_REQUEST_URI, relative_uri(raw));
	set_if_used(tx, VAR_REQUEST_FILENAME, path);
	set_if_used(tx, VAR_PATH_INFO, path);
	set_if_used(tx, VAR_REQUEST_BASENAME, basename_of(path));
	set_if_used(tx, VAR_QUERY_STRING, r->query);
	set_if_used(tx, VAR_REQUEST_PROTOCOL, protocol);
	if (used(tx, VAR_REQUEST_LINE))
		set_scalar(tx, VAR_REQUEST_LINE,
		    concat(tx, (struct slice[]){ r->method, SLICE(" "), raw, SLICE(" "), protocol },
		        5));
}

static void collect_query(struct transaction *tx)
{
	struct body_limits limits = limits_of(tx);
	struct body_list list = { 0 };
	bool bad_encoding = false;
	note_uninspected(
	    tx, body_urlencoded(tx->request->query, tx->rules->settings.argument_separator, &limits,
	            tx->arena, &list, &bad_encoding));
	if (bad_encoding)
		set_if_used(tx, VAR_URLENCODED_ERROR, SLICE("1"));
	add_arguments(tx, false, &list);
	set_combined_size(tx);
}

/* ---- headers ----------------------------------------------------------------------------------
 */

static void collect_cookies(struct transaction *tx, struct slice header)
{
	struct body_limits limits = limits_of(tx);
	struct body_list list = { 0 };
	note_uninspected(tx, body_cookies(header, &limits, tx->arena, &list));
	for (size_t i = 0; i < list.count; i++) {
		if (used(tx, VAR_REQUEST_COOKIES))
			items_add_text(
			    tx, VAR_REQUEST_COOKIES, list.items[i].name, list.items[i].value);
		if (used(tx, VAR_REQUEST_COOKIES_NAMES))
			items_add_text(
			    tx, VAR_REQUEST_COOKIES_NAMES, list.items[i].name, list.items[i].name);
	}
}

static void collect_headers(struct transaction *tx)
{
	const struct waf_request *r = tx->request;
	for (size_t i = 0; i < r->header_count; i++) {
		struct slice name = r->headers[i].name, value = r->headers[i].value;
		if (used(tx, VAR_REQUEST_HEADERS))
			items_add_text(tx, VAR_REQUEST_HEADERS, name, value);
		if (used(tx, VAR_REQUEST_HEADERS_NAMES))
			items_add_text(tx, VAR_REQUEST_HEADERS_NAMES, name, name);
		if (slice_eq_nocase(name, SLICE("cookie")))
			collect_cookies(tx, value);
	}
}

/* ---- connection and time ----------------------------------------------------------------------
 */

static void collect_connection(struct transaction *tx)
{
	const struct waf_request *r = tx->request;
	struct slice host = request_header(tx, SLICE("host"));
	size_t colon = slice_find_byte(host, ':');
	set_if_used(tx, VAR_UNIQUE_ID, r->id);
	set_if_used(tx, VAR_REMOTE_ADDR, r->client_ip);
	set_if_used(tx, VAR_REMOTE_HOST, r->client_ip);
	count_if_used(tx, VAR_REMOTE_PORT, r->client_port);
	set_if_used(tx, VAR_SERVER_ADDR, r->server_ip);
	set_if_used(tx, VAR_SERVER_NAME, slice_sub(host, 0, colon));
	count_if_used(tx, VAR_SERVER_PORT, r->server_port);
	set_if_used(tx, VAR_WEBAPPID, tx->rules->settings.webapp_id);
	set_if_used(tx, VAR_MODSEC_BUILD, SLICE("300000000"));
	set_if_used(tx, VAR_DURATION, SLICE("0"));
}

static const enum variable_id time_variables[] = { VAR_TIME, VAR_TIME_DAY, VAR_TIME_EPOCH,
	VAR_TIME_HOUR, VAR_TIME_MIN, VAR_TIME_MON, VAR_TIME_SEC, VAR_TIME_WDAY, VAR_TIME_YEAR };

static void collect_time(struct transaction *tx)
{
	bool any = false;
	for (size_t i = 0; i < sizeof time_variables / sizeof *time_variables; i++)
		any |= used(tx, time_variables[i]);
	if (!any)
		return;
	time_t now = (time_t)(tx->request->now_unix_us / 1000000);
	struct tm tm;
	if (!gmtime_r(&now, &tm))
		return;
	const char *text =
	    arena_printf(tx->arena, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	set_if_used(tx, VAR_TIME, slice_of_cstr(text));
	count_if_used(tx, VAR_TIME_EPOCH, (uint64_t)now);
	count_if_used(tx, VAR_TIME_DAY, (uint64_t)tm.tm_mday);
	count_if_used(tx, VAR_TIME_HOUR, (uint64_t)tm.tm_hour);
	count_if_used(tx, VAR_TIME_MIN, (uint64_t)tm.tm_min);
	count_if_used(tx, VAR_TIME_MON, (uint64_t)tm.tm_mon + 1);
	count_if_used(tx, VAR_TIME_SEC, (uint64_t)tm.tm_sec);
	count_if_used(tx, VAR_TIME_WDAY, (uint64_t)tm.tm_wday);
	count_if_used(tx, VAR_TIME_YEAR, (uint64_t)tm.tm_year + 1900);
}

/* ---- which body processor -----------------------------------------------------------------------
 */

static bool has_subtype(struct slice type, struct slice subtype)
{
	size_t slash = slice_find_byte(type, '/');
	if (slash == SIZE_MAX)
		return false;
	struct slice rest = slice_from(type, slash + 1);
	if (slice_eq_nocase(rest, subtype))
		return true;
	/* application/vnd.bank.transfer+json */
	return rest.len > subtype.len && rest.ptr[rest.len - subtype.len - 1] == '+' &&
	       slice_eq_nocase(slice_from(rest, rest.len - subtype.len), subtype);
}

/* As ModSecurity and its recommended configuration choose by the content type. */
static struct slice processor_of(struct slice content_type)
{
	struct slice type, rest;
	slice_cut(content_type, ';', &type, &rest);
	type = slice_trim(type);
	if (slice_eq_nocase(type, SLICE("application/x-www-form-urlencoded")))
		return SLICE("URLENCODED");
	if (slice_starts_with_nocase(type, SLICE("multipart/form-data")))
		return SLICE("MULTIPART");
	if (has_subtype(type, SLICE("json")))
		return SLICE("JSON");
	if (has_subtype(type, SLICE("xml")))
		return SLICE("XML");
	return slice_of(NULL, 0);
}

static const struct {
	enum multipart_flag flag;
	enum variable_id variable;
} flag_variables[] = {
#define FLAG(name)                                                                                 \
	{                                                                                          \
		name, VAR_##name                                                                   \
	}
	FLAG(MULTIPART_BOUNDARY_QUOTED),
	FLAG(MULTIPART_BOUNDARY_WHITESPACE),
	FLAG(MULTIPART_DATA_BEFORE),
	FLAG(MULTIPART_DATA_AFTER),
	FLAG(MULTIPART_HEADER_FOLDING),
	FLAG(MULTIPART_INVALID_HEADER_FOLDING),
	FLAG(MULTIPART_LF_LINE),
	FLAG(MULTIPART_CRLF_LF_LINES),
	FLAG(MULTIPART_MISSING_SEMICOLON),
	FLAG(MULTIPART_INVALID_QUOTING),
	FLAG(MULTIPART_INVALID_PART),
	FLAG(MULTIPART_FILE_LIMIT_EXCEEDED),
	FLAG(MULTIPART_UNMATCHED_BOUNDARY),
	FLAG(MULTIPART_STRICT_ERROR),
#undef FLAG
};

static void set_multipart_flags(struct transaction *tx, unsigned set)
{
	for (size_t i = 0; i < sizeof flag_variables / sizeof *flag_variables; i++)
		set_if_used(tx, flag_variables[i].variable,
		    set & flag_variables[i].flag ? SLICE("1") : SLICE("0"));
}

static void collect_defaults(struct transaction *tx)
{
	set_multipart_flags(tx, 0);
	set_if_used(tx, VAR_REQBODY_ERROR, SLICE("0"));
	set_if_used(tx, VAR_REQBODY_PROCESSOR_ERROR, SLICE("0"));
	set_if_used(tx, VAR_URLENCODED_ERROR, SLICE("0"));
	set_if_used(tx, VAR_INBOUND_DATA_ERROR, SLICE("0"));
	set_if_used(tx, VAR_OUTBOUND_DATA_ERROR, SLICE("0"));
	set_if_used(tx, VAR_MSC_PCRE_ERROR, SLICE("0"));
	set_if_used(tx, VAR_MSC_PCRE_LIMITS_EXCEEDED, SLICE("0"));
	set_if_used(tx, VAR_FILES_COMBINED_SIZE, SLICE("0"));
	set_if_used(tx, VAR_REQBODY_PROCESSOR, tx->processor);
}

void collect_request(struct transaction *tx)
{
	tx->request_body = tx->rules->settings.request_body;
	tx->response_body = tx->rules->settings.response_body;
	if (tx->request_body)
		tx->processor = processor_of(request_header(tx, SLICE("content-type")));
	collect_defaults(tx);
	collect_connection(tx);
	collect_time(tx);
	collect_line(tx);
	collect_headers(tx);
	collect_query(tx);
}

/* ---- the request body ---------------------------------------------------------------------------
 */

static void set_body_error(struct transaction *tx, enum body_result result, bool cut)
{
	/* What goes on behind the part that was given cannot be called malformed. */
	if (result == BODY_OK || cut)
		return;
	note_uninspected(tx, result);
	set_if_used(tx, VAR_REQBODY_ERROR, SLICE("1"));
	set_if_used(tx, VAR_REQBODY_PROCESSOR_ERROR, SLICE("1"));
	struct slice text =
	    join(tx, tx->processor, " parsing error: ", slice_of_cstr(body_result_text(result)));
	set_if_used(tx, VAR_REQBODY_ERROR_MSG, text);
	set_if_used(tx, VAR_REQBODY_PROCESSOR_ERROR_MSG, text);
}

static enum body_result parse_urlencoded(struct transaction *tx, struct slice body)
{
	struct body_limits limits = limits_of(tx);
	struct body_list list = { 0 };
	bool bad_encoding = false;
	enum body_result result = body_urlencoded(
	    body, tx->rules->settings.argument_separator, &limits, tx->arena, &list, &bad_encoding);
	if (bad_encoding)
		set_if_used(tx, VAR_URLENCODED_ERROR, SLICE("1"));
	add_arguments(tx, true, &list);
	return result;
}

static enum body_result parse_json(struct transaction *tx, struct slice body)
{
	struct body_limits limits = limits_of(tx);
	struct body_list list = { 0 };
	enum body_result result = body_json(body, &limits, tx->arena, &list);
	add_arguments(tx, true, &list);
	return result;
}

static enum body_result parse_xml(struct transaction *tx, struct slice body)
{
	struct body_limits limits = limits_of(tx);
	struct body_xml xml;
	if (!used(tx, VAR_XML) && !used(tx, VAR_REQBODY_ERROR))
		return BODY_OK;
	enum body_result result = body_xml(body, &limits, tx->arena, &xml);
	if (xml.text.len)
		items_add_text(tx, VAR_XML, SLICE("/*"), xml.text);
	for (size_t i = 0; i < xml.attributes.count; i++)
		items_add_text(tx, VAR_XML, SLICE("//@*"), xml.attributes.items[i].value);
	return result;
}

static void add_file(struct transaction *tx, const struct multipart_file *file)
{
	add_shared(tx, (enum variable_id[]){ VAR_FILES, VAR_MULTIPART_FILENAME }, 2, file->field,
	    file->filename);
	add_shared(tx, (enum variable_id[]){ VAR_FILES_NAMES, VAR_MULTIPART_NAME }, 2, file->field,
	    file->field);
	if (used(tx, VAR_FILES_SIZES))
		items_add_text(tx, VAR_FILES_SIZES, file->field,
		    render_integer(tx, (int64_t)file->content.len));
	if (used(tx, VAR_FILES_TMP_CONTENT))
		items_add_text(tx, VAR_FILES_TMP_CONTENT, file->field, file->content);
}

static enum body_result parse_multipart(struct transaction *tx, struct slice body)
{
	struct body_limits limits = limits_of(tx);
	struct multipart form;
	enum body_result result = body_multipart(
	    body, request_header(tx, SLICE("content-type")), &limits, tx->arena, &form);
	add_arguments(tx, true, &form.args);
	for (size_t i = 0; i < form.part_headers.count && used(tx, VAR_MULTIPART_PART_HEADERS); i++)
		items_add_text(tx, VAR_MULTIPART_PART_HEADERS, form.part_headers.items[i].name,
		    form.part_headers.items[i].value);
	for (size_t i = 0; i < form.file_count; i++)
		add_file(tx, &form.files[i]);
	set_multipart_flags(tx, form.flags);
	count_if_used(tx, VAR_FILES_COMBINED_SIZE, form.files_combined_bytes);
	return result;
}

/* clang-format off */
static const struct {
	struct slice name;
	enum body_result (*parse)(struct transaction *tx, struct slice body);
} processors[] = {
	{ SLICE_INIT("URLENCODED"), parse_urlencoded },
	{ SLICE_INIT("MULTIPART"),  parse_multipart },
	{ SLICE_INIT("JSON"),       parse_json },
	{ SLICE_INIT("XML"),        parse_xml },
};
/* clang-format on */

static void collect_full_request(struct transaction *tx, struct slice body)
{
	size_t len = first_value(tx, VAR_REQUEST_LINE).len + body.len + 2;
	const struct waf_request *r = tx->request;
	for (size_t i = 0; i < r->header_count; i++)
		len += r->headers[i].name.len + r->headers[i].value.len + 4;
	count_if_used(tx, VAR_FULL_REQUEST_LENGTH, len);
	if (!used(tx, VAR_FULL_REQUEST))
		return;
	size_t count = 0;
	struct slice *parts = arena_array(tx->arena, struct slice, r->header_count * 4 + 3);
	if (!parts)
		return;
	parts[count++] = uri_raw(tx);
	for (size_t i = 0; i < r->header_count; i++) {
		parts[count++] = SLICE("\r\n");
		parts[count++] = r->headers[i].name;
		parts[count++] = SLICE(": ");
		parts[count++] = r->headers[i].value;
	}
	parts[count++] = SLICE("\r\n\r\n");
	parts[count++] = body;
	set_scalar(tx, VAR_FULL_REQUEST, concat(tx, parts, count));
}

void collect_body(struct transaction *tx)
{
	struct slice body = slice_sub(tx->request->body, 0, tx->rules->max_body_bytes);
	bool too_long = body.len < tx->request->body.len;
	bool cut = tx->request->body_cut || too_long;
	collect_full_request(tx, tx->request_body ? body : slice_of(NULL, 0));
	if (!tx->request_body)
		return;
	if (too_long && !tx->verdict->uninspected)
		tx->verdict->uninspected = "the body is longer than the limit";
	if (cut)
		set_if_used(tx, VAR_INBOUND_DATA_ERROR, SLICE("1"));
	count_if_used(tx, VAR_REQUEST_BODY_LENGTH, tx->request->body.len);
	if (tx->force_body_variable || slice_eq(tx->processor, SLICE("URLENCODED")))
		set_if_used(tx, VAR_REQUEST_BODY, body);
	for (size_t i = 0; i < sizeof processors / sizeof *processors && body.len; i++)
		if (slice_eq(tx->processor, processors[i].name))
			set_body_error(tx, processors[i].parse(tx, body), cut);
	set_combined_size(tx);
}

/* ---- the response
 * --------------------------------------------------------------------------------- */

static bool wanted_type(const struct transaction *tx, struct slice content_type)
{
	struct slice types = tx->rules->settings.mime_types, type, rest;
	if (!types.len)
		return true;
	slice_cut(content_type, ';', &type, &rest);
	while (types.len) {
		struct slice one;
		slice_cut(types, ' ', &one, &types);
		if (slice_eq_nocase(slice_trim(type), one))
			return true;
	}
	return false;
}

static void collect_response_body(struct transaction *tx, struct slice content_type)
{
	uint64_t limit = tx->rules->settings.response_limit;
	struct slice body = tx->response->body;
	if (!tx->response_body || !wanted_type(tx, content_type))
		return;
	if (limit && body.len > limit) {
		set_if_used(tx, VAR_OUTBOUND_DATA_ERROR, SLICE("1"));
		body.len = (size_t)limit;
	}
	set_if_used(tx, VAR_RESPONSE_BODY, body);
}

void collect_response(struct transaction *tx)
{
	const struct waf_response *r = tx->response;
	struct slice content_type = find_header(r->headers, r->header_count, SLICE("content-type"));
	struct slice protocol = protocol_of(tx, r->version);
	count_if_used(tx, VAR_RESPONSE_STATUS, r->status);
	set_if_used(tx, VAR_RESPONSE_PROTOCOL, protocol);
	set_if_used(tx, VAR_RESPONSE_CONTENT_TYPE, content_type);
	count_if_used(tx, VAR_RESPONSE_CONTENT_LENGTH, r->body.len);
	if (used(tx, VAR_STATUS_LINE))
		set_scalar(
		    tx, VAR_STATUS_LINE, join(tx, protocol, " ", render_integer(tx, r->status)));
	for (size_t i = 0; i < r->header_count; i++) {
		if (used(tx, VAR_RESPONSE_HEADERS))
			items_add_text(
			    tx, VAR_RESPONSE_HEADERS, r->headers[i].name, r->headers[i].value);
		if (used(tx, VAR_RESPONSE_HEADERS_NAMES))
			items_add_text(
			    tx, VAR_RESPONSE_HEADERS_NAMES, r->headers[i].name, r->headers[i].name);
	}
	collect_response_body(tx, content_type);
}
