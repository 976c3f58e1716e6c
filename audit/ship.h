/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ship: the log to CloudWatch Logs, in its order, every record once. Each event is the record with
 * its number as first member. The local log is the queue: an outage costs nothing but time.
 *
 * Once: a number is noted in ship.json behind each batch. When that is missing or may be behind (a
 * crash, an answer that did not come) the end of the stream says how far we came. One shipper per
 * stream: the file is locked.
 */
#include "audit/query.h"
#include "aws/cwlogs.h"

enum { SHIP_RETENTION_DAYS = 90 };

struct ship_options {
	const char *folder;
	struct keyring *keyring;
	struct aws_client *client; /* of "logs", one attempt per call */
	const char *group;
	const char *stream;
	const volatile sig_atomic_t *stop; /* not zero: return after the batch at hand */
};

struct ship_stats {
	uint64_t shipped;  /* records accepted */
	uint64_t rejected; /* of an accepted batch: older than CloudWatch takes */
	uint64_t batches;
	uint64_t next_record;
	uint64_t unreadable; /* blocks or segments */
};

struct ship;

/* Locks ship.json and asks the stream how far it is. NULL with err set. */
struct ship *ship_open(const struct ship_options *options, struct err *err);
/* Ships all there is. False with err set: the outside is out; call again later. */
bool ship_run(struct ship *ship, struct ship_stats *stats, struct err *err);
void ship_close(struct ship *ship);
