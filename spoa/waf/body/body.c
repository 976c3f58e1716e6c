/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/body/body.h"

#include "spoa/waf/body/list.h"

const struct body_limits body_default_limits = {
	.max_args = 1000,
	.max_depth = 64,
	.max_name_bytes = 4096,
	.max_part_headers = 32,
	.max_header_bytes = 8192,
};

const char *body_result_text(enum body_result result)
{
	static const char *const texts[] = {
		[BODY_OK] = "",
		[BODY_MALFORMED] = "the body breaks its format",
		[BODY_TRUNCATED] = "the body ends in the middle",
		[BODY_TOO_MANY] = "the body has too many arguments or part headers",
		[BODY_TOO_DEEP] = "the body is nested too deeply",
		[BODY_TOO_LONG] = "a name or part header of the body is too long",
		[BODY_FORBIDDEN] = "the body declares entities or names an external document type",
		[BODY_NO_MEMORY] = "no memory for the body",
	};
	return texts[result];
}

void *body_grow(void *items, size_t count, size_t *cap, size_t size, struct arena *arena)
{
	if (count < *cap)
		return items;
	size_t larger = *cap ? 2 * *cap : 16;
	void *copy = arena_calloc(arena, larger, size);
	if (!copy)
		return NULL;
	if (count)
		memcpy(copy, items, count * size);
	*cap = larger;
	return copy;
}

enum body_result body_list_add(
    struct body_list *list, struct slice name, struct slice value, size_t max, struct arena *arena)
{
	if (list->count >= max)
		return BODY_TOO_MANY;
	struct body_pair *items =
	    body_grow(list->items, list->count, &list->cap, sizeof(*items), arena);
	if (!items)
		return BODY_NO_MEMORY;
	list->items = items;
	list->items[list->count++] = (struct body_pair){ name, value };
	return BODY_OK;
}
