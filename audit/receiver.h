/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * receiver: the datagram socket, on the event loop. It reads as long as the spool has room and
 * copies; all else is done by the writing thread.
 */
#include "audit/spool.h"
#include "common/err.h"

#include <ev.h>
#include <stdatomic.h>

struct receiver;

/* Takes the descriptor over. NULL: no memory. */
struct receiver *receiver_new(struct ev_loop *loop, int fd, struct spool *spool);
/* Once a second: reads until the socket is empty, then marks the spool (spool_mark()). */
void receiver_mark(struct receiver *receiver);
/* Reads what is in the socket, as far as the spool has room, and stops. */
void receiver_stop(struct receiver *receiver);
void receiver_free(struct receiver *receiver);

struct receiver_counters {
	uint64_t lines, bytes;
	uint64_t drops;        /* by the kernel, on this socket, since it was opened */
	uint64_t pauses;       /* times the spool was full */
	uint64_t buffer_bytes; /* of the socket, as granted */
	bool paused;
};

void receiver_counters(const struct receiver *receiver, struct receiver_counters *counters);
