/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/dispatch.h"

#include "common/clock.h"
#include "spoa/agent/request.h"
#include "spoa/agent/trace.h"
#include "spoa/agent/verdict.h"
#include "spoa/agent/waf_report.h"
#include "spoa/auth/auth.h"

#include <assert.h>
#include <stdlib.h>

enum {
	REQUEST_ARENA_MAX = 1024 * 1024,
	/* One is the rule; that there were more is all that needs to be known. */
	AUTHORIZATION_MAX = 4,
};

_Static_assert((int)AUTH_REASON_COUNT <= (int)COUNTERS_REASONS, "a counter for each reason");

struct dispatcher {
	struct snapshot *snapshot;
	struct counters *counters;
	struct auth_state *auth;
	struct waf_worker *waf;
	struct arena arena; /* of the request under way */
	struct waf_header *headers;
	size_t header_room;
	unsigned char trace_key[SIPHASH_KEY_BYTES];
	struct buf record;   /* scratch of verdict_encode() */
	bool may_hold, held; /* of the frame under way */
};

/* ---- lifetime
 * --------------------------------------------------------------------------------------- */

static bool same_cache(const struct config_token_cache *a, const struct config_token_cache *b)
{
	return a->entries == b->entries && a->bytes == b->bytes && a->ttl_s == b->ttl_s;
}

static struct auth_state *new_auth_state(const struct config_token_cache *cache)
{
	return auth_state_new((size_t)cache->entries, (size_t)cache->bytes, (unsigned)cache->ttl_s);
}

struct dispatcher *dispatcher_new(struct snapshot *snapshot, struct counters *counters)
{
	struct dispatcher *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->snapshot = snapshot_ref(snapshot);
	d->counters = counters;
	arena_init(&d->arena, REQUEST_ARENA_MAX);
	d->auth = new_auth_state(&snapshot->config.token_cache);
	d->waf = waf_worker_new();
	d->header_room = (size_t)snapshot->config.max_headers;
	d->headers = calloc(d->header_room, sizeof(*d->headers));
	buf_init(&d->record, 0);
	if (d->auth && d->waf && d->headers && buf_reserve(&d->record, VERDICT_RECORD_MIN) &&
	    siphash_new_key(d->trace_key))
		return d;
	dispatcher_free(d);
	return NULL;
}

void dispatcher_free(struct dispatcher *dispatcher)
{
	if (!dispatcher)
		return;
	if (dispatcher->auth)
		auth_state_free(dispatcher->auth);
	if (dispatcher->waf)
		waf_worker_free(dispatcher->waf);
	snapshot_unref(dispatcher->snapshot);
	arena_release(&dispatcher->arena);
	buf_release(&dispatcher->record);
	free(dispatcher->headers);
	free(dispatcher);
}

/* What cannot be had for want of memory stays as it was. */
void dispatcher_set_snapshot(struct dispatcher *d, struct snapshot *snapshot)
{
	const struct config *old = &d->snapshot->config;
	const struct config *new = &snapshot->config;
	struct waf_header *headers =
	    realloc(d->headers, (size_t) new->max_headers * sizeof(*headers));

	if (headers) {
		d->headers = headers;
		d->header_room = (size_t) new->max_headers;
	}
	if (!same_cache(&old->token_cache, &new->token_cache)) {
		struct auth_state *auth = new_auth_state(&new->token_cache);

		if (auth) {
			auth_state_free(d->auth);
			d->auth = auth;
		}
	}
	snapshot_unref(d->snapshot);
	d->snapshot = snapshot_ref(snapshot);
}

/* ---- one request
 * ------------------------------------------------------------------------------------ */

static struct verdict unavailable(struct dispatcher *d, enum counter_id cause, struct slice code)
{
	count(d->counters, cause);
	return verdict_unavailable(code);
}

struct exchange {
	const struct request *request;
	const struct snapshot_route *route;
	size_t header_count;
};

/* False: *verdict says why nothing can be judged. */
static bool begin_exchange(struct dispatcher *d, const struct request *request,
    struct exchange *out, struct verdict *verdict)
{
	*out = (struct exchange){ .request = request };
	out->route = snapshot_route_find(d->snapshot, request->route);
	if (!out->route) {
		bool named = !slice_is_empty(request->route);

		*verdict = named ? unavailable(d, COUNT_unknown_route, SLICE("unknown_route"))
		                 : unavailable(d, COUNT_no_route, SLICE("no_route"));
		return false;
	}
	switch (headers_decode(request->headers, d->headers, d->header_room, &out->header_count)) {
	case HEADERS_OK:
		return true;
	case HEADERS_MALFORMED:
		*verdict = unavailable(d, COUNT_bad_headers, SLICE("malformed_headers"));
		return false;
	case HEADERS_TOO_MANY:
		*verdict = unavailable(d, COUNT_many_headers, SLICE("too_many_headers"));
		return false;
	}
	return false;
}

