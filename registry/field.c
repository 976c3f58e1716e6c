/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/field.h"

#include "common/cli.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NAME_BYTES_MAX = 40, PREFIX_BYTES_MAX = 120, HOST_BYTES_MAX = 253, LIST_ITEMS_MAX = 512 };

static bool all_of(struct slice text, const char *others)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && (c == 0 || !strchr(others, c)))
			return false;
	}
	return text.len > 0;
}

static bool is_version(struct slice text)
{
	uint64_t number;
	return text.len >= 2 && text.ptr[0] == 'v' && text.ptr[1] != '0' &&
	       slice_to_u64(slice_from(text, 1), 9999, &number);
}

static bool is_name(struct slice text)
{
	if (text.len == 0 || text.len > NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (!(c >= 'a' && c <= 'z') && !ascii_is_digit(c) && c != '-')
			return false;
	}
	return text.ptr[0] >= 'a' && text.ptr[0] <= 'z' && text.ptr[text.len - 1] != '-';
}

static bool is_prefix(struct slice text)
{
	if (text.len < 2 || text.len > PREFIX_BYTES_MAX || text.ptr[0] != '/' ||
	    text.ptr[text.len - 1] == '/' || !all_of(text, "/._~-"))
		return false;
	struct slice rest = slice_from(text, 1), segment;
	while (slice_cut(rest, '/', &segment, &rest) || segment.len > 0) {
		if (segment.len == 0 || slice_eq(segment, SLICE(".")) ||
		    slice_eq(segment, SLICE("..")))
			return false;
		if (rest.len == 0)
			break;
	}
	return true;
}

static bool is_uri_path(struct slice text)
{
	return text.len > 0 && text.len <= 256 && text.ptr[0] == '/' &&
	       all_of(text, "/._~-?=&+,:@");
}

static bool is_scope(struct slice text)
{
	return text.len <= 200 && all_of(text, "!#$%&'()*+-./:;<=>?@[]^_`{|}~");
}

static bool is_waf_id(struct slice text)
{
	return text.len <= 128 && all_of(text, "_./:-");
}

static bool parse_address(struct slice text, bool *is_ipv6)
{
	char buffer[INET6_ADDRSTRLEN];
	unsigned char address[16];
	if (text.len == 0 || text.len >= sizeof(buffer))
		return false;
	memcpy(buffer, text.ptr, text.len);
	buffer[text.len] = 0;
	*is_ipv6 = strchr(buffer, ':') != NULL;
	return inet_pton(*is_ipv6 ? AF_INET6 : AF_INET, buffer, address) == 1;
}

static bool is_host_name(struct slice text)
{
	if (text.len == 0 || text.len > HOST_BYTES_MAX || !all_of(text, ".-_"))
		return false;
	struct slice rest = text, label;
	do {
		slice_cut(rest, '.', &label, &rest);
		if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' ||
		    label.ptr[label.len - 1] == '-')
			return false;
	} while (rest.len > 0);
	/* A name of digits and dots alone is a mistyped address: 10.0.0.256 */
	return text.ptr[text.len - 1] != '.' && !ascii_is_digit(text.ptr[text.len - 1]);
}

static bool is_host(struct slice text)
{
	bool is_ipv6;
	return parse_address(text, &is_ipv6) || is_host_name(text);
}

static bool is_file(struct slice text)
{
	return text.len > 0 && text.len <= 1024 && all_of(text, "/._-+@:,=%*");
}

static bool is_port(struct slice text)
{
	uint64_t port;
	return slice_to_u64(text, 65535, &port) && port > 0;
}

static bool is_listen(struct slice text)
{
	bool is_ipv6;
	size_t colon = SIZE_MAX;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == ':')
			colon = i;
	if (colon == SIZE_MAX || !is_port(slice_from(text, colon + 1)))
		return false;
	struct slice host = slice_sub(text, 0, colon);
	if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		return parse_address(slice_sub(host, 1, host.len - 2), &is_ipv6) && is_ipv6;
	return slice_eq(host, SLICE("*")) || (parse_address(host, &is_ipv6) && !is_ipv6) ||
	       is_host_name(host);
}

