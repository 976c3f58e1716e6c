/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* throttle_views: what the throttles of a running HAProxy hold, as a table, JSON or Prometheus. */
#include "common/json_write.h"
#include "common/strmap.h"
#include "registry/throttles.h"

enum {
	THROTTLE_VIEWS = 4,
	THROTTLE_TOP_DEFAULT = 20,         /* rows of a table on a screen */
	THROTTLE_METRICS_TOP_DEFAULT = 10, /* clients, and addresses, that become series */
};

enum throttle_view_id { THROTTLE_ROUTES, THROTTLE_GATEWAY, THROTTLE_CLIENTS, THROTTLE_ADDRESSES };

struct throttle_view; /* which tables and maps, and what their columns are called */

/* One view as it was read. Rows are sorted, the largest spenders first. */
struct throttle_shown {
	const struct throttle_view *view;
	struct throttle_table table;
	struct strmap rates, bursts; /* by service: the numbers themselves */
	uint64_t rate, burst;        /* of a view with one bucket; else 0 */
	int64_t now_ms;              /* Unix; when the tables were read */
};

struct throttle_views {
	struct throttle_shown shown[THROTTLE_VIEWS];
	size_t count; /* those that this gateway has */
};

/* Reads the tables by the stats socket of the settings: routes, the gateway's own bucket when it
 * has one, and with `spenders` clients and addresses. False with err set when HAProxy does not
 * answer; to be released in any case. */
bool throttle_views_load(
    struct throttle_views *views, const struct settings *settings, bool spenders, struct err *err);
/* An empty view, to be filled and sorted; each once. */
struct throttle_shown *throttle_views_add(struct throttle_views *views, enum throttle_view_id id);
/* The largest spenders first; nothing is added to the table afterwards. */
void throttle_views_sort(struct throttle_shown *shown);
void throttle_views_release(struct throttle_views *views);

/* At most `top` rows of each. */
void throttle_views_text(const struct throttle_views *views, size_t top, struct buf *out);
void throttle_views_json(const struct throttle_views *views, size_t top, struct buf *out);

/* The text format of Prometheus: all routes that have a limit, the first `top` clients and
 * addresses. Bytes of a key that are no visible ASCII become '?'. */
void throttle_views_metrics(const struct throttle_views *views, size_t top, struct buf *out);
