/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport-waf: compiles rules, evaluates requests offline, explains verdicts. */
#include "common/cli.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "spoa/tools/http_raw.h"
#include "spoa/tools/waf_explain.h"
#include "spoa/tools/waf_rulesets.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	EXIT_BLOCKED = 3,
	EXIT_MALFORMED = 4,
	REQUEST_BYTES_MAX = 64 << 20,
	LINE_BYTES_MAX = 96 << 20,
};

static struct options {
	struct cli_list rules;
	struct cli_list sets;
	const char *ruleset;
	const char *cache_dir;
	const char *response;
	const char *log;
	const char *client_ip;
	struct cli_list excludes, counts;
	bool no_cache, json, batch, detection_only, reference;
	uint64_t step_budget;
} options;

/* ---- loading ------------------------------------------------------------------------------------
 */

static bool parse_sets(struct arena *arena, struct waf_options *out)
{
	struct waf_set *sets = arena_array(arena, struct waf_set, options.sets.count);
	for (size_t i = 0; sets && i < options.sets.count; i++) {
		struct slice name, value;
		if (!slice_cut(slice_of_cstr(options.sets.items[i]), '=', &name, &value)) {
			fprintf(stderr, "sallyport-waf: --set %s: expected tx.name=value\n",
			    options.sets.items[i]);
			return false;
		}
		sets[i].name = arena_dup(arena, name).ptr;
		sets[i].value = arena_dup(arena, value).ptr;
	}
	out->sets = sets;
	out->set_count = options.sets.count;
	return sets != NULL;
}

static void print_notice(const char *text)
{
	fprintf(stderr, "sallyport-waf: %s\n", text);
}

static struct waf_rules *load_rules(struct arena *arena)
{
	struct err_list errors;
	struct rule_paths paths;
	struct waf_options o = {
		.reference = options.reference,
		.detection_only = options.detection_only,
		.step_budget = options.step_budget,
		.budget_blocks = true,
		.notice = print_notice,
		/* As in the gateway; rule files given by hand decide for themselves. */
		.reject_uninspected = options.rules.count == 0 || options.ruleset,
	};
	err_list_init(&errors, 0);
	struct waf_rules *rules = NULL;
	if (!options.no_cache)
		o.cache_dir = rulesets_cache_dir(options.cache_dir, arena);
	if (parse_sets(arena, &o) &&
	    rulesets_paths(options.ruleset, &options.rules, arena, &paths, &errors))
		rules = waf_rules_load(paths.items, paths.count, &o, &errors);
	if (rules && waf_rules_warning(rules))
		fprintf(stderr, "warning: %s\n", waf_rules_warning(rules));
	err_list_print(&errors, stderr);
	err_list_release(&errors);
	return rules;
}

static struct waf_overrides *load_overrides(struct waf_rules *rules, bool *good)
{
	struct err_list errors;
	err_list_init(&errors, 0);
	struct waf_overrides *overrides = waf_overrides_new(rules,
	    (struct waf_names){ options.excludes.items, options.excludes.count },
	    (struct waf_names){ options.counts.items, options.counts.count }, &errors);
	*good = overrides != NULL;
	err_list_print(&errors, stderr);
	err_list_release(&errors);
	return overrides;
}

/* ---- one evaluation
 * ------------------------------------------------------------------------------- */

struct session {
	struct waf_rules *rules;
	struct waf_overrides *overrides;
	struct waf_worker *worker;
	struct arena arena;
};

struct result {
	const char *malformed; /* why, or NULL */
	struct waf_verdict verdict;
	uint64_t us;
};

static void fill_request(struct waf_request *request, struct slice id)
{
	*request = (struct waf_request){
		.id = id.len ? id : SLICE("offline"),
		.client_ip = slice_of_cstr(options.client_ip ? options.client_ip : "127.0.0.1"),
		.server_ip = SLICE("127.0.0.1"),
		.client_port = 40000,
		.server_port = 443,
		.now_unix_us = clock_unix_ms() * 1000,
	};
}

