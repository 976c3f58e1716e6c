/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/throttle_views.h"

#include "common/clock.h"
#include "registry/haproxy_cli.h"

struct throttle_view {
	const char *table; /* in haproxy/gateway.cfg, before the node's name */
	const char *title;
	const char *rate_map, *burst_map; /* NULL: addresses, or one bucket by settings */
	bool has_bucket;
	bool is_spenders; /* rows without bound: only some become series */
	enum throttle_order order;
	const char *metric;    /* what its series are called behind sallyport_throttle_ */
	const char *labels[2]; /* the key's parts, split at the first '|' */
};

// clang-format off
static const struct throttle_view VIEWS[THROTTLE_VIEWS] = {
	{ "route",  "routes",    "rate.map",        "burst.map",        true,  false, BY_ADMITTED, "route",   { "service", NULL } },
	{ "global", "gateway",   NULL,              NULL,               true,  false, BY_ADMITTED, "gateway", { NULL, NULL } },
	{ "client", "clients",   "client-rate.map", "client-burst.map", true,  true,  BY_ADMITTED, "client",  { "service", "client" } },
	{ "ip",     "addresses", NULL,              NULL,               false, true,  BY_REQUESTS, "address", { "address", NULL } },
};
// clang-format on

struct throttle_shown *throttle_views_add(struct throttle_views *views, enum throttle_view_id id)
{
	struct throttle_shown *shown = &views->shown[views->count++];
	*shown = (struct throttle_shown){ .view = &VIEWS[id] };
	throttle_table_init(&shown->table);
	strmap_init(&shown->rates);
	strmap_init(&shown->bursts);
	return shown;
}

void throttle_views_sort(struct throttle_shown *shown)
{
	throttle_table_sort(&shown->table, shown->view->order);
}

/* ---- reading ---- */

static bool load_numbers(const char *socket, const char *map, struct strmap *out, struct err *err)
{
	struct buf lines;
	struct err ignored = { 0 }; /* a map that no rule uses: no such limits */
	buf_init(&lines, 0);
	bool ok = true;
	if (haproxy_show_map(socket, map, &lines, &ignored)) {
		for (struct slice rest = buf_slice(&lines), line, key, value; ok && rest.len > 0;) {
			uint64_t number;
			slice_cut(rest, '\n', &line, &rest);
			slice_cut(line, ' ', &key, &value);
			if (slice_to_u64(value, UINT32_MAX, &number))
				ok = strmap_put(out, key, (void *)(uintptr_t)number, NULL);
		}
	}
	buf_release(&lines);
	return ok || err_set(err, "no memory for map %s", map);
}

/* One table, or one per node. */
static bool load_table(
    const struct settings *s, const char *name, struct throttle_table *out, struct err *err)
{
	char command[128];
	size_t tables = s->node_count ? s->node_count : 1;
	bool ok = true;
	for (size_t i = 0; ok && i < tables; i++) {
		struct buf answer;
		buf_init(&answer, CLI_ANSWER_MAX_BYTES);
		snprintf(command, sizeof(command), "show table %s_%s", name,
		    s->node_count ? s->nodes[i].name : NODE_ALONE);
		ok = haproxy_cli(s->haproxy_stats, slice_of_cstr(command), &answer, err) &&
		     throttle_table_add(out, buf_slice(&answer), err);
		buf_release(&answer);
	}
	return ok;
}

static bool load_view(const struct settings *s, struct throttle_shown *shown, struct err *err)
{
	const struct throttle_view *view = shown->view;
	shown->now_ms = clock_unix_ms();
	if (!load_table(s, view->table, &shown->table, err))
		return false;
	if (view->rate_map &&
	    (!load_numbers(s->haproxy_stats, view->rate_map, &shown->rates, err) ||
	        !load_numbers(s->haproxy_stats, view->burst_map, &shown->bursts, err)))
		return false;
	throttle_views_sort(shown);
	return true;
}

bool throttle_views_load(
    struct throttle_views *views, const struct settings *settings, bool spenders, struct err *err)
{
	bool ok = true;
	*views = (struct throttle_views){ 0 };
	for (size_t i = 0; ok && i < THROTTLE_VIEWS; i++) {
		if ((VIEWS[i].is_spenders && !spenders) ||
		    (i == THROTTLE_GATEWAY && !settings->global_rate))
			continue;
		struct throttle_shown *shown = throttle_views_add(views, (enum throttle_view_id)i);
		if (i == THROTTLE_GATEWAY) {
			shown->rate = settings->global_rate;
			shown->burst = settings->global_burst;
		}
		ok = load_view(settings, shown, err);
	}
	return ok;
}

