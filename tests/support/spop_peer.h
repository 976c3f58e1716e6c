/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* spop_peer: HAProxy's side of SPOP, blocking, with a timeout on every read: for tests and load. */
#include "common/buf.h"
#include "spoa/spop/ack.h"

struct spop_peer {
	int fd;
	struct buf in; /* received, not yet taken */
	size_t taken;
};

/* unix:/PATH or tcp:ADDRESS:PORT. */
bool spop_peer_connect(struct spop_peer *peer, const char *address);
void spop_peer_close(struct spop_peer *peer);

bool spop_peer_send(struct spop_peer *peer, struct slice bytes);
/* The next frame; it lives until the next call. False: closed, or nothing in five seconds. */
bool spop_peer_read(struct spop_peer *peer, struct frame *out);
/* True when the agent closes without another byte. */
bool spop_peer_reads_end(struct spop_peer *peer);

/* HAPROXY-HELLO as 2.6 sends it, and the AGENT-HELLO in return. */
bool spop_peer_greet(struct spop_peer *peer, uint32_t max_frame_size);
void spop_peer_write_hello(
    struct wire_writer *out, uint32_t max_frame_size, const char *capabilities, bool healthcheck);

/* The arguments of a `check`; what is NULL or empty is sent as NULL. */
struct spop_check {
	const char *id, *route, *method, *path, *query, *version;
	const char *const *headers; /* name, value, ..., NULL */
	struct slice body;
	bool cut;
};
void spop_peer_write_check(
    struct wire_writer *out, uint64_t stream_id, uint64_t frame_id, const struct spop_check *check);

/* A variable that an ACK sets; NULL type when it does not. */
struct typed spop_peer_variable(const struct frame *ack, const char *name);
