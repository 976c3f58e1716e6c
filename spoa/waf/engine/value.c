/* SPDX-License-Identifier: Apache-2.0 */
/* Values, what transformations make of them, and lists of them. */
#include "spoa/waf/engine/transaction.h"

struct value *value_new(struct transaction *tx, struct slice text)
{
	struct value *value = arena_alloc(tx->arena, sizeof *value);
	if (value)
		*value = (struct value){ .text = text, .root = value };
	return value;
}

/*
 * A value of the same bytes as one that was derived before, so that the databases see each distinct
 * text once, however many chains of transformations lead to it.
 */
static struct value *derive(struct transaction *tx, struct value *root, struct slice text)
{
	for (struct value *known = root; known; known = known->sibling)
		if (slice_eq(known->text, text))
			return known;
	struct value *value = value_new(tx, text);
	if (!value)
		return root;
	value->root = root;
	value->sibling = root->sibling;
	root->sibling = value;
	return value;
}

static struct value *transform(
    struct transaction *tx, const struct pipeline *pipeline, struct value *root)
{
	struct value *in = value_transform(tx, pipeline->parent, root);
	value_classify(in);
	struct slice out = transform_apply(
	    pipeline->last, in->text, &in->bytes, &tx->rules->transform_env, tx->arena);
	if (out.len == in->text.len && (out.ptr == in->text.ptr || out.len == 0))
		return in;
	return derive(tx, root, out);
}

struct value *value_transform_slowly(
    struct transaction *tx, const struct pipeline *pipeline, struct value *value)
{
	if (!value->by_pipeline) {
		value->by_pipeline =
		    arena_array(tx->arena, struct value *, tx->rules->pipeline_count);
		if (!value->by_pipeline)
			return value;
	}
	return value->by_pipeline[pipeline->index] = transform(tx, pipeline, value);
}

struct value *value_transform_charged(
    struct transaction *tx, const struct pipeline *pipeline, struct value *value)
{
	if (value_stays(pipeline, value))
		return value;
	struct value *result = value_derived(tx, pipeline, value);
	for (const struct pipeline *p = pipeline->parent; p; p = p->parent)
		spend(tx, value_transform(tx, p, value)->text.len / 16);
	return result;
}

/* ---- items ---------------------------------------------------------------------------------- */

static bool reserve(struct transaction *tx, struct items *items)
{
	if (items->count < items->cap)
		return true;
	size_t cap = items->cap ? items->cap * 2 : 8;
	struct item *list = arena_alloc(tx->arena, cap * sizeof *list);
	if (!list)
		return false;
	if (items->count)
		memcpy(list, items->list, items->count * sizeof *list);
	items->list = list;
	items->cap = cap;
	return true;
}

void items_add(struct transaction *tx, enum variable_id id, struct slice key, struct value *value)
{
	struct items *items = &tx->vars[id];
	if (value && reserve(tx, items))
		items->list[items->count++] = (struct item){ key, value };
}

void items_add_text(
    struct transaction *tx, enum variable_id id, struct slice key, struct slice text)
{
	items_add(tx, id, key, value_new(tx, text));
}

void set_scalar(struct transaction *tx, enum variable_id id, struct slice text)
{
	tx->vars[id].count = 0;
	items_add_text(tx, id, slice_of(NULL, 0), text);
}

void set_number(struct transaction *tx, enum variable_id id, uint64_t number)
{
	set_scalar(tx, id, render_integer(tx, (int64_t)number));
}

struct slice first_value(const struct transaction *tx, enum variable_id id)
{
	const struct items *items = &tx->vars[id];
	return items->count ? items->list[0].value->text : slice_of(NULL, 0);
}

/* ---- integers ------------------------------------------------------------------------------- */

struct slice render_integer(struct transaction *tx, int64_t number)
{
	char digits[24];
	size_t at = sizeof digits;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		digits[--at] = '-';
	return arena_dup(tx->arena, slice_of(digits + at, sizeof digits - at));
}

int64_t parse_integer(struct slice s)
{
	size_t i = 0;
	while (i < s.len && ascii_is_space(s.ptr[i]))
		i++;
	bool negative = i < s.len && s.ptr[i] == '-';
	if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
		i++;
	int64_t number = 0;
	for (; i < s.len && ascii_is_digit(s.ptr[i]); i++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_sub_overflow(number, s.ptr[i] - '0', &number))
			return negative ? INT64_MIN : INT64_MAX;
	if (negative)
		return number;
	return number == INT64_MIN ? INT64_MAX : -number;
}
