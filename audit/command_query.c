/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/command.h"
#include "audit/query.h"
#include "common/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { FOLLOW_PAUSE_MS = 250, COLUMNS_MAX = 64, TABLE_CELL_MAX = 60 };

static const char *from_text, *to_text, *format = "jsonl";
static const char *columns_text =
    "time,id,ip,method,host,path,status,sub,client,route,auth,waf,rules,throttle,total_ms,bytes";
static struct cli_list where;
static uint64_t limit, from_record;
static bool follow, with_events, with_numbers, count_only, without_index;

/* Shorthands for --where MEMBER=VALUE. */
static const char *by_id, *by_subject, *by_client, *by_route, *by_status, *by_rule, *by_ip,
    *by_service;
static const struct {
	const char **value;
	struct slice member;
} shorthands[] = {
	{ &by_id, SLICE_INIT("id") },
	{ &by_subject, SLICE_INIT("sub") },
	{ &by_client, SLICE_INIT("client") },
	{ &by_route, SLICE_INIT("route") },
	{ &by_status, SLICE_INIT("status") },
	{ &by_rule, SLICE_INIT("rules") },
	{ &by_ip, SLICE_INIT("ip") },
	{ &by_service, SLICE_INIT("service") },
};

// clang-format off
static const struct cli_option options[] = {
	COMMAND_OPTION_FOLDER,
	COMMAND_OPTION_WRAPPING_KEY,
	{ "from", 0, CLI_STRING, &from_text, "TIME", "records from this time on: 2026-11-24, 2026-11-24T01:49:00Z, or 15m, 2h, 7d ago", 0, 0 },
	{ "to", 0, CLI_STRING, &to_text, "TIME", "records up to this time", 0, 0 },
	{ "id", 0, CLI_STRING, &by_id, "ID", "this request id", 0, 0 },
	{ "subject", 0, CLI_STRING, &by_subject, "SUB", "this subject", 0, 0 },
	{ "client", 0, CLI_STRING, &by_client, "CLIENT", "this client id", 0, 0 },
	{ "route", 0, CLI_STRING, &by_route, "ROUTE", "this route", 0, 0 },
	{ "status", 0, CLI_STRING, &by_status, "STATUS", "this status, or a class such as 5xx", 0, 0 },
	{ "rule", 0, CLI_STRING, &by_rule, "RULE", "a WAF rule that matched", 0, 0 },
	{ "ip", 0, CLI_STRING, &by_ip, "ADDRESS", "this source address", 0, 0 },
	{ "service", 0, CLI_STRING, &by_service, "SERVICE", "this service", 0, 0 },
	{ "where", 'w', CLI_LIST, &where, "MEMBER=VALUE", "this member has this value; repeatable, all must fit", 0, 0 },
	{ "from-record", 0, CLI_UINT, &from_record, "NUMBER", "from this record on", 1, UINT64_MAX >> 2 },
	{ "events", 0, CLI_FLAG, &with_events, NULL, "also the log's own entries and invalid records", 0, 0 },
	{ "format", 'f', CLI_STRING, &format, "FORMAT", "jsonl, csv or table (jsonl)", 0, 0 },
	{ "columns", 'c', CLI_STRING, &columns_text, "NAMES", "members for csv and table, separated by commas", 0, 0 },
	{ "numbers", 'n', CLI_FLAG, &with_numbers, NULL, "put the number of the record before each", 0, 0 },
	{ "limit", 0, CLI_UINT, &limit, "N", "stop after N records", 1, UINT64_MAX >> 1 },
	{ "count", 0, CLI_FLAG, &count_only, NULL, "print how many there are", 0, 0 },
	{ "follow", 'F', CLI_FLAG, &follow, NULL, "wait for more, until interrupted", 0, 0 },
	{ "without-index", 0, CLI_FLAG, &without_index, NULL, "read all records", 0, 0 },
	{ 0 },
};
// clang-format on

/* ---- What is asked for. */

static bool parse_ago(struct slice text, int64_t *out)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
	uint64_t amount;
	if (text.len < 2 || !slice_to_u64(slice_sub(text, 0, text.len - 1), 1000000, &amount))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == text.ptr[text.len - 1]) {
			*out = clock_unix_ms() - (int64_t)amount * units[i].ms;
			return true;
		}
	return false;
}

