/* SPDX-License-Identifier: Apache-2.0 */
/* The TX collection: names known at load time are slots, others a short list. */
#include "spoa/waf/engine/transaction.h"

enum { TX_NAME_MAX = 256, TX_DYNAMIC_MAX = 4096 };

struct slice tx_slot_text(struct transaction *tx, uint32_t index)
{
	struct tx_slot *slot = &tx->slots[index];
	if (slot->is == SLOT_NUMBER && !slot->text.ptr)
		slot->text = render_integer(tx, slot->number);
	return slot->text;
}

int64_t tx_slot_number(struct tx_slot *slot)
{
	if (!slot->number_known) {
		slot->number = parse_integer(slot->text);
		slot->number_known = true;
	}
	return slot->number;
}

void tx_set_text(struct transaction *tx, uint32_t slot, struct slice text)
{
	tx->slots[slot] = (struct tx_slot){ .is = SLOT_TEXT, .text = text };
}

void tx_set_number(struct transaction *tx, uint32_t slot, int64_t number)
{
	tx->slots[slot] =
	    (struct tx_slot){ .is = SLOT_NUMBER, .number = number, .number_known = true };
}

struct tx_slot *tx_find(struct transaction *tx, struct slice name)
{
	char lower[TX_NAME_MAX];
	if (name.len > sizeof lower)
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = ascii_lower(name.ptr[i]);
	uintptr_t known = (uintptr_t)strmap_find(&tx->rules->tx_names, slice_of(lower, name.len));
	return known ? &tx->slots[known - 1] : NULL;
}