static size_t find_authorization(
    const struct dispatcher *d, size_t header_count, struct slice values[AUTHORIZATION_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < header_count && n < AUTHORIZATION_MAX; i++)
		if (slice_eq_nocase(d->headers[i].name, SLICE("authorization")))
			values[n++] = d->headers[i].value;
	return n;
}

static void check_token(struct dispatcher *d, const struct exchange *x, struct verdict *verdict)
{
	struct slice values[AUTHORIZATION_MAX];
	const struct auth_input in = {
		.authorization = values,
		.authorization_count = find_authorization(d, x->header_count, values),
		.cert_sha256 = x->request->cert,
		.now_unix_s = clock_unix_s(),
	};
	struct auth_result result;

	auth_check(d->auth, x->route->policy, &in, &d->arena, &result);
	d->held = result.refreshing && d->may_hold;
	verdict->status = auth_reason_status(result.reason);
	if (d->held)
		return;
	counter_add(&d->counters->auth[result.reason], 1);
	count(d->counters, result.from_cache ? COUNT_auth_cache_hits : COUNT_auth_cache_misses);
	verdict->auth = slice_of_cstr(auth_reason_code(result.reason));
	verdict->pool = x->route->pool;
	verdict->sub = result.sub;
	verdict->client = result.client_id;
	verdict->scopes = result.scopes;
	verdict->jti = result.jti;
	if (verdict->status == 401 || verdict->status == 403)
		verdict->www = auth_challenge(result.reason, x->route->policy, &d->arena);
}

static struct waf_request waf_request_of(const struct dispatcher *d, const struct exchange *x)
{
	const struct request *request = x->request;

	return (struct waf_request){
		.id = request->id,
		.client_ip = request->src,
		.method = request->method,
		.path = request->path,
		.query = request->query,
		.version = request->version,
		.headers = d->headers,
		.header_count = x->header_count,
		.body = request->body,
		.body_cut = request->cut,
		.now_unix_us = clock_unix_ms() * 1000,
	};
}

/* Only a block in a route that blocks changes the status; what counts never does. */
static void apply_waf(struct dispatcher *d, const struct exchange *x,
    const struct waf_verdict *found, struct verdict *verdict)
{
	bool blocks = found->action == WAF_BLOCK || found->would_block;
	bool enforced = blocks && x->route->config->waf == CONFIG_WAF_BLOCK;
	bool counts = blocks || found->counted;

	count(d->counters, enforced ? COUNT_waf_block : counts ? COUNT_waf_count : COUNT_waf_pass);
	if (found->budget_exhausted)
		count(d->counters, COUNT_waf_budget);
	for (size_t i = 0; i < found->match_count; i++)
		counters_rule(d->counters, found->matches[i].rule->id);
	verdict->waf = enforced ? SLICE("block") : counts ? SLICE("count") : SLICE("pass");
	waf_report(found, counts, x->request->cut, &d->arena, verdict);
	if (enforced)
		verdict->status = 403;
}

static void run_waf(struct dispatcher *d, const struct exchange *x, struct verdict *verdict)
{
	const struct waf_request request = waf_request_of(d, x);
	struct waf_verdict found;

	waf_eval_request(d->waf, x->route->rules, x->route->overrides, &request, &found);
	apply_waf(d, x, &found, verdict);
}

/* HAProxy uses it unless the request has brought one. */
static struct slice start_trace(struct dispatcher *d, struct slice request_id)
{
	char *text = arena_alloc(&d->arena, TRACE_PARENT_LEN);

	if (!text)
		return slice_of(NULL, 0);
	trace_start(d->trace_key, request_id, text);
	return slice_of(text, TRACE_PARENT_LEN);
}

static struct verdict judge_request(struct dispatcher *d, const struct request *request)
{
	struct verdict verdict = { .status = 200, .auth = SLICE("off"), .waf = SLICE("off") };
	struct exchange x;

	if (!begin_exchange(d, request, &x, &verdict))
		return verdict;
	verdict.traceparent = start_trace(d, request->id);
	if (x.route->policy)
		check_token(d, &x, &verdict);
	/* What is refused anyway needs no WAF. */
	if (verdict.status == 200 && x.route->rules)
		run_waf(d, &x, &verdict);
	return verdict;
}

static struct verdict judge_response(struct dispatcher *d, const struct request *message)
{
	struct verdict verdict = { .status = 200, .waf = SLICE("off") };
	struct waf_verdict found;
	struct waf_request request;
	struct waf_response response;
	struct exchange x;

