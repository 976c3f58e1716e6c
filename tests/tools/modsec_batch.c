/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modsec_batch: what libmodsecurity says to a batch of requests, in the form of `sallyport-waf eval
 * --batch`.
 *
 *     modsec_batch RULES... <BATCH
 *
 * RULES are files and globs. One line per request: {"id":…,"matched":[rule ids in the order of the
 * log]}. Requests that sallyport-waf calls malformed are left out of both.
 */
#include "common/arena.h"
#include "common/codec.h"
#include "spoa/tools/http_raw.h"

#include <jansson.h>
#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdio.h>
#include <stdlib.h>

/* Appends the id of each line of the log to the JSON array that the transaction was given. */
static void on_log(void *data, const void *message)
{
	const char *id = strstr(message, "[id \"");
	if (data && id)
		json_array_append_new(data, json_integer(strtol(id + 5, NULL, 10)));
}

static void feed(Transaction *t, const struct waf_request *r)
{
	msc_process_connection(t, "127.0.0.1", 40000, "127.0.0.1", 80);
	char *uri = strndup(r->uri_raw.ptr, r->uri_raw.len);
	char *method = strndup(r->method.ptr, r->method.len);
	char *version = strndup(r->version.ptr, r->version.len);
	msc_process_uri(t, uri, method, version);
	for (size_t i = 0; i < r->header_count; i++)
		msc_add_n_request_header(t, (const unsigned char *)r->headers[i].name.ptr,
		    r->headers[i].name.len, (const unsigned char *)r->headers[i].value.ptr,
		    r->headers[i].value.len);
	msc_process_request_headers(t);
	if (r->body.len)
		msc_append_request_body(t, (const unsigned char *)r->body.ptr, r->body.len);
	msc_process_request_body(t);
	msc_process_logging(t);
	free(uri);
	free(method);
	free(version);
}

static void evaluate(ModSecurity *engine, RulesSet *rules, const json_t *id, struct slice raw)
{
	struct arena arena;
	struct waf_request request = { 0 };
	json_t *matched = json_array();
	arena_init(&arena, 0);
	if (!http_raw_request(raw, &arena, &request)) {
		Transaction *t = msc_new_transaction(engine, rules, matched);
		feed(t, &request);
		msc_transaction_cleanup(t);
		json_t *line = json_pack("{s:O, s:O}", "id", id, "matched", matched);
		char *text = json_dumps(line, JSON_COMPACT);
		puts(text ? text : "{}");
		free(text);
		json_decref(line);
	}
	json_decref(matched);
	arena_release(&arena);
}

static void batch_line(ModSecurity *engine, RulesSet *rules, const char *text)
{
	json_t *line = json_loads(text, 0, NULL);
	const char *base64 = json_string_value(json_object_get(line, "request"));
	if (base64) {
		char *raw = malloc(BASE64_DECODED_MAX(strlen(base64)));
		ptrdiff_t len = base64_decode(slice_of_cstr(base64), raw);
		if (len >= 0)
			evaluate(
			    engine, rules, json_object_get(line, "id"), slice_of(raw, (size_t)len));
		free(raw);
	}
	json_decref(line);
}

static RulesSet *load(char **paths)
{
	const char *error = NULL;
	RulesSet *rules = msc_create_rules_set();
	for (; *paths; paths++) {
		char include[4096];
		snprintf(include, sizeof(include), "Include %s\n", *paths);
		if (msc_rules_add(rules, include, &error) < 0) {
			fprintf(stderr, "libmodsecurity: %s\n", error ? error : "?");
			return NULL;
		}
	}
	return rules;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: modsec_batch RULES... <BATCH\n");
		return 64;
	}
	ModSecurity *engine = msc_init();
	msc_set_log_cb(engine, on_log);
	RulesSet *rules = load(argv + 1);
	char *line = NULL;
	size_t cap = 0;
	while (rules && getline(&line, &cap, stdin) > 0)
		batch_line(engine, rules, line);
	free(line);
	return rules ? 0 : 1;
}
