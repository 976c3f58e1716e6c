/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/operators/phrases.h"

#include "spoa/waf/operators/operator_data.h"

#include <stdlib.h>

/* ---- automaton ----------------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static bool lower_all(struct slice *items, size_t count, struct arena *arena)
{
	for (size_t i = 0; i < count; i++) {
		char *copy = arena_alloc(arena, items[i].len);
		if (!copy)
			return false;
		for (size_t k = 0; k < items[i].len; k++)
			copy[k] = ascii_lower(items[i].ptr[k]);
		items[i].ptr = copy;
	}
	return true;
}

static size_t drop_doubles(struct slice *items, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (items[i].len && (kept == 0 || !slice_eq(items[i], items[kept - 1])))
			items[kept++] = items[i];
	return kept;
}

/* While building: which of the sorted phrases begin with a state's text, and how long that text is.
 */
struct span {
	uint32_t from, to;
	uint16_t depth;
};

/* The root, and one state per byte that a phrase does not share with the one before it. */
static size_t count_states(const struct slice *items, size_t count)
{
	size_t states = 1;
	for (size_t i = 0; i < count; i++) {
		size_t shared = 0;
		while (i && shared < items[i - 1].len && shared < items[i].len &&
		       items[i].ptr[shared] == items[i - 1].ptr[shared])
			shared++;
		states += items[i].len - shared;
	}
	return states;
}

/* Gives state `s` its children behind the last state there is; returns the new number of states. */
static size_t add_children(struct phrases *p, struct span *spans, size_t s, size_t states)
{
	struct span span = spans[s];
	p->first_child[s] = (uint32_t)states;
	if (span.from < span.to && p->items[span.from].len == span.depth) {
		p->match_length[s] = span.depth;
		span.from++;
	}
	for (uint32_t i = span.from; i < span.to; i++) {
		unsigned char byte = slice_at(p->items[i], span.depth);
		if (i == span.from || byte != slice_at(p->items[i - 1], span.depth)) {
			p->byte[states] = byte;
			spans[states] = (struct span){ i, i, (uint16_t)(span.depth + 1) };
			states++;
		}
		spans[states - 1].to = i + 1;
	}
	return states;
}

/* The child of `state` by `byte`, or 0: the root is nobody's child. */
static uint32_t child_of(const struct phrases *p, uint32_t state, unsigned char byte)
{
	uint32_t first = p->first_child[state];
	const unsigned char *found =
	    memchr(p->byte + first, byte, p->first_child[state + 1] - first);
	return found ? (uint32_t)(found - p->byte) : 0;
}

static uint32_t step(const struct phrases *p, uint32_t state, unsigned char byte)
{
	uint32_t next;
	while ((next = child_of(p, state, byte)) == 0 && state)
		state = p->fallback[state];
	return next;
}

/* Breadth first: the fallback of a state is nearer to the root, so it is ready. */
static void link_states(struct phrases *p)
{
	for (uint32_t s = 0; s < p->state_count; s++) {
		for (uint32_t c = p->first_child[s]; c < p->first_child[s + 1]; c++) {
			p->fallback[c] = s ? step(p, p->fallback[s], p->byte[c]) : 0;
			if (p->match_length[c] == 0)
				p->match_length[c] = p->match_length[p->fallback[c]];
		}
	}
}

bool phrases_build(struct phrases *p, struct slice *items, size_t count, struct arena *arena)
{
	*p = (struct phrases){ .items = items };
	if (!lower_all(items, count, arena))
		return false;
	qsort(items, count, sizeof(*items), by_bytes);
	p->count = drop_doubles(items, count);
	p->state_count = count_states(items, p->count);
	p->first_child = arena_array(arena, uint32_t, p->state_count + 1);
	p->fallback = arena_array(arena, uint32_t, p->state_count);
	p->match_length = arena_array(arena, uint16_t, p->state_count);
	p->byte = arena_array(arena, unsigned char, p->state_count);
	struct arena_mark mark = arena_save(arena);
	struct span *spans = arena_array(arena, struct span, p->state_count);
	if (arena_failed(arena))
		return false;
	size_t states = 1;
	spans[0] = (struct span){ 0, (uint32_t)p->count, 0 };
	for (size_t s = 0; s < p->state_count; s++)
		states = add_children(p, spans, s, states);
	p->first_child[p->state_count] = (uint32_t)states;
	arena_restore(arena, mark);
	link_states(p);
	return true;
}

bool phrases_find(const struct phrases *p, struct slice text, struct slice *found)
{
	uint32_t state = 0;
	for (size_t i = 0; i < text.len; i++) {
		state = step(p, state, (unsigned char)ascii_lower(text.ptr[i]));
		size_t length = p->match_length[state];
		if (length) {
			*found = slice_sub(text, i + 1 - length, length);
			return true;
		}
	}
	return false;
}

/* ---- arguments --------------------------------------------------------------------------------
 */

