/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* metrics: the counters of all threads and the state of the process as Prometheus text, format
 * 0.0.4. */
#include "common/buf.h"
#include "spoa/agent/counters.h"
#include "spoa/agent/snapshot.h"

enum { METRICS_TOP_RULES = 50 };

struct metrics_input {
	struct counters *const *counters; /* one per thread */
	size_t counters_count;
	const struct snapshot *snapshot;
	size_t connections;
	uint64_t reloads_ok, reloads_failed;
	int64_t started_unix_s, loaded_unix_s, now_unix_s;
};

/* Want of memory ends in buf_failed(). */
void metrics_render(const struct metrics_input *in, struct buf *out);