static void evaluate(struct session *session, struct slice id, struct slice raw,
    struct slice raw_response, struct result *out)
{
	struct waf_request request;
	struct waf_response response = { 0 };
	*out = (struct result){ 0 };
	arena_reset(&session->arena);
	fill_request(&request, id);
	out->malformed = http_raw_request(raw, &session->arena, &request);
	if (!out->malformed && raw_response.len)
		out->malformed = http_raw_response(raw_response, &session->arena, &response);
	if (out->malformed)
		return;
	uint64_t start = clock_monotonic_us();
	if (raw_response.len)
		waf_eval_response(session->worker, session->rules, session->overrides, &request,
		    &response, &out->verdict);
	else
		waf_eval_request(
		    session->worker, session->rules, session->overrides, &request, &out->verdict);
	out->us = clock_monotonic_us() - start;
}

static const char *action_name(const struct result *result)
{
	if (result->malformed)
		return "malformed";
	if (result->verdict.action == WAF_BLOCK)
		return "block";
	return result->verdict.would_block ? "would-block" : "pass";
}

static unsigned status_of(const struct result *result)
{
	return result->malformed                     ? 400
	       : result->verdict.action == WAF_BLOCK ? result->verdict.status
	                                             : 200;
}

static int exit_code_of(const struct result *result)
{
	if (result->malformed)
		return EXIT_MALFORMED;
	return result->verdict.action == WAF_BLOCK ? EXIT_BLOCKED : CLI_OK;
}

/* ---- output
 * ---------------------------------------------------------------------------------------- */

static const char *const severities[] = { "emergency", "alert", "critical", "error", "warning",
	"notice", "info", "debug", "none" };

static void write_summary(struct jw *w, const struct result *result)
{
	jw_key(w, "action");
	jw_cstr(w, action_name(result));
	jw_key(w, "status");
	jw_uint(w, status_of(result));
	jw_key(w, "score");
	jw_int(w, result->verdict.score);
	jw_key(w, "steps");
	jw_uint(w, result->verdict.steps);
	if (result->malformed) {
		jw_key(w, "error");
		jw_cstr(w, result->malformed);
	}
	if (result->verdict.uninspected) {
		jw_key(w, "uninspected");
		jw_cstr(w, result->verdict.uninspected);
	}
	if (result->verdict.budget_exhausted) {
		jw_key(w, "budget_exhausted");
		jw_bool(w, true);
	}
}

static void write_match(struct jw *w, const struct waf_match *m)
{
	jw_object_begin(w);
	jw_key(w, "id");
	jw_uint(w, m->rule->id);
	jw_key(w, "phase");
	jw_uint(w, m->rule->phase);
	jw_key(w, "severity");
	jw_cstr(w, severities[m->rule->severity]);
	jw_key(w, "msg");
	jw_string(w, m->message);
	jw_key(w, "data");
	jw_string(w, m->data);
	jw_key(w, "variable");
	jw_string(w, m->variable);
	jw_key(w, "value");
	jw_string(w, m->value);
	jw_key(w, "tags");
	jw_array_begin(w);
	for (size_t i = 0; i < m->rule->tag_count; i++)
		jw_string(w, m->rule->tags[i]);
	jw_array_end(w);
	if (m->counted) {
		jw_key(w, "counted");
		jw_bool(w, true);
	}
	jw_key(w, "file");
	jw_cstr(w, m->rule->file);
	jw_key(w, "line");
	jw_uint(w, m->rule->line);
	jw_object_end(w);
}

