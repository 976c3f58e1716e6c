/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * notify: the messages of a NOTIFY frame (SPOE.txt 3.2.6), read in one pass:
 *
 *     while (notify_next_message(&notify, &name))
 *         while (notify_next_arg(&notify, &name, &value))
 *     if (notify_failed(&notify))
 *
 * A message whose arguments are not all read is skipped by the next notify_next_message().
 */
#include "spoa/spop/typed.h"

struct notify {
	struct wire_reader reader;
	unsigned args_left;
};

static inline struct notify notify_of(struct slice payload)
{
	return (struct notify){ .reader = wire_reader_of(payload) };
}

/* False at the end and on a malformed payload. */
bool notify_next_message(struct notify *notify, struct slice *name);
bool notify_next_arg(struct notify *notify, struct slice *name, struct typed *value);

static inline bool notify_failed(const struct notify *notify)
{
	return notify->reader.failed;
}
