/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * scan: is this one JSON object (RFC 8259, strict UTF-8, no member twice), and where are its
 * members? Allocates nothing, copies nothing: records pass through here at the speed they come in.
 */
#include "common/buf.h"

enum { SCAN_MEMBERS_MAX = 96, SCAN_DEPTH_MAX = 16 };

struct scan_member {
	struct slice name;  /* raw: between the quotes */
	struct slice value; /* raw: of a string between the quotes, else the JSON text */
	bool is_string;
};

struct scan_object {
	struct scan_member members[SCAN_MEMBERS_MAX];
	size_t count;
};

/* NULL when it is one, else why not: "not an object", "text behind the object", ... */
const char *scan_json_object(struct slice text, struct scan_object *object);

/* The member of that name, whose raw and plain spelling are the same; NULL when there is none. */
const struct scan_member *scan_find(const struct scan_object *object, struct slice name);

/* The value as text: strings with their escapes resolved, appended to `out`; other values as they
 * stand. */
void scan_text(const struct scan_member *member, struct buf *out);

/*
 * The same without copying when there is nothing to resolve: the slice is the raw one, or stands at
 * the end of `scratch`, which is emptied first.
 */
struct slice scan_value(const struct scan_member *member, struct buf *scratch);
/* A whole number within +-2^53, else `otherwise`. */
int64_t scan_int(const struct scan_object *object, struct slice name, int64_t otherwise);

/* "2026-11-24T01:49:00.123Z" to ms since 1970; -1 when it is anything else. */
int64_t scan_time_ms(struct slice text);
