/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * state: the model's fields as JSON, kept with each revision, and the difference of two of them:
 * what a plan shows.
 */
#include "common/buf.h"
#include "registry/model.h"

/* {"settings": {name: text}, "services": {id: {field: text}}}, held-back services left out. */
bool state_write(struct buf *out, const struct model *model, struct err *err);

enum change_action { ACTION_ADD, ACTION_CHANGE, ACTION_REMOVE };

struct change {
	enum change_action action;
	const char *service; /* NULL: a setting */
	const char *field;   /* NULL: the service as a whole */
	const char *from;    /* "" when there was none */
	const char *to;
	enum field_change effect;
};

struct change_list {
	struct arena arena;
	struct change *items; /* settings first, then services, each by name */
	size_t count;
	size_t cap;
};

/* `from` may be empty text: then everything is added. */
bool state_diff(struct slice from, struct slice to, struct change_list *out, struct err *err);
void change_list_release(struct change_list *list);
void change_list_print(const struct change_list *list, bool coloured, FILE *out);
const char *change_effect_name(enum field_change effect);