/* Phrases as they are found, in growing heap memory until their number is known. */
struct phrase_list {
	struct slice *items;
	size_t count, cap;
	struct arena *arena;
};

static bool list_add(
    struct phrase_list *list, struct slice phrase, struct err_pos pos, struct err *err)
{
	if (phrase.len > PHRASE_MAX_BYTES)
		return err_set_at(
		    err, pos, "phrase of %zu bytes; at most %d", phrase.len, PHRASE_MAX_BYTES);
	if (list->count == PHRASES_MAX)
		return err_set_at(err, pos, "more than %d phrases", PHRASES_MAX);
	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		struct slice *items = realloc(list->items, cap * sizeof(*items));
		if (!items)
			return err_set_at(err, pos, "no memory for phrases");
		list->items = items;
		list->cap = cap;
	}
	struct slice copy = arena_dup(list->arena, phrase);
	if (!copy.ptr)
		return err_set_at(err, pos, "no memory for phrases");
	list->items[list->count++] = copy;
	return true;
}

static bool add_line(void *to, struct slice line, struct err_pos pos, struct err *err)
{
	return list_add(to, line, pos, err);
}

/* Bytes in hexadecimal up to the closing bar, blanks between them allowed. The bytes read, or -1.
 */
static ptrdiff_t decode_bars(struct slice text, char *dst, size_t *len)
{
	size_t i = 0;
	while (i < text.len && text.ptr[i] != '|') {
		if (text.ptr[i] == ' ') {
			i++;
			continue;
		}
		int high = ascii_hex_value(text.ptr[i]);
		int low = i + 1 < text.len ? ascii_hex_value(text.ptr[i + 1]) : -1;
		if (high < 0 || low < 0)
			return -1;
		dst[(*len)++] = (char)(high * 16 + low);
		i += 2;
	}
	return i < text.len ? (ptrdiff_t)i + 1 : -1;
}

/* The next phrase of an argument, |hex| notation decoded into `dst`; returns how far it read, or
 * -1. */
static ptrdiff_t next_phrase(struct slice text, char *dst, size_t *len)
{
	size_t i = 0;
	for (*len = 0; i < text.len && text.ptr[i] != ' ';) {
		if (text.ptr[i] != '|') {
			dst[(*len)++] = text.ptr[i++];
			continue;
		}
		ptrdiff_t taken = decode_bars(slice_from(text, i + 1), dst, len);
		if (taken < 0)
			return -1;
		i += 1 + (size_t)taken;
	}
	return (ptrdiff_t)(i < text.len ? i + 1 : i);
}

static bool split_argument(struct slice text, const struct operator_context *ctx,
    struct phrase_list *list, struct err *err)
{
	char *scratch = arena_alloc(list->arena, text.len);
	if (!scratch)
		return err_set_at(err, ctx->pos, "no memory for phrases");
	while (text.len) {
		size_t len;
		ptrdiff_t taken = next_phrase(text, scratch, &len);
		if (taken < 0)
			return err_set_at(
			    err, ctx->pos, "broken |hex| notation in '%.*s'", SLICE_ARG(text));
		if (len && !list_add(list, slice_of(scratch, len), ctx->pos, err))
			return false;
		text = slice_from(text, (size_t)taken);
	}
	return true;
}

/* Makes the automaton of what was found. */
static bool finish(struct operator_data *data, struct phrase_list *list,
    const struct operator_context *ctx, struct err *err)
{
	if (list->count == 0)
		return err_set_at(err, ctx->pos, "no phrase to look for");
	struct slice *items = arena_array(list->arena, struct slice, list->count);
	data->phrases = arena_new(list->arena, struct phrases);
	if (!items || !data->phrases)
		return err_set_at(err, ctx->pos, "no memory for phrases");
	memcpy(items, list->items, list->count * sizeof(*items));
	if (!phrases_build(data->phrases, items, list->count, list->arena))
		return err_set_at(err, ctx->pos, "no memory for phrases");
	data->min_length = SIZE_MAX;
	for (size_t i = 0; i < data->phrases->count; i++)
		if (items[i].len < data->min_length)
			data->min_length = items[i].len;
	return true;
}

COMPILE(phrases)
{
	struct phrase_list list = { .arena = arena };
	bool ok = split_argument(data->argument, ctx, &list, err) && finish(data, &list, ctx, err);
	free(list.items);
	return ok;
}

COMPILE(phrases_file)
{
	struct phrase_list list = { .arena = arena };
	bool ok = operator_read_lines(data->argument, ctx, arena, add_line, &list, err) &&
	          finish(data, &list, ctx, err);
	free(list.items);
	return ok;
}

MATCH(phrases)
{
	struct slice found;
	(void)argument, (void)run;
	return phrases_find(data->phrases, input, &found) ? op_captured(out, found) : OP_NO_MATCH;
}

const struct slice *operator_phrases(const struct operator_data *data, size_t *count)
{
	*count = data->phrases->count;
	return data->phrases->items;
}
