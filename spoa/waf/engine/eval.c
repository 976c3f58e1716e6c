/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules over a transaction. A rule's verdict comes from here alone: the combined databases only say
 * which rules need not be looked at.
 */
#include "spoa/waf/engine/scan.h"
#include "spoa/waf/engine/transaction.h"

/* One look of an operator at one value. */
struct look {
	const struct rule *rule;
	const struct variable *variable;
	struct slice key;
	struct slice argument; /* of the operator, expanded */
	bool count;
};

/* ---- a match -------------------------------------------------------------------------------- */

static void remember_match(struct transaction *tx, const struct look *look, struct slice text)
{
	tx->last = (struct matched){ look->variable, look->count, look->key, text };
	if (!look->rule->head->chained)
		return; /* MATCHED_VARS can only be read by a chained rule */
	if (tx->matched_count == tx->matched_cap) {
		size_t cap = tx->matched_cap ? tx->matched_cap * 2 : 16;
		struct matched *grown = arena_alloc(tx->arena, cap * sizeof *grown);
		if (!grown)
			return;
		if (tx->matched_count)
			memcpy(grown, tx->matched, tx->matched_count * sizeof *grown);
		tx->matched = grown;
		tx->matched_cap = cap;
	}
	tx->matched[tx->matched_count++] = tx->last;
}

static void capture(struct transaction *tx, const struct rule *rule, const struct op_match *match)
{
	if (!rule->capture || rule->negated || !match->count)
		return;
	for (unsigned i = 0; i < match->count; i++)
		tx_set_text(tx, i, match->capture[i]);
	for (unsigned i = match->count; i < OPERATOR_CAPTURES_MAX; i++)
		tx->slots[i] = (struct tx_slot){ .is = SLOT_UNSET };
}

static void on_match(struct transaction *tx, const struct look *look, struct slice text,
    const struct op_match *match)
{
	remember_match(tx, look, text);
	if (match)
		capture(tx, look->rule, match);
	run_steps(tx, look->rule);
}

/* ---- one value ------------------------------------------------------------------------------ */

static bool look_at(struct transaction *tx, const struct look *look, struct slice text)
{
	const struct rule *rule = look->rule;
	struct op_match match;
	match.count = 0;
	enum op_result result =
	    operator_match(rule->op, look->argument, text, &tx->run, rule->capture ? &match : NULL);
	if (result == OP_EXHAUSTED) {
		tx->exhausted = true;
		return false;
	}
	if ((result == OP_MATCH) == rule->negated)
		return false;
	/* Captures may point into the operator's scratch, which the next match overwrites. */
	for (unsigned i = 0; i < match.count; i++)
		match.capture[i] = arena_dup(tx->arena, match.capture[i]);
	on_match(tx, look, text, &match);
	return true;
}

static bool look_at_value(struct transaction *tx, const struct look *look,
    const struct pipeline *pipeline, struct value *value)
{
	struct value *result = value_transform_charged(tx, pipeline, value);
	if (!scan_may_match(tx, look->rule, look->variable, pipeline, result))
		return false;
	return look_at(tx, look, result->text);
}

static bool look_at_stages(struct transaction *tx, const struct look *look, struct value *value)
{
	const struct rule *rule = look->rule;
	const struct value *previous = NULL;
	for (size_t i = 0; i < rule->stage_count; i++) {
		struct value *stage = value_transform_charged(tx, rule->stages[i], value);
		if (stage == previous)
			continue;
		previous = stage;
		if (look_at_value(tx, look, rule->stages[i], value))
			return true;
	}
	return false;
}

/* ---- selecting values ----------------------------------------------------------------------- */

static bool regex_picks(struct transaction *tx, const struct selector *selector, struct slice key)
{
	enum op_result result =
	    operator_match(selector->regex, slice_of(NULL, 0), key, &tx->run, NULL);
	tx->exhausted |= result == OP_EXHAUSTED;
	return result == OP_MATCH;
}

static bool picks(struct transaction *tx, const struct selector *selector, struct slice key)
{
	switch (selector->pick) {
	case PICK_ALL:
		return true;
	case PICK_REGEX:
		return regex_picks(tx, selector, key);
	case PICK_NAME:
	case PICK_SLOT:
		return slice_eq_nocase(selector->name, key);
	}
	return false;
}

