/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/compiler.h"
#include "spoa/waf/compile/macro.h"
#include "spoa/waf/seclang/parser.h"

static bool fail(struct compiler *compiler, const struct ast_action *a, const char *what)
{
	return err_list_add(compiler->errors, a->value_pos.line ? a->value_pos : a->pos,
	    "'%.*s' is %s", SLICE_ARG(a->value), what);
}

/* ---- transformations ------------------------------------------------------------------------ */

struct transforms {
	const struct transform *items[64];
	size_t count;
};

static bool add_transform(
    struct compiler *compiler, const struct ast_action *a, struct transforms *list)
{
	if (slice_eq_nocase(a->value, SLICE("none"))) {
		list->count = 0;
		return true;
	}
	const struct transform *t = transform_find(a->value);
	if (!t)
		return err_list_add(compiler->errors, a->value_pos, "unknown transformation '%.*s'",
		    SLICE_ARG(a->value));
	if (list->count == sizeof list->items / sizeof *list->items)
		return err_list_add(compiler->errors, a->pos, "too many transformations");
	list->items[list->count++] = t;
	return true;
}

static bool collect_transforms(
    struct compiler *compiler, const struct ast_actions *actions, struct transforms *list)
{
	bool good = true;
	for (size_t i = 0; actions && i < actions->count; i++)
		if (actions->items[i].action->id == ACTION_T)
			good &= add_transform(compiler, &actions->items[i], list);
	return good;
}

/* With multiMatch the operator sees the value before the first and behind each transformation. */
static bool build_pipeline(
    struct compiler *compiler, const struct transforms *list, bool multi_match, struct rule *rule)
{
	rule->pipeline = compiler_root_pipeline(compiler);
	if (multi_match) {
		rule->stages =
		    arena_array(&compiler->rules->arena, const struct pipeline *, list->count + 1);
		if (!rule->stages)
			return false;
		rule->stages[rule->stage_count++] = rule->pipeline;
	}
	for (size_t i = 0; i < list->count && rule->pipeline; i++) {
		rule->pipeline = compiler_pipeline(compiler, rule->pipeline, list->items[i]);
		if (multi_match)
			rule->stages[rule->stage_count++] = rule->pipeline;
	}
	return rule->pipeline != NULL;
}

/* ---- setvar --------------------------------------------------------------------------------- */

static bool setvar_target(
    struct compiler *compiler, const struct ast_action *a, struct slice name, struct step *step)
{
	struct slice collection, key;
	if (!slice_cut(name, '.', &collection, &key) || slice_is_empty(key))
		return fail(compiler, a, "no variable to set: collection.name");
	step->variable = variable_find(collection);
	if (!step->variable || step->variable->kind != VARIABLE_WRITABLE)
		return err_list_add(compiler->errors, a->value_pos,
		    "'%.*s' is no collection that rules may change", SLICE_ARG(collection));
	step->slot = NO_SLOT;
	if (!macro_compile(compiler, key, a->value_pos, &step->name))
		return false;
	if (step->variable->id == VAR_TX && step->name.constant)
		step->slot = compiler_tx_slot(compiler, key);
	return true;
}

/* CRS and those who follow it: tx.inbound_anomaly_score_pl1, tx.sql_injection_score, … */
static bool is_score(struct slice name)
{
	static const struct slice score = SLICE_INIT("score");
	for (size_t i = 0; i + score.len <= name.len; i++)
		if (slice_eq_nocase(slice_sub(name, i, score.len), score))
			return true;
	return false;
}

static bool compile_setvar(struct compiler *compiler, const struct ast_action *a, struct step *step)
{
	struct slice name, value;
	bool assigns = slice_cut(a->value, '=', &name, &value);
	name = slice_trim(name);
	step->kind = STEP_SETVAR;
	if (name.len && name.ptr[0] == '!') {
		step->how = SETVAR_UNSET;
		return setvar_target(compiler, a, slice_from(name, 1), step);
	}
	if (!assigns)
		value = SLICE("1");
	else if (value.len && (value.ptr[0] == '+' || value.ptr[0] == '-')) {
		step->how = value.ptr[0] == '+' ? SETVAR_ADD : SETVAR_SUBTRACT;
		value = slice_from(value, 1);
	}
	if (!setvar_target(compiler, a, name, step) ||
	    !macro_compile(compiler, value, a->value_pos, &step->value))
		return false;
	step->scores =
	    step->how == SETVAR_ADD && step->variable->id == VAR_TX && is_score(step->name.text);
	return true;
}

