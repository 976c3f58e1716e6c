/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * json_write: JSON text straight into a buf, RFC 8259. Commas and nesting are kept by the writer.
 * Strings: control bytes, quotes and backslashes are escaped, bytes that are no UTF-8 become
 * U+FFFD, so that the output is one valid JSON value whatever went in.
 */
#include "common/buf.h"

enum { JW_DEPTH_MAX = 32 };

struct jw {
	struct buf *out;
	unsigned depth;
	unsigned indent; /* blanks per level, 0: compact */
	bool need_comma[JW_DEPTH_MAX];
	bool after_key;
};

void jw_init(struct jw *w, struct buf *out, unsigned indent);
void jw_object_begin(struct jw *w);
/* Members of an object that somebody else opens and closes. */
void jw_members_begin(struct jw *w);
void jw_object_end(struct jw *w);
void jw_array_begin(struct jw *w);
void jw_array_end(struct jw *w);
void jw_key(struct jw *w, const char *key);
void jw_key_slice(struct jw *w, struct slice key);
void jw_string(struct jw *w, struct slice value);
void jw_cstr(struct jw *w, const char *value); /* NULL writes null */
void jw_int(struct jw *w, int64_t value);
void jw_uint(struct jw *w, uint64_t value);
void jw_double(struct jw *w, double value); /* not finite: null */
void jw_bool(struct jw *w, bool value);
void jw_null(struct jw *w);
/* A value that is JSON already. */
void jw_raw(struct jw *w, struct slice json);

/* The string's escaped bytes alone, without quotes. */
void jw_escape(struct buf *out, struct slice value);