static bool is_removed(struct transaction *tx, const struct rule *rule,
    const struct variable *variable, struct slice key)
{
	for (const struct target_removal *r = tx->removals; r; r = r->next)
		if (bit_has(r->rules, rule->head->index) && r->target->variable == variable &&
		    picks(tx, &r->target->selector, key))
			return true;
	return false;
}

static bool is_excluded(
    struct transaction *tx, const struct rule *rule, const struct target *target, struct slice key)
{
	for (size_t i = 0; i < target->excluded_count; i++)
		if (picks(tx, &target->excluded[i], key))
			return true;
	return tx->removals && is_removed(tx, rule, target->variable, key);
}

static bool wanted(
    struct transaction *tx, const struct rule *rule, const struct target *target, struct slice key)
{
	return picks(tx, &target->selector, key) && !is_excluded(tx, rule, target, key);
}

/* ---- targets -------------------------------------------------------------------------------- */

static bool look_at_item(
    struct transaction *tx, struct look *look, struct slice key, struct value *value)
{
	look->key = key;
	if (look->rule->stages)
		return look_at_stages(tx, look, value);
	return look_at_value(tx, look, look->rule->pipeline, value);
}

/* A copy: actions of a match may add to the collection. */
static struct items items_of(struct transaction *tx, const struct target *target)
{
	return target->selector.slots ? tx_items(tx, target->selector.slots)
	                              : variable_items(tx, target->variable->id);
}

static bool look_at_count(struct transaction *tx, struct look *look, const struct target *target)
{
	struct items items = items_of(tx, target);
	int64_t count = 0;
	for (size_t i = 0; i < items.count; i++)
		count += wanted(tx, look->rule, target, items.list[i].key);
	struct value *value = value_new(tx, render_integer(tx, count));
	look->count = true;
	return value && look_at_item(tx, look, target->selector.name, value);
}

static bool look_at_slot(struct transaction *tx, struct look *look, const struct target *target)
{
	uint32_t slot = target->selector.slot;
	if (tx->slots[slot].is == SLOT_UNSET ||
	    is_excluded(tx, look->rule, target, target->selector.name))
		return false;
	struct value *value = value_new(tx, tx_slot_text(tx, slot));
	return value && look_at_item(tx, look, target->selector.name, value);
}

static bool look_at_target(struct transaction *tx, const struct rule *rule,
    const struct target *target, struct slice argument)
{
	struct look look = { .rule = rule, .variable = target->variable, .argument = argument };
	if (target->count)
		return look_at_count(tx, &look, target);
	if (target->selector.pick == PICK_SLOT)
		return look_at_slot(tx, &look, target);
	struct items items = items_of(tx, target);
	bool matched = false;
	for (size_t i = 0; i < items.count && !tx->exhausted; i++) {
		struct item item = items.list[i];
		if (wanted(tx, rule, target, item.key))
			matched |= look_at_item(tx, &look, item.key, item.value);
	}
	return spend(tx, 1 + items.count) && matched;
}

/* ---- one rule of a chain ----------------------------------------------------------------------
 */

static bool compare(enum number_test test, int64_t a, int64_t b)
{
	switch (test) {
	case NUMBER_EQ:
		return a == b;
	case NUMBER_GE:
		return a >= b;
	case NUMBER_GT:
		return a > b;
	case NUMBER_LE:
		return a <= b;
	case NUMBER_LT:
		return a < b;
	case NUMBER_NONE:
		break;
	}
	return false;
}

static bool eval_number(struct transaction *tx, const struct rule *rule)
{
	struct tx_slot *slot = &tx->slots[rule->number_left];
	bool set = slot->is != SLOT_UNSET;
	if (!set && !rule->number_counts)
		return false;
	int64_t left = rule->number_counts ? set : tx_slot_number(slot);
	int64_t right = rule->number_slot == NO_SLOT
	                    ? rule->number
	                    : tx_slot_number(&tx->slots[rule->number_slot]);
	if (compare(rule->number_test, left, right) == rule->negated)
		return false;
	const struct target *target = &rule->targets[0];
	if (tx->removals && is_excluded(tx, rule, target, target->selector.name))
		return false;
	struct look look = { rule, target->variable, target->selector.name, { NULL, 0 },
		target->count };
	struct slice text = !target->count ? tx_slot_text(tx, rule->number_left)
	                    : set          ? SLICE("1")
	                                   : SLICE("0");
	on_match(tx, &look, text, NULL);
	return true;
}

