/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * event: the log's own entries, {"audit":"gap","time":"...",...}.
 *
 *     struct event e;
 *     event_begin(&e, "gap", now_ms);
 *     event_uint(&e, "from", 7);
 *     ok = event_append(&e, journal, now_ms);
 */
#include "audit/journal.h"
#include "common/json_write.h"

struct event {
	struct buf text;
	struct jw w;
};

void event_begin(struct event *event, const char *name, int64_t now_ms);
void event_uint(struct event *event, const char *name, uint64_t value);
void event_text(struct event *event, const char *name, const char *value);
void event_bytes(struct event *event, const char *name, struct slice value);
/* Ends it, hands it to the journal, releases it. False: no memory. */
bool event_append(struct event *event, struct journal *journal, int64_t now_ms);
/* The same with another kind than RECORD_EVENT. */
bool event_append_as(
    struct event *event, enum record_kind kind, struct journal *journal, int64_t now_ms);
