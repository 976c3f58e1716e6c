/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/event.h"

#include "common/clock.h"

void event_begin(struct event *event, const char *name, int64_t now_ms)
{
	char now[CLOCK_TEXT_MAX];
	buf_init(&event->text, RECORD_MAX_BYTES);
	jw_init(&event->w, &event->text, 0);
	jw_object_begin(&event->w);
	event_text(event, "audit", name);
	event_text(event, "time", clock_format_utc(now_ms, now));
}

void event_uint(struct event *event, const char *name, uint64_t value)
{
	jw_key(&event->w, name);
	jw_uint(&event->w, value);
}

void event_text(struct event *event, const char *name, const char *value)
{
	jw_key(&event->w, name);
	jw_cstr(&event->w, value);
}

void event_bytes(struct event *event, const char *name, struct slice value)
{
	jw_key(&event->w, name);
	jw_string(&event->w, value);
}

bool event_append_as(
    struct event *event, enum record_kind kind, struct journal *journal, int64_t now_ms)
{
	jw_object_end(&event->w);
	const struct record record = { kind, buf_slice(&event->text) };
	bool ok = !buf_failed(&event->text) && journal_append(journal, &record, now_ms);
	buf_release(&event->text);
	return ok;
}

bool event_append(struct event *event, struct journal *journal, int64_t now_ms)
{
	return event_append_as(event, RECORD_EVENT, journal, now_ms);
}
