/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * service_list: the text of services_file: ids between blanks or commas, comments from # to the end
 * of a line. People review its differences, so a change touches the line it is about. Pure.
 */
#include "common/buf.h"

/* The next id of `rest`; false at the end. */
bool service_list_next(struct slice *rest, struct slice *id);

/* `text` with the id on a line of its own at the end. */
void service_list_add(struct slice text, struct slice id, struct buf *out);

/* `text` without the id, and without its line when nothing else stands there. */
void service_list_drop(struct slice text, struct slice id, struct buf *out);
