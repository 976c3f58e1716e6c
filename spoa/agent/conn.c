/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RX_BYTES = 256 * 1024,
	TX_BYTES = 256 * 1024,
	/* The least by which a connection's own buffer grows. */
	GROW_BYTES = 16 * 1024,
};

/* Between two goodbyes of a drain: more than a request takes. */
static const double leave_period_s = 0.005;
/* Between two tries of what is held back. */
static const double ask_again_s = 0.01;

struct conn {
	struct ev_io read, write; /* active: read unless blocked, write while blocked */
	struct conn_pool *pool;
	struct conn_lane *lane;
	struct conn *prev, *next;
	ev_tstamp since;
	struct session session;
	struct buf in; /* the beginning of a frame, or frames held back */
	struct buf
	    out;       /* what the socket did not take: then nothing is answered and nothing read */
	size_t wanted; /* bytes of `in` that make the next step worth while */
	bool broken;   /* to be closed at once */
	bool held;     /* a frame at the beginning of `in` waits for another try */
	bool patient;  /* it may be held back: not once it has been for `hold_s` */
};

/* ---- lanes ---------------------------------------------------------------------------------- */

static void lane_leave(struct conn *conn)
{
	struct conn_lane *lane = conn->lane;

	if (!lane)
		return;
	conn->pool->held_count -= lane == &conn->pool->held;
	*(conn->prev ? &conn->prev->next : &lane->first) = conn->next;
	*(conn->next ? &conn->next->prev : &lane->last) = conn->prev;
	conn->lane = NULL;
}

/* To the end, with a new start of patience. */
static void lane_enter(struct conn *conn, struct conn_lane *lane)
{
	lane_leave(conn);
	conn->lane = lane;
	conn->pool->held_count += lane == &conn->pool->held;
	conn->since = ev_now(conn->pool->loop);
	conn->next = NULL;
	conn->prev = lane->last;
	*(lane->last ? &lane->last->next : &lane->first) = conn;
	lane->last = conn;
}

/* ---- buffers -------------------------------------------------------------------------------- */

/* A connection's own memory comes from those that others have done with. */
static void buffer_take(struct conn_pool *pool, struct buf *buf)
{
	if (buf->cap == 0 && pool->spare_count > 0)
		*buf = pool->spares[--pool->spare_count];
	buf->limit_bytes = 0;
}

static void buffer_give(struct conn_pool *pool, struct buf *buf)
{
	if (buf->cap == 0)
		return;
	buf_reset(buf);
	if (pool->spare_count < CONN_SPARES && buf->cap <= CONN_SPARE_MAX)
		pool->spares[pool->spare_count++] = *buf;
	else
		buf_release(buf);
	buf_init(buf, 0);
}

/* ---- opening and closing ----------------------------------------------------------------------
 */

static void conn_close(struct conn *conn)
{
	struct conn_pool *pool = conn->pool;
	int fd = conn->read.fd;

	ev_io_stop(pool->loop, &conn->read);
	ev_io_stop(pool->loop, &conn->write);
	close(fd);
	lane_leave(conn);
	buffer_give(pool, &conn->in);
	buffer_give(pool, &conn->out);
	free(conn);
	pool->count--;
	if (pool->on_close)
		pool->on_close(pool->context);
}

/* ---- answering --------------------------------------------------------------------------------
 */

static bool is_blocked(const struct conn *conn)
{
	return conn->out.len > 0;
}

/* One send; the rest waits in `out`. */
static void send_bytes(struct conn *conn, struct slice bytes)
{
	struct counters *counters = conn->pool->counters;
	ssize_t sent;

	count(counters, COUNT_writes);
	sent = send(conn->read.fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		conn->broken = true;
		return;
	}
	counter_add(&counters->plain[COUNT_bytes_out], sent > 0 ? (uint64_t)sent : 0);
	bytes = slice_from(bytes, sent > 0 ? (size_t)sent : 0);
	if (slice_is_empty(bytes))
		return;
	count(counters, COUNT_blocked);
	buffer_take(conn->pool, &conn->out);
	buf_append_slice(&conn->out, bytes);
	if (buf_failed(&conn->out)) {
		count(counters, COUNT_closed_resource);
		conn->broken = true;
	}
}

static void flush(struct conn *conn, struct wire_writer *writer)
{
	if (writer->at > writer->start && !conn->broken)
		send_bytes(conn, wire_written(writer));
	*writer = wire_writer_of(conn->pool->tx, TX_BYTES);
}

