/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * err: what went wrong in the outside world (a file, a rule, an issuer, SSM), for a person to read.
 * The first error wins; later ones are ignored, so that a caller may check once at the end.
 * Texts are lower case, without a full stop, what failed first, the subject quoted:
 *     unknown operator '@strmtach'
 * and are printed as file:line:column: text, with the parts that are known.
 *
 * Peer input is not reported this way: decoders of wire formats return enums.
 */
#include "common/slice.h"

#include <stdio.h>

enum { ERR_TEXT_MAX = 768, ERR_FILE_MAX = 256 };

/* Lines and columns count from 1; 0 means not known. Columns count bytes. */
struct err_pos {
	const char *file; /* NULL when not known */
	unsigned line;
	unsigned column;
};

struct err {
	bool set;
	unsigned line;
	unsigned column;
	char file[ERR_FILE_MAX];
	char text[ERR_TEXT_MAX];
};

void err_clear(struct err *err);
static inline bool err_is_set(const struct err *err)
{
	return err->set;
}

/* Both return false always, so that a failing function can `return err_set(...)`. err may be NULL.
 */
bool err_set(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool err_set_at(struct err *err, struct err_pos pos, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "file:line:column: text" into dst; returns dst. Control bytes are shown as \xNN. */
char *err_format(const struct err *err, char *dst, size_t size);

/*
 * Line `n` (from 0) of an error whose text has several, as another program's may have: the first
 * with the place, the others without. False when there is no such line. `out` may not be `err`.
 */
bool err_line(const struct err *err, size_t n, struct err *out);
/* "error: …", its further lines indented below. */
void err_print(const struct err *err, FILE *out);

/* Several errors of one compilation or validation, in the order in which they were found. */
struct err_list {
	struct err *items;
	size_t count;
	size_t cap;
	size_t max;     /* 0: 100 */
	size_t dropped; /* found after `max` were kept, or not kept for want of memory */
};

void err_list_init(struct err_list *list, size_t max);
void err_list_release(struct err_list *list);
/* Returns false always. */
bool err_list_add(struct err_list *list, struct err_pos pos, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool err_list_add_err(struct err_list *list, const struct err *err);
static inline bool err_list_is_empty(const struct err_list *list)
{
	return list->count == 0 && list->dropped == 0;
}
/* One line per error, each behind "error: ", and a last line when some were dropped. */
void err_list_print(const struct err_list *list, FILE *out);