static bool eval_link(struct transaction *tx, const struct rule *rule)
{
	tx->rule = rule;
	if (!rule->op) {
		run_steps(tx, rule);
		return true;
	}
	if (rule->number_test != NUMBER_NONE)
		return eval_number(tx, rule);
	struct slice argument = rule->argument ? expand(tx, rule->argument) : slice_of(NULL, 0);
	bool matched = false;
	for (size_t i = 0; i < rule->target_count && !tx->exhausted; i++)
		matched |= look_at_target(tx, rule, &rule->targets[i], argument);
	return matched && !tx->exhausted;
}

/* ---- chains -----------------------------------------------------------------------------------
 */

static const struct macro *log_text(const struct rule *head, bool data)
{
	const struct macro *text = data ? &head->logdata : &head->msg;
	for (const struct rule *rule = head->chained; rule && !text->text.len; rule = rule->chained)
		text = data ? &rule->logdata : &rule->msg;
	return text;
}

static void log_match(struct transaction *tx, const struct rule *head)
{
	struct waf_verdict *verdict = tx->verdict;
	if (verdict->match_count == MATCHES_MAX) {
		verdict->matches_dropped++;
		return;
	}
	if (head->info.severity < tx->highest_severity)
		tx->highest_severity = head->info.severity;
	tx->matches[verdict->match_count++] = (struct waf_match){
		.rule = &head->info,
		.variable = matched_name(tx, &tx->last),
		.value = slice_sub(tx->last.text, 0, MATCH_VALUE_MAX),
		.data = expand(tx, log_text(head, true)),
		.message = expand(tx, log_text(head, false)),
		.counted = is_counted(tx, head),
	};
	verdict->counted |= is_counted(tx, head);
}

static void block(struct transaction *tx, const struct rule *head)
{
	tx->verdict->would_block = true;
	if (tx->verdict->rule_id == 0)
		tx->verdict->rule_id = head->info.id;
	if (tx->engine == ENGINE_DETECTION_ONLY)
		return;
	tx->verdict->action = WAF_BLOCK;
	tx->verdict->status = head->status;
	tx->stop = STOP_ALL;
}

static void disrupt(struct transaction *tx, const struct rule *head)
{
	static const enum stop stops[] = {
		[DISRUPT_ALLOW] = STOP_ALL,
		[DISRUPT_ALLOW_PHASE] = STOP_PHASE,
		[DISRUPT_ALLOW_REQUEST] = STOP_REQUEST,
	};
	if (tx->silent || head->disruption == DISRUPT_PASS || is_counted(tx, head))
		return;
	if (head->disruption == DISRUPT_BLOCK)
		block(tx, head);
	else if (tx->engine == ENGINE_ON)
		tx->stop = stops[head->disruption];
}

/* The position of the next rule to look at. */
static size_t eval_head(struct transaction *tx, const struct rule *head)
{
	size_t next = head->pos + 1;
	tx->matched_count = 0;
	for (const struct rule *rule = head; rule; rule = rule->chained)
		if (!spend(tx, 1) || !eval_link(tx, rule))
			return next;
	tx->rule = head;
	if (head->log && !tx->silent)
		log_match(tx, head);
	disrupt(tx, head);
	return head->skip_to ? head->skip_to : next;
}

/* ---- phases -----------------------------------------------------------------------------------
 */

/* The first position from `at` on whose bit is set in a or b; `count` when there is none. */
static size_t next_bit(const uint64_t *a, const uint64_t *b, size_t at, size_t count)
{
	if (at >= count)
		return count;
	size_t word = at >> 6;
	uint64_t bits = (a[word] | (b ? b[word] : 0)) >> (at & 63) << (at & 63);
	while (!bits) {
		if (++word >= bit_words(count))
			return count;
		bits = a[word] | (b ? b[word] : 0);
	}
	size_t found = (word << 6) + (size_t)__builtin_ctzll(bits);
	return found < count ? found : count;
}

void eval_phase(struct transaction *tx, unsigned number)
{
	const struct phase *phase = &tx->rules->phases[number];
	if (phase->count == 0)
		return;
	tx->candidates = tx->rules->prefilter ? scan_phase(tx, number) : NULL;
	size_t at = 0;
	for (;;) {
		at = next_bit(phase->always, tx->candidates, at, phase->count);
		if (at >= phase->count || tx->exhausted || arena_failed(tx->arena))
			return;
		const struct rule *head = phase->rules[at];
		if (tx->removed && bit_has(tx->removed, head->index)) {
			at++;
			continue;
		}
		at = eval_head(tx, head);
		if (tx->stop != STOP_NONE)
			return;
	}
}
