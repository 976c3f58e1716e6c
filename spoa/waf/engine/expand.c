/* SPDX-License-Identifier: Apache-2.0 */
/* Macros, and the variables that are made when they are asked for. */
#include "spoa/waf/engine/transaction.h"

struct slice matched_name(struct transaction *tx, const struct matched *matched)
{
	if (!matched->variable)
		return slice_of(NULL, 0);
	const char *name = matched->variable->name;
	bool keyed = matched->key.len > 0 && matched->variable->kind != VARIABLE_XPATH;
	size_t len = strlen(name), room = len + matched->key.len + 2, at = 0;
	if (!keyed && !matched->count)
		return slice_of(name, len);
	char *text = arena_alloc(tx->arena, room);
	if (!text)
		return slice_of(name, len);
	if (matched->count)
		text[at++] = '&';
	memcpy(text + at, name, len);
	at += len;
	if (keyed) {
		text[at++] = ':';
		memcpy(text + at, matched->key.ptr, matched->key.len);
		at += matched->key.len;
	}
	return slice_of(text, at);
}

/* ---- variables made on demand -----------------------------------------------------------------
 */

static void add(struct transaction *tx, struct items *items, struct slice key, struct slice text)
{
	struct value *value = value_new(tx, text);
	if (value && items->count < items->cap)
		items->list[items->count++] = (struct item){ key, value };
}

static struct items room_for(struct transaction *tx, size_t count)
{
	struct items items = { .cap = count };
	items.list = arena_alloc(tx->arena, (count + 1) * sizeof *items.list);
	if (!items.list)
		items.cap = 0;
	return items;
}

static size_t count_bits(const uint64_t *bits, size_t words)
{
	size_t count = 0;
	for (size_t i = 0; i < words; i++)
		count += (size_t)__builtin_popcountll(bits[i]);
	return count;
}

struct items tx_items(struct transaction *tx, const uint64_t *slots)
{
	size_t words = bit_words(tx->rules->tx_count);
	struct items items = room_for(tx, count_bits(slots, words) + tx->vars[VAR_TX].count);
	for (size_t w = 0; w < words; w++)
		for (uint64_t bits = slots[w]; bits; bits &= bits - 1) {
			uint32_t i = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(bits));
			if (tx->slots[i].is != SLOT_UNSET)
				add(tx, &items, tx->rules->tx_slots[i], tx_slot_text(tx, i));
		}
	for (size_t i = 0; i < tx->vars[VAR_TX].count && items.count < items.cap; i++)
		items.list[items.count++] = tx->vars[VAR_TX].list[i];
	return items;
}

static struct items matched_items(struct transaction *tx, bool names)
{
	struct items items = room_for(tx, tx->matched_count);
	for (size_t i = 0; i < tx->matched_count; i++) {
		struct slice name = matched_name(tx, &tx->matched[i]);
		add(tx, &items, name, names ? name : tx->matched[i].text);
	}
	return items;
}

static struct items one_item(struct transaction *tx, struct slice text)
{
	struct items items = room_for(tx, 1);
	add(tx, &items, slice_of(NULL, 0), text);
	return items;
}

static struct items rule_items(struct transaction *tx)
{
	struct items items = room_for(tx, 3);
	if (!tx->rule)
		return items;
	const struct waf_rule_info *info = &tx->rule->head->info;
	add(tx, &items, SLICE("id"), render_integer(tx, info->id));
	add(tx, &items, SLICE("severity"), render_integer(tx, info->severity));
	add(tx, &items, SLICE("msg"), info->msg);
	return items;
}

struct items variable_items(struct transaction *tx, enum variable_id id)
{
	switch (id) {
	case VAR_TX:
		return tx_items(tx, tx->rules->tx_all);
	case VAR_MATCHED_VARS:
		return matched_items(tx, false);
	case VAR_MATCHED_VARS_NAMES:
		return matched_items(tx, true);
	case VAR_MATCHED_VAR:
		return one_item(tx, tx->last.text);
	case VAR_MATCHED_VAR_NAME:
		return one_item(tx, matched_name(tx, &tx->last));
	case VAR_RULE:
		return rule_items(tx);
	case VAR_HIGHEST_SEVERITY:
		return one_item(tx, render_integer(tx, tx->highest_severity));
	default:
		return tx->vars[id];
	}
}

/* ---- macros --------------------------------------------------------------------------------- */

static struct slice part_text(struct transaction *tx, const struct macro_part *part)
{
	if (!part->variable)
		return part->text;
	if (part->slot != NO_SLOT)
		return tx_slot_text(tx, part->slot);
	if (part->variable->id == VAR_MATCHED_VAR)
		return tx->last.text;
	struct items items = variable_items(tx, part->variable->id);
	for (size_t i = 0; i < items.count; i++)
		if (!part->key.len || slice_eq_nocase(items.list[i].key, part->key))
			return items.list[i].value->text;
	return slice_of(NULL, 0);
}

/* What a macro may grow to: a message, not a copy of a body for each rule. */
enum { EXPANDED_MAX = 4096 };

struct slice expand(struct transaction *tx, const struct macro *macro)
{
	if (macro->constant)
		return macro->text;
	if (macro->count == 1)
		return part_text(tx, &macro->parts[0]);
	char text[EXPANDED_MAX];
	size_t len = 0;
	for (size_t i = 0; i < macro->count; i++) {
		struct slice part =
		    slice_sub(part_text(tx, &macro->parts[i]), 0, sizeof text - len);
		if (part.len)
			memcpy(text + len, part.ptr, part.len);
		len += part.len;
	}
	return arena_dup(tx->arena, slice_of(text, len));
}
