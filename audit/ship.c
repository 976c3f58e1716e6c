/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/ship.h"

#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum {
	STATE_MAX_BYTES = 4096,
	PAGE_EVENTS = 1000,
	/* JSON escapes grow a message on the wire only; the limit counts UTF-8. */
	BATCH_BYTES = CWLOGS_BATCH_MAX_BYTES,
};

struct ship {
	struct ship_options options;
	int lock_fd;
	uint64_t next;   /* record to ship */
	bool is_sure;    /* of `next`: no answer is outstanding */
	int64_t last_ms; /* timestamp of the last event */
	struct cwlogs_event events[CWLOGS_BATCH_MAX_EVENTS];
	size_t starts[CWLOGS_BATCH_MAX_EVENTS]; /* of the messages in `text`, which moves while it
	                                           grows */
	size_t count;
	uint64_t last_number; /* in the batch */
	struct buf text;
	struct ship_stats *stats;
	struct err *err;
};

/* ---- How far we came. */

static bool state_path(const struct ship *ship, char path[PATH_MAX], const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", ship->options.folder, name);
	return n > 0 && n < PATH_MAX;
}

/* For this group and stream; otherwise the stream is asked. */
static uint64_t state_read(const struct ship *ship)
{
	char path[PATH_MAX];
	struct buf text;
	uint64_t next = 1;
	if (!state_path(ship, path, "ship.json"))
		return next;
	buf_init(&text, 0);
	json_t *json = file_read(path, STATE_MAX_BYTES, &text, NULL)
	                   ? json_read_text(buf_slice(&text), path, NULL)
	                   : NULL;
	const char *group = json_string_value(json_object_get(json, "group"));
	const char *stream = json_string_value(json_object_get(json, "stream"));
	json_int_t shipped = json_integer_value(json_object_get(json, "shipped"));
	if (group && stream && strcmp(group, ship->options.group) == 0 &&
	    strcmp(stream, ship->options.stream) == 0 && shipped >= 0)
		next = (uint64_t)shipped + 1;
	json_decref(json);
	buf_release(&text);
	return next;
}

static bool state_write(const struct ship *ship, struct err *err)
{
	char path[PATH_MAX];
	struct buf text;
	struct jw w;
	buf_init(&text, 0);
	jw_init(&w, &text, 0);
	jw_object_begin(&w);
	jw_key(&w, "group");
	jw_cstr(&w, ship->options.group);
	jw_key(&w, "stream");
	jw_cstr(&w, ship->options.stream);
	jw_key(&w, "shipped");
	jw_uint(&w, ship->next - 1);
	jw_object_end(&w);
	buf_append_byte(&text, '\n');
	bool ok = state_path(ship, path, "ship.json") && !buf_failed(&text) &&
	          file_write_atomic(path, buf_slice(&text), 0600, err);
	buf_release(&text);
	return ok || err_set(err, "cannot note how far the log was shipped");
}

static uint64_t number_of(const json_t *event)
{
	const char *message = json_string_value(json_object_get(event, "message"));
	json_t *json = message ? json_read_text(slice_of_cstr(message), NULL, NULL) : NULL;
	json_int_t number = json_integer_value(json_object_get(json, "number"));
	json_decref(json);
	return number > 0 ? (uint64_t)number : 0;
}

/* The highest number among the last events of the stream; batches go in in order. */
static bool ask_stream(struct ship *ship, struct err *err)
{
	struct buf input;
	struct jw w;
	json_t *output = NULL, *event;
	size_t i;
	buf_init(&input, 0);
	jw_init(&w, &input, 0);
	jw_object_begin(&w);
	jw_key(&w, "logGroupName");
	jw_cstr(&w, ship->options.group);
	jw_key(&w, "logStreamName");
	jw_cstr(&w, ship->options.stream);
	jw_key(&w, "limit");
	jw_uint(&w, PAGE_EVENTS);
	jw_key(&w, "startFromHead");
	jw_bool(&w, false);
	jw_object_end(&w);
	bool ok = !buf_failed(&input) &&
	          aws_client_call(ship->options.client, "Logs_20140328.GetLogEvents",
	              buf_slice(&input), &output, NULL, err);
	buf_release(&input);
	if (!ok)
		return err_set(err, "cannot ask the stream how far it is");
	json_array_foreach(json_object_get(output, "events"), i, event)
	{
		uint64_t number = number_of(event);
		if (number >= ship->next)
			ship->next = number + 1;
	}
	aws_json_free(output);
	ship->is_sure = true;
	return true;
}

/* ---- Batches. */

static void batch_reset(struct ship *ship)
{
	buf_reset(&ship->text);
	ship->count = 0;
}

