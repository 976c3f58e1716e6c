/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/tools/waf_explain.h"

#include "common/cli.h"
#include "common/json_read.h"
#include "common/json_write.h"

#include <stdlib.h>

/* ---- rules
 * ---------------------------------------------------------------------------------------- */

static bool mentions(const struct waf_rule_info *info, struct slice text)
{
	char id[16];
	snprintf(id, sizeof id, "%u", info->id);
	if (slice_find(slice_of_cstr(id), text) != SIZE_MAX ||
	    slice_find(info->msg, text) != SIZE_MAX)
		return true;
	for (size_t i = 0; i < info->tag_count; i++)
		if (slice_find(info->tags[i], text) != SIZE_MAX)
			return true;
	return false;
}

/* What a service's overrides make of a rule; NULL: nothing. */
static const char *override_of(const struct waf_overrides *overrides, uint32_t id)
{
	if (!overrides)
		return NULL;
	if (waf_overrides_exclude(overrides, id))
		return "excluded";
	return waf_overrides_count(overrides, id) ? "counted" : NULL;
}

static void write_rule(struct jw *w, const struct waf_rule_info *info, const char *override)
{
	jw_object_begin(w);
	jw_key(w, "id");
	jw_uint(w, info->id);
	jw_key(w, "phase");
	jw_uint(w, info->phase);
	jw_key(w, "msg");
	jw_string(w, info->msg);
	jw_key(w, "targets");
	jw_string(w, info->targets);
	jw_key(w, "excluded");
	jw_bool(w, override && strcmp(override, "excluded") == 0);
	jw_key(w, "counted");
	jw_bool(w, override && strcmp(override, "counted") == 0);
	jw_key(w, "tags");
	jw_array_begin(w);
	for (size_t i = 0; i < info->tag_count; i++)
		jw_string(w, info->tags[i]);
	jw_array_end(w);
	jw_key(w, "file");
	jw_cstr(w, info->file);
	jw_key(w, "line");
	jw_uint(w, info->line);
	jw_object_end(w);
}

static void print_rule(const struct waf_rule_info *info, const char *override)
{
	printf("%-8u phase %u  %.*s\n         %s:%u\n", info->id, info->phase, SLICE_ARG(info->msg),
	    info->file, info->line);
	if (override)
		printf("         %s\n", override);
	if (info->targets.len)
		printf("         looks at: %.*s\n", SLICE_ARG(info->targets));
	if (!info->tag_count)
		return;
	printf("         tags:");
	for (size_t i = 0; i < info->tag_count; i++)
		printf(" %.*s", SLICE_ARG(info->tags[i]));
	putchar('\n');
}

int explain_list(const struct waf_rules *rules, const struct waf_overrides *overrides,
    const char *text, bool json)
{
	struct buf out;
	struct jw w;
	size_t found = 0;
	buf_init(&out, 0);
	jw_init(&w, &out, 2);
	jw_array_begin(&w);
	for (size_t i = 0; i < waf_rules_count(rules); i++) {
		const struct waf_rule_info *info = waf_rules_info(rules, i);
		if (!mentions(info, slice_of_cstr(text)))
			continue;
		found++;
		const char *override = override_of(overrides, info->id);
		if (json)
			write_rule(&w, info, override);
		else
			print_rule(info, override);
	}
	jw_array_end(&w);
	if (json)
		puts(buf_cstr(&out));
	buf_release(&out);
	return found ? CLI_OK : CLI_ERROR;
}

/* ---- explain
 * -------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *record, const char *name)
{
	const char *text = json_string_value(json_object_get(record, name));
	return text ? text : "";
}

static void explain_rule(const struct waf_rules *rules, struct slice id)
{
	uint64_t number;
	const struct waf_rule_info *info = NULL;
	if (slice_to_u64(id, UINT32_MAX, &number))
		info = waf_rules_find(rules, (uint32_t)number);
	if (info)
		print_rule(info, NULL);
	else
		printf("%.*s      not in these rules\n", SLICE_ARG(id));
}

/* Rules that add up the score of others are no cause: excluding them would switch the WAF off. */
static bool is_cause(const struct waf_rules *rules, struct slice id)
{
	uint64_t number;
	const struct waf_rule_info *info = NULL;
	if (slice_to_u64(id, UINT32_MAX, &number))
		info = waf_rules_find(rules, (uint32_t)number);
	return info && info->targets.len && !slice_starts_with(info->targets, SLICE("TX:"));
}