/* A prefix of 2026-11-24T01:49:00.123, with or without Z. */
static bool parse_time(const char *text, int64_t *out, struct err *err)
{
	static const char rest[] = "0000-01-01T00:00:00.000Z";
	static const size_t lengths[] = { 4, 7, 10, 16, 19, 23 };
	char whole[sizeof(rest)];
	struct slice given = slice_of_cstr(text);
	if (parse_ago(given, out))
		return true;
	if (slice_ends_with(given, SLICE("Z")))
		given.len--;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		if (given.len == lengths[i]) {
			memcpy(whole, rest, sizeof(rest));
			memcpy(whole, given.ptr, given.len);
			*out = scan_time_ms(slice_of_cstr(whole));
			if (*out >= 0)
				return true;
		}
	return err_set(err,
	    "'%s' is no time: 2026-11-24, 2026-11-24T01:49:00Z, or 2h for two hours ago", text);
}

static bool add_term(struct query *query, struct slice member, struct slice value, struct err *err)
{
	if (query->term_count == QUERY_TERMS_MAX)
		return err_set(err, "more than %d conditions", QUERY_TERMS_MAX);
	query->terms[query->term_count++] = (struct query_term){ member, value };
	return true;
}

static bool add_where(struct query *query, const char *text, struct err *err)
{
	struct slice member, value;
	if (!slice_cut(slice_of_cstr(text), '=', &member, &value) || member.len == 0)
		return err_set(err, "'%s' is not MEMBER=VALUE", text);
	return add_term(query, member, value, err);
}

static bool build(struct query *query, struct err *err)
{
	bool ok = (!from_text || parse_time(from_text, &query->from_ms, err)) &&
	          (!to_text || parse_time(to_text, &query->to_ms, err));
	for (size_t i = 0; ok && i < sizeof(shorthands) / sizeof(shorthands[0]); i++)
		if (*shorthands[i].value)
			ok = add_term(
			    query, shorthands[i].member, slice_of_cstr(*shorthands[i].value), err);
	for (size_t i = 0; ok && i < where.count; i++)
		ok = add_where(query, where.items[i], err);
	query->folder = command_folder();
	query->from_record = from_record;
	query->with_events = with_events;
	query->without_index = without_index;
	return ok;
}

/* ---- Output. */

struct output {
	struct buf line;
	struct buf cell;
	struct slice columns[COLUMNS_MAX];
	size_t column_count;
	void (*render)(struct output *out, const struct query_hit *hit);
	uint64_t printed;
	bool failed;
};

static void render_jsonl(struct output *out, const struct query_hit *hit)
{
	if (!with_numbers) {
		buf_append_slice(&out->line, hit->bytes);
		return;
	}
	struct slice members = slice_from(slice_trim(hit->bytes), 1);
	buf_printf(&out->line, "{\"number\":%llu%s", (unsigned long long)hit->number,
	    hit->object->count ? "," : "");
	buf_append_slice(&out->line, members);
}

static struct slice cell_of(struct output *out, const struct query_hit *hit, struct slice column)
{
	const struct scan_member *member = scan_find(hit->object, column);
	return member ? scan_value(member, &out->cell) : SLICE("");
}

/*
 * RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe in front: much of
 * what is in here was chosen by clients.
 */
static void append_csv(struct buf *line, struct slice value)
{
	buf_append_byte(line, '"');
	if (value.len && strchr("=+-@\t\r", value.ptr[0]))
		buf_append_byte(line, '\'');
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == '"')
			buf_append_byte(line, '"');
		buf_append_byte(line, value.ptr[i]);
	}
	buf_append_byte(line, '"');
}

static void render_csv(struct output *out, const struct query_hit *hit)
{
	if (with_numbers)
		buf_printf(&out->line, "%llu,", (unsigned long long)hit->number);
	for (size_t i = 0; i < out->column_count; i++) {
		if (i)
			buf_append_byte(&out->line, ',');
		append_csv(&out->line, cell_of(out, hit, out->columns[i]));
	}
	buf_append_byte(&out->line, '\r');
}

/* What could steer a terminal is shown as a dot: control bytes, and C1 controls in UTF-8. */
static void append_shown(struct buf *line, struct slice value)
{
	size_t len = value.len < TABLE_CELL_MAX ? value.len : TABLE_CELL_MAX;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = slice_at(value, i);
		bool c1 = c == 0xc2 && i + 1 < len && slice_at(value, i + 1) < 0xa0;
		buf_append_byte(line, c < 0x20 || c == 0x7f || c1 ? '.' : (char)c);
		i += c1;
	}
	if (value.len == 0)
		buf_append_byte(line, '-');
	else if (value.len > len)
		buf_append_cstr(line, "...");
}

