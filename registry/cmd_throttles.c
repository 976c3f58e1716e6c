/* SPDX-License-Identifier: Apache-2.0 */
/* throttles: levels, refusals and top spenders per route, client and address. */
#include "common/clock.h"
#include "common/json_write.h"
#include "common/strmap.h"
#include "registry/cmd.h"
#include "registry/haproxy_cli.h"
#include "registry/throttles.h"

enum { TOP_DEFAULT = 20 };

/* Numbers of a map, by key; values are the numbers themselves. */
static bool load_numbers(const char *socket, const char *map, struct strmap *out, struct err *err)
{
	struct buf lines;
	struct err ignored = { 0 };
	buf_init(&lines, 0);
	strmap_init(out);
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

static uint64_t number_of(const struct strmap *map, const char *key)
{
	struct slice name, rest;
	slice_cut(slice_of_cstr(key), '|', &name, &rest);
	return (uint64_t)(uintptr_t)strmap_find(map, name);
}

/* One table, or one per node. */
static bool load_table(
    const struct settings *s, const char *name, struct throttle_table *out, struct err *err)
{
	char command[128];
	size_t tables = s->node_count ? s->node_count : 1;
	bool ok = true;
	throttle_table_init(out);
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

struct view {
	const char *table;
	const char *title;
	const char *rate_map, *burst_map; /* NULL: addresses, which have no bucket */
	enum throttle_order order;
};

static const struct view VIEWS[] = {
	{ "route", "routes", "rate.map", "burst.map", BY_ADMITTED },
	{ "client", "clients", "client-rate.map", "client-burst.map", BY_ADMITTED },
	{ "ip", "addresses", NULL, NULL, BY_REQUESTS },
};

struct shown {
	const struct view *view;
	struct throttle_table table;
	struct strmap rates, bursts;
	int64_t now_ms;
};

static bool load_view(
    const struct settings *s, const struct view *view, struct shown *out, struct err *err)
{
	*out = (struct shown){ .view = view, .now_ms = clock_unix_ms() };
	strmap_init(&out->rates);
	strmap_init(&out->bursts);
	if (!load_table(s, view->table, &out->table, err))
		return false;
	if (view->rate_map &&
	    (!load_numbers(s->haproxy_stats, view->rate_map, &out->rates, err) ||
	        !load_numbers(s->haproxy_stats, view->burst_map, &out->bursts, err)))
		return false;
	throttle_table_sort(&out->table, view->order);
	return true;
}

static void release_view(struct shown *shown)
{
	throttle_table_release(&shown->table);
	strmap_release(&shown->rates);
	strmap_release(&shown->bursts);
}

static size_t rows_of(const struct shown *shown)
{
	size_t top = cmd_options.top ? cmd_options.top : TOP_DEFAULT;
	return shown->table.count < top ? shown->table.count : top;
}

static void print_view(const struct shown *shown)
{
	bool buckets = shown->view->rate_map != NULL;
	printf("%s (%zu)\n", shown->view->title, shown->table.count);
	if (buckets)
		printf("  %-40s %8s %8s %8s %12s %10s\n", "", "rate", "burst", "left", "admitted",
		    "refused");
	else
		printf("  %-40s %12s %12s\n", "", "requests", "unauthorized");
	for (size_t i = 0; i < rows_of(shown); i++) {
		const struct throttle_row *row = &shown->table.items[i];
		uint64_t rate = number_of(&shown->rates, row->key);
		uint64_t burst = number_of(&shown->bursts, row->key);
		if (buckets)
			printf("  %-40s %8llu %8llu %8llu %12llu %10llu\n", row->key,
			    (unsigned long long)rate, (unsigned long long)burst,
			    (unsigned long long)throttle_left(row, rate, burst, shown->now_ms),
			    (unsigned long long)row->admitted, (unsigned long long)row->refused);
		else
			printf("  %-40s %12llu %12llu\n", row->key,
			    (unsigned long long)row->requests,
			    (unsigned long long)row->unauthorized);
	}
}

static void put(struct jw *w, const char *key, uint64_t value)
{
	jw_key(w, key);
	jw_uint(w, value);
}

static void put_view(struct jw *w, const struct shown *shown)
{
	jw_key(w, shown->view->title);
	jw_array_begin(w);
	for (size_t i = 0; i < rows_of(shown); i++) {
		const struct throttle_row *row = &shown->table.items[i];
		uint64_t rate = number_of(&shown->rates, row->key);
		uint64_t burst = number_of(&shown->bursts, row->key);
		jw_object_begin(w);
		jw_key(w, "key");
		jw_cstr(w, row->key);
		if (shown->view->rate_map) {
			put(w, "rate", rate);
			put(w, "burst", burst);
			put(w, "left", throttle_left(row, rate, burst, shown->now_ms));
			put(w, "admitted", row->admitted);
			put(w, "refused", row->refused);
		} else {
			put(w, "requests", row->requests);
			put(w, "unauthorized", row->unauthorized);
		}
		jw_object_end(w);
	}
	jw_array_end(w);
}

static bool show_all(const struct settings *settings, struct err *err)
{
	struct buf out;
	struct jw w;
	bool ok = true;
	buf_init(&out, 0);
	jw_init(&w, &out, 2);
	jw_object_begin(&w);
	for (size_t i = 0; ok && i < sizeof(VIEWS) / sizeof(VIEWS[0]); i++) {
		struct shown shown;
		ok = load_view(settings, &VIEWS[i], &shown, err);
		if (ok && cmd_options.json)
			put_view(&w, &shown);
		else if (ok)
			print_view(&shown);
		release_view(&shown);
	}
	jw_object_end(&w);
	if (ok && cmd_options.json)
		printf("%s\n", buf_cstr(&out));
	buf_release(&out);
	return ok;
}

int cmd_throttles(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct gateway gateway;
	struct err err = { 0 };
	bool ok = gateway_open(&gateway, cmd_options.settings_file, &err) &&
	          show_all(&gateway.settings, &err);
	findings_print(&gateway.findings, stderr);
	gateway_release(&gateway);
	return ok ? EXIT_NOTHING : cmd_fail(&err);
}