static void advise(const struct waf_rules *rules, struct slice ids)
{
	struct slice id;
	bool any = false;
	while (ids.len) {
		slice_cut(ids, ',', &id, &ids);
		if (!is_cause(rules, slice_trim(id)))
			continue;
		if (!any)
			printf(
			    "\nto let such requests through to this service, name a rule, or a tag "
			    "or label of it, in its parameter waf-exclude (or waf-count: it is "
			    "reported still):\n    waf-exclude = ");
		printf("%s%.*s", any ? "," : "", SLICE_ARG(slice_trim(id)));
		any = true;
	}
	if (any)
		putchar('\n');
}

/* What the agent's own labels say of a request (spoa/agent/waf_report.h). */
static void explain_labels(struct slice labels)
{
	static const struct {
		struct slice label;
		const char *text;
	} rows[] = {
		{ SLICE_INIT("sallyport:waf:oversize"),
		    "the body goes on behind the part that was inspected (oversize=continue)" },
		{ SLICE_INIT("sallyport:waf:uninspected"),
		    "part of the request does not parse or exceeds a limit, so it could not be "
		    "inspected; a service that blocks refuses it" },
		{ SLICE_INIT("sallyport:waf:budget"),
		    "the work allowed for one request was done before all rules were evaluated" },
	};
	struct slice label;
	while (labels.len) {
		slice_cut(labels, ',', &label, &labels);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			if (slice_eq(label, rows[i].label))
				printf("%s\n", rows[i].text);
	}
}

static void explain_record(const struct waf_rules *rules, const json_t *record)
{
	struct slice rest = slice_of_cstr(text_of(record, "rules")), id;
	printf("%s  %s %s%s\n", text_of(record, "time"), text_of(record, "method"),
	    text_of(record, "host"), text_of(record, "path"));
	printf("service %s, client %s, request %s\n", text_of(record, "service"),
	    text_of(record, "ip"), text_of(record, "id"));
	printf("WAF verdict: %s, score %lld\n\n", text_of(record, "waf"),
	    (long long)json_integer_value(json_object_get(record, "score")));
	explain_labels(slice_of_cstr(text_of(record, "labels")));
	printf(rest.len ? "rules that matched:\n" : "no rule matched\n");
	while (rest.len) {
		slice_cut(rest, ',', &id, &rest);
		explain_rule(rules, slice_trim(id));
	}
	advise(rules, slice_of_cstr(text_of(record, "rules")));
}

static bool is_record(const json_t *record, const char *id)
{
	return strcmp(text_of(record, "explain"), id) == 0 ||
	       strcmp(text_of(record, "id"), id) == 0;
}

int explain_find(const struct waf_rules *rules, const char *log, const char *id)
{
	FILE *in = strcmp(log, "-") == 0 ? stdin : fopen(log, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	bool found = false;
	if (!in) {
		fprintf(stderr, "sallyport-waf: cannot open '%s'\n", log);
		return CLI_ERROR;
	}
	while (!found && (len = getline(&line, &cap, in)) > 0) {
		struct slice text = slice_of(line, (size_t)len);
		struct err err = { 0 };
		/* Parsing a day's log as JSON takes long; looking for the id does not. */
		size_t brace = slice_find_byte(text, '{');
		if (slice_find(text, slice_of_cstr(id)) == SIZE_MAX || brace == SIZE_MAX)
			continue;
		json_t *record = json_read_text(slice_from(text, brace), NULL, &err);
		found = is_record(record, id);
		if (found)
			explain_record(rules, record);
		json_decref(record);
	}
	free(line);
	if (in != stdin)
		fclose(in);
	if (!found)
		fprintf(stderr, "sallyport-waf: no record with the id '%s'\n", id);
	return found ? CLI_OK : CLI_ERROR;
}
