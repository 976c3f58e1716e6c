/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/operators/operator.h"

#include "common/buf.h"
#include "common/file.h"
#include "spoa/waf/operators/operator_data.h"

#include <assert.h>

enum { OPERATOR_NAME_MAX_BYTES = 32, OPERATOR_FILE_MAX_BYTES = 16 << 20 };

static MATCH(always)
{
	(void)data, (void)argument, (void)run;
	return op_matched(out, input);
}

static MATCH(never)
{
	(void)data, (void)argument, (void)input, (void)run, (void)out;
	return OP_NO_MATCH;
}

// clang-format off
/* name, kind, needs an argument, captures, expands, compile, match, release, heading in the manual */
static const struct operator table[] = {
	{ "beginswith",           OPERATOR_STRING,  true,  false, true,  NULL,                 begins_with_match,   NULL, "beginsWith" },
	{ "contains",             OPERATOR_STRING,  true,  false, true,  NULL,                 contains_match,      NULL, "contains" },
	{ "containsword",         OPERATOR_STRING,  true,  false, true,  NULL,                 contains_word_match, NULL, "containsWord" },
	{ "detectsqli",           OPERATOR_OTHER,   false, true,  false, injection_compile,    detect_sqli_match,   injection_release, "detectSQLi" },
	{ "detectxss",            OPERATOR_OTHER,   false, true,  false, injection_compile,    detect_xss_match,    injection_release, "detectXSS" },
	{ "endswith",             OPERATOR_STRING,  true,  false, true,  NULL,                 ends_with_match,     NULL, "endsWith" },
	{ "eq",                   OPERATOR_NUMBER,  true,  false, true,  NULL,                 eq_match,            NULL, "eq" },
	{ "ge",                   OPERATOR_NUMBER,  true,  false, true,  NULL,                 ge_match,            NULL, "ge" },
	{ "gt",                   OPERATOR_NUMBER,  true,  false, true,  NULL,                 gt_match,            NULL, "gt" },
	{ "ipmatch",              OPERATOR_OTHER,   true,  false, false, ip_compile,           ip_match,            NULL, "ipMatch" },
	{ "ipmatchf",             OPERATOR_OTHER,   true,  false, false, ip_file_compile,      ip_match,            NULL, "ipMatchF" },
	{ "ipmatchfromfile",      OPERATOR_OTHER,   true,  false, false, ip_file_compile,      ip_match,            NULL, "ipMatchFromFile" },
	{ "le",                   OPERATOR_NUMBER,  true,  false, true,  NULL,                 le_match,            NULL, "le" },
	{ "lt",                   OPERATOR_NUMBER,  true,  false, true,  NULL,                 lt_match,            NULL, "lt" },
	{ "nomatch",              OPERATOR_OTHER,   false, false, false, NULL,                 never_match,         NULL, "noMatch" },
	{ "pm",                   OPERATOR_PHRASES, true,  true,  false, phrases_compile,      phrases_match,       NULL, "pm" },
	{ "pmf",                  OPERATOR_PHRASES, true,  true,  false, phrases_file_compile, phrases_match,       NULL, "pmf" },
	{ "pmfromfile",           OPERATOR_PHRASES, true,  true,  false, phrases_file_compile, phrases_match,       NULL, "pmFromFile" },
	{ "rx",                   OPERATOR_RX,      false, true,  true,  rx_compile,           rx_match,            rx_release, "rx" },
	{ "rxglobal",             OPERATOR_RX,      false, true,  true,  rx_compile,           rx_global_match,     rx_release, "rxGlobal" },
	{ "streq",                OPERATOR_STRING,  false, false, true,  NULL,                 streq_match,         NULL, "streq" },
	{ "strmatch",             OPERATOR_STRING,  true,  false, true,  NULL,                 contains_match,      NULL, "strmatch" },
	{ "unconditionalmatch",   OPERATOR_OTHER,   false, false, false, NULL,                 always_match,        NULL, "unconditionalMatch" },
	{ "validatebyterange",    OPERATOR_OTHER,   true,  false, false, byte_range_compile,   byte_range_match,    NULL, "validateByteRange" },
	{ "validateurlencoding",  OPERATOR_OTHER,   false, false, false, NULL,                 url_encoding_match,  NULL, "validateUrlEncoding" },
	{ "validateutf8encoding", OPERATOR_OTHER,   false, false, false, NULL,                 utf8_encoding_match, NULL, "validateUtf8Encoding" },
	{ "verifycc",             OPERATOR_OTHER,   true,  true,  false, rx_compile,           verify_cc_match,     rx_release, "verifyCC" },
	{ "within",               OPERATOR_STRING,  false, false, true,  NULL,                 within_match,        NULL, "within" },
};

static const struct unsupported {
	const char *name, *reason;
} unsupported[] = {
	{ "fuzzyhash",      "needs ssdeep databases" },
	{ "geolookup",      "needs a geographic database" },
	{ "gsblookup",      "needs a Safe Browsing database" },
	{ "inspectfile",    "runs a program for each request" },
	{ "rbl",            "looks names up in the DNS for each request" },
	{ "rsub",           "changes the stream it inspects" },
	{ "validatedtd",    "reads a document type definition" },
	{ "validatehash",   "belongs to the hash engine, which ModSecurity 3 does not have" },
	{ "validateschema", "reads an XML schema" },
	{ "verifycpf",      "is not among the checks this engine has" },
	{ "verifyssn",      "is not among the checks this engine has" },
	{ "verifysvnr",     "is not among the checks this engine has" },
};
// clang-format on

enum {
	TABLE_ROWS = sizeof(table) / sizeof(table[0]),
	UNSUPPORTED_ROWS = sizeof(unsupported) / sizeof(unsupported[0]),
};

