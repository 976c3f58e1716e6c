/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/metrics.h"

#include "spoa/auth/auth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PREFIX "sallyport_spoa_"

/* ---- text
 * -------------------------------------------------------------------------------------------- */

static void head(struct buf *out, const char *metric, const char *type, const char *help)
{
	buf_printf(
	    out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", metric, help, metric, type);
}

static void line(struct buf *out, const char *metric, const char *labels, uint64_t value)
{
	const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";

	buf_printf(out, PREFIX "%s%s%s%s %" PRIu64 "\n", metric, open, labels, close, value);
}

static void gauge(struct buf *out, const char *metric, const char *help, uint64_t value)
{
	head(out, metric, "gauge", help);
	line(out, metric, "", value);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void label(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s=\"", name);
	for (const char *c = value; *c; c++) {
		if (*c == '\\' || *c == '"')
			buf_append_byte(out, '\\');
		if (*c == '\n')
			buf_append_cstr(out, "\\n");
		else
			buf_append_byte(out, *c);
	}
	buf_append_byte(out, '"');
}

/* ---- sums
 * -------------------------------------------------------------------------------------------- */

/* The sum over all threads of the counter at `offset`. */
static uint64_t sum(const struct metrics_input *in, size_t offset)
{
	uint64_t total = 0;

	for (size_t i = 0; i < in->counters_count; i++)
		total += counter_get(
		    (const counter *)(const void *)((const char *)in->counters[i] + offset));
	return total;
}

#define SUM(in, member) sum(in, offsetof(struct counters, member))

struct plain_row {
	const char *metric, *labels, *help;
};

static const struct plain_row plain_rows[] = {
#define COUNTER(id, metric, label, help) { metric, label, help },
#include "spoa/agent/metrics.def"
#undef COUNTER
};

static void render_plain(const struct metrics_input *in, struct buf *out)
{
	for (size_t i = 0; i < COUNTER_COUNT; i++) {
		const struct plain_row *row = &plain_rows[i];

		if (i == 0 || strcmp(plain_rows[i - 1].metric, row->metric) != 0)
			head(out, row->metric, "counter", row->help);
		line(out, row->metric, row->labels,
		    sum(in, offsetof(struct counters, plain) + i * sizeof(counter)));
	}
}

static void render_reasons(const struct metrics_input *in, struct buf *out)
{
	head(out, "auth_total", "counter", "Token checks by outcome");
	for (int i = 0; i < AUTH_REASON_COUNT; i++) {
		char labels[64];

		snprintf(
		    labels, sizeof(labels), "reason=\"%s\"", auth_reason_code((enum auth_reason)i));
		line(out, "auth_total", labels,
		    sum(in, offsetof(struct counters, auth) + (size_t)i * sizeof(counter)));
	}
}

static void render_disconnects(const struct metrics_input *in, struct buf *out)
{
	head(out, "disconnects_total", "counter", "Sessions ended, by SPOP status");
	for (size_t i = 0; i <= COUNTERS_STATUS_MAX; i++) {
		char labels[32];

		snprintf(labels, sizeof(labels),
		    i < COUNTERS_STATUS_MAX ? "status=\"%zu\"" : "status=\"other\"", i);
		line(out, "disconnects_total", labels,
		    sum(in, offsetof(struct counters, disconnects) + i * sizeof(counter)));
	}
}

static void render_latency(const struct metrics_input *in, struct buf *out)
{
	uint64_t total = 0;

	head(out, "request_microseconds", "histogram", "Time the agent spends on a message");
	for (size_t i = 0; i < COUNTERS_BUCKETS; i++) {
		char bound[24] = "+Inf", labels[48];

		total += sum(in, offsetof(struct counters, latency) + i * sizeof(counter));
		if (i < COUNTERS_BUCKETS - 1)
			snprintf(bound, sizeof(bound), "%" PRIu64, counters_bucket_us[i]);
		snprintf(labels, sizeof(labels), "le=\"%s\"", bound);
		line(out, "request_microseconds_bucket", labels, total);
	}
	line(out, "request_microseconds_sum", "", SUM(in, latency_sum_us));
	line(out, "request_microseconds_count", "", total);
}

/* ---- rules
 * ------------------------------------------------------------------------------------------- */

struct rule_count {
	uint32_t id;
	uint64_t matches;
};

static int by_id(const void *a, const void *b)
{
	const struct rule_count *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_matches(const void *a, const void *b)
{
	const struct rule_count *x = a, *y = b;

	return x->matches > y->matches ? -1 : x->matches < y->matches ? 1 : by_id(a, b);
}

static size_t collect_rules(const struct metrics_input *in, struct rule_count *rows)
{
	size_t n = 0;

	for (size_t t = 0; t < in->counters_count; t++) {
		for (size_t i = 0; i < COUNTERS_RULES; i++) {
			uint32_t id = atomic_load_explicit(
			    &in->counters[t]->rule_ids[i], memory_order_relaxed);

			if (id != 0)
				rows[n++] = (struct rule_count){ id,
					counter_get(&in->counters[t]->rule_matches[i]) };
		}
	}
	return n;
}

/* One row per rule, those with most matches first. */
static size_t rank_rules(struct rule_count *rows, size_t count)
{
	size_t kept = 0;

	qsort(rows, count, sizeof(*rows), by_id);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && rows[kept - 1].id == rows[i].id)
			rows[kept - 1].matches += rows[i].matches;
		else
			rows[kept++] = rows[i];
	}
	qsort(rows, kept, sizeof(*rows), by_matches);
	return kept;
}