static void render_table(struct output *out, const struct query_hit *hit)
{
	if (with_numbers)
		buf_printf(&out->line, "%-10llu ", (unsigned long long)hit->number);
	if (hit->kind != RECORD_ACCESS) {
		append_shown(&out->line, hit->bytes);
		return;
	}
	for (size_t i = 0; i < out->column_count; i++) {
		if (i)
			buf_append_cstr(&out->line, "  ");
		append_shown(&out->line, cell_of(out, hit, out->columns[i]));
	}
}

static bool on_hit(void *context, const struct query_hit *hit)
{
	struct output *out = context;
	out->printed++;
	if (!count_only) {
		buf_reset(&out->line);
		out->render(out, hit);
		buf_append_byte(&out->line, '\n');
		out->failed |= buf_failed(&out->line) ||
		               fwrite(out->line.data, 1, out->line.len, stdout) != out->line.len;
	}
	return !out->failed && (limit == 0 || out->printed < limit);
}

static void split_columns(struct output *out)
{
	struct slice rest = slice_of_cstr(columns_text), name;
	while (rest.len && out->column_count < COLUMNS_MAX) {
		slice_cut(rest, ',', &name, &rest);
		out->columns[out->column_count++] = name;
	}
}

static void print_heading(struct output *out)
{
	bool csv = out->render == render_csv;
	if (count_only || out->render == render_jsonl)
		return;
	if (with_numbers)
		printf(csv ? "number," : "%-10s ", "number");
	for (size_t i = 0; i < out->column_count; i++)
		printf("%s%.*s", i ? (csv ? "," : "  ") : "", SLICE_ARG(out->columns[i]));
	printf(csv ? "\r\n" : "\n");
}

static bool choose_format(struct output *out, struct err *err)
{
	static const struct {
		const char *name;
		void (*render)(struct output *out, const struct query_hit *hit);
	} formats[] = { { "jsonl", render_jsonl }, { "csv", render_csv },
		{ "table", render_table } };
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(formats[i].name, format) == 0)
			out->render = formats[i].render;
	return out->render || err_set(err, "--format is jsonl, csv or table, not '%s'", format);
}

/* ---- The command. */

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

static void wait_for_more(struct query *query, const struct query_stats *stats)
{
	const struct timespec pause = { 0, FOLLOW_PAUSE_MS * 1000000 };
	if (stats->next_record)
		query->from_record = stats->next_record;
	fflush(stdout);
	nanosleep(&pause, NULL);
}

static int query(struct query *what, struct output *out, struct err *err)
{
	struct query_stats stats;
	uint64_t unreadable = 0;
	struct sigaction action = { .sa_handler = on_signal };
	if (follow) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
	}
	for (;;) {
		if (!query_run(what, on_hit, out, &stats, err))
			return command_fail(err);
		unreadable += stats.blocks_damaged + stats.segments_closed;
		if (!follow || interrupted || out->failed || (limit && out->printed >= limit))
			break;
		wait_for_more(what, &stats);
	}
	if (count_only)
		printf("%llu\n", (unsigned long long)out->printed);
	if (fflush(stdout) != 0 || out->failed) {
		err_set(err, "cannot write: %s", strerror(errno));
		return command_fail(err);
	}
	if (unreadable)
		fprintf(stderr,
		    "sallyport-audit: %llu blocks or segments could not be read; run verify\n",
		    (unsigned long long)unreadable);
	return unreadable ? AUDIT_PARTIAL : CLI_OK;
}

static int run(int argc, char **argv)
{
	struct err err = { 0 };
	struct query what = { 0 };
	struct output out = { 0 };
	(void)argc;
	(void)argv;
	if (!build(&what, &err) || !choose_format(&out, &err))
		return command_fail(&err), CLI_USAGE;
	what.keyring = command_open_keyring(&err);
	if (!what.keyring)
		return command_fail(&err);
	buf_init(&out.line, 0);
	buf_init(&out.cell, 0);
	split_columns(&out);
	print_heading(&out);
	int code = query(&what, &out, &err);
	buf_release(&out.line);
	buf_release(&out.cell);
	keyring_free(what.keyring);
	return code;
}

const struct cli_command command_query = {
	.name = "query",
	.args = "",
	.summary = "find and export records",
	.details =
	    "Prints the records that fit all conditions, in the order of the log. Times are the records' own. "
	    "Conditions on id, trace, ip, sub, client, route, service, status, auth, waf, throttle, jti and "
	    "rules use the index; others read all records of the time asked for.",
	.options = options,
	.run = run,
};