void throttle_views_release(struct throttle_views *views)
{
	for (size_t i = 0; i < views->count; i++) {
		throttle_table_release(&views->shown[i].table);
		strmap_release(&views->shown[i].rates);
		strmap_release(&views->shown[i].bursts);
	}
	*views = (struct throttle_views){ 0 };
}

/* ---- rows ---- */

struct level {
	uint64_t rate, burst, left;
};

static uint64_t number_of(const struct strmap *map, const char *key)
{
	struct slice name, rest;
	slice_cut(slice_of_cstr(key), '|', &name, &rest);
	return (uint64_t)(uintptr_t)strmap_find(map, name);
}

static struct level level_of(const struct throttle_shown *shown, const struct throttle_row *row)
{
	struct level level = { .rate = shown->rate, .burst = shown->burst };
	if (shown->view->rate_map) {
		level.rate = number_of(&shown->rates, row->key);
		level.burst = number_of(&shown->bursts, row->key);
	}
	level.left = throttle_left(row, level.rate, level.burst, shown->now_ms);
	return level;
}

static size_t rows_of(const struct throttle_shown *shown, size_t top)
{
	return shown->table.count < top ? shown->table.count : top;
}

/* ---- a table ---- */

static void view_text(const struct throttle_shown *shown, size_t top, struct buf *out)
{
	buf_printf(out, "%s (%zu)\n", shown->view->title, shown->table.count);
	if (shown->view->has_bucket)
		buf_printf(out, "  %-40s %8s %8s %8s %12s %10s\n", "", "rate", "burst", "left",
		    "admitted", "refused");
	else
		buf_printf(out, "  %-40s %12s %12s\n", "", "requests", "unauthorized");
	for (size_t i = 0; i < rows_of(shown, top); i++) {
		const struct throttle_row *row = &shown->table.items[i];
		struct level level = level_of(shown, row);
		if (shown->view->has_bucket)
			buf_printf(out, "  %-40s %8llu %8llu %8llu %12llu %10llu\n", row->key,
			    (unsigned long long)level.rate, (unsigned long long)level.burst,
			    (unsigned long long)level.left, (unsigned long long)row->admitted,
			    (unsigned long long)row->refused);
		else
			buf_printf(out, "  %-40s %12llu %12llu\n", row->key,
			    (unsigned long long)row->requests,
			    (unsigned long long)row->unauthorized);
	}
}

void throttle_views_text(const struct throttle_views *views, size_t top, struct buf *out)
{
	for (size_t i = 0; i < views->count; i++)
		view_text(&views->shown[i], top, out);
}

/* ---- JSON ---- */

static void put(struct jw *w, const char *key, uint64_t value)
{
	jw_key(w, key);
	jw_uint(w, value);
}

static void row_json(
    struct jw *w, const struct throttle_shown *shown, const struct throttle_row *row)
{
	struct level level = level_of(shown, row);
	jw_object_begin(w);
	jw_key(w, "key");
	jw_cstr(w, row->key);
	if (shown->view->has_bucket) {
		put(w, "rate", level.rate);
		put(w, "burst", level.burst);
		put(w, "left", level.left);
		put(w, "admitted", row->admitted);
		put(w, "refused", row->refused);
	} else {
		put(w, "requests", row->requests);
		put(w, "unauthorized", row->unauthorized);
	}
	jw_object_end(w);
}

void throttle_views_json(const struct throttle_views *views, size_t top, struct buf *out)
{
	struct jw w;
	jw_init(&w, out, 2);
	jw_object_begin(&w);
	for (size_t i = 0; i < views->count; i++) {
		const struct throttle_shown *shown = &views->shown[i];
		jw_key(&w, shown->view->title);
		jw_array_begin(&w);
		for (size_t k = 0; k < rows_of(shown, top); k++)
			row_json(&w, shown, &shown->table.items[k]);
		jw_array_end(&w);
	}
	jw_object_end(&w);
}

/* ---- Prometheus ---- */

