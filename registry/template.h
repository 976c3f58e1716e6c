/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * template: text with holes, for the files in haproxy/.
 *
 *     {{name}}              the value as it stands; refused unless every byte is a safe one
 *     {{q name}}            the value as one quoted word of HAProxy's configuration language
 *     {{#name}}…{{/name}}   once when the flag is set, or once per item of the list
 *     {{^name}}…{{/name}}   once when the flag is not set or the list is empty
 *     {{! text}}            nothing
 *
 * A line that holds one section tag or comment and blanks only leaves no line behind. Names are
 * looked up in the item first, then in what surrounds it. A name that is not there, a value with an
 * unsafe byte and a section without its end are errors: nothing half-filled leaves this module.
 */
#include "common/buf.h"
#include "common/err.h"

enum { TEMPLATE_DEPTH_MAX = 8 };

enum template_kind { TEMPLATE_TEXT, TEMPLATE_FLAG, TEMPLATE_LIST };

struct template_scope;

struct template_value {
	const char *name;
	enum template_kind kind;
	bool flag;
	struct slice text;
	const struct template_scope *items;
	size_t count; /* of items */
};

struct template_scope {
	const struct template_value *values;
	size_t count;
};

/* Appends to `out`. `name` is what errors call the template. */
bool template_render(struct buf *out, struct slice text, const char *name,
    const struct template_scope *scope, struct err *err);

/*
 * A byte that means nothing special to HAProxy's configuration parser in any place, quoted or not,
 * nor to its log-format strings: letters, digits and _ . / : @ + , = ~ * [ ] < > - | ? &
 */
bool template_byte_is_safe(unsigned char c);
bool template_text_is_safe(struct slice text);

/*
 * `text` as one word of HAProxy's configuration language: in single quotes, in which nothing is
 * special, each single quote as '\''. False when it holds a control byte, which no quoting carries.
 */
bool template_quote(struct buf *out, struct slice text);
