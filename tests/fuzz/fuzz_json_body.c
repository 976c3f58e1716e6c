/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies: within the limits, and no slice points nowhere. */
#include "spoa/waf/body/body.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads the slice: a sanitizer then sees one that points nowhere. */
static unsigned touch(struct slice s)
{
	unsigned sum = 0;
	for (size_t i = 0; i < s.len; i++)
		sum += slice_at(s, i);
	return sum;
}

static unsigned touch_list(const struct body_list *list)
{
	unsigned sum = 0;
	for (size_t i = 0; i < list->count; i++)
		sum += touch(list->items[i].name) + touch(list->items[i].value);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct body_list list = { 0 };
	volatile unsigned sum;
	arena_init(&arena, 4 << 20);
	body_json(slice_of(data, size), &body_default_limits, &arena, &list);
	sum = touch_list(&list);
	(void)sum;
	assert(list.count <= body_default_limits.max_args);
	arena_release(&arena);
	return 0;
}
