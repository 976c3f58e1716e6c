/* SPDX-License-Identifier: Apache-2.0 */
/* Which rules a removal, an update, a ctl or a service's override means, and what is done to them.
 */
#include "spoa/waf/compile/exclusions.h"

#include "spoa/waf/compile/compiler.h"
#include "spoa/waf/seclang/parser.h"

#include <stdlib.h>

/* ---- who is meant --------------------------------------------------------------------------- */

/*
 * A tag or message is compared as a whole, as ModSecurity v3 does; a text with the marks of a
 * pattern is searched for as one, as v2 does.
 */
static bool is_pattern(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (memchr("^$*+?()[]|\\", text.ptr[i], 11))
			return true;
	return false;
}

static bool text_matches(struct slice wanted, const struct operator_data *regex, struct slice text)
{
	if (!regex)
		return slice_eq(wanted, text);
	struct op_scratch *scratch = op_scratch_new();
	bool match = scratch && compiler_try_regex(regex, text, scratch) == OP_MATCH;
	op_scratch_free(scratch);
	return match;
}

static bool in_ranges(const struct rule_selector *selector, uint32_t id)
{
	for (size_t i = 0; i < selector->range_count; i++)
		if (id >= selector->ranges[i].first && id <= selector->ranges[i].last)
			return true;
	return false;
}

static const struct operator_data *selector_regex(
    struct compiler *compiler, const struct rule_selector *selector, struct err_pos pos)
{
	if (selector->by == MATCH_IDS || !is_pattern(selector->text))
		return NULL;
	return compiler_regex(compiler, selector->text, pos);
}

/* Drafts are not compiled yet: their tags and messages are read from the actions. */
static bool draft_selected(const struct draft *draft, const struct rule_selector *selector,
    const struct operator_data *regex)
{
	if (selector->by == MATCH_IDS)
		return in_ranges(selector, draft->id);
	enum action_id wanted = selector->by == MATCH_TAG ? ACTION_TAG : ACTION_MSG;
	const struct ast_actions *actions = &draft->links[0]->actions;
	for (size_t i = 0; i < actions->count; i++)
		if (actions->items[i].action->id == wanted &&
		    text_matches(selector->text, regex, actions->items[i].value))
			return true;
	return false;
}

const uint64_t *compile_rule_bits(
    struct compiler *compiler, const struct rule_selector *selector, struct err_pos pos)
{
	size_t errors = compiler->errors->count;
	const struct operator_data *regex = selector_regex(compiler, selector, pos);
	uint64_t *bits =
	    arena_array(&compiler->rules->arena, uint64_t, bit_words(compiler->draft_count + 1));
	if (!bits || compiler->errors->count != errors)
		return NULL;
	/* Heads are numbered in the order of the drafts that are left. */
	size_t index = 0;
	for (size_t i = 0; i < compiler->draft_count; i++) {
		if (compiler->drafts[i].removed)
			continue;
		if (draft_selected(&compiler->drafts[i], selector, regex))
			bit_set(bits, index);
		index++;
	}
	return bits;
}

/* ---- updates -------------------------------------------------------------------------------- */

static bool same_target(const struct ast_target *a, const struct ast_target *b)
{
	return a->variable == b->variable && a->kind == b->kind &&
	       slice_eq_nocase(a->selector, b->selector);
}

static bool append_targets(struct arena *arena, struct ast_targets *to,
    const struct ast_targets *more, const struct ast_targets *replaced)
{
	struct ast_target *items = arena_array(arena, struct ast_target, to->count + more->count);
	size_t count = 0;
	if (!items)
		return false;
	for (size_t i = 0; i < to->count; i++) {
		bool drop = false;
		for (size_t j = 0; j < replaced->count; j++)
			drop |= same_target(&to->items[i], &replaced->items[j]);
		if (!drop)
			items[count++] = to->items[i];
	}
	for (size_t i = 0; i < more->count; i++)
		items[count++] = more->items[i];
	*to = (struct ast_targets){ items, count };
	return true;
}

static bool append_actions(
    struct arena *arena, struct ast_actions *to, const struct ast_actions *more)
{
	struct ast_action *items = arena_array(arena, struct ast_action, to->count + more->count);
	size_t count = to->count;
	if (!items)
		return false;
	if (count)
		memcpy(items, to->items, count * sizeof *items);
	for (size_t i = 0; i < more->count; i++)
		if (more->items[i].action->id != ACTION_ID &&
		    more->items[i].action->id != ACTION_PHASE &&
		    more->items[i].action->id != ACTION_CHAIN)
			items[count++] = more->items[i];
	*to = (struct ast_actions){ items, count };
	return true;
}

static bool update_draft(
    struct compiler *compiler, const struct ast_update *update, struct draft *draft)
{
	struct arena *arena = compiler->scratch;
	size_t link = (size_t)update->rules.chain_link;
	switch (update->what) {
	case UPDATE_REMOVE:
		draft->removed = true;
		return true;
	case UPDATE_TARGETS:
		return append_targets(
		    arena, &draft->links[0]->targets, &update->targets, &update->replaced);
	case UPDATE_ACTIONS:
		if (link >= draft->link_count)
			return err_list_add(compiler->errors, update->pos,
			    "rule %u has no chained rule %zu", draft->id, link);
		return append_actions(arena, &draft->links[link]->actions, &update->actions);
	}
	return false;
}