static bool is_network(struct slice text)
{
	struct slice address, bits;
	bool is_ipv6;
	uint64_t number;
	bool has_bits = slice_cut(text, '/', &address, &bits);
	return parse_address(address, &is_ipv6) &&
	       (!has_bits || slice_to_u64(bits, is_ipv6 ? 128 : 32, &number));
}

static bool is_word(struct slice text)
{
	return text.len <= 512 && all_of(text, "._:/+=@-");
}

/* arn:PARTITION:logs:REGION:ACCOUNT:log-group:NAME, behind which CloudWatch often writes :* */
struct slice log_group_name(struct slice arn)
{
	struct slice part[6], rest = arn;
	uint64_t account;
	for (size_t i = 0; i < 6; i++)
		if (!slice_cut(rest, ':', &part[i], &rest))
			return SLICE("");
	if (slice_ends_with(rest, SLICE(":*")))
		rest = slice_sub(rest, 0, rest.len - 2);
	bool ok = slice_eq(part[0], SLICE("arn")) && all_of(part[1], "-") &&
	          slice_eq(part[2], SLICE("logs")) && all_of(part[3], "-") && part[1].len > 0 &&
	          part[3].len > 0 && part[4].len == 12 &&
	          slice_to_u64(part[4], UINT64_MAX, &account) &&
	          slice_eq(part[5], SLICE("log-group")) && rest.len > 0 && rest.len <= 512 &&
	          all_of(rest, "._/#-");
	return ok ? rest : SLICE("");
}

static bool is_log_group(struct slice text)
{
	return log_group_name(text).len > 0;
}

static bool is_url_text(struct slice text)
{
	return text.len <= 512 &&
	       (slice_starts_with(text, SLICE("https://")) ||
	           slice_starts_with(text, SLICE("http://"))) &&
	       all_of(text, "._:/+=@-~[]");
}

// clang-format off
const struct text_check CHECK_VERSION  = { is_version, "v1, v2, … v9999" };
const struct text_check CHECK_NAME     = { is_name, "a lower-case letter, then lower-case letters, digits and '-', at most 40, no '-' at the end" };
const struct text_check CHECK_PREFIX   = { is_prefix, "segments of letters, digits and . _ ~ - behind slashes, at most 120 bytes, no slash at the end, such as /v1/accounts" };
const struct text_check CHECK_URI_PATH = { is_uri_path, "a path such as /health, letters, digits and / . _ ~ - ? = & + , : @" };
const struct text_check CHECK_SCOPE    = { is_scope, "scope names of visible ASCII without comma, quote and backslash (RFC 6749)" };
const struct text_check CHECK_WAF_ID   = { is_waf_id, "rule ids, tag:NAME and label:NAME" };
const struct text_check CHECK_HOST     = { is_host, "a host name or an IP address" };
const struct text_check CHECK_FILE     = { is_file, "a path of letters, digits and / . _ - + @ : , = %" };
const struct text_check CHECK_LISTEN   = { is_listen, "address:port, *:port or [address]:port" };
const struct text_check CHECK_NETWORK  = { is_network, "an address or a block such as 10.0.0.0/8" };
const struct text_check CHECK_WORD     = { is_word, "letters, digits and . _ : / + = @ -" };
const struct text_check CHECK_LOG_GROUP = { is_log_group, "arn:aws:logs:REGION:ACCOUNT:log-group:NAME" };
const struct text_check CHECK_URL_TEXT = { is_url_text, "an https URL" };
// clang-format on

char *field_show(struct slice value, char dst[FIELD_SHOWN_MAX])
{
	char *at = dst;
	*at++ = '"';
	for (size_t i = 0; i < value.len && i < 60; i++) {
		unsigned char c = slice_at(value, i);
		if (c >= 0x20 && c < 0x7f)
			*at++ = (char)c;
		else
			at += sprintf(at, "\\x%02x", c);
	}
	strcpy(at, value.len > 60 ? "…\"" : "\"");
	return dst;
}