/* What the session's end means to the counters. */
static void count_end(struct conn *conn)
{
	struct counters *counters = conn->pool->counters;
	const struct session *session = &conn->session;

	if (session->healthcheck)
		count(counters, COUNT_closed_check);
	else if (session->status != SPOP_OK)
		count(counters, COUNT_closed_protocol);
	else
		count(counters, COUNT_closed_by_peer);
	counters_disconnect(counters, session->status);
}

static bool is_draining(const struct conn_pool *pool)
{
	return pool->leave_batch > 0;
}

static bool may_hold(const struct conn *conn)
{
	const struct conn_pool *pool = conn->pool;

	return pool->limits.hold_s > 0 && conn->patient && !is_draining(pool) &&
	       (conn->lane == &pool->held || pool->held_count < CONN_HELD_MAX);
}

/*
 * Steps through the frames of `input` until it holds no whole one, the session has ended or the
 * peer does not take its answers. Returns what is left. *stepped: at least one frame was taken.
 */
static struct slice step_frames(struct conn *conn, struct slice input, bool *stepped)
{
	struct conn_pool *pool = conn->pool;
	struct wire_writer writer = wire_writer_of(pool->tx, TX_BYTES);
	enum session_step step = SESSION_STEPPED;
	size_t bytes;

	conn->held = false;
	while (step == SESSION_STEPPED && !is_blocked(conn) && !conn->broken) {
		conn->session.may_hold = may_hold(conn);
		step = session_step(&conn->session, &pool->handler, input, &writer, &bytes);
		if (step == SESSION_STEPPED) {
			input = slice_from(input, bytes);
			count(pool->counters, COUNT_frames);
			*stepped = true;
			conn->patient = true;
		}
		if ((size_t)(writer.end - writer.at) < SESSION_ROOM)
			flush(conn, &writer);
	}
	flush(conn, &writer);
	if (step == SESSION_DONE) {
		count_end(conn);
		return slice_of(NULL, 0);
	}
	conn->wanted = step == SESSION_STARVED ? bytes : 0;
	conn->held = step == SESSION_HELD && !is_blocked(conn);
	return input;
}

/* Keeps what could not be taken yet, in the connection's own memory. */
static void keep(struct conn *conn, struct slice rest)
{
	bool is_own = conn->in.len > 0;

	if (slice_is_empty(rest)) {
		buffer_give(conn->pool, &conn->in);
		return;
	}
	if (is_own) {
		buf_consume(&conn->in, conn->in.len - rest.len);
		return;
	}
	buffer_take(conn->pool, &conn->in);
	buf_append_slice(&conn->in, rest);
	if (buf_failed(&conn->in)) {
		count(conn->pool->counters, COUNT_closed_resource);
		conn->broken = true;
	}
}

/* Among those that are held, from when the first of its frames was; whoever has just come counts.
 */
static void hold(struct conn *conn, bool progress)
{
	struct conn_pool *pool = conn->pool;

	if (progress || conn->lane != &pool->held) {
		count(pool->counters, COUNT_held);
		lane_enter(conn, &pool->held);
	}
	if (!ev_is_active(&pool->ask_again))
		ev_timer_again(pool->loop, &pool->ask_again);
}

static void watch(struct ev_loop *loop, struct ev_io *watcher, bool wanted)
{
	if (wanted)
		ev_io_start(loop, watcher);
	else
		ev_io_stop(loop, watcher);
}

/* After anything has happened: closes, or waits for what is to come next. */
static void settle(struct conn *conn, bool progress)
{
	struct conn_pool *pool = conn->pool;
	bool ended = conn->session.state == SESSION_ENDED;
	bool blocked = is_blocked(conn);
	bool resting = conn->session.state == SESSION_READY && conn->in.len == 0 && !blocked;

	if (conn->broken) {
		conn_close(conn);
		return;
	}
	/*
	 * Closing a socket with unread bytes resets it, and the peer would lose the answers that it
	 * has not read. So: end our direction, and read on into nothing until the peer has closed.
	 */
	if (ended && !blocked)
		shutdown(conn->read.fd, SHUT_WR);
	if (conn->held)
		hold(conn, progress);
	else if (resting)
		lane_enter(conn, &pool->idle);
	else if (progress || conn->lane != &pool->busy)
		lane_enter(conn, &pool->busy);
	watch(pool->loop, &conn->read, !blocked && !conn->held);
	watch(pool->loop, &conn->write, blocked);
}

