/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* throttles: levels and refusals of the token buckets, from `show table` of a running HAProxy.
 * Pure. */
#include "common/arena.h"
#include "common/err.h"
#include "common/strmap.h"
#include "registry/settings.h"

/* What one node wrote when it saw the bucket full, or the rate changed. */
struct throttle_mark {
	uint32_t offset;
	uint32_t rate; /* never 0 */
};

struct throttle_row {
	const char *key;   /* service; service|client; address */
	uint64_t admitted; /* let through */
	uint64_t refused;
	struct throttle_mark marks[CLUSTER_NODES_MAX];
	size_t mark_count;
	uint64_t requests;     /* addresses: requests in the window */
	uint64_t unauthorized; /* addresses: refused tokens in the window */
};

struct throttle_table {
	struct arena arena;
	struct throttle_row *items;
	size_t count;
	size_t cap;
	struct strmap by_key; /* index + 1; only until throttle_table_sort() */
};

void throttle_table_init(struct throttle_table *table);
void throttle_table_release(struct throttle_table *table);

/* Adds the rows of one `show table`; rows of a key that is there already are summed: cluster nodes.
 */
bool throttle_table_add(struct throttle_table *table, struct slice text, struct err *err);

/* Tokens left in a bucket at `unix_ms`, 0…burst: the formula of haproxy/gateway.cfg. */
uint64_t throttle_left(
    const struct throttle_row *row, uint64_t rate, uint64_t burst, int64_t unix_ms);

enum throttle_order { BY_ADMITTED, BY_REQUESTS };
/* Largest first. */
void throttle_table_sort(struct throttle_table *table, enum throttle_order order);
