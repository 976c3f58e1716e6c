/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/throttles.h"

#include <stdlib.h>

enum {
	KEY_MAX_BYTES = 256, /* of a table's longest key, haproxy/gateway.cfg */
	PLAUSIBLE_TOKENS = 2097152,
};

void throttle_table_init(struct throttle_table *table)
{
	*table = (struct throttle_table){ 0 };
	arena_init(&table->arena, 0);
	strmap_init(&table->by_key);
}

void throttle_table_release(struct throttle_table *table)
{
	free(table->items);
	strmap_release(&table->by_key);
	arena_release(&table->arena);
	*table = (struct throttle_table){ 0 };
}

/* The value behind " name=" or " name(…)=", as HAProxy prints rates with their period. */
static struct slice find_value(struct slice line, const char *name)
{
	struct slice wanted = slice_of_cstr(name), rest = line, word;
	while (rest.len > 0) {
		slice_cut(rest, ' ', &word, &rest);
		if (!slice_starts_with(word, wanted))
			continue;
		struct slice tail = slice_from(word, wanted.len);
		if (tail.len > 0 && tail.ptr[0] == '(') {
			size_t close = slice_find_byte(tail, ')');
			tail = close == SIZE_MAX ? SLICE("") : slice_from(tail, close + 1);
		}
		if (tail.len > 0 && tail.ptr[0] == '=')
			return slice_from(tail, 1);
	}
	return SLICE("");
}

/* 0 when there is none: a table counts requests under one name or the other. */
static uint64_t find_number(struct slice line, const char *name)
{
	uint64_t number = 0;
	slice_to_u64(find_value(line, name), UINT64_MAX, &number);
	return number;
}

/* HAProxy puts a backslash before a space, an equals sign or a backslash in a key, and control
 * bytes as \n, \xHH and so on, which stay as they are: nothing here is ever sent back. */
static struct slice find_key(struct slice line, char *dst, size_t size)
{
	size_t at = slice_find(line, SLICE("key="));
	size_t len = 0;
	if (at == SIZE_MAX)
		return SLICE("");
	for (struct slice rest = slice_from(line, at + 4); rest.len > 0 && len < size;) {
		if (rest.ptr[0] == ' ')
			break;
		if (rest.len > 1 && rest.ptr[0] == '\\' && strchr(" =\\", rest.ptr[1]))
			rest = slice_from(rest, 1);
		dst[len++] = rest.ptr[0];
		rest = slice_from(rest, 1);
	}
	return (struct slice){ dst, len };
}

static void add_mark(struct throttle_row *row, uint64_t offset, uint64_t rate)
{
	if (rate > 0 && row->mark_count < CLUSTER_NODES_MAX)
		row->marks[row->mark_count++] =
		    (struct throttle_mark){ (uint32_t)offset, (uint32_t)rate };
}

static bool grow(struct throttle_table *table)
{
	if (table->count < table->cap)
		return true;
	size_t cap = table->cap ? table->cap * 2 : 64;
	struct throttle_row *items = realloc(table->items, cap * sizeof(*items));
	if (!items)
		return false;
	table->items = items;
	table->cap = cap;
	return true;
}

/* The key's row, a new one when there is none yet; NULL: no memory. */
static struct throttle_row *find_row(struct throttle_table *table, struct slice key)
{
	uintptr_t known = (uintptr_t)strmap_find(&table->by_key, key);
	if (known)
		return &table->items[known - 1];
	const char *copy = arena_dup(&table->arena, key).ptr;
	if (!copy || !grow(table))
		return NULL;
	table->items[table->count++] = (struct throttle_row){ .key = copy };
	return strmap_put(&table->by_key, key, (void *)(uintptr_t)table->count, NULL)
	           ? &table->items[table->count - 1]
	           : NULL;
}

bool throttle_table_add(struct throttle_table *table, struct slice text, struct err *err)
{
	struct slice rest = text, line;
	char unescaped[KEY_MAX_BYTES];
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		struct slice key = find_key(line, unescaped, sizeof(unescaped));
		if (key.len == 0)
			continue;
		struct throttle_row *row = find_row(table, key);
		if (!row)
			return err_set(err, "no memory for the table");
		row->admitted += find_number(line, "gpc0");
		row->refused += find_number(line, "gpc1");
		row->requests +=
		    find_number(line, "http_req_rate") + find_number(line, "gpc1_rate");
		row->unauthorized += find_number(line, "gpc0_rate");
		add_mark(row, find_number(line, "gpt0"), find_number(line, "gpt1"));
	}
	return true;
}

/* The level a mark gives: 0 for a full bucket, less below. */
static int64_t level_of(
    const struct throttle_row *row, const struct throttle_mark *mark, int64_t unix_ms)
{
	uint64_t made = (uint64_t)unix_ms * mark->rate / 1000;
	int64_t level = (int32_t)(uint32_t)(made - row->admitted - mark->offset);
	return level > 0 ? 0 : level;
}

uint64_t throttle_left(
    const struct throttle_row *row, uint64_t rate, uint64_t burst, int64_t unix_ms)
{
	int64_t x = 0, z = 0;
	bool current = false;
	for (size_t i = 0; i < row->mark_count; i++) {
		int64_t level = level_of(row, &row->marks[i], unix_ms);
		bool counts =
		    row->marks[i].rate == rate && level + (int64_t)(2 * burst + rate) >= 0;
		current |= counts;
		if (counts && level < x)
			x = level;
		if (level + PLAUSIBLE_TOKENS >= 0 && level < z)
			z = level;
	}
	int64_t left = (current ? x : z) + (int64_t)burst;
	return left > 0 ? (uint64_t)left : 0;
}

static int by_admitted(const void *a, const void *b)
{
	const struct throttle_row *x = a, *y = b;
	uint64_t u = x->admitted + x->refused, v = y->admitted + y->refused;
	return u > v ? -1 : u < v ? 1 : strcmp(x->key, y->key);
}

static int by_requests(const void *a, const void *b)
{
	const struct throttle_row *x = a, *y = b;
	return x->requests > y->requests   ? -1
	       : x->requests < y->requests ? 1
	                                   : strcmp(x->key, y->key);
}

void throttle_table_sort(struct throttle_table *table, enum throttle_order order)
{
	if (table->count > 1)
		qsort(table->items, table->count, sizeof(table->items[0]),
		    order == BY_ADMITTED ? by_admitted : by_requests);
}
