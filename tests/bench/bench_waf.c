/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_waf: CPU time per transaction of this engine, of libmodsecurity and of Coraza, same rules,
 * same requests, same run, one thread.
 *
 *     bench_waf [--seconds S] [--coraza PROGRAM] RULES...
 *
 * PROGRAM is built from tests/bench/coraza (waf.sh does); without it there is no column for Coraza.
 * BENCH_CACHE_DIR: compiled databases. BENCH_NO_PEER, BENCH_ONLY=NAME: for profiling.
 *
 * Prints one line per request: microseconds of each, and how many times ours that is. All engines
 * must come to the same verdict. Values with a mark in them differ in each request, so that no
 * engine sees them twice; headers but the request's id stay, as they do for a client.
 */
#include "common/file.h"
#include "spoa/waf/waf.h"

#include <fcntl.h>
#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct sample {
	const char *name;
	const char *method, *path, *query, *content_type;
	const char *body;
};

static char form[2200];

/* clang-format off */
static struct sample samples[] = {
	{ "GET", "GET", "/v1/accounts/12345678/transactions", "from=2026-10-01&to=2026-11-01&limit=50&cursor=eyJp@@@@@@@@", NULL, "" },
	{ "JSON POST", "POST", "/v1/payments", "", "application/json",
	  "{\"debtor\":{\"iban\":\"DE8937040044@@@@@@@@00\",\"name\":\"Erika @@@@@@@@\"},"
	  "\"creditor\":{\"iban\":\"FR142004101005@@@@@@@@2606\",\"name\":\"Jean @@@@@@@@\"},"
	  "\"amount\":{\"currency\":\"EUR\",\"value\":\"1@@@@@@@@.40\"},"
	  "\"reference\":\"Invoice @@@@@@@@, thank you\",\"urgent\":false}" },
	{ "attack", "GET", "/v1/accounts", "id=@@@@@@@@'%20or%201=1--", NULL, "" },
	{ "form 2 KiB", "POST", "/v1/forms", "", "application/x-www-form-urlencoded", form },
};
/* clang-format on */

static void make_form(void)
{
	size_t len = 0;
	for (int i = 0; len < 2000; i++)
		len += (size_t)snprintf(form + len, sizeof form - len,
		    "%sfield_%d=Some+ordinary+text+@@@@@@@@+of+the+form", i ? "&" : "", i);
}

/* ---- requests that differ ----------------------------------------------------------------------
 */

static const char mark[] = "@@@@@@@@";
enum { MARK_LEN = sizeof mark - 1, TEXT_MAX = 4096 };

struct header_pair {
	const char *name, *value;
};

static const struct header_pair header_samples[] = {
	{ "Host", "api.bank.example" },
	{ "User-Agent", "bank-mobile/7.4 (iOS 19.1)" },
	{ "Accept", "application/json" },
	{ "Accept-Encoding", "gzip, deflate" },
	{ "X-Request-Id", "0f8fad5b-d9cb-469f-a165-7086@@@@@@@@" },
};

enum { HEADERS = sizeof header_samples / sizeof *header_samples };
static struct header_pair headers[HEADERS];

static const char *vary(char room[TEXT_MAX], const char *text, unsigned number)
{
	size_t len = strlen(text);
	char digits[MARK_LEN + 1];
	memcpy(room, text, len + 1);
	snprintf(digits, sizeof digits, "%08u", number);
	for (char *at = room; (at = strstr(at, mark)); at += MARK_LEN)
		memcpy(at, digits, MARK_LEN);
	return room;
}

/* The sample with the next number in its marks; lives until the next call. */
static struct sample next_request(const struct sample *s)
{
	static char query[TEXT_MAX], body[TEXT_MAX], id[TEXT_MAX];
	static unsigned count;
	unsigned number = count++ * 2654435761U % 100000000U;
	struct sample out = *s;
	out.query = vary(query, s->query, number);
	out.body = vary(body, s->body, number);
	memcpy(headers, header_samples, sizeof headers);
	headers[HEADERS - 1].value = vary(id, header_samples[HEADERS - 1].value, number);
	return out;
}

static double cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ---- ours ------------------------------------------------------------------------------------ */

static unsigned ours(struct waf_worker *worker, struct waf_rules *rules, const struct sample *s)
{
	struct waf_header list[HEADERS + 2];
	size_t count = 0;
	char length[24];
	for (; count < HEADERS; count++)
		list[count] = (struct waf_header){ slice_of_cstr(headers[count].name),
			slice_of_cstr(headers[count].value) };
	if (s->content_type) {
		snprintf(length, sizeof length, "%zu", strlen(s->body));
		list[count++] =
		    (struct waf_header){ SLICE("Content-Type"), slice_of_cstr(s->content_type) };
		list[count++] =
		    (struct waf_header){ SLICE("Content-Length"), slice_of_cstr(length) };
	}
	struct waf_request request = {
		.id = SLICE("0f8fad5b-d9cb-469f-a165-70867728950e"),
		.client_ip = SLICE("192.0.2.7"),
		.server_ip = SLICE("192.0.2.1"),
		.method = slice_of_cstr(s->method),
		.path = slice_of_cstr(s->path),
		.query = slice_of_cstr(s->query),
		.version = SLICE("1.1"),
		.headers = list,
		.header_count = count,
		.body = slice_of_cstr(s->body),
	};
	struct waf_verdict verdict;
	waf_eval_request(worker, rules, NULL, &request, &verdict);
	return verdict.status;
}