static char *dup_lower(struct arena *arena, struct slice text)
{
	struct slice copy = arena_dup(arena, text);
	if (!copy.ptr)
		return NULL;
	char *out = arena_printf(arena, "%.*s", SLICE_ARG(text));
	for (char *c = out; c && *c; c++)
		*c = ascii_lower(*c);
	return out;
}

static bool cut_authority(struct slice authority, struct slice *host, struct slice *port)
{
	*port = SLICE("");
	if (authority.len > 0 && authority.ptr[0] == '[') {
		size_t close = slice_find_byte(authority, ']');
		if (close == SIZE_MAX)
			return false;
		*host = slice_sub(authority, 1, close - 1);
		struct slice rest = slice_from(authority, close + 1);
		*port = slice_from(rest, 1);
		return rest.len == 0 || (rest.ptr[0] == ':' && rest.len > 1);
	}
	return !slice_cut(authority, ':', host, port) || port->len > 0;
}

bool url_parse(struct slice text, struct url *out, struct arena *arena)
{
	struct slice rest, authority, path, host, port;
	struct url url = { 0 };
	if (text.len > 512)
		return false;
	url.https = slice_starts_with(text, SLICE("https://"));
	if (!url.https && !slice_starts_with(text, SLICE("http://")))
		return false;
	rest = slice_from(text, url.https ? 8 : 7);
	size_t slash = slice_find_byte(rest, '/');
	authority = slash == SIZE_MAX ? rest : slice_sub(rest, 0, slash);
	path = slash == SIZE_MAX ? SLICE("") : slice_from(rest, slash);
	if (slice_eq(path, SLICE("/")))
		path = SLICE("");
	if (!cut_authority(authority, &host, &port))
		return false;
	bool bracketed = authority.len > 0 && authority.ptr[0] == '[';
	url.is_address = parse_address(host, &url.is_ipv6);
	url.is_ipv6 = url.is_ipv6 && url.is_address;
	uint64_t number = url.https ? 443 : 80;
	if ((!url.is_address && !is_host_name(host)) || bracketed != url.is_ipv6 ||
	    (port.len > 0 && (!slice_to_u64(port, 65535, &number) || number == 0)) ||
	    (path.len > 0 && !is_prefix(path)))
		return false;
	url.port = (unsigned)number;
	url.text = arena_dup(arena, text).ptr;
	url.host = dup_lower(arena, host);
	url.path = arena_dup(arena, path).ptr;
	*out = url;
	return !arena_failed(arena);
}

/* --- one parser per type -----------------------------------------------------------------------
 */

/* Splits "a|b|c" into names; at most 32. */
static size_t split_allowed(const char *allowed, const char *names[32], struct arena *arena)
{
	size_t count = 0;
	struct slice rest = slice_of_cstr(allowed), head;
	while (rest.len > 0 && count < 32) {
		slice_cut(rest, '|', &head, &rest);
		names[count++] = arena_dup(arena, head).ptr;
	}
	return count;
}

static void explain_choice(
    struct slice value, const char *allowed, struct arena *arena, char why[FIELD_WHY_MAX])
{
	const char *names[32];
	char shown[FIELD_SHOWN_MAX];
	size_t count = split_allowed(allowed, names, arena);
	struct slice word = arena_dup(arena, value);
	const char *nearest = word.ptr && count ? cli_nearest(word.ptr, names, count) : NULL;
	int used =
	    snprintf(why, FIELD_WHY_MAX, "%s is not allowed; choose", field_show(value, shown));
	for (size_t i = 0; i < count && used < FIELD_WHY_MAX; i++)
		used += snprintf(why + used, (size_t)(FIELD_WHY_MAX - used), "%s %s",
		    i == 0           ? ""
		    : i + 1 == count ? " or"
		                     : ",",
		    names[i]);
	if (nearest && used < FIELD_WHY_MAX)
		snprintf(
		    why + used, (size_t)(FIELD_WHY_MAX - used), "; did you mean \"%s\"?", nearest);
}

