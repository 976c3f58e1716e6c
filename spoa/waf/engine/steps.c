/* SPDX-License-Identifier: Apache-2.0 */
/* What rules do when they match, beside logging and blocking. */
#include "spoa/waf/engine/transaction.h"

/* ---- setvar --------------------------------------------------------------------------------- */

static int64_t added(int64_t a, int64_t b, enum setvar_how how)
{
	int64_t result;
	bool over = how == SETVAR_ADD ? __builtin_add_overflow(a, b, &result)
	                              : __builtin_sub_overflow(a, b, &result);
	return over ? a : result;
}

static int64_t macro_number(struct transaction *tx, const struct macro *value)
{
	if (value->constant)
		return value->number;
	if (value->count == 1 && value->parts[0].slot != NO_SLOT)
		return tx_slot_number(&tx->slots[value->parts[0].slot]);
	return parse_integer(expand(tx, value));
}

static void set_slot(struct transaction *tx, uint32_t slot, const struct step *step)
{
	struct tx_slot *target = &tx->slots[slot];
	switch (step->how) {
	case SETVAR_UNSET:
		*target = (struct tx_slot){ .is = SLOT_UNSET };
		break;
	case SETVAR_SET:
		tx_set_text(tx, slot, expand(tx, &step->value));
		break;
	default:
		tx_set_number(tx, slot,
		    added(tx_slot_number(target), macro_number(tx, &step->value), step->how));
	}
}

static struct item *find_item(struct items *items, struct slice key)
{
	for (size_t i = 0; i < items->count; i++)
		if (slice_eq_nocase(items->list[i].key, key))
			return &items->list[i];
	return NULL;
}

static void replace_value(struct transaction *tx, struct item *item, struct slice text)
{
	struct value *value = value_new(tx, text);
	if (value)
		item->value = value;
}

static void set_item(
    struct transaction *tx, enum variable_id id, struct slice key, const struct step *step)
{
	struct items *items = &tx->vars[id];
	struct item *item = find_item(items, key);
	if (step->how == SETVAR_UNSET) {
		if (item)
			*item = items->list[--items->count];
		return;
	}
	struct slice text =
	    step->how == SETVAR_SET
	        ? expand(tx, &step->value)
	        : render_integer(tx, added(item ? parse_integer(item->value->text) : 0,
	                                 macro_number(tx, &step->value), step->how));
	if (item)
		replace_value(tx, item, text);
	else if (spend(tx, 1 + items->count / 8))
		items_add_text(tx, id, arena_dup(tx->arena, key), text);
}

static void run_setvar(struct transaction *tx, const struct step *step)
{
	if (step->slot != NO_SLOT) {
		set_slot(tx, step->slot, step);
		return;
	}
	struct slice key = expand(tx, &step->name);
	struct tx_slot *slot = step->variable->id == VAR_TX ? tx_find(tx, key) : NULL;
	if (slot)
		set_slot(tx, (uint32_t)(slot - tx->slots), step);
	else
		set_item(tx, step->variable->id, key, step);
}

/* ---- ctl ------------------------------------------------------------------------------------ */

static void remove_rules(struct transaction *tx, const uint64_t *rules)
{
	size_t words = bit_words(tx->rules->head_count + 1);
	if (!tx->removed)
		tx->removed = arena_array(tx->arena, uint64_t, words);
	for (size_t i = 0; tx->removed && i < words; i++)
		tx->removed[i] |= rules[i];
}

static void remove_targets(struct transaction *tx, const struct step *step)
{
	struct target_removal *removal = arena_new(tx->arena, struct target_removal);
	if (!removal)
		return;
	*removal = (struct target_removal){ step->rules, step->target, tx->removals };
	tx->removals = removal;
}

static void set_engine(struct transaction *tx, enum engine_mode engine)
{
	/* Whoever asked for detection only from outside does not get blocks from a rule. */
	if (tx->rules->settings.engine == ENGINE_DETECTION_ONLY && engine == ENGINE_ON)
		return;
	tx->engine = engine;
	if (engine == ENGINE_OFF)
		tx->stop = STOP_ALL;
}

static void run_step(struct transaction *tx, const struct step *step)
{
	switch (step->kind) {
	case STEP_SETVAR:
		run_setvar(tx, step);
		break;
	case STEP_BODY_PROCESSOR:
		tx->processor = step->value.text;
		set_scalar(tx, VAR_REQBODY_PROCESSOR, tx->processor);
		break;
	case STEP_FORCE_BODY_VARIABLE:
		tx->force_body_variable = step->on;
		break;
	case STEP_REQUEST_BODY_ACCESS:
		tx->request_body = step->on;
		break;
	case STEP_RESPONSE_BODY_ACCESS:
		tx->response_body = step->on;
		break;
	case STEP_RULE_ENGINE:
		set_engine(tx, step->engine);
		break;
	case STEP_REMOVE_RULES:
		remove_rules(tx, step->rules);
		break;
	case STEP_REMOVE_TARGETS:
		remove_targets(tx, step);
		break;
	case STEP_SET_SCALAR:
		set_scalar(tx, step->variable->id, expand(tx, &step->value));
		break;
	}
}

void run_steps(struct transaction *tx, const struct rule *rule)
{
	for (size_t i = 0; i < rule->step_count; i++)
		if (!rule->steps[i].scores || !is_counted(tx, rule))
			run_step(tx, &rule->steps[i]);
}
