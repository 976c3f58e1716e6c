/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * counters: what one thread counts. Only that thread writes, so an increment is a plain load and
 * store; any thread may read at any time (relaxed atomics, no lock).
 */
#include "common/slice.h"

#include <stdatomic.h>

enum counter_id {
#define COUNTER(id, metric, label, help) COUNT_##id,
#include "spoa/agent/metrics.def"
#undef COUNTER
	COUNTER_COUNT
};

enum {
	COUNTERS_STATUS_MAX = 14, /* SPOP statuses 0..13; the last one is for any other */
	COUNTERS_REASONS = 64,    /* enum auth_reason has fewer */
	COUNTERS_BUCKETS = 12,
	COUNTERS_RULES =
	    1024, /* a power of two; more rules than this that match are not told apart */
};

/* Upper bounds in µs, inclusive; the last bucket has none. */
extern const uint64_t counters_bucket_us[COUNTERS_BUCKETS - 1];

typedef _Atomic uint64_t counter;

struct counters {
	counter plain[COUNTER_COUNT];
	counter auth[COUNTERS_REASONS];
	counter disconnects[COUNTERS_STATUS_MAX + 1];
	counter latency[COUNTERS_BUCKETS];
	counter latency_sum_us;
	/* Open addressing by rule id; 0 is a free slot. */
	_Atomic uint32_t rule_ids[COUNTERS_RULES];
	counter rule_matches[COUNTERS_RULES];
	counter other_rule_matches;
};

static inline void counter_add(counter *c, uint64_t n)
{
	atomic_store_explicit(
	    c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t counter_get(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static inline void count(struct counters *counters, enum counter_id id)
{
	counter_add(&counters->plain[id], 1);
}

void counters_disconnect(struct counters *counters, unsigned status);
void counters_latency(struct counters *counters, uint64_t us);
void counters_rule(struct counters *counters, uint32_t rule_id);