static bool choose(struct slice value, const char *allowed, unsigned *index)
{
	struct slice rest = slice_of_cstr(allowed), head;
	for (*index = 0; rest.len > 0; ++*index) {
		slice_cut(rest, '|', &head, &rest);
		if (slice_eq(head, value))
			return true;
	}
	return false;
}

static bool refuse(struct slice value, const char *allowed, char why[FIELD_WHY_MAX])
{
	char shown[FIELD_SHOWN_MAX];
	snprintf(
	    why, FIELD_WHY_MAX, "%s is not allowed; give %s", field_show(value, shown), allowed);
	return false;
}

static bool parse_text(const struct field *field, struct slice value, void *place,
    struct arena *arena, char why[FIELD_WHY_MAX])
{
	if (!field->check->ok(value))
		return refuse(value, field->check->allowed, why);
	*(const char **)place = arena_dup(arena, value).ptr;
	return true;
}

static bool parse_enum(const struct field *field, struct slice value, void *place,
    struct arena *arena, char why[FIELD_WHY_MAX])
{
	unsigned index;
	if (!choose(value, field->allowed, &index)) {
		explain_choice(value, field->allowed, arena, why);
		return false;
	}
	*(unsigned *)place = index;
	return true;
}

static bool parse_uint(const struct field *field, struct slice value, void *place,
    struct arena *arena, char why[FIELD_WHY_MAX])
{
	(void)arena;
	uint64_t number;
	if (!slice_to_u64(value, field->max, &number) || number < field->min) {
		char allowed[96];
		snprintf(allowed, sizeof(allowed), "a whole number from %llu to %llu",
		    (unsigned long long)field->min, (unsigned long long)field->max);
		return refuse(value, allowed, why);
	}
	*(uint64_t *)place = number;
	return true;
}

static bool parse_bool(const struct field *field, struct slice value, void *place,
    struct arena *arena, char why[FIELD_WHY_MAX])
{
	(void)field;
	bool yes = slice_eq(value, SLICE("true"));
	if (!yes && !slice_eq(value, SLICE("false"))) {
		explain_choice(value, "true|false", arena, why);
		return false;
	}
	*(bool *)place = yes;
	return true;
}

static bool check_item(
    const struct field *field, struct slice item, struct arena *arena, char why[FIELD_WHY_MAX])
{
	unsigned index;
	if (field->allowed && !choose(item, field->allowed, &index)) {
		explain_choice(item, field->allowed, arena, why);
		return false;
	}
	return !field->check || field->check->ok(item) || refuse(item, field->check->allowed, why);
}

/* Items between commas or blanks, as StringList and people write them; none twice. */
static bool parse_list(const struct field *field, struct slice value, void *place,
    struct arena *arena, char why[FIELD_WHY_MAX])
{
	const char *items[LIST_ITEMS_MAX];
	size_t count = 0;
	for (size_t at = 0; at < value.len;) {
		size_t end = at;
		while (end < value.len && value.ptr[end] != ',' && value.ptr[end] != ' ')
			end++;
		struct slice item = slice_sub(value, at, end - at);
		at = end + 1;
		if (item.len == 0)
			continue;
		if (!check_item(field, item, arena, why))
			return false;
		for (size_t i = 0; i < count; i++)
			if (slice_eq(item, slice_of_cstr(items[i])))
				return refuse(item, "each item once", why);
		if (count >= LIST_ITEMS_MAX || count >= field->max) {
			snprintf(why, FIELD_WHY_MAX, "more than %zu items", count);
			return false;
		}
		items[count++] = arena_dup(arena, item).ptr;
	}
	if (count < field->min)
		return refuse(value, "at least one item", why);
	struct text_list *list = place;
	list->items = arena_array(arena, const char *, count + 1);
	if (!list->items)
		return refuse(value, "less: out of memory", why);
	if (count > 0)
		memcpy(list->items, items, count * sizeof(items[0]));
	list->count = count;
	return true;
}

