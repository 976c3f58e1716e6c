/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * watch: keeps the running gateway at what the parameters say. Polls the store, applies what
 * changed, publishes; while the store cannot be read or the whole cannot be applied, what runs
 * stays. A service with errors is held back alone (hold_back.h).
 */
#include "registry/gateway.h"

struct watch_options {
	const char *settings_file;
	uint64_t interval_s;      /* from the end of one poll to the next; a fifth more or less */
	uint64_t min_interval_s;  /* at least, between two applies */
	const char *metrics_file; /* NULL: OUTPUT_DIR/registry.prom */
	size_t spenders;          /* clients, and addresses, in the metrics; 0: none */
	bool publish;
	bool once; /* one poll, then end */
};

enum watch_result {
	WATCH_UNCHANGED,
	WATCH_APPLIED,
	WATCH_BUSY,           /* another apply holds the lock */
	WATCH_STORE_FAILED,   /* settings or parameters cannot be read */
	WATCH_REFUSED,        /* wrong for the gateway as a whole */
	WATCH_APPLY_FAILED,   /* what ran before runs on */
	WATCH_PUBLISH_FAILED, /* live, outputs not written */
	WATCH_RESULTS
};
const char *watch_result_name(enum watch_result result);

/* The next wait in ms: the interval, doubled for each failure in a row, at most 5 minutes or the
 * interval, ± 20 % by `random`. */
uint64_t watch_wait_ms(uint64_t interval_s, unsigned failures, uint32_t random);

struct watch_status {
	uint64_t results[WATCH_RESULTS];                   /* polls by their end */
	unsigned failures;                                 /* in a row */
	int64_t last_poll_ms, last_good_ms, last_apply_ms; /* Unix; 0: never */
	enum watch_result last;
	char revision[64];
};
/* The metrics in the text format of Prometheus. */
void watch_metrics(
    const struct watch_status *status, const struct findings *findings, struct buf *out);

/* Until SIGTERM or SIGINT (0), or at once when it cannot start or `once` failed (1). SIGHUP polls
 * now. */
int watch_run(const struct watch_options *options);