static uint64_t get_rate(const struct level *level, const struct throttle_row *row)
{
	(void)row;
	return level->rate;
}

static uint64_t get_burst(const struct level *level, const struct throttle_row *row)
{
	(void)row;
	return level->burst;
}

static uint64_t get_left(const struct level *level, const struct throttle_row *row)
{
	(void)row;
	return level->left;
}

static uint64_t get_admitted(const struct level *level, const struct throttle_row *row)
{
	(void)level;
	return row->admitted;
}

static uint64_t get_refused(const struct level *level, const struct throttle_row *row)
{
	(void)level;
	return row->refused;
}

static uint64_t get_requests(const struct level *level, const struct throttle_row *row)
{
	(void)level;
	return row->requests;
}

static uint64_t get_unauthorized(const struct level *level, const struct throttle_row *row)
{
	(void)level;
	return row->unauthorized;
}

struct series {
	const char *name, *kind, *help;
	bool of_buckets;
	uint64_t (*get)(const struct level *level, const struct throttle_row *row);
};

// clang-format off
static const struct series SERIES[] = {
	{ "rate",           "gauge",   "Requests per second that are let through in the long run.", true,  get_rate },
	{ "burst",          "gauge",   "Size of the bucket.",                                       true,  get_burst },
	{ "left",           "gauge",   "Tokens left in the bucket.",                                true,  get_left },
	{ "admitted_total", "counter", "Requests let through.",                                     true,  get_admitted },
	{ "refused_total",  "counter", "Requests refused.",                                         true,  get_refused },
	{ "requests",       "gauge",   "Requests of the address in the window of ip_rate.",         false, get_requests },
	{ "unauthorized",   "gauge",   "Refused tokens of the address in the window of unauthorized.", false, get_unauthorized },
};
// clang-format on

static void label(struct buf *out, const char *name, struct slice value)
{
	buf_printf(out, "%s=\"", name);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		if (c == '"' || c == '\\')
			buf_append_byte(out, '\\');
		buf_append_byte(out, c < ' ' || c > '~' ? '?' : c);
	}
	buf_append_byte(out, '"');
}

static void labels(struct buf *out, const struct throttle_view *view, const char *key)
{
	struct slice part = slice_of_cstr(key), rest = SLICE("");
	if (!view->labels[0])
		return;
	if (view->labels[1])
		slice_cut(slice_of_cstr(key), '|', &part, &rest);
	buf_append_byte(out, '{');
	label(out, view->labels[0], part);
	if (view->labels[1]) {
		buf_append_byte(out, ',');
		label(out, view->labels[1], rest);
	}
	buf_append_byte(out, '}');
}

/* A row whose service has gone has no limit any more, and no series. */
static void series_of_view(
    const struct throttle_shown *shown, const struct series *series, size_t top, struct buf *out)
{
	const struct throttle_view *view = shown->view;
	size_t rows = view->is_spenders ? rows_of(shown, top) : shown->table.count;
	buf_printf(out, "# HELP sallyport_throttle_%s_%s %s\n# TYPE sallyport_throttle_%s_%s %s\n",
	    view->metric, series->name, series->help, view->metric, series->name, series->kind);
	for (size_t i = 0; i < rows; i++) {
		const struct throttle_row *row = &shown->table.items[i];
		struct level level = level_of(shown, row);
		if (view->has_bucket && level.rate == 0)
			continue;
		buf_printf(out, "sallyport_throttle_%s_%s", view->metric, series->name);
		labels(out, view, row->key);
		buf_printf(out, " %llu\n", (unsigned long long)series->get(&level, row));
	}
}

void throttle_views_metrics(const struct throttle_views *views, size_t top, struct buf *out)
{
	for (size_t i = 0; i < views->count; i++)
		for (size_t k = 0; k < sizeof(SERIES) / sizeof(SERIES[0]); k++)
			if (SERIES[k].of_buckets == views->shown[i].view->has_bucket)
				series_of_view(&views->shown[i], &SERIES[k], top, out);
	buf_append_cstr(out, "# HELP sallyport_throttle_rows Keys that the tables hold.\n"
	                     "# TYPE sallyport_throttle_rows gauge\n");
	for (size_t i = 0; i < views->count; i++)
		buf_printf(out, "sallyport_throttle_rows{of=\"%s\"} %zu\n",
		    views->shown[i].view->title, views->shown[i].table.count);
}