static void print_json(const struct result *result)
{
	struct buf out;
	struct jw w;
	buf_init(&out, 0);
	jw_init(&w, &out, 2);
	jw_object_begin(&w);
	write_summary(&w, result);
	jw_key(&w, "rule");
	jw_uint(&w, result->verdict.rule_id);
	jw_key(&w, "us");
	jw_uint(&w, result->us);
	jw_key(&w, "matches");
	jw_array_begin(&w);
	for (size_t i = 0; i < result->verdict.match_count; i++)
		write_match(&w, &result->verdict.matches[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	puts(buf_cstr(&out));
	buf_release(&out);
}

/* Bytes of a request on a terminal: control bytes as \xNN. */
static void print_text(const char *label, struct slice text)
{
	if (!text.len)
		return;
	printf("          %s", label);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c < ' ' || c == 0x7f)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('\n');
}

static void print_match(const struct waf_match *m)
{
	printf("  %-8u %s, phase %u%s: %.*s\n", m->rule->id, severities[m->rule->severity],
	    m->rule->phase, m->counted ? ", counted" : "", SLICE_ARG(m->message));
	print_text("variable: ", m->variable);
	print_text("value:    ", m->value);
	print_text("data:     ", m->data);
	printf("          tags:     ");
	for (size_t i = 0; i < m->rule->tag_count; i++)
		printf("%s%.*s", i ? ", " : "", SLICE_ARG(m->rule->tags[i]));
	printf("\n          at:       %s:%u\n", m->rule->file, m->rule->line);
}

static void print_plain(const struct result *result)
{
	const struct waf_verdict *v = &result->verdict;
	if (result->malformed) {
		printf("malformed: %s\n", result->malformed);
		return;
	}
	printf("%s, status %u, score %lld", action_name(result), status_of(result),
	    (long long)v->score);
	if (v->rule_id)
		printf(", by rule %u", v->rule_id);
	printf(", %llu steps, %llu us%s\n", (unsigned long long)v->steps,
	    (unsigned long long)result->us, v->budget_exhausted ? ", the budget ran out" : "");
	if (v->uninspected)
		printf("  not looked at as a whole: %s\n", v->uninspected);
	for (size_t i = 0; i < v->match_count; i++)
		print_match(&v->matches[i]);
	if (v->matches_dropped)
		printf("  and %zu more\n", v->matches_dropped);
}

/* ---- eval --batch
 * ---------------------------------------------------------------------------------- */

static void print_batch_line(const json_t *id, const struct result *result)
{
	struct buf out;
	struct jw w;
	buf_init(&out, 0);
	jw_init(&w, &out, 0);
	jw_object_begin(&w);
	jw_key(&w, "id");
	char *text = id ? json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	jw_raw(&w, text ? slice_of_cstr(text) : SLICE("null"));
	free(text);
	write_summary(&w, result);
	jw_key(&w, "matched");
	jw_array_begin(&w);
	for (size_t i = 0; i < result->verdict.match_count; i++)
		jw_uint(&w, result->verdict.matches[i].rule->id);
	jw_array_end(&w);
	jw_key(&w, "us");
	jw_uint(&w, result->us);
	jw_object_end(&w);
	puts(buf_cstr(&out));
	buf_release(&out);
}

static const char *decode_member(const json_t *line, const char *name, struct buf *out)
{
	const json_t *member = json_object_get(line, name);
	buf_reset(out);
	if (!json_is_string(member))
		return "no base64 string in the line";
	struct slice text = slice_of(json_string_value(member), json_string_length(member));
	if (!buf_reserve(out, BASE64_DECODED_MAX(text.len) + 1))
		return "out of memory";
	ptrdiff_t len = base64_decode(text, out->data);
	if (len < 0)
		return "not valid base64";
	out->len = (size_t)len;
	return NULL;
}

struct batch {
	struct session *session;
	struct buf request, response;
};

static void batch_line(struct batch *batch, struct slice text)
{
	struct err err = { 0 };
	struct result result = { 0 };
	json_t *line = json_read_text(text, NULL, &err);
	const json_t *id = json_object_get(line, "id");
	result.malformed =
	    line ? decode_member(line, "request", &batch->request) : "not a JSON object";
	buf_reset(&batch->response);
	if (!result.malformed && json_object_get(line, "response"))
		result.malformed = decode_member(line, "response", &batch->response);
	if (!result.malformed) {
		struct slice name = json_is_string(id)
		                        ? slice_of(json_string_value(id), json_string_length(id))
		                        : slice_of(NULL, 0);
		evaluate(batch->session, name, buf_slice(&batch->request),
		    buf_slice(&batch->response), &result);
	}
	print_batch_line(id, &result);
	json_decref(line);
}

static int run_batch(struct session *session, const char *path)
{
	struct batch batch = { .session = session };
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	if (!in) {
		fprintf(stderr, "sallyport-waf: cannot open '%s'\n", path);
		return CLI_ERROR;
	}
	buf_init(&batch.request, REQUEST_BYTES_MAX);
	buf_init(&batch.response, REQUEST_BYTES_MAX);
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	while ((len = getline(&line, &cap, in)) > 0 && len < LINE_BYTES_MAX) {
		struct slice text = slice_trim(slice_of(line, (size_t)len));
		if (text.len)
			batch_line(&batch, text);
	}
	free(line);
	buf_release(&batch.request);
	buf_release(&batch.response);
	if (in != stdin)
		fclose(in);
	return fflush(stdout) == 0 ? CLI_OK : CLI_ERROR;
}

/* ---- eval
 * ------------------------------------------------------------------------------------------- */

static bool read_input(const char *path, struct buf *out)
{
	struct err err = { 0 };
	char text[1024];
	buf_init(out, REQUEST_BYTES_MAX);
	if (!path || file_read(path, REQUEST_BYTES_MAX, out, &err))
		return true;
	fprintf(stderr, "sallyport-waf: %s\n", err_format(&err, text, sizeof text));
	return false;
}

static int eval_one(struct session *session, const char *path)
{
	struct buf request, response;
	struct result result;
	int code = CLI_ERROR;
	bool good = read_input(path, &request);
	good = read_input(options.response, &response) && good;
	if (good) {
		evaluate(
		    session, slice_of(NULL, 0), buf_slice(&request), buf_slice(&response), &result);
		if (options.json)
			print_json(&result);
		else
			print_plain(&result);
		code = exit_code_of(&result);
	}
	buf_release(&request);
	buf_release(&response);
	return code;
}

static bool session_init(struct session *session, struct waf_rules *rules)
{
	bool good = true;
	*session = (struct session){ .rules = rules };
	arena_init(&session->arena, 0);
	session->worker = waf_worker_new();
	session->overrides = load_overrides(rules, &good);
	return good && session->worker;
}

static void session_release(struct session *session)
{
	waf_worker_free(session->worker);
	waf_overrides_free(session->overrides);
	arena_release(&session->arena);
}

static int run_eval(int argc, char **argv)
{
	struct arena arena;
	struct session session;
	const char *path = argc > 0 ? argv[0] : "-";
	int code = CLI_ERROR;
	arena_init(&arena, 0);
	struct waf_rules *rules = load_rules(&arena);
	if (rules) {
		if (session_init(&session, rules))
			code = options.batch ? run_batch(&session, path) : eval_one(&session, path);
		session_release(&session);
		waf_rules_unref(rules);
	}
	arena_release(&arena);
	return code;
}

/* ---- compile
 * ---------------------------------------------------------------------------------------- */

static int run_compile(int argc, char **argv)
{
	struct arena arena;
	(void)argc;
	(void)argv;
	arena_init(&arena, 0);
	uint64_t start = clock_monotonic_ms();
	struct waf_rules *rules = load_rules(&arena);
	if (rules)
		printf("%zu rules, %llu ms\n", waf_rules_count(rules),
		    (unsigned long long)(clock_monotonic_ms() - start));
	bool good = rules != NULL;
	waf_rules_unref(rules);
	arena_release(&arena);
	return good ? CLI_OK : CLI_ERROR;
}

/* ---- rules, explain
 * --------------------------------------------------------------------------------- */

static int with_rules(
    int (*run)(struct waf_rules *rules, const char *argument), const char *argument)
{
	struct arena arena;
	int code = CLI_ERROR;
	arena_init(&arena, 0);
	/* Nothing is evaluated, so no database is needed. */
	options.reference = true;
	struct waf_rules *rules = load_rules(&arena);
	if (rules)
		code = run(rules, argument);
	waf_rules_unref(rules);
	arena_release(&arena);
	return code;
}

static int list_rules(struct waf_rules *rules, const char *pattern)
{
	bool good;
	struct waf_overrides *overrides = load_overrides(rules, &good);
	int code = good ? explain_list(rules, overrides, pattern, options.json) : CLI_ERROR;
	waf_overrides_free(overrides);
	return code;
}

static int run_rules(int argc, char **argv)
{
	return with_rules(list_rules, argc > 0 ? argv[0] : NULL);
}

static int explain_record(struct waf_rules *rules, const char *id)
{
	return explain_find(rules, options.log ? options.log : "-", id);
}

static int run_explain(int argc, char **argv)
{
	(void)argc;
	return with_rules(explain_record, argv[0]);
}

/* ---- command line
 * ----------------------------------------------------------------------------------- */

#define RULE_OPTIONS                                                                               \
	{ "rules", 'r', CLI_LIST, &options.rules, "PATH",                                          \
		"a rule file, a glob, or a folder of .conf files; repeatable, in order", 0, 0 },   \
	    { "ruleset", 'R', CLI_STRING, &options.ruleset, "NAME",                                \
		    "aws, crs or aws+crs (default)", 0, 0 },                                       \
	{                                                                                          \
		"set", 's', CLI_LIST, &options.sets, "tx.NAME=VALUE",                              \
		    "set a variable before the first rule; repeatable", 0, 0                       \
	}

/* clang-format off */
static const struct cli_option eval_options[] = {
	RULE_OPTIONS,
	{ "exclude", 'x', CLI_LIST, &options.excludes, "SPEC", "exclude rules as a service's waf-exclude does: ID, FIRST-LAST, tag:NAME, label:NAME", 0, 0 },
	{ "count", 'n', CLI_LIST, &options.counts, "SPEC", "only count rules, as a service's waf-count does", 0, 0 },
	{ "json", 'j', CLI_FLAG, &options.json, NULL, "print JSON", 0, 0 },
	{ "batch", 'b', CLI_FLAG, &options.batch, NULL, "read JSON lines {\"id\",\"request\"[,\"response\"]}, base64 of raw messages; print one line for each", 0, 0 },
	{ "response", 'p', CLI_STRING, &options.response, "FILE", "a raw response: evaluate phases 3 and 4 for it", 0, 0 },
	{ "client-ip", 'c', CLI_STRING, &options.client_ip, "ADDRESS", "REMOTE_ADDR (default 127.0.0.1)", 0, 0 },
	{ "detection-only", 'd', CLI_FLAG, &options.detection_only, NULL, "as SecRuleEngine DetectionOnly", 0, 0 },
	{ "reference", 0, CLI_FLAG, &options.reference, NULL, "evaluate rule by rule, without combined databases", 0, 0 },
	{ "step-budget", 0, CLI_UINT, &options.step_budget, "STEPS", "work allowed for one request", 1, UINT64_MAX },
	{ "cache-dir", 0, CLI_STRING, &options.cache_dir, "DIR", "where compiled databases are kept", 0, 0 },
	{ "no-cache", 0, CLI_FLAG, &options.no_cache, NULL, "compile databases anew", 0, 0 },
	{ 0 },
};

static const struct cli_option compile_options[] = {
	RULE_OPTIONS,
	{ "cache-dir", 0, CLI_STRING, &options.cache_dir, "DIR", "where compiled databases are kept", 0, 0 },
	{ 0 },
};

static const struct cli_option rules_options[] = {
	RULE_OPTIONS,
	{ "exclude", 'x', CLI_LIST, &options.excludes, "SPEC", "mark what a service with this exclusion does without; repeatable", 0, 0 },
	{ "count", 'n', CLI_LIST, &options.counts, "SPEC", "mark what a service only counts; repeatable", 0, 0 },
	{ "json", 'j', CLI_FLAG, &options.json, NULL, "print JSON", 0, 0 },
	{ 0 },
};

static const struct cli_option explain_options[] = {
	RULE_OPTIONS,
	{ "log", 'l', CLI_STRING, &options.log, "FILE", "the access log (default: standard input)", 0, 0 },
	{ 0 },
};

static const struct cli_command commands[] = {
	{ "eval", "[FILE]", "evaluate a raw HTTP/1.1 request, or a batch of them",
	  "The request is read from FILE or standard input as it stood on the wire. Body processors are chosen by content type.",
	  eval_options, run_eval, 0, 1 },
	{ "compile", "", "check rules and fill the cache of compiled databases", NULL,
	  compile_options, run_compile, 0, 0 },
	{ "rules", "[TEXT]", "list rules, or those whose id, message or tags have TEXT in them", NULL,
	  rules_options, run_rules, 0, 1 },
	{ "explain", "ID", "say why the request with this explanation id or request id was blocked", NULL,
	  explain_options, run_explain, 1, 1 },
	{ 0 },
};

static const struct cli_exit_code exit_codes[] = {
	{ EXIT_BLOCKED, "eval: the request would be blocked" },
	{ EXIT_MALFORMED, "eval: no HTTP server would take the request" },
	{ 0 },
};
/* clang-format on */

int main(int argc, char **argv)
{
	static const struct cli_program program = {
		.name = "sallyport-waf",
		.summary = "compile WAF rules, evaluate requests offline, explain verdicts",
		.commands = commands,
		.exit_codes = exit_codes,
	};
	return cli_main(&program, argc, argv);
}