static void feed(struct conn *conn, struct slice input)
{
	bool stepped = false;

	keep(conn, step_frames(conn, input, &stepped));
	settle(conn, stepped);
}

/* ---- events -----------------------------------------------------------------------------------
 */

/* For the frame under way, but growing with what has arrived, not with what its length promises. */
static size_t room_for(const struct conn *conn)
{
	size_t have = conn->in.len;
	size_t missing = conn->wanted > have ? conn->wanted - have : 1;
	size_t most = have > GROW_BYTES ? have : GROW_BYTES;

	return missing < most ? missing : most;
}

/* Into the shared buffer, or behind what the connection keeps; what there is to step through then.
 */
static ssize_t receive(struct conn *conn, struct slice *input)
{
	struct conn_pool *pool = conn->pool;
	struct buf *in = &conn->in;
	ssize_t got;

	count(pool->counters, COUNT_reads);
	if (in->len == 0) {
		got = recv(conn->read.fd, pool->rx, RX_BYTES, 0);
		*input = slice_of(pool->rx, got > 0 ? (size_t)got : 0);
		return got;
	}
	if (!buf_reserve(in, room_for(conn))) {
		errno = ENOMEM;
		return -1;
	}
	got = recv(conn->read.fd, in->data + in->len, in->cap - in->len - 1, 0);
	in->len += got > 0 ? (size_t)got : 0;
	*input = buf_slice(in);
	return got;
}

/* False: gone, or nothing there. */
static bool receive_or_close(struct conn *conn, struct slice *input)
{
	ssize_t got = receive(conn, input);

	if (got > 0) {
		counter_add(&conn->pool->counters->plain[COUNT_bytes_in], (uint64_t)got);
		return true;
	}
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	if (conn->session.state != SESSION_ENDED)
		count(conn->pool->counters,
		    got < 0 && errno == ENOMEM ? COUNT_closed_resource : COUNT_closed_by_peer);
	conn_close(conn);
	return false;
}

static void on_readable(struct ev_loop *loop, struct ev_io *watcher, int events)
{
	struct conn *conn = (struct conn *)watcher->data;
	struct slice input;

	(void)loop;
	(void)events;
	if (receive_or_close(conn, &input) && conn->session.state != SESSION_ENDED)
		feed(conn, input);
}

static void on_writable(struct ev_loop *loop, struct ev_io *watcher, int events)
{
	struct conn *conn = (struct conn *)watcher->data;
	ssize_t sent = send(watcher->fd, conn->out.data, conn->out.len, MSG_NOSIGNAL);

	(void)loop;
	(void)events;
	count(conn->pool->counters, COUNT_writes);
	if (sent < 0) {
		conn->broken = errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
		settle(conn, false);
		return;
	}
	counter_add(&conn->pool->counters->plain[COUNT_bytes_out], (uint64_t)sent);
	buf_consume(&conn->out, (size_t)sent);
	if (is_blocked(conn))
		return;
	buffer_give(conn->pool, &conn->out);
	if (conn->session.state == SESSION_ENDED)
		settle(conn, true);
	else
		feed(conn, buf_slice(&conn->in));
}

/* Takes leave, unless that is what it was waiting for. */
static void say_goodbye(struct conn *conn, enum spop_status status)
{
	struct wire_writer writer = wire_writer_of(conn->pool->tx, TX_BYTES);

	session_end(&conn->session, status, &writer);
	counters_disconnect(conn->pool->counters, status);
	if (is_blocked(conn))
		buf_append_slice(&conn->out, wire_written(&writer));
	else
		flush(conn, &writer);
	buffer_give(conn->pool, &conn->in);
	settle(conn, true);
}

static void expire_busy(struct conn *conn)
{
	struct counters *counters = conn->pool->counters;

	if (conn->session.state == SESSION_ENDED || is_blocked(conn)) {
		conn->broken = true;
		settle(conn, false);
		return;
	}
	count(counters, COUNT_closed_stalled);
	say_goodbye(conn, SPOP_TIMEOUT);
}

static void on_sweep(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
	struct conn_pool *pool = (struct conn_pool *)watcher->data;
	ev_tstamp now = ev_now(loop);

	(void)events;
	while (pool->busy.first && pool->busy.first->since + pool->limits.frame_timeout_s <= now)
		expire_busy(pool->busy.first);
	while (pool->idle.first && pool->idle.first->since + pool->limits.idle_timeout_s <= now) {
		count(pool->counters, COUNT_closed_idle);
		say_goodbye(pool->idle.first, SPOP_TIMEOUT);
	}
}