/* setsid, setuid: a scalar of its own. */
static bool compile_set_scalar(
    struct compiler *compiler, const struct ast_action *a, enum variable_id id, struct step *step)
{
	step->kind = STEP_SET_SCALAR;
	step->variable = &variable_table[id];
	return macro_compile(compiler, a->value, a->value_pos, &step->value);
}

/* Collections live for one transaction: there is nothing to read in, only the name to check. */
static bool check_initcol(struct compiler *compiler, const struct ast_action *a)
{
	struct slice collection, key;
	struct macro ignored;
	slice_cut(a->value, '=', &collection, &key);
	const struct variable *variable = variable_find(slice_trim(collection));
	if (!variable || variable->kind != VARIABLE_WRITABLE || variable->id == VAR_TX)
		return fail(compiler, a, "no persistent collection");
	return macro_compile(compiler, key, a->value_pos, &ignored);
}

/* ---- ctl ------------------------------------------------------------------------------------ */

static bool ctl_on_off(struct compiler *compiler, const struct ast_action *a, struct slice value,
    enum step_kind kind, struct step *step)
{
	step->kind = kind;
	step->on = slice_eq_nocase(value, SLICE("On"));
	return step->on || slice_eq_nocase(value, SLICE("Off")) ||
	       fail(compiler, a, "neither On nor Off");
}

static bool ctl_engine(
    struct compiler *compiler, const struct ast_action *a, struct slice value, struct step *step)
{
	step->kind = STEP_RULE_ENGINE;
	step->engine = slice_eq_nocase(value, SLICE("Off"))  ? ENGINE_OFF
	               : slice_eq_nocase(value, SLICE("On")) ? ENGINE_ON
	                                                     : ENGINE_DETECTION_ONLY;
	return step->engine != ENGINE_DETECTION_ONLY ||
	       slice_eq_nocase(value, SLICE("DetectionOnly")) ||
	       fail(compiler, a, "no state of the rule engine: On, Off or DetectionOnly");
}

static bool ctl_processor(
    struct compiler *compiler, const struct ast_action *a, struct slice value, struct step *step)
{
	static const struct slice names[] = { SLICE_INIT("URLENCODED"), SLICE_INIT("MULTIPART"),
		SLICE_INIT("JSON"), SLICE_INIT("XML") };
	step->kind = STEP_BODY_PROCESSOR;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_eq_nocase(value, names[i]))
			return macro_compile(compiler, names[i], a->value_pos, &step->value);
	return fail(compiler, a, "no body processor: URLENCODED, MULTIPART, JSON or XML");
}

static bool ctl_rules(struct compiler *compiler, const struct ast_action *a, enum ctl_id id,
    struct slice value, struct step *step)
{
	bool by_id = id == CTL_RULE_REMOVE_BY_ID || id == CTL_RULE_REMOVE_TARGET_BY_ID;
	bool by_tag = id == CTL_RULE_REMOVE_BY_TAG || id == CTL_RULE_REMOVE_TARGET_BY_TAG;
	struct rule_selector selector = { .by = by_id    ? MATCH_IDS
		                                : by_tag ? MATCH_TAG
		                                         : MATCH_MSG };
	selector.text = value;
	if (by_id && !parse_ids(compiler->scratch, value, &selector.ranges, &selector.range_count))
		return fail(compiler, a, "not a rule id or a range of ids");
	step->rules = compile_rule_bits(compiler, &selector, a->value_pos);
	return step->rules != NULL;
}

static bool ctl_target(
    struct compiler *compiler, const struct ast_action *a, struct slice text, struct step *step)
{
	struct ast_target target;
	step->kind = STEP_REMOVE_TARGETS;
	step->target = arena_new(&compiler->rules->arena, struct target);
	if (!step->target || !parse_target_text(text, a->value_pos, compiler->errors, &target))
		return false;
	step->target->variable = target.variable;
	return compile_selector(compiler, &target, &step->target->selector);
}