/* ---- libmodsecurity -----------------------------------------------------------------------------
 */

static void add_header(Transaction *t, const char *name, const char *value)
{
	msc_add_request_header(t, (const unsigned char *)name, (const unsigned char *)value);
}

static unsigned theirs(ModSecurity *engine, RulesSet *rules, const struct sample *s)
{
	char uri[512], length[24];
	Transaction *t = msc_new_transaction(engine, rules, NULL);
	ModSecurityIntervention verdict = { .status = 200 };
	msc_process_connection(t, "192.0.2.7", 40000, "192.0.2.1", 443);
	snprintf(uri, sizeof uri, "%s%s%s", s->path, *s->query ? "?" : "", s->query);
	msc_process_uri(t, uri, s->method, "1.1");
	for (size_t i = 0; i < HEADERS; i++)
		add_header(t, headers[i].name, headers[i].value);
	if (s->content_type) {
		snprintf(length, sizeof length, "%zu", strlen(s->body));
		add_header(t, "Content-Type", s->content_type);
		add_header(t, "Content-Length", length);
	}
	msc_process_request_headers(t);
	if (!msc_intervention(t, &verdict)) {
		msc_append_request_body(t, (const unsigned char *)s->body, strlen(s->body));
		msc_process_request_body(t);
		msc_intervention(t, &verdict);
	}
	msc_process_logging(t);
	msc_transaction_cleanup(t);
	free(verdict.url);
	free(verdict.log);
	return (unsigned)verdict.status;
}

static void ignore_log(void *data, const void *message)
{
	(void)data;
	(void)message;
}

static const char preamble[] = "SecRuleEngine On\nSecRequestBodyAccess On\n"
                               "SecRule REQUEST_HEADERS:Content-Type \"^application/json\" "
                               "\"id:200001,phase:1,t:none,t:lowercase,pass,nolog,"
                               "ctl:requestBodyProcessor=JSON\"\n";

static RulesSet *load_theirs(char **paths, int count)
{
	const char *error = NULL;
	RulesSet *rules = msc_create_rules_set();
	int good = msc_rules_add(rules, preamble, &error);
	for (int i = 0; i < count && good >= 0; i++) {
		char include[4096];
		snprintf(include, sizeof include, "Include %s\n", paths[i]);
		good = msc_rules_add(rules, include, &error);
	}
	if (good >= 0)
		return rules;
	fprintf(stderr, "libmodsecurity: %s\n", error ? error : "?");
	return NULL;
}

/* ---- Coraza: a process of its own, asked over pipes
 * --------------------------------------------------------------------------- */

struct coraza {
	pid_t pid; /* 0: there is none */
	FILE *to, *from;
};

static void coraza_exec(int in, int out, const char *program, char **rules, int count)
{
	const char *arguments[64] = { program };
	for (int i = 0; i < count && i < 62; i++)
		arguments[i + 1] = rules[i];
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		execv(program, (char *const *)(uintptr_t)arguments);
	perror(program);
	_exit(127);
}

/* False: it does not load the rules; then its figures are left out. */
static bool coraza_start(struct coraza *c, const char *program, char **rules, int count)
{
	int to[2], from[2];
	char line[16] = "";
	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
		return false;
	c->pid = fork();
	if (c->pid == 0)
		coraza_exec(to[0], from[1], program, rules, count);
	close(to[0]);
	close(from[1]);
	c->to = fdopen(to[1], "w");
	c->from = fdopen(from[0], "r");
	return c->pid > 0 && c->to && c->from && fgets(line, sizeof line, c->from) &&
	       strcmp(line, "ready\n") == 0;
}

static void coraza_stop(struct coraza *c)
{
	if (c->to)
		fclose(c->to);
	if (c->from)
		fclose(c->from);
	if (c->pid > 0)
		waitpid(c->pid, NULL, 0);
	*c = (struct coraza){ 0 };
}

/* The request as it stands on the wire. */
static size_t write_request(char *raw, size_t size, const struct sample *s)
{
	size_t len = (size_t)snprintf(raw, size, "%s %s%s%s HTTP/1.1\r\n", s->method, s->path,
	    *s->query ? "?" : "", s->query);
	for (size_t i = 0; i < HEADERS; i++)
		len += (size_t)snprintf(raw + len, size - len, "%s: %s\r\n", header_samples[i].name,
		    header_samples[i].value);
	if (s->content_type)
		len += (size_t)snprintf(raw + len, size - len,
		    "Content-Type: %s\r\nContent-Length: %zu\r\n", s->content_type,
		    strlen(s->body));
	return len + (size_t)snprintf(raw + len, size - len, "\r\n%s", s->body);
}

