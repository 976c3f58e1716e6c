/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/counters.h"

const uint64_t counters_bucket_us[COUNTERS_BUCKETS - 1] = { 5, 10, 25, 50, 100, 250, 500, 1000,
	2500, 10000, 100000 };

void counters_disconnect(struct counters *counters, unsigned status)
{
	unsigned slot = status < COUNTERS_STATUS_MAX ? status : COUNTERS_STATUS_MAX;

	counter_add(&counters->disconnects[slot], 1);
}

void counters_latency(struct counters *counters, uint64_t us)
{
	size_t bucket = 0;

	while (bucket < COUNTERS_BUCKETS - 1 && us > counters_bucket_us[bucket])
		bucket++;
	counter_add(&counters->latency[bucket], 1);
	counter_add(&counters->latency_sum_us, us);
}

void counters_rule(struct counters *counters, uint32_t rule_id)
{
	/* Rule ids come in runs of ten: a multiplicative hash spreads them. */
	uint32_t slot = (rule_id * 2654435761u) >> 22;

	for (unsigned i = 0; i < COUNTERS_RULES; i++, slot = (slot + 1) % COUNTERS_RULES) {
		uint32_t id = atomic_load_explicit(&counters->rule_ids[slot], memory_order_relaxed);

		if (id == 0)
			atomic_store_explicit(
			    &counters->rule_ids[slot], rule_id, memory_order_relaxed);
		if (id == 0 || id == rule_id) {
			counter_add(&counters->rule_matches[slot], 1);
			return;
		}
	}
	counter_add(&counters->other_rule_matches, 1);
}