static bool compile_ctl(
    struct compiler *compiler, const struct ast_action *a, struct step *step, bool *used)
{
	struct slice name, value, rest;
	enum ctl_id id;
	slice_cut(a->value, '=', &name, &value);
	if (!ctl_find(slice_trim(name), &id))
		return err_list_add(
		    compiler->errors, a->value_pos, "unknown ctl '%.*s'", SLICE_ARG(name));
	*used = id != CTL_IGNORED;
	switch (id) {
	case CTL_IGNORED:
		return true;
	case CTL_FORCE_REQUEST_BODY_VARIABLE:
		return ctl_on_off(compiler, a, value, STEP_FORCE_BODY_VARIABLE, step);
	case CTL_REQUEST_BODY_ACCESS:
		return ctl_on_off(compiler, a, value, STEP_REQUEST_BODY_ACCESS, step);
	case CTL_RESPONSE_BODY_ACCESS:
		return ctl_on_off(compiler, a, value, STEP_RESPONSE_BODY_ACCESS, step);
	case CTL_RULE_ENGINE:
		return ctl_engine(compiler, a, value, step);
	case CTL_REQUEST_BODY_PROCESSOR:
		return ctl_processor(compiler, a, value, step);
	case CTL_RULE_REMOVE_BY_ID:
	case CTL_RULE_REMOVE_BY_MSG:
	case CTL_RULE_REMOVE_BY_TAG:
		step->kind = STEP_REMOVE_RULES;
		return ctl_rules(compiler, a, id, value, step);
	case CTL_RULE_REMOVE_TARGET_BY_ID:
	case CTL_RULE_REMOVE_TARGET_BY_MSG:
	case CTL_RULE_REMOVE_TARGET_BY_TAG:
		if (!slice_cut(value, ';', &value, &rest))
			return fail(compiler, a, "without ';' and the target to remove");
		return ctl_target(compiler, a, rest, step) &&
		       ctl_rules(compiler, a, id, value, step);
	}
	return false;
}

/* ---- any rule of a chain --------------------------------------------------------------------- */

static bool compile_step(struct compiler *compiler, const struct ast_action *a, struct rule *rule)
{
	struct step *step = &rule->steps[rule->step_count];
	bool good = true, used = true;
	switch (a->action->id) {
	case ACTION_SETVAR:
		good = compile_setvar(compiler, a, step);
		break;
	case ACTION_CTL:
		good = compile_ctl(compiler, a, step, &used);
		break;
	case ACTION_SETSID:
		good = compile_set_scalar(compiler, a, VAR_SESSIONID, step);
		break;
	case ACTION_SETUID:
		good = compile_set_scalar(compiler, a, VAR_USERID, step);
		break;
	case ACTION_INITCOL:
		return check_initcol(compiler, a);
	default:
		return true;
	}
	rule->step_count += good && used;
	return good;
}

static bool compile_text(struct compiler *compiler, const struct ast_action *a, struct rule *rule)
{
	if (a->action->id == ACTION_LOGDATA)
		return macro_compile(compiler, a->value, a->value_pos, &rule->logdata);
	if (a->action->id != ACTION_MSG)
		return true;
	rule->info.msg = arena_dup(&compiler->rules->arena, a->value);
	return macro_compile(compiler, a->value, a->value_pos, &rule->msg);
}

bool compile_link_actions(struct compiler *compiler, const struct ast_rule *in, struct rule *rule)
{
	struct transforms list = { .count = 0 };
	bool good = true, multi_match = false;
	rule->steps = arena_array(&compiler->rules->arena, struct step, in->actions.count);
	if (!rule->steps)
		return false;
	for (size_t i = 0; i < in->actions.count; i++) {
		const struct ast_action *a = &in->actions.items[i];
		rule->capture |= a->action->id == ACTION_CAPTURE;
		multi_match |= a->action->id == ACTION_MULTIMATCH;
		good &= compile_step(compiler, a, rule) && compile_text(compiler, a, rule);
	}
	good &= collect_transforms(compiler, &in->actions, &list);
	return good && build_pipeline(compiler, &list, multi_match, rule);
}

/* ---- the first rule of a chain ----------------------------------------------------------------
 */

struct head_state {
	struct compiler *compiler;
	struct rule *rule;
	bool block; /* `block`: what the defaults say */
};