	count(d->counters, COUNT_responses);
	if (!begin_exchange(d, message, &x, &verdict))
		return verdict;
	if (!x.route->rules || !x.route->config->waf_response)
		return verdict;
	response = (struct waf_response){
		.status = (unsigned)message->status,
		.version = message->version,
		.headers = d->headers,
		.header_count = x.header_count,
		.body = message->body,
	};
	request = waf_request_of(d, &x);
	/* Headers and body of this message are the response's. */
	request.headers = NULL;
	request.header_count = 0;
	request.body = slice_of(NULL, 0);
	waf_eval_response(d->waf, x.route->rules, x.route->overrides, &request, &response, &found);
	apply_waf(d, &x, &found, &verdict);
	return verdict;
}

/* ---- the frame
 * ---------------------------------------------------------------------------------------- */

struct message {
	struct slice name;
	struct verdict (*judge)(struct dispatcher *d, const struct request *request);
};

static const struct message messages[] = {
	{ SLICE_INIT("check"), judge_request },
	{ SLICE_INIT("response"), judge_response },
};

static const struct message *message_find(struct slice name)
{
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (slice_eq(messages[i].name, name))
			return &messages[i];
	return NULL;
}

static void count_verdict(struct dispatcher *d, uint32_t status)
{
	count(d->counters, status == 200   ? COUNT_verdict_200
	                   : status == 401 ? COUNT_verdict_401
	                   : status == 403 ? COUNT_verdict_403
	                                   : COUNT_verdict_503);
}

/* Judges the message that notify_next_message() has begun. False: the frame is malformed, or held.
 */
static bool answer_message(struct dispatcher *d, const struct message *message,
    struct notify *notify, uint64_t *since_us, struct verdict *verdict)
{
	struct request request;
	uint64_t now_us;

	switch (request_decode(notify, &request)) {
	case REQUEST_OK:
		*verdict = message->judge(d, &request);
		if (d->held)
			return false;
		break;
	case REQUEST_BAD_TYPE:
		*verdict = unavailable(d, COUNT_bad_notify, SLICE("malformed_arguments"));
		break;
	case REQUEST_MALFORMED:
		count(d->counters, COUNT_bad_notify);
		return false;
	}
	/* Nothing that could not be computed is let through. */
	if (arena_failed(&d->arena))
		*verdict = unavailable(d, COUNT_no_memory, SLICE("no_memory"));
	/* Whatever was found out about an answer, its request was this caller's. */
	verdict->request_record = request.record;
	count_verdict(d, verdict->status);
	now_us = clock_monotonic_us();
	verdict->us = (uint32_t)(now_us - *since_us);
	counters_latency(d->counters, verdict->us);
	*since_us = now_us;
	return true;
}

/* An ACK that is longer than HAProxy takes would leave it without an answer. */
static void replace_ack(
    struct dispatcher *d, const struct frame *frame, struct wire_writer *out, unsigned char *begin)
{
	struct verdict verdict = unavailable(d, COUNT_ack_too_big, SLICE("ack_too_big"));
	bool ended;

	frame_abandon(out, begin);
	begin = ack_begin(out, frame->stream_id, frame->frame_id);
	verdict_encode(out, &verdict, &d->record);
	ended = frame_end(out, begin);
	assert(ended); // the smallest frame a peer may ask for has room for this
}

enum spop_status dispatcher_notify(void *context, const struct frame *frame,
    uint32_t max_frame_size, bool *hold, struct wire_writer *out)
{
	struct dispatcher *d = (struct dispatcher *)context;
	size_t room = max_frame_size < SESSION_ACK_MAX ? max_frame_size : SESSION_ACK_MAX;
	struct notify notify = notify_of(frame->payload);
	uint64_t since_us = clock_monotonic_us();
	unsigned char *begin = ack_begin(out, frame->stream_id, frame->frame_id);
	struct slice name;

	d->may_hold = *hold;
	d->held = false;
	while (notify_next_message(&notify, &name)) {
		const struct message *message = message_find(name);
		struct verdict verdict;

		if (!message) {
			count(d->counters, COUNT_no_message);
			continue;
		}
		arena_reset(&d->arena);
		if (!answer_message(d, message, &notify, &since_us, &verdict))
			break;
		verdict_encode(out, &verdict, &d->record);
	}
	*hold = d->held;
	if (d->held || notify_failed(&notify)) {
		frame_abandon(out, begin);
		return d->held ? SPOP_OK : SPOP_INVALID;
	}
	if (!frame_end(out, begin) || (size_t)(out->at - begin) > SPOP_LENGTH_BYTES + room)
		replace_ack(d, frame, out, begin);
	return SPOP_OK;
}