/* The next of a lane is taken before, for a connection may leave it, or go. */
static void on_ask_again(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct conn_pool *pool = (struct conn_pool *)timer->data;
	struct conn *next;

	(void)events;
	for (struct conn *conn = pool->held.first; conn; conn = next) {
		next = conn->next;
		conn->patient = conn->since + pool->limits.hold_s > ev_now(loop);
		feed(conn, buf_slice(&conn->in));
	}
	if (!pool->held.first)
		ev_timer_stop(loop, timer);
}

/* ---- draining -------------------------------------------------------------------------------- */

static void drain_one(struct conn *conn)
{
	struct conn_pool *pool = conn->pool;
	bool stepped = false;
	struct slice input = buf_slice(&conn->in);

	if (!is_blocked(conn)) {
		(void)receive(conn, &input);
		if (!slice_is_empty(input))
			keep(conn, step_frames(conn, input, &stepped));
	}
	if (conn->session.state == SESSION_ENDED) {
		settle(conn, true);
		return;
	}
	count(pool->counters, COUNT_closed_drain);
	say_goodbye(conn, SPOP_OK);
}

/* The next one that has not been taken leave of. */
static struct conn *next_to_leave(struct conn_pool *pool)
{
	if (pool->idle.first)
		return pool->idle.first;
	if (pool->held.first)
		return pool->held.first;
	for (struct conn *conn = pool->busy.first; conn; conn = conn->next)
		if (conn->session.state != SESSION_ENDED)
			return conn;
	return NULL;
}

static void on_leave(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct conn_pool *pool = (struct conn_pool *)timer->data;
	struct conn *conn = NULL;

	(void)events;
	for (size_t i = 0; i < pool->leave_batch && (conn = next_to_leave(pool)) != NULL; i++)
		drain_one(conn);
	if (!conn)
		ev_timer_stop(loop, timer);
}

/* ---- the pool ---------------------------------------------------------------------------------
 */

bool conn_pool_init(struct conn_pool *pool)
{
	double shortest = pool->limits.idle_timeout_s < pool->limits.frame_timeout_s
	                      ? pool->limits.idle_timeout_s
	                      : pool->limits.frame_timeout_s;
	double period = shortest / 4 < 1 ? shortest / 4 : 1;

	pool->rx = malloc(RX_BYTES);
	pool->tx = malloc(TX_BYTES);
	if (!pool->rx || !pool->tx) {
		free(pool->rx);
		free(pool->tx);
		return false;
	}
	ev_timer_init(&pool->leave, on_leave, 0, 0);
	ev_timer_init(&pool->ask_again, on_ask_again, 0, ask_again_s);
	pool->ask_again.data = pool;
	ev_timer_init(&pool->sweep, on_sweep, period, period);
	pool->sweep.data = pool;
	ev_timer_start(pool->loop, &pool->sweep);
	return true;
}

void conn_pool_release(struct conn_pool *pool)
{
	while (pool->busy.first)
		conn_close(pool->busy.first);
	while (pool->idle.first)
		conn_close(pool->idle.first);
	while (pool->held.first)
		conn_close(pool->held.first);
	assert(pool->count == 0);
	ev_timer_stop(pool->loop, &pool->sweep);
	ev_timer_stop(pool->loop, &pool->leave);
	ev_timer_stop(pool->loop, &pool->ask_again);
	while (pool->spare_count > 0)
		buf_release(&pool->spares[--pool->spare_count]);
	free(pool->rx);
	free(pool->tx);
}

bool conn_open(struct conn_pool *pool, int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		close(fd);
		return false;
	}
	conn->pool = pool;
	conn->patient = true;
	session_init(&conn->session);
	buf_init(&conn->in, 0);
	buf_init(&conn->out, 0);
	ev_io_init(&conn->read, on_readable, fd, EV_READ);
	ev_io_init(&conn->write, on_writable, fd, EV_WRITE);
	conn->read.data = conn;
	conn->write.data = conn;
	pool->count++;
	settle(conn, true);
	return true;
}

void conn_pool_drain(struct conn_pool *pool, double within_s)
{
	double steps = within_s / leave_period_s > 1 ? within_s / leave_period_s : 1;

	pool->leave_batch = (size_t)((double)pool->count / steps) + 1;
	ev_timer_init(&pool->leave, on_leave, 0, leave_period_s);
	pool->leave.data = pool;
	ev_timer_start(pool->loop, &pool->leave);
}
