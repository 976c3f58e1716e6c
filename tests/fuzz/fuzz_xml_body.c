/* SPDX-License-Identifier: Apache-2.0 */
/* XML bodies: nothing is fetched, within the limits. */
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
	struct body_xml xml;
	volatile unsigned sum;
	arena_init(&arena, 4 << 20);
	body_xml(slice_of(data, size), &body_default_limits, &arena, &xml);
	sum = touch(xml.text) + touch_list(&xml.attributes);
	(void)sum;
	assert(xml.attributes.count <= body_default_limits.max_args);
	arena_release(&arena);
	return 0;
}
