/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/reach.h"

enum { DEPTH_MAX = 8 };

static int64_t greatest(const struct waf_rules *rules, uint32_t slot, unsigned depth);

static int64_t greatest_of_macro(
    const struct waf_rules *rules, const struct macro *value, unsigned depth)
{
	if (value->constant)
		return value->number;
	if (value->count == 1 && value->parts[0].slot != NO_SLOT)
		return greatest(rules, value->parts[0].slot, depth + 1);
	return INT64_MAX;
}

static int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t greatest_of_rule(
    const struct waf_rules *rules, const struct rule *rule, uint32_t slot, unsigned depth)
{
	int64_t result = 0;
	for (size_t i = 0; i < rule->step_count; i++) {
		const struct step *step = &rule->steps[i];
		if (step->kind != STEP_SETVAR || step->variable->id != VAR_TX)
			continue;
		/* A name made at run time could be any name. CRS makes such names with fixed heads,
		 * none of which is a paranoia level; the mark is a hint, so that is good enough. */
		if (step->slot != slot)
			continue;
		if (step->how == SETVAR_ADD || step->how == SETVAR_SUBTRACT)
			return INT64_MAX;
		if (step->how == SETVAR_SET)
			result = max(result, greatest_of_macro(rules, &step->value, depth));
	}
	return result;
}

/* The greatest value that a setvar or waf_options gives to the variable. */
static int64_t greatest(const struct waf_rules *rules, uint32_t slot, unsigned depth)
{
	int64_t result = 0;
	if (depth > DEPTH_MAX)
		return INT64_MAX;
	for (size_t i = 0; i < rules->preset_count; i++)
		if (rules->presets[i].slot == slot)
			result = max(result, parse_integer(rules->presets[i].value));
	for (size_t i = 0; i < rules->head_count && result != INT64_MAX; i++)
		for (const struct rule *rule = rules->heads[i]; rule; rule = rule->chained)
			result = max(result, greatest_of_rule(rules, rule, slot, depth));
	return result;
}

static bool is_shut_gate(const struct waf_rules *rules, const struct rule *rule)
{
	if (rule->number_test != NUMBER_LT || rule->negated || rule->chained || !rule->skip_to ||
	    rule->number_slot != NO_SLOT || rule->number_counts)
		return false;
	return greatest(rules, rule->number_left, 0) < rule->number;
}

void reach_mark_unlikely(struct waf_rules *rules)
{
	for (unsigned p = 1; p <= PHASE_MAX; p++) {
		struct phase *phase = &rules->phases[p];
		size_t until = 0;
		for (size_t i = 0; i < phase->count; i++) {
			phase->rules[i]->unlikely = i < until;
			if (i >= until && is_shut_gate(rules, phase->rules[i]))
				until = phase->rules[i]->skip_to;
		}
	}
}
