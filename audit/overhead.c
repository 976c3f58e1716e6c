/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/overhead.h"

#include <inttypes.h>

#define METRIC "sallyport_audit_overhead_microseconds"

/* Inclusive. 1 ms and 5 ms are what the gateway promises. */
static const int64_t bounds_us[OVERHEAD_BUCKETS - 1] = { 25, 50, 100, 250, 500, 1000, 2500, 5000,
	10000, 25000, 50000, 100000 };

static const struct {
	const char *label;
	struct slice member;
} parts[OVERHEAD_PARTS] = {
	{ "agent", SLICE_INIT("agent_us") },
	{ "spoe", SLICE_INIT("spoe_us") },
	{ "gateway", SLICE_INIT("overhead_us") },
};

static void add(atomic_uint_fast64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t get(const atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void overhead_note(struct overhead *overhead, const struct scan_object *record)
{
	for (size_t i = 0; i < OVERHEAD_PARTS; i++) {
		int64_t us = scan_int(record, parts[i].member, -1);
		size_t bucket = 0;

		if (us < 0)
			continue;
		while (bucket < OVERHEAD_BUCKETS - 1 && us > bounds_us[bucket])
			bucket++;
		add(&overhead->parts[i].buckets[bucket], 1);
		add(&overhead->parts[i].sum_us, (uint64_t)us);
	}
}

static void render_part(const struct overhead_part *part, const char *label, struct buf *out)
{
	uint64_t seen = 0;

	for (size_t b = 0; b < OVERHEAD_BUCKETS - 1; b++) {
		seen += get(&part->buckets[b]);
		buf_printf(out, METRIC "_bucket{part=\"%s\",le=\"%" PRId64 "\"} %" PRIu64 "\n",
		    label, bounds_us[b], seen);
	}
	seen += get(&part->buckets[OVERHEAD_BUCKETS - 1]);
	buf_printf(out, METRIC "_bucket{part=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", label, seen);
	buf_printf(out, METRIC "_sum{part=\"%s\"} %" PRIu64 "\n", label, get(&part->sum_us));
	buf_printf(out, METRIC "_count{part=\"%s\"} %" PRIu64 "\n", label, seen);
}

void overhead_render(const struct overhead *overhead, struct buf *out)
{
	buf_append_cstr(out,
	    "# HELP " METRIC
	    " what the gateway added to requests: the agent, the round trip to it, all "
	    "but the upstream\n# TYPE " METRIC " histogram\n");
	for (size_t i = 0; i < OVERHEAD_PARTS; i++)
		render_part(&overhead->parts[i], parts[i].label, out);
}