static double coraza_measure(
    struct coraza *c, const struct sample *s, double seconds, unsigned *status)
{
	char raw[4096], line[64];
	double us;
	size_t len = write_request(raw, sizeof raw, s);
	fprintf(c->to, "%f %zu\n", seconds, len);
	fwrite(raw, 1, len, c->to);
	if (fflush(c->to) == 0 && fgets(line, sizeof line, c->from) &&
	    sscanf(line, "%lf %u", &us, status) == 2)
		return us;
	fprintf(stderr, "coraza gave no answer\n");
	exit(1);
}

/* ---- the run ------------------------------------------------------------------------------------
 */

struct engines {
	struct waf_worker *worker;
	struct waf_rules *rules;
	ModSecurity *peer;
	RulesSet *peer_rules;
	struct coraza coraza;
};

static unsigned run_once(struct engines *e, const struct sample *s, bool peer)
{
	const struct sample next = next_request(s);
	return peer ? theirs(e->peer, e->peer_rules, &next) : ours(e->worker, e->rules, &next);
}

enum { BATCH = 20 };

/* The quickest batch: other work on the machine only ever makes a batch slower. */
static double measure(
    struct engines *e, const struct sample *s, bool peer, double seconds, unsigned *status)
{
	double best = 0, spent = 0;
	for (int i = 0; i < BATCH; i++)
		*status = run_once(e, s, peer);
	while (spent < seconds * 1e6) {
		double start = cpu_us();
		for (int i = 0; i < BATCH; i++)
			run_once(e, s, peer);
		double us = cpu_us() - start;
		best = best > 0 && best < us ? best : us;
		spent += us;
	}
	return best / (double)BATCH;
}

/* False when an engine comes to another verdict: then times compare nothing. */
static bool print_sample(struct engines *e, const struct sample *s, double seconds)
{
	unsigned status, theirs_is, coraza_is;
	double own = measure(e, s, false, seconds, &status);
	theirs_is = coraza_is = status;
	double peer = e->peer_rules ? measure(e, s, true, seconds, &theirs_is) : 0;
	double coraza = e->coraza.pid ? coraza_measure(&e->coraza, s, seconds, &coraza_is) : 0;
	printf("%-12s %6u %12.1f %16.1f %8.1f %12.1f %8.1f\n", s->name, status, own, peer,
	    peer / own, coraza, coraza / own);
	fflush(stdout);
	if (theirs_is == status && coraza_is == status)
		return true;
	fprintf(stderr, "%s: verdicts %u, %u, %u\n", s->name, status, theirs_is, coraza_is);
	return false;
}

static struct waf_rules *load_ours(char **paths, int count)
{
	struct err_list errors;
	struct waf_options options = { .cache_dir = getenv("BENCH_CACHE_DIR") };
	err_list_init(&errors, 0);
	struct waf_rules *rules =
	    waf_rules_load((const char *const *)paths, (size_t)count, &options, &errors);
	err_list_print(&errors, stderr);
	err_list_release(&errors);
	return rules;
}

static bool run_samples(struct engines *e, double seconds)
{
	const char *only = getenv("BENCH_ONLY");
	bool good = true;
	printf("%-12s %6s %12s %16s %8s %12s %8s\n", "request", "status", "sallyport us",
	    "libmodsecurity us", "times", "coraza us", "times");
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		if (!only || strcmp(only, samples[i].name) == 0)
			good &= print_sample(e, &samples[i], seconds);
	return good;
}

static void engines_release(struct engines *e)
{
	waf_worker_free(e->worker);
	waf_rules_unref(e->rules);
	if (e->peer_rules)
		msc_rules_cleanup(e->peer_rules);
	msc_cleanup(e->peer);
	coraza_stop(&e->coraza);
}

int main(int argc, char **argv)
{
	const char *coraza = NULL;
	double seconds = 1;
	int first = 1;
	for (; first + 1 < argc && argv[first][0] == '-'; first += 2)
		if (strcmp(argv[first], "--seconds") == 0)
			seconds = atof(argv[first + 1]);
		else if (strcmp(argv[first], "--coraza") == 0)
			coraza = argv[first + 1];
	if (argc <= first) {
		fprintf(stderr, "usage: bench_waf [--seconds S] [--coraza PROGRAM] RULES...\n");
		return 64;
	}
	make_form();
	char **rules = argv + first;
	int count = argc - first;
	struct engines e = { .worker = waf_worker_new(), .peer = msc_init() };
	e.rules = load_ours(rules, count);
	e.peer_rules = getenv("BENCH_NO_PEER") ? NULL : load_theirs(rules, count);
	if (!e.worker || !e.rules)
		return 1;
	if (coraza && !coraza_start(&e.coraza, coraza, rules, count)) {
		fprintf(stderr, "coraza does not load these rules\n");
		coraza_stop(&e.coraza);
	}
	msc_set_log_cb(e.peer, ignore_log);
	bool good = run_samples(&e, seconds);
	engines_release(&e);
	return good ? 0 : 1;
}
