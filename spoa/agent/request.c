/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/request.h"

#include <arpa/inet.h>
#include <assert.h>

enum { CERT_BYTES = 32 };

static bool take_text(const struct typed *value, void *out, struct request *request)
{
	(void)request;
	if (value->type != TYPED_STRING && value->type != TYPED_BINARY)
		return false;
	*(struct slice *)out = value->bytes;
	return true;
}

static bool take_cert(const struct typed *value, void *out, struct request *request)
{
	return take_text(value, out, request) &&
	       (value->bytes.len == CERT_BYTES || value->bytes.len == 0);
}

static bool take_bool(const struct typed *value, void *out, struct request *request)
{
	(void)request;
	if (value->type != TYPED_BOOL)
		return false;
	*(bool *)out = value->boolean;
	return true;
}

static bool take_number(const struct typed *value, void *out, struct request *request)
{
	(void)request;
	if (value->type != TYPED_INT32 && value->type != TYPED_INT64)
		return false;
	*(int64_t *)out = value->sint;
	return true;
}

static bool take_address(const struct typed *value, void *out, struct request *request)
{
	int family = value->type == TYPED_IPV6 ? AF_INET6 : AF_INET;
	const char *text;

	if (value->type != TYPED_IPV4 && value->type != TYPED_IPV6)
		return false;
	text = inet_ntop(family, value->bytes.ptr, request->src_text, sizeof(request->src_text));
	assert(text);
	*(struct slice *)out = slice_of_cstr(text);
	return true;
}

struct argument {
	struct slice name;
	size_t offset;
	bool (*take)(const struct typed *value, void *out, struct request *request);
};

/* In the order in which our own SPOE file sends them. */
// clang-format off
static const struct argument arguments[] = {
	{ SLICE_INIT("id"),     offsetof(struct request, id),      take_text },
	{ SLICE_INIT("route"),  offsetof(struct request, route),   take_text },
	{ SLICE_INIT("src"),    offsetof(struct request, src),     take_address },
	{ SLICE_INIT("method"), offsetof(struct request, method),  take_text },
	{ SLICE_INIT("path"),   offsetof(struct request, path),    take_text },
	{ SLICE_INIT("query"),  offsetof(struct request, query),   take_text },
	{ SLICE_INIT("ver"),    offsetof(struct request, version), take_text },
	{ SLICE_INIT("status"), offsetof(struct request, status),  take_number },
	{ SLICE_INIT("hdrs"),   offsetof(struct request, headers), take_text },
	{ SLICE_INIT("body"),   offsetof(struct request, body),    take_text },
	{ SLICE_INIT("record"),  offsetof(struct request, record),  take_text },
	{ SLICE_INIT("cut"),    offsetof(struct request, cut),     take_bool },
	{ SLICE_INIT("cert"),   offsetof(struct request, cert),    take_cert },
};
// clang-format on

enum { ARGUMENTS = sizeof(arguments) / sizeof(arguments[0]) };

/* Looks from *next on, where it stands if the peer keeps our order. */
static const struct argument *argument_find(struct slice name, size_t *next)
{
	for (size_t i = 0; i < ARGUMENTS; i++) {
		const struct argument *argument = &arguments[(*next + i) % ARGUMENTS];

		if (slice_eq(argument->name, name)) {
			*next += i + 1;
			return argument;
		}
	}
	return NULL;
}

enum request_result request_decode(struct notify *notify, struct request *out)
{
	bool types_ok = true;
	struct typed value;
	struct slice name;
	size_t next = 0;

	memset(out, 0, offsetof(struct request, src_text));
	while (notify_next_arg(notify, &name, &value)) {
		const struct argument *argument = argument_find(name, &next);

		if (argument && value.type != TYPED_NULL &&
		    !argument->take(&value, (char *)out + argument->offset, out))
			types_ok = false;
	}
	if (notify_failed(notify))
		return REQUEST_MALFORMED;
	return types_ok ? REQUEST_OK : REQUEST_BAD_TYPE;
}

enum headers_result headers_decode(
    struct slice raw, struct waf_header *out, size_t max, size_t *count)
{
	struct wire_reader reader = wire_reader_of(raw);

	*count = 0;
	if (slice_is_empty(raw))
		return HEADERS_OK;
	for (;;) {
		struct waf_header header;

		header.name = wire_read_string(&reader);
		header.value = wire_read_string(&reader);
		if (reader.failed)
			return HEADERS_MALFORMED;
		if (slice_is_empty(header.name)) {
			bool is_end = slice_is_empty(header.value) && wire_left(&reader) == 0;

			return is_end ? HEADERS_OK : HEADERS_MALFORMED;
		}
		if (*count == max)
			return HEADERS_TOO_MANY;
		out[(*count)++] = header;
	}
}
