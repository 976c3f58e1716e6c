/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* action: the table of SecLang's actions. Rows and their meaning: action.def. */
#include "common/slice.h"

enum action_id {
#define ACTION(id, name, argument, place, reason) ACTION_##id,
#include "spoa/waf/actions/action.def"
	ACTION_COUNT
};

enum action_argument { ARGUMENT_NONE, ARGUMENT_NEEDED, ARGUMENT_OPTIONAL };
enum action_place { PLACE_HEAD, PLACE_ANY };

struct action {
	const char *name; /* lower case */
	enum action_id id;
	enum action_argument argument;
	enum action_place place;
	const char *refused; /* NULL, or why */
};

extern const struct action action_table[ACTION_COUNT];

/* Letter case of the name is ignored. NULL when unknown. */
const struct action *action_find(struct slice name);

/* ---- ctl ------------------------------------------------------------------------------------- */

enum ctl_id {
	CTL_IGNORED, /* concerns logs that this engine does not write */
	CTL_FORCE_REQUEST_BODY_VARIABLE,
	CTL_REQUEST_BODY_ACCESS,
	CTL_REQUEST_BODY_PROCESSOR,
	CTL_RESPONSE_BODY_ACCESS,
	CTL_RULE_ENGINE,
	CTL_RULE_REMOVE_BY_ID,
	CTL_RULE_REMOVE_BY_MSG,
	CTL_RULE_REMOVE_BY_TAG,
	CTL_RULE_REMOVE_TARGET_BY_ID,
	CTL_RULE_REMOVE_TARGET_BY_MSG,
	CTL_RULE_REMOVE_TARGET_BY_TAG,
};

/* False when there is no such option. Letter case is ignored. */
bool ctl_find(struct slice name, enum ctl_id *out);