static bool batch_send(struct ship *ship)
{
	struct cwlogs_rejected rejected = { 0, ship->count };
	struct aws_error error = { 0 };
	if (ship->count == 0)
		return true;
	for (size_t i = 0; i < ship->count; i++) {
		size_t end = i + 1 < ship->count ? ship->starts[i + 1] : ship->text.len;
		ship->events[i].message =
		    slice_of(ship->text.data + ship->starts[i], end - ship->starts[i]);
	}
	if (!cwlogs_put_events(ship->options.client, ship->options.group, ship->options.stream,
	        ship->events, ship->count, &rejected, &error, ship->err)) {
		/* A refusal is an answer; silence, or an error of the service, may have taken them.
		 */
		ship->is_sure = error.status >= 400 && error.status < 500;
		return false;
	}
	ship->next = ship->last_number + 1;
	ship->stats->batches++;
	ship->stats->rejected += rejected.too_old_end + (ship->count - rejected.too_new_start);
	ship->stats->shipped +=
	    ship->count - rejected.too_old_end - (ship->count - rejected.too_new_start);
	batch_reset(ship);
	return state_write(ship, ship->err);
}

static bool is_full(const struct ship *ship, size_t message_bytes, int64_t timestamp_ms)
{
	size_t bytes =
	    ship->text.len + message_bytes + (ship->count + 1) * CWLOGS_EVENT_OVERHEAD_BYTES;
	return ship->count == CWLOGS_BATCH_MAX_EVENTS || bytes > BATCH_BYTES ||
	       (ship->count &&
	           timestamp_ms - ship->events[0].timestamp_ms > CWLOGS_BATCH_MAX_SPAN_MS);
}

static bool on_hit(void *context, const struct query_hit *hit)
{
	struct ship *ship = context;
	char head[48];
	struct slice members = slice_from(slice_trim(hit->bytes), 1);
	int n = snprintf(head, sizeof(head), "{\"number\":%llu%s", (unsigned long long)hit->number,
	    hit->object->count ? "," : "");
	/* In the order of the log: a clock that was set back must not reorder a batch. */
	int64_t timestamp = hit->block_ms > ship->last_ms ? hit->block_ms : ship->last_ms;
	if (is_full(ship, (size_t)n + members.len, timestamp) && !batch_send(ship))
		return false;
	ship->starts[ship->count] = ship->text.len;
	ship->events[ship->count++].timestamp_ms = ship->last_ms = timestamp;
	buf_append(&ship->text, head, (size_t)n);
	buf_append_slice(&ship->text, members);
	ship->last_number = hit->number;
	return !buf_failed(&ship->text) || err_set(ship->err, "no memory for a batch");
}

/* ---- The outside. */

static bool lock(struct ship *ship, struct err *err)
{
	char path[PATH_MAX];
	if (!state_path(ship, path, "ship.lock"))
		return err_set(err, "the folder's name is too long");
	ship->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (ship->lock_fd < 0)
		return err_set_at(err, (struct err_pos){ path, 0, 0 }, "%s", strerror(errno));
	return flock(ship->lock_fd, LOCK_EX | LOCK_NB) == 0 ||
	       err_set_at(err, (struct err_pos){ path, 0, 0 }, "another process ships this log");
}

struct ship *ship_open(const struct ship_options *options, struct err *err)
{
	struct ship *ship = calloc(1, sizeof(*ship));
	if (!ship) {
		err_set(err, "no memory to ship the log");
		return NULL;
	}
	ship->options = *options;
	ship->lock_fd = -1;
	buf_init(&ship->text, 0);
	if (!lock(ship, err)) {
		ship_close(ship);
		return NULL;
	}
	ship->next = state_read(ship);
	return ship;
}

bool ship_run(struct ship *ship, struct ship_stats *stats, struct err *err)
{
	struct query_stats read;
	const struct ship_options *options = &ship->options;
	*stats = (struct ship_stats){ .next_record = ship->next };
	ship->stats = stats;
	ship->err = err;
	batch_reset(ship);
	if (!ship->is_sure && !ask_stream(ship, err))
		return false;
	const struct query query = {
		.folder = options->folder,
		.keyring = options->keyring,
		.from_record = ship->next,
		.with_events = true,
	};
	bool ok =
	    query_run(&query, on_hit, ship, &read, err) && !err_is_set(err) && batch_send(ship);
	stats->next_record = ship->next;
	stats->unreadable = read.blocks_damaged + read.segments_closed;
	return ok;
}

void ship_close(struct ship *ship)
{
	if (!ship)
		return;
	if (ship->lock_fd >= 0)
		close(ship->lock_fd);
	buf_release(&ship->text);
	free(ship);
}