bool apply_updates(struct compiler *compiler)
{
	bool good = true;
	for (const struct ast_update *u = compiler->ast->first_update; u; u = u->next) {
		const struct operator_data *regex = selector_regex(compiler, &u->rules, u->pos);
		for (size_t i = 0; i < compiler->draft_count; i++)
			if (draft_selected(&compiler->drafts[i], &u->rules, regex))
				good &= update_draft(compiler, u, &compiler->drafts[i]);
	}
	return good;
}

/* ---- a service's overrides --------------------------------------------------------------------
 */

struct rule_set {
	uint64_t *bits; /* per head */
	size_t count;
};

struct waf_overrides {
	struct waf_rules *rules;
	struct rule_set excluded, counted;
	uint64_t words[]; /* of both */
};

static const uint64_t *bits_for(const struct waf_overrides *overrides, const struct rule_set *set,
    const struct waf_rules *rules)
{
	return overrides->rules == rules && set->count ? set->bits : NULL;
}

const uint64_t *overrides_excluded(
    const struct waf_overrides *overrides, const struct waf_rules *rules)
{
	return overrides ? bits_for(overrides, &overrides->excluded, rules) : NULL;
}

const uint64_t *overrides_counted(
    const struct waf_overrides *overrides, const struct waf_rules *rules)
{
	return overrides ? bits_for(overrides, &overrides->counted, rules) : NULL;
}

static bool has_tag(const struct rule *rule, struct slice tag)
{
	for (size_t i = 0; i < rule->info.tag_count; i++)
		if (slice_eq(rule->info.tags[i], tag))
			return true;
	return false;
}

/* What all labels of AWS's groups begin with, so that a name may leave it out. */
static bool has_label(const struct rule *rule, struct slice label)
{
	static const struct slice aws = SLICE_INIT("awswaf:managed:aws:");
	for (size_t i = 0; i < rule->info.tag_count; i++) {
		struct slice tag = rule->info.tags[i];
		if (slice_starts_with(tag, aws) && slice_eq(slice_from(tag, aws.len), label))
			return true;
	}
	return has_tag(rule, label);
}

static bool name_means(const struct rule *rule, struct slice name, bool *valid)
{
	struct slice kind, rest;
	uint64_t first, last;
	if (slice_cut(name, ':', &kind, &rest)) {
		bool label = slice_eq(kind, SLICE("label"));
		*valid = label || slice_eq(kind, SLICE("tag"));
		return *valid && (label ? has_label(rule, rest) : has_tag(rule, rest));
	}
	bool range = slice_cut(name, '-', &kind, &rest);
	*valid = slice_to_u64(kind, UINT32_MAX, &first);
	last = first;
	if (*valid && range)
		*valid = slice_to_u64(rest, UINT32_MAX, &last);
	return *valid && rule->info.id >= first && rule->info.id <= last;
}

static bool add_name(
    const struct waf_rules *rules, struct rule_set *set, const char *name, struct err_list *errors)
{
	size_t found = 0;
	bool valid = true;
	for (size_t i = 0; i < rules->head_count && valid; i++)
		if (name_means(rules->heads[i], slice_of_cstr(name), &valid)) {
			bit_set(set->bits, i);
			found++;
		}
	set->count += found;
	if (!valid)
		return err_list_add(errors, (struct err_pos){ 0 },
		    "'%s' names no rules: a rule id, a range of ids, tag:NAME or label:NAME", name);
	return found > 0 || err_list_add(errors, (struct err_pos){ 0 }, "'%s' means no rule", name);
}

static bool add_names(const struct waf_rules *rules, struct rule_set *set, struct waf_names names,
    struct err_list *errors)
{
	bool good = true;
	for (size_t i = 0; i < names.count; i++)
		good &= add_name(rules, set, names.items[i], errors);
	return good;
}

struct waf_overrides *waf_overrides_new(struct waf_rules *rules, struct waf_names excluded,
    struct waf_names counted, struct err_list *errors)
{
	size_t words = bit_words(rules->head_count + 1);
	struct waf_overrides *o = calloc(1, sizeof *o + 2 * words * sizeof(uint64_t));
	if (!o) {
		err_list_add(errors, (struct err_pos){ 0 }, "out of memory");
		return NULL;
	}
	o->rules = waf_rules_ref(rules);
	o->excluded.bits = o->words;
	o->counted.bits = o->words + words;
	bool good = add_names(rules, &o->excluded, excluded, errors);
	good &= add_names(rules, &o->counted, counted, errors);
	if (good)
		return o;
	waf_overrides_free(o);
	return NULL;
}

static bool set_has(
    const struct waf_overrides *overrides, const struct rule_set *set, uint32_t rule_id)
{
	const struct rule *rule =
	    strmap_find(&overrides->rules->by_id, slice_of(&rule_id, sizeof rule_id));
	return rule && bit_has(set->bits, rule->index);
}

bool waf_overrides_exclude(const struct waf_overrides *overrides, uint32_t rule_id)
{
	return set_has(overrides, &overrides->excluded, rule_id);
}

bool waf_overrides_count(const struct waf_overrides *overrides, uint32_t rule_id)
{
	return set_has(overrides, &overrides->counted, rule_id);
}

void waf_overrides_free(struct waf_overrides *overrides)
{
	if (!overrides)
		return;
	waf_rules_unref(overrides->rules);
	free(overrides);
}