static bool parse_url(const struct field *field, struct slice value, void *place,
    struct arena *arena, char why[FIELD_WHY_MAX])
{
	(void)field;
	return url_parse(value, place, arena) ||
	       refuse(value,
	           "https://host, with :port and /path if need be, and no user, query or fragment",
	           why);
}

/* 2026-12-31 or 2026-12-31T23:59:59Z */
static bool parse_date(const struct field *field, struct slice value, void *place,
    struct arena *arena, char why[FIELD_WHY_MAX])
{
	(void)field;
	struct tm tm = { 0 };
	const char *text = arena_dup(arena, value).ptr;
	const char *end = text ? strptime(text, "%Y-%m-%d", &tm) : NULL;
	if (end && *end == 'T')
		end = strptime(end, "T%H:%M:%SZ", &tm);
	time_t at = timegm(&tm);
	if (!end || end != text + value.len || at <= 0)
		return refuse(value, "a date such as 2026-12-31 or 2026-12-31T23:59:59Z", why);
	*(int64_t *)place = (int64_t)at;
	return true;
}

typedef bool parse_fn(const struct field *, struct slice, void *, struct arena *, char *);

static parse_fn *const PARSERS[] = {
	[FIELD_TEXT] = parse_text,
	[FIELD_ENUM] = parse_enum,
	[FIELD_UINT] = parse_uint,
	[FIELD_BOOL] = parse_bool,
	[FIELD_LIST] = parse_list,
	[FIELD_URL] = parse_url,
	[FIELD_DATE] = parse_date,
};

bool field_parse(const struct field *field, struct slice value, void *base, struct arena *arena,
    char why[FIELD_WHY_MAX])
{
	return PARSERS[field->type](field, value, (char *)base + field->offset, arena, why);
}

const char *field_enum_text(const struct field *field, unsigned index, struct arena *arena)
{
	struct slice rest = slice_of_cstr(field->allowed), head = SLICE("");
	for (unsigned i = 0; i <= index && rest.len > 0; i++)
		slice_cut(rest, '|', &head, &rest);
	return arena_dup(arena, head).ptr;
}

static const char *join(const struct text_list *list, struct arena *arena)
{
	const char *out = "";
	for (size_t i = 0; i < list->count; i++)
		out = arena_printf(arena, "%s%s%s", out, i ? "," : "", list->items[i]);
	return out;
}

static const char *format_date(int64_t unix_s, struct arena *arena)
{
	time_t at = (time_t)unix_s;
	struct tm tm;
	char text[32];
	gmtime_r(&at, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return arena_dup_cstr(arena, text);
}

const char *field_format(const struct field *field, const void *base, struct arena *arena)
{
	const void *place = (const char *)base + field->offset;
	const char *text = NULL;
	switch (field->type) {
	case FIELD_TEXT:
		text = *(const char *const *)place;
		break;
	case FIELD_ENUM:
		text = field_enum_text(field, *(const unsigned *)place, arena);
		break;
	case FIELD_UINT:
		/* A number that may not be 0 and is 0 was not given. */
		if (*(const uint64_t *)place || field->min == 0)
			text = arena_printf(
			    arena, "%llu", (unsigned long long)*(const uint64_t *)place);
		break;
	case FIELD_BOOL:
		text = *(const bool *)place ? "true" : "false";
		break;
	case FIELD_LIST:
		text = join(place, arena);
		break;
	case FIELD_URL:
		text = ((const struct url *)place)->text;
		break;
	case FIELD_DATE:
		if (*(const int64_t *)place)
			text = format_date(*(const int64_t *)place, arena);
		break;
	}
	return text ? text : "";
}
