/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/receiver.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ROUNDS_MAX = 16, /* at once, before the loop looks at anything else */
	STOP_ROUNDS_MAX = 4096,
};

#define RETRY_S 0.01 /* how often a paused receiver looks whether there is room */

struct receiver {
	struct ev_loop *loop;
	struct spool *spool;
	ev_io readable;
	ev_timer retry;
	struct receiver_counters counters;
	uint32_t overflow; /* the kernel's counter, which wraps */
};

/* ---- Reading. */

/* True when there may be more to read. */
static bool read_round(struct receiver *receiver)
{
	uint32_t overflow = receiver->overflow;
	int n = spool_receive(
	    receiver->spool, receiver->readable.fd, &overflow, &receiver->counters.bytes);
	receiver->counters.drops += overflow - receiver->overflow;
	receiver->counters.lines += (uint64_t)n;
	receiver->overflow = overflow;
	return n == SPOOL_ROUND;
}

static void read_rounds(struct receiver *receiver, int max)
{
	for (int i = 0; i < max; i++)
		if (!read_round(receiver))
			return;
}

void receiver_mark(struct receiver *receiver)
{
	for (int i = 0; i < ROUNDS_MAX; i++) {
		if (spool_is_full(receiver->spool))
			return;
		if (!read_round(receiver)) {
			spool_mark(receiver->spool);
			return;
		}
	}
}

static void pause_reading(struct receiver *receiver)
{
	ev_io_stop(receiver->loop, &receiver->readable);
	ev_timer_again(receiver->loop, &receiver->retry);
	receiver->counters.pauses++;
	receiver->counters.paused = true;
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events)
{
	struct receiver *receiver = w->data;
	(void)loop;
	(void)events;
	read_rounds(receiver, ROUNDS_MAX);
	if (spool_is_full(receiver->spool))
		pause_reading(receiver);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int events)
{
	struct receiver *receiver = w->data;
	(void)events;
	if (spool_is_full(receiver->spool))
		return;
	ev_timer_stop(loop, w);
	ev_io_start(loop, &receiver->readable);
	receiver->counters.paused = false;
}

struct receiver *receiver_new(struct ev_loop *loop, int fd, struct spool *spool)
{
	struct receiver *receiver = calloc(1, sizeof(*receiver));
	int bytes = 0;
	socklen_t len = sizeof(bytes);
	if (!receiver) {
		close(fd);
		return NULL;
	}
	receiver->loop = loop;
	receiver->spool = spool;
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len) == 0)
		receiver->counters.buffer_bytes = (uint64_t)bytes;
	ev_io_init(&receiver->readable, on_readable, fd, EV_READ);
	ev_timer_init(&receiver->retry, on_retry, 0., RETRY_S);
	receiver->readable.data = receiver->retry.data = receiver;
	ev_io_start(loop, &receiver->readable);
	return receiver;
}

void receiver_stop(struct receiver *receiver)
{
	/* Senders that do not stop must not keep us: what is left waits in the socket, if that is
	 * held. */
	read_rounds(receiver, STOP_ROUNDS_MAX);
	ev_io_stop(receiver->loop, &receiver->readable);
	ev_timer_stop(receiver->loop, &receiver->retry);
}

void receiver_free(struct receiver *receiver)
{
	if (!receiver)
		return;
	ev_io_stop(receiver->loop, &receiver->readable);
	ev_timer_stop(receiver->loop, &receiver->retry);
	close(receiver->readable.fd);
	free(receiver);
}

void receiver_counters(const struct receiver *receiver, struct receiver_counters *counters)
{
	*counters = receiver->counters;
}
