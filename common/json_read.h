/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * json_read: JSON from outside, by jansson, always with JSON_REJECT_DUPLICATES, and the position of
 * a value in the text (which jansson forgets), for diagnostics.
 */
#include "common/err.h"

#include <jansson.h>

/* A new reference, or NULL with err set (file, line and column as known). `name` may be NULL. */
json_t *json_read_text(struct slice text, const char *name, struct err *err);

/* Reads and parses a file of at most `max_bytes`; *text, when given, becomes its text
 * (buf_release). */
struct buf;
json_t *json_read_file(const char *path, size_t max_bytes, struct buf *text, struct err *err);

/*
 * The line and column of the value at `path` in a text that json_read_text() accepted. A path is
 * member names and [n] indexes: routes.accounts.scopes[2]; a name with other characters than
 * [A-Za-z0-9_-] is written ["like.this"]. A path that is not there gives its nearest parent.
 */
struct err_pos json_locate(struct slice text, const char *name, const char *path);
