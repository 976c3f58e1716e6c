/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_waf: CPU time per transaction of this engine and of libmodsecurity, same rules, same
 * requests, same run, one thread.
 *
 *     bench_waf [--seconds S] RULES...
 *
 * BENCH_CACHE_DIR: compiled databases. BENCH_NO_PEER, BENCH_ONLY=NAME: for profiling.
 *
 * Prints one line per request: microseconds of both, and the ratio.
 */
#include "common/file.h"
#include "spoa/waf/waf.h"

#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdlib.h>
#include <time.h>

struct sample {
	const char *name;
	const char *method, *path, *query, *content_type;
	const char *body;
};

static char form[2200];

/* clang-format off */
static struct sample samples[] = {
	{ "GET", "GET", "/v1/accounts/12345678/transactions", "from=2026-10-01&to=2026-11-01&limit=50&cursor=eyJpZCI6MTIzfQ", NULL, "" },
	{ "JSON POST", "POST", "/v1/payments", "", "application/json",
	  "{\"debtor\":{\"iban\":\"DE89370400440532013000\",\"name\":\"Erika Mustermann\"},"
	  "\"creditor\":{\"iban\":\"FR1420041010050500013M02606\",\"name\":\"Jean Dupont\"},"
	  "\"amount\":{\"currency\":\"EUR\",\"value\":\"125.40\"},"
	  "\"reference\":\"Invoice 2026-1142, thank you\",\"urgent\":false}" },
	{ "attack", "GET", "/v1/accounts", "id=1'%20or%201=1--", NULL, "" },
	{ "form 2 KiB", "POST", "/v1/forms", "", "application/x-www-form-urlencoded", form },
};
/* clang-format on */

static void make_form(void)
{
	size_t len = 0;
	for (int i = 0; len < 2000; i++)
		len += (size_t)snprintf(form + len, sizeof form - len,
		    "%sfield_%d=Some+ordinary+text+number+%d+of+the+form", i ? "&" : "", i, i);
}

static double cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

struct header_pair {
	const char *name, *value;
};

static const struct header_pair headers[] = {
	{ "Host", "api.bank.example" },
	{ "User-Agent", "bank-mobile/7.4 (iOS 19.1)" },
	{ "Accept", "application/json" },
	{ "Accept-Encoding", "gzip, deflate" },
	{ "X-Request-Id", "0f8fad5b-d9cb-469f-a165-70867728950e" },
};

enum { HEADERS = sizeof headers / sizeof *headers };

/* ---- ours ------------------------------------------------------------------------------------ */

static void ours(struct waf_worker *worker, struct waf_rules *rules, const struct sample *s)
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
}

/* ---- libmodsecurity -----------------------------------------------------------------------------
 */

static void add_header(Transaction *t, const char *name, const char *value)
{
	msc_add_request_header(t, (const unsigned char *)name, (const unsigned char *)value);
}

static void theirs(ModSecurity *engine, RulesSet *rules, const struct sample *s)
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

/* ---- the run ------------------------------------------------------------------------------------
 */

struct engines {
	struct waf_worker *worker;
	struct waf_rules *rules;
	ModSecurity *peer;
	RulesSet *peer_rules;
};

static void run_once(struct engines *e, const struct sample *s, bool peer)
{
	if (peer)
		theirs(e->peer, e->peer_rules, s);
	else
		ours(e->worker, e->rules, s);
}

enum { BATCH = 20 };

/* The quickest batch: other work on the machine only ever makes a batch slower. */
static double measure(struct engines *e, const struct sample *s, bool peer, double seconds)
{
	double best = 0, spent = 0;
	for (int i = 0; i < BATCH; i++)
		run_once(e, s, peer);
	while (spent < seconds * 1e6) {
		double start = cpu_us();
		for (int i = 0; i < BATCH; i++)
			run_once(e, s, peer);
		double us = cpu_us() - start;
		best = best > 0 && best < us ? best : us;
		spent += us;
	}
	return best / BATCH;
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

int main(int argc, char **argv)
{
	double seconds = 1;
	int first = 1;
	if (argc > 2 && strcmp(argv[1], "--seconds") == 0) {
		seconds = atof(argv[2]);
		first = 3;
	}
	if (argc <= first) {
		fprintf(stderr, "usage: bench_waf [--seconds S] RULES...\n");
		return 64;
	}
	make_form();
	struct engines e = { .worker = waf_worker_new(), .peer = msc_init() };
	e.rules = load_ours(argv + first, argc - first);
	e.peer_rules = getenv("BENCH_NO_PEER") ? NULL : load_theirs(argv + first, argc - first);
	if (!e.worker || !e.rules)
		return 1;
	msc_set_log_cb(e.peer, ignore_log);
	printf("%-12s %12s %16s %8s\n", "request", "sallyport us", "libmodsecurity us", "ratio");
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		if (getenv("BENCH_ONLY") && strcmp(getenv("BENCH_ONLY"), samples[i].name) != 0)
			continue;
		double own = measure(&e, &samples[i], false, seconds);
		double peer = e.peer_rules ? measure(&e, &samples[i], true, seconds) : 0;
		printf("%-12s %12.1f %16.1f %8.1f\n", samples[i].name, own, peer, peer / own);
	}
	waf_worker_free(e.worker);
	waf_rules_unref(e.rules);
	if (e.peer_rules)
		msc_rules_cleanup(e.peer_rules);
	msc_cleanup(e.peer);
	return 0;
}