static void render_rules(const struct metrics_input *in, struct buf *out)
{
	struct rule_count *rows = malloc((in->counters_count * COUNTERS_RULES + 1) * sizeof(*rows));
	uint64_t other = SUM(in, other_rule_matches);
	size_t count;

	if (!rows) {
		buf_reserve(out, SIZE_MAX);
		return;
	}
	count = rank_rules(rows, collect_rules(in, rows));
	head(out, "waf_rule_matches_total", "counter", "Matches of the rules that match most");
	for (size_t i = 0; i < count; i++) {
		char labels[32];

		snprintf(labels, sizeof(labels), "rule=\"%" PRIu32 "\"", rows[i].id);
		if (i < METRICS_TOP_RULES)
			line(out, "waf_rule_matches_total", labels, rows[i].matches);
		else
			other += rows[i].matches;
	}
	line(out, "waf_rule_matches_total", "rule=\"other\"", other);
	free(rows);
}

/* ---- state
 * ------------------------------------------------------------------------------------------- */

struct key_metric {
	const char *metric, *type, *help;
	uint64_t (*value)(const struct key_source_stats *stats, int64_t now_unix_s);
};

static uint64_t key_count(const struct key_source_stats *stats, int64_t now)
{
	(void)now;
	return stats->keys;
}

static uint64_t key_age(const struct key_source_stats *stats, int64_t now)
{
	int64_t age = now - stats->loaded_unix_s;

	return age > 0 ? (uint64_t)age : 0;
}

static uint64_t key_attempts(const struct key_source_stats *stats, int64_t now)
{
	(void)now;
	return stats->attempts;
}

static uint64_t key_failures(const struct key_source_stats *stats, int64_t now)
{
	(void)now;
	return stats->failures;
}

static const struct key_metric key_metrics[] = {
	{ "keyset_keys", "gauge", "Usable keys of an authorizer", key_count },
	{ "keyset_age_seconds", "gauge", "Since the key set was last confirmed; since 1970: never",
	    key_age },
	{ "keyset_refreshes_total", "counter", "Attempts to refresh a key set", key_attempts },
	{ "keyset_failures_total", "counter", "Attempts that failed", key_failures },
};

static void render_keys(const struct metrics_input *in, struct buf *out)
{
	const struct snapshot *snapshot = in->snapshot;

	for (size_t m = 0; m < sizeof(key_metrics) / sizeof(key_metrics[0]); m++) {
		const struct key_metric *metric = &key_metrics[m];

		head(out, metric->metric, metric->type, metric->help);
		for (size_t i = 0; i < snapshot->authorizer_count; i++) {
			struct key_source_stats stats;

			key_source_stats(snapshot->authorizers[i].keys, &stats);
			buf_printf(out, PREFIX "%s{", metric->metric);
			label(out, "authorizer", snapshot->config.authorizers.names[i]);
			buf_printf(out, "} %" PRIu64 "\n", metric->value(&stats, in->now_unix_s));
		}
	}
}

/* Resident bytes of this process; 0 when /proc does not say. */
static uint64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long size, pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	fclose(file);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void render_state(const struct metrics_input *in, struct buf *out)
{
	head(out, "info", "gauge", "The configuration in use");
	buf_append_cstr(out, PREFIX "info{");
	label(out, "revision", in->snapshot->config.revision);
	buf_append_cstr(out, "} 1\n");
	gauge(out, "threads", "Threads that answer", in->counters_count);
	gauge(out, "connections", "SPOP connections now", in->connections);
	gauge(out, "routes", "Routes of the configuration", in->snapshot->route_count);
	gauge(out, "start_time_seconds", "When the process started", (uint64_t)in->started_unix_s);
	gauge(out, "config_load_time_seconds", "When the configuration in use was loaded",
	    (uint64_t)in->loaded_unix_s);
	gauge(out, "resident_bytes", "Memory of the process", resident_bytes());
	head(out, "reloads_total", "counter", "Reloads of configuration, key sets and rules");
	line(out, "reloads_total", "result=\"ok\"", in->reloads_ok);
	line(out, "reloads_total", "result=\"failed\"", in->reloads_failed);
}

void metrics_render(const struct metrics_input *in, struct buf *out)
{
	render_state(in, out);
	render_plain(in, out);
	render_disconnects(in, out);
	render_latency(in, out);
	render_reasons(in, out);
	render_keys(in, out);
	render_rules(in, out);
}
