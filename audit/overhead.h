/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * overhead: histograms of what the gateway adds to a request, from the access-log records: the
 * agent's own time, the round trip to it, and the whole gateway (docs/access-log.md). HAProxy 2.6
 * cannot count this itself. Written by one thread, read by any.
 */
#include "audit/scan.h"

#include <stdatomic.h>

/* 25 µs to 100 ms; the last bucket has no bound. */
enum { OVERHEAD_BUCKETS = 13, OVERHEAD_PARTS = 3 };

struct overhead {
	struct overhead_part {
		atomic_uint_fast64_t buckets[OVERHEAD_BUCKETS];
		atomic_uint_fast64_t sum_us;
	} parts[OVERHEAD_PARTS];
};

/* Members that are not there or say that there was nothing to measure (-1) are not counted. */
void overhead_note(struct overhead *overhead, const struct scan_object *record);
/* Appends the histograms in the Prometheus text format. */
void overhead_render(const struct overhead *overhead, struct buf *out);