static bool set_severity(struct compiler *compiler, const struct ast_action *a, struct rule *rule)
{
	static const char *const names[] = { "EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING",
		"NOTICE", "INFO", "DEBUG" };
	uint64_t number;
	if (slice_to_u64(a->value, 7, &number)) {
		rule->info.severity = (unsigned)number;
		return true;
	}
	for (unsigned i = 0; i < 8; i++)
		if (slice_eq_nocase(a->value, slice_of_cstr(names[i]))) {
			rule->info.severity = i;
			return true;
		}
	return fail(compiler, a, "no severity: 0 to 7 or EMERGENCY to DEBUG");
}

static bool set_status(struct compiler *compiler, const struct ast_action *a, struct rule *rule)
{
	uint64_t number;
	if (!slice_to_u64(a->value, 599, &number) || number < 100)
		return fail(compiler, a, "no HTTP status");
	rule->status = (unsigned)number;
	return true;
}

static bool set_allow(struct compiler *compiler, const struct ast_action *a, struct rule *rule)
{
	rule->disruption = DISRUPT_ALLOW;
	if (slice_eq_nocase(a->value, SLICE("phase")))
		rule->disruption = DISRUPT_ALLOW_PHASE;
	else if (slice_eq_nocase(a->value, SLICE("request")))
		rule->disruption = DISRUPT_ALLOW_REQUEST;
	else if (a->value.len)
		return fail(compiler, a, "nothing to allow: phase or request");
	return true;
}

static bool add_tag(struct compiler *compiler, const struct ast_action *a, struct rule *rule)
{
	struct slice *tags = (struct slice *)(uintptr_t)rule->info.tags;
	tags[rule->info.tag_count] = arena_dup(&compiler->rules->arena, a->value);
	return tags[rule->info.tag_count++].ptr != NULL;
}

static bool head_action(struct head_state *state, const struct ast_action *a)
{
	struct rule *rule = state->rule;
	switch (a->action->id) {
	case ACTION_LOG:
		rule->log = true;
		return true;
	case ACTION_NOLOG:
		rule->log = false;
		return true;
	case ACTION_BLOCK:
		state->block = true;
		return true;
	case ACTION_DENY:
	case ACTION_DROP:
		state->block = false;
		rule->disruption = DISRUPT_BLOCK;
		return true;
	case ACTION_PASS:
		state->block = false;
		rule->disruption = DISRUPT_PASS;
		return true;
	case ACTION_ALLOW:
		state->block = false;
		return set_allow(state->compiler, a, rule);
	case ACTION_SEVERITY:
		return set_severity(state->compiler, a, rule);
	case ACTION_STATUS:
		return set_status(state->compiler, a, rule);
	case ACTION_TAG:
		return add_tag(state->compiler, a, rule);
	default:
		return true;
	}
}

static bool default_transforms(struct compiler *compiler, struct draft *draft, struct rule *rule)
{
	struct transforms list = { .count = 0 };
	if (!collect_transforms(compiler, draft->defaults, &list) || list.count == 0)
		return true;
	for (size_t i = 0; i < draft->link_count; i++) {
		struct transforms own = list;
		struct rule *link = i == 0 ? rule : rule + i;
		if (!collect_transforms(compiler, &draft->links[i]->actions, &own))
			return false;
		link->stage_count = 0;
		link->number_test = NUMBER_NONE;
		if (!build_pipeline(compiler, &own, link->stages != NULL, link))
			return false;
	}
	return true;
}

bool compile_head_actions(struct compiler *compiler, struct draft *draft, struct rule *rule)
{
	const struct ast_actions *own = &draft->links[0]->actions;
	struct head_state state = { .compiler = compiler, .rule = rule };
	bool good = true;
	rule->info.severity = 8;
	rule->status = 403;
	rule->log = true;
	size_t tags = own->count + (draft->defaults ? draft->defaults->count : 0);
	rule->info.tags = arena_array(&compiler->rules->arena, struct slice, tags);
	if (!rule->info.tags)
		return false;
	for (size_t i = 0; draft->defaults && i < draft->defaults->count; i++)
		good &= head_action(&state, &draft->defaults->items[i]);
	enum disruption by_default = state.block ? DISRUPT_BLOCK : rule->disruption;
	state.block = false;
	for (size_t i = 0; i < own->count; i++)
		good &= head_action(&state, &own->items[i]);
	if (state.block)
		rule->disruption = by_default;
	return good && default_transforms(compiler, draft, rule);
}
