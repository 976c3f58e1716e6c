/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/dispatch.h"

#include "common/clock.h"
#include "spoa/agent/request.h"
#include "spoa/agent/verdict.h"

#include <stdlib.h>

enum { REQUEST_ARENA_MAX = 1024 * 1024 };

struct dispatcher {
	struct snapshot *snapshot;
	struct counters *counters;
	struct arena arena; /* of the request under way */
	struct waf_header *headers;
	size_t header_room;
};

struct dispatcher *dispatcher_new(struct snapshot *snapshot, struct counters *counters)
{
	struct dispatcher *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->snapshot = snapshot_ref(snapshot);
	d->counters = counters;
	arena_init(&d->arena, REQUEST_ARENA_MAX);
	d->header_room = (size_t)snapshot->config.max_headers;
	d->headers = calloc(d->header_room, sizeof(*d->headers));
	if (!d->headers) {
		dispatcher_free(d);
		return NULL;
	}
	return d;
}

void dispatcher_free(struct dispatcher *dispatcher)
{
	if (!dispatcher)
		return;
	snapshot_unref(dispatcher->snapshot);
	arena_release(&dispatcher->arena);
	free(dispatcher->headers);
	free(dispatcher);
}

void dispatcher_set_snapshot(struct dispatcher *d, struct snapshot *snapshot)
{
	snapshot_unref(d->snapshot);
	d->snapshot = snapshot_ref(snapshot);
}

const struct snapshot *dispatcher_snapshot(const struct dispatcher *dispatcher)
{
	return dispatcher->snapshot;
}

static struct verdict unavailable(struct dispatcher *d, enum counter_id cause, struct slice code)
{
	count(d->counters, cause);
	return verdict_unavailable(code);
}

static void count_verdict(struct dispatcher *d, uint32_t status)
{
	count(d->counters, status == 200   ? COUNT_verdict_200
	                   : status == 401 ? COUNT_verdict_401
	                   : status == 403 ? COUNT_verdict_403
	                                   : COUNT_verdict_503);
}

static struct verdict judge(struct dispatcher *d, const struct request *request)
{
	const struct snapshot_route *route = snapshot_route_find(d->snapshot, request->route);
	size_t header_count;

	if (!route)
		return unavailable(d, COUNT_unknown_route, SLICE("unknown_route"));
	switch (headers_decode(request->headers, d->headers, d->header_room, &header_count)) {
	case HEADERS_OK:
		break;
	case HEADERS_MALFORMED:
		return unavailable(d, COUNT_bad_headers, SLICE("malformed_headers"));
	case HEADERS_TOO_MANY:
		return unavailable(d, COUNT_many_headers, SLICE("too_many_headers"));
	}
	if (strcmp(route->config->authorizer, "none") != 0 || route->config->waf != CONFIG_WAF_OFF)
		return verdict_unavailable(SLICE("not_supported"));
	return (struct verdict){ .status = 200, .auth = SLICE("ok"), .waf = SLICE("off") };
}

enum spop_status dispatcher_notify(
    void *context, const struct frame *frame, uint32_t max_frame_size, struct wire_writer *out)
{
	struct dispatcher *d = (struct dispatcher *)context;
	struct notify notify = notify_of(frame->payload);
	uint64_t begin_us = clock_monotonic_us();
	struct slice name;
	unsigned char *begin = ack_begin(out, frame->stream_id, frame->frame_id);

	(void)max_frame_size;
	while (notify_next_message(&notify, &name)) {
		struct request request;
		struct verdict verdict;

		if (!slice_eq(name, SLICE("check")))
			continue;
		request_decode(&notify, &request);
		verdict = judge(d, &request);
		count_verdict(d, verdict.status);
		verdict.us = (uint32_t)(clock_monotonic_us() - begin_us);
		verdict_encode(out, &verdict);
	}
	frame_end(out, begin);
	return SPOP_OK;
}
