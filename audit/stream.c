/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LENGTH_DIGITS_MAX = 5,
	BUFFER_BYTES = SPOOL_LINE_MAX_BYTES + LENGTH_DIGITS_MAX + 2,
	READS_MAX = 16, /* of one connection, before the loop looks at anything else */
};

#define RETRY_S 0.01 /* how often it is looked whether the spool has room again */

struct connection {
	struct stream *stream;
	ev_io readable;
	bool skips; /* to the end of a line that was too long */
	size_t len;
	char buffer[BUFFER_BYTES];
};

struct stream {
	struct ev_loop *loop;
	struct spool *spool;
	ev_io acceptable;
	ev_timer retry;
	struct connection *connections[STREAM_CONNECTIONS_MAX];
	struct stream_counters counters;
};

/* ---- Messages. */

enum taken {
	TAKEN,
	TAKEN_PART, /* more must come first */
	TAKEN_NO_ROOM,
	TAKEN_NO_MESSAGE,
};

static enum taken put(struct connection *c, struct slice message)
{
	if (slice_trim(message).len == 0)
		return TAKEN;
	if (!spool_put(c->stream->spool, message))
		return TAKEN_NO_ROOM;
	c->stream->counters.lines++;
	return TAKEN;
}

/* "123 <134>1 ...": *used becomes what it takes. */
static enum taken take_counted(struct connection *c, struct slice bytes, size_t *used)
{
	struct slice digits, rest;
	uint64_t len;
	if (!slice_cut(slice_sub(bytes, 0, LENGTH_DIGITS_MAX + 1), ' ', &digits, &rest))
		return bytes.len > LENGTH_DIGITS_MAX ? TAKEN_NO_MESSAGE : TAKEN_PART;
	if (!slice_to_u64(digits, SPOOL_LINE_MAX_BYTES, &len))
		return TAKEN_NO_MESSAGE;
	if (bytes.len < digits.len + 1 + len)
		return TAKEN_PART;
	*used = digits.len + 1 + (size_t)len;
	return put(c, slice_sub(bytes, digits.len + 1, (size_t)len));
}

/* Up to a line end. Of one that is too long the beginning is kept, which will be an invalid record.
 */
static enum taken take_line(struct connection *c, struct slice bytes, size_t *used)
{
	size_t end = slice_find_byte(bytes, '\n');
	bool too_long = end == SIZE_MAX ? bytes.len == BUFFER_BYTES : end > SPOOL_LINE_MAX_BYTES;
	if (end == SIZE_MAX && !too_long && !(c->skips && bytes.len))
		return TAKEN_PART;
	*used = end == SIZE_MAX ? bytes.len : end + 1;
	enum taken taken = TAKEN;
	if (!c->skips)
		taken = put(c,
		    slice_sub(bytes, 0, end < SPOOL_LINE_MAX_BYTES ? end : SPOOL_LINE_MAX_BYTES));
	if (taken == TAKEN)
		c->skips = end == SIZE_MAX;
	return taken;
}

static enum taken take(struct connection *c, struct slice bytes, size_t *used)
{
	bool counted = !c->skips && bytes.len && bytes.ptr[0] >= '1' && bytes.ptr[0] <= '9';
	if (bytes.len == 0)
		return TAKEN_PART;
	return counted ? take_counted(c, bytes, used) : take_line(c, bytes, used);
}

/* All whole messages of the buffer. */
static enum taken take_all(struct connection *c)
{
	size_t at = 0, used = 0;
	enum taken taken;
	while ((taken = take(c, slice_of(c->buffer + at, c->len - at), &used)) == TAKEN)
		at += used;
	memmove(c->buffer, c->buffer + at, c->len - at);
	c->len -= at;
	spool_wake(c->stream->spool);
	return taken;
}

/* ---- Connections. */

static void forget(struct connection *c)
{
	struct stream *stream = c->stream;
	for (size_t i = 0; i < STREAM_CONNECTIONS_MAX; i++)
		if (stream->connections[i] == c)
			stream->connections[i] = NULL;
	ev_io_stop(stream->loop, &c->readable);
	close(c->readable.fd);
	stream->counters.connections--;
	free(c);
}

