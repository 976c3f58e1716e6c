/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * stream: syslog over TCP (RFC 6587), for HAProxys on other machines: each message with its length
 * before it, or each on a line. On the event loop, beside the datagrams. While the spool has no
 * room nothing is read, and senders wait.
 */
#include "audit/spool.h"

#include <ev.h>

enum { STREAM_CONNECTIONS_MAX = 64 };

struct stream;

/* Takes the listening descriptor over. NULL: no memory. */
struct stream *stream_new(struct ev_loop *loop, int fd, struct spool *spool);
/* Reads what has arrived. False: there may be more, or the spool has no room. */
bool stream_drain(struct stream *stream);
/* Accepts nothing more. What was received is read, as far as the spool has room. */
void stream_stop(struct stream *stream);
void stream_free(struct stream *stream);

struct stream_counters {
	uint64_t lines, bytes;
	uint64_t connections; /* open now */
	uint64_t refused;     /* connections beyond STREAM_CONNECTIONS_MAX */
	uint64_t broken;      /* connections ended for what is no message, or within one */
};

void stream_counters(const struct stream *stream, struct stream_counters *counters);
