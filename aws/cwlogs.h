/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * cwlogs: CloudWatch Logs, by a client of the service "logs".
 * All return false with err set, and *error filled when it is given.
 */
#include "aws/aws_client.h"

/* PutLogEvents: a batch counts the UTF-8 bytes of its messages and 26 for each event. */
enum {
	CWLOGS_BATCH_MAX_BYTES = 1048576,
	CWLOGS_BATCH_MAX_EVENTS = 10000,
	CWLOGS_EVENT_OVERHEAD_BYTES = 26,
	CWLOGS_EVENT_MAX_BYTES = 1048576 - 26,
	CWLOGS_BATCH_MAX_SPAN_MS = 24 * 3600 * 1000,
};

struct cwlogs_event {
	int64_t timestamp_ms; /* Unix */
	struct slice message; /* UTF-8, not empty */
};

/* Events that the service dropped out of an accepted batch: [0, too_old_end) and [too_new_start,
 * count). */
struct cwlogs_rejected {
	size_t too_old_end;   /* older than 14 days, or than the group's retention */
	size_t too_new_start; /* more than 2 hours ahead; `count` when there are none */
};

/* Events in the order of their time, one batch within the limits above; more is an error here
 * already. */
bool cwlogs_put_events(struct aws_client *client, const char *group, const char *stream,
    const struct cwlogs_event *events, size_t count, struct cwlogs_rejected *rejected,
    struct aws_error *error, struct err *err);

struct cwlogs_group_options {
	const char *kms_key_arn; /* NULL: the service's own key */
	unsigned retention_days; /* one of 1 3 5 7 14 30 60 90 120 150 180 365 ...; 0: for ever */
	bool deletion_protection;
};

/*
 * Creates the group or, when there is one, sets its retention. Deletion protection that the service
 * does not know or does not allow is reported in *unprotected (may be NULL), not as an error.
 */
bool cwlogs_ensure_group(struct aws_client *client, const char *group,
    const struct cwlogs_group_options *options, bool *unprotected, struct aws_error *error,
    struct err *err);
/* Creates the stream; one that exists is success. */
bool cwlogs_ensure_stream(struct aws_client *client, const char *group, const char *stream,
    struct aws_error *error, struct err *err);
/* The ARN of the group without ":*" at its end, appended; an error when there is no such group. */
bool cwlogs_group_arn(struct aws_client *client, const char *group, struct buf *arn,
    struct aws_error *error, struct err *err);