/* Binary search by the name that each row of `size` bytes begins with. */
static const void *find_row(const void *rows, size_t count, size_t size, struct slice name)
{
	char lower[OPERATOR_NAME_MAX_BYTES];
	if (name.len > sizeof(lower))
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = ascii_lower(name.ptr[i]);
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *const *row = (const void *)((const char *)rows + middle * size);
		int order = slice_cmp(slice_of_cstr(*row), slice_of(lower, name.len));
		if (order == 0)
			return row;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct operator* operator_find(struct slice name)
{
	return find_row(table, TABLE_ROWS, sizeof(table[0]), name);
}

const char *operator_unsupported(struct slice name)
{
	const struct unsupported *row =
	    find_row(unsupported, UNSUPPORTED_ROWS, sizeof(unsupported[0]), name);
	return row ? row->reason : NULL;
}

const struct operator* operator_table(size_t *count)
{
	*count = TABLE_ROWS;
	return table;
}

static bool check_argument(const struct operator* op, struct slice argument, bool has_macro,
    const struct operator_context *ctx, struct err *err)
{
	if (op->needs_argument && argument.len == 0)
		return err_set_at(err, ctx->pos, "operator '@%s' needs an argument", op->name);
	if (has_macro && !op->expands)
		return err_set_at(
		    err, ctx->pos, "operator '@%s' takes no macro in its argument", op->name);
	return true;
}

struct operator_data *operator_compile(const struct operator* op, struct slice argument,
    bool has_macro, const struct operator_context *ctx, struct arena *arena, struct err *err)
{
	if (!check_argument(op, argument, has_macro, ctx, err))
		return NULL;
	struct operator_data *data = arena_new(arena, struct operator_data);
	struct slice copy = arena_dup(arena, argument);
	if (!data || !copy.ptr) {
		err_set_at(err, ctx->pos, "no memory for operator '@%s'", op->name);
		return NULL;
	}
	data->op = op;
	data->argument = copy;
	data->has_macro = has_macro;
	if (op->compile && !op->compile(data, ctx, arena, err))
		return NULL;
	return data;
}

void operator_release(struct operator_data *data)
{
	if (data && data->op->release)
		data->op->release(data);
}

enum op_result operator_match(const struct operator_data *data, struct slice expanded,
    struct slice input, const struct op_run *run, struct op_match *out)
{
	if (out)
		*out = (struct op_match){ .matched = input };
	if (!op_charge(run, 1 + input.len / 64))
		return OP_EXHAUSTED;
	if (input.len < data->min_length)
		return OP_NO_MATCH;
	return data->op->match(data, data->has_macro ? expanded : data->argument, input, run, out);
}

const struct operator* operator_of(const struct operator_data *data)
{
	return data->op;
}

struct slice operator_argument(const struct operator_data *data)
{
	return data->argument;
}

bool operator_has_macro(const struct operator_data *data)
{
	return data->has_macro;
}

size_t operator_min_length(const struct operator_data *data)
{
	return data->min_length;
}

unsigned operator_group_count(const struct operator_data *data)
{
	assert(data->op->kind == OPERATOR_RX);
	return (unsigned)rx_group_count(data->rx);
}

/* ---- files -------------------------------------------------------------------------------------
 */

char *operator_file_path(struct slice name, const struct operator_context *ctx, struct arena *arena)
{
	const char *slash = ctx->rule_file ? strrchr(ctx->rule_file, '/') : NULL;
	bool relative = name.len == 0 || name.ptr[0] != '/';
	if (!relative || !slash)
		return arena_printf(arena, "%.*s", SLICE_ARG(name));
	return arena_printf(
	    arena, "%.*s/%.*s", (int)(slash - ctx->rule_file), ctx->rule_file, SLICE_ARG(name));
}

typedef bool (*line_fn)(void *to, struct slice line, struct err_pos pos, struct err *err);

static bool each_line(struct slice text, const char *path, line_fn each, void *to, struct err *err)
{
	struct err_pos pos = { .file = path };
	while (text.len) {
		struct slice line;
		slice_cut(text, '\n', &line, &text);
		pos.line++;
		if (line.len && line.ptr[line.len - 1] == '\r')
			line.len--;
		struct slice trimmed = slice_trim(line);
		if (trimmed.len == 0 || trimmed.ptr[0] == '#')
			continue;
		if (!each(to, line, pos, err))
			return false;
	}
	return true;
}

static bool read_one(struct slice name, const struct operator_context *ctx, struct arena *arena,
    line_fn each, void *to, struct err *err)
{
	if (slice_starts_with(name, SLICE("https://")) || slice_starts_with(name, SLICE("http://")))
		return err_set_at(err, ctx->pos, "'%.*s': lists are read from files, not fetched",
		    SLICE_ARG(name));
	const char *path = operator_file_path(name, ctx, arena);
	if (!path)
		return err_set_at(err, ctx->pos, "no memory for '%.*s'", SLICE_ARG(name));
	struct buf text;
	struct err reason = { 0 };
	buf_init(&text, OPERATOR_FILE_MAX_BYTES);
	bool ok = file_read(path, OPERATOR_FILE_MAX_BYTES, &text, &reason);
	if (!ok)
		err_set_at(err, ctx->pos, "'%s': %s", path, reason.text);
	ok = ok && each_line(buf_slice(&text), path, each, to, err);
	buf_release(&text);
	return ok;
}

bool operator_read_lines(struct slice names, const struct operator_context *ctx,
    struct arena *arena,
    bool (*each)(void *to, struct slice line, struct err_pos pos, struct err *err), void *to,
    struct err *err)
{
	while (names.len) {
		struct slice name;
		slice_cut(names, ' ', &name, &names);
		if (name.len && !read_one(name, ctx, arena, each, to, err))
			return false;
	}
	return true;
}