/* What is left of a message is kept: as an invalid record it says that something was cut. */
static void end(struct connection *c)
{
	if (c->len && !c->skips) {
		c->stream->counters.broken++;
		put(c, slice_of(c->buffer,
		           c->len < SPOOL_LINE_MAX_BYTES ? c->len : SPOOL_LINE_MAX_BYTES));
		spool_wake(c->stream->spool);
	}
	forget(c);
}

static void pause_reading(struct stream *stream)
{
	for (size_t i = 0; i < STREAM_CONNECTIONS_MAX; i++)
		if (stream->connections[i])
			ev_io_stop(stream->loop, &stream->connections[i]->readable);
	ev_timer_again(stream->loop, &stream->retry);
}

/* False: nothing more is to be read from it now. */
static bool go_on(struct connection *c)
{
	switch (take_all(c)) {
	case TAKEN_NO_ROOM:
		pause_reading(c->stream);
		return false;
	case TAKEN_NO_MESSAGE:
		end(c);
		return false;
	default:
		return true;
	}
}

/* What waited in the buffers for room goes first. */
static void on_retry(struct ev_loop *loop, ev_timer *w, int events)
{
	struct stream *stream = w->data;
	(void)events;
	if (spool_is_full(stream->spool))
		return;
	ev_timer_stop(loop, w);
	for (size_t i = 0; i < STREAM_CONNECTIONS_MAX; i++)
		if (stream->connections[i])
			ev_io_start(loop, &stream->connections[i]->readable);
	for (size_t i = 0; i < STREAM_CONNECTIONS_MAX; i++)
		if (stream->connections[i])
			go_on(stream->connections[i]);
}

/* True when there may be more to read. */
static bool read_once(struct connection *c)
{
	if (spool_is_full(c->stream->spool)) {
		pause_reading(c->stream);
		return false;
	}
	if (!go_on(c)) /* the buffer may be full of what waited for room */
		return false;
	ssize_t n = recv(c->readable.fd, c->buffer + c->len, BUFFER_BYTES - c->len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		end(c);
		return false;
	}
	c->len += (size_t)n;
	c->stream->counters.bytes += (uint64_t)n;
	return go_on(c);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop;
	(void)events;
	for (int i = 0; i < READS_MAX; i++)
		if (!read_once(w->data))
			return;
}

static struct connection **place(struct stream *stream)
{
	for (size_t i = 0; i < STREAM_CONNECTIONS_MAX; i++)
		if (!stream->connections[i])
			return &stream->connections[i];
	return NULL;
}

static void on_acceptable(struct ev_loop *loop, ev_io *w, int events)
{
	struct stream *stream = w->data;
	int on = 1, fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	(void)events;
	if (fd < 0)
		return;
	struct connection **at = place(stream);
	struct connection *c = at ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		stream->counters.refused++;
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	c->stream = stream;
	ev_io_init(&c->readable, on_readable, fd, EV_READ);
	c->readable.data = c;
	ev_io_start(loop, &c->readable);
	*at = c;
	stream->counters.connections++;
}

/* ---- The outside. */

struct stream *stream_new(struct ev_loop *loop, int fd, struct spool *spool)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	if (!stream) {
		close(fd);
		return NULL;
	}
	stream->loop = loop;
	stream->spool = spool;
	ev_io_init(&stream->acceptable, on_acceptable, fd, EV_READ);
	ev_timer_init(&stream->retry, on_retry, 0., RETRY_S);
	stream->acceptable.data = stream->retry.data = stream;
	ev_io_start(loop, &stream->acceptable);
	return stream;
}

bool stream_drain(struct stream *stream)
{
	for (size_t i = 0; i < STREAM_CONNECTIONS_MAX; i++)
		for (int reads = 0; stream->connections[i] && read_once(stream->connections[i]);
		     reads++)
			if (reads == READS_MAX)
				return false;
	return !ev_is_active(&stream->retry);
}

void stream_stop(struct stream *stream)
{
	ev_io_stop(stream->loop, &stream->acceptable);
	stream_drain(stream);
	ev_timer_stop(stream->loop, &stream->retry);
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	ev_io_stop(stream->loop, &stream->acceptable);
	ev_timer_stop(stream->loop, &stream->retry);
	for (size_t i = 0; i < STREAM_CONNECTIONS_MAX; i++)
		if (stream->connections[i])
			forget(stream->connections[i]);
	close(stream->acceptable.fd);
	free(stream);
}

void stream_counters(const struct stream *stream, struct stream_counters *counters)
{
	*counters = stream->counters;
}
