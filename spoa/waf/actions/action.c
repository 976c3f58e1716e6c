/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/actions/action.h"

const struct action action_table[ACTION_COUNT] = {
#define ACTION(id, name, argument, place, reason)                                                  \
	{ name, ACTION_##id, ARGUMENT_##argument, PLACE_##place, reason },
#include "spoa/waf/actions/action.def"
};

/* clang-format off */
static const struct {
	const char *name;
	enum ctl_id id;
} ctls[] = {
	{ "auditEngine",              CTL_IGNORED },
	{ "auditLogParts",            CTL_IGNORED },
	{ "debugLogLevel",            CTL_IGNORED },
	{ "forceRequestBodyVariable", CTL_FORCE_REQUEST_BODY_VARIABLE },
	{ "requestBodyAccess",        CTL_REQUEST_BODY_ACCESS },
	{ "requestBodyProcessor",     CTL_REQUEST_BODY_PROCESSOR },
	{ "responseBodyAccess",       CTL_RESPONSE_BODY_ACCESS },
	{ "ruleEngine",               CTL_RULE_ENGINE },
	{ "ruleRemoveById",           CTL_RULE_REMOVE_BY_ID },
	{ "ruleRemoveByMsg",          CTL_RULE_REMOVE_BY_MSG },
	{ "ruleRemoveByTag",          CTL_RULE_REMOVE_BY_TAG },
	{ "ruleRemoveTargetById",     CTL_RULE_REMOVE_TARGET_BY_ID },
	{ "ruleRemoveTargetByMsg",    CTL_RULE_REMOVE_TARGET_BY_MSG },
	{ "ruleRemoveTargetByTag",    CTL_RULE_REMOVE_TARGET_BY_TAG },
};
/* clang-format on */

const struct action *action_find(struct slice name)
{
	for (size_t i = 0; i < ACTION_COUNT; i++)
		if (slice_eq_nocase(name, slice_of_cstr(action_table[i].name)))
			return &action_table[i];
	return NULL;
}

bool ctl_find(struct slice name, enum ctl_id *out)
{
	for (size_t i = 0; i < sizeof ctls / sizeof *ctls; i++)
		if (slice_eq_nocase(name, slice_of_cstr(ctls[i].name))) {
			*out = ctls[i].id;
			return true;
		}
	return false;
}
