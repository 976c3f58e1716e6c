/* SPDX-License-Identifier: Apache-2.0 */
/* Multipart bodies: the first line is the Content-Type. What is in doubt is a strict error. */
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
	struct multipart m;
	struct slice type, body;
	size_t bytes = 0;
	volatile unsigned sum;
	arena_init(&arena, 4 << 20);
	slice_cut(slice_of(data, size), '\n', &type, &body);
	enum body_result result = body_multipart(body, type, &body_default_limits, &arena, &m);
	sum = touch_list(&m.args) + touch_list(&m.part_headers);
	for (size_t i = 0; i < m.file_count; i++) {
		sum += touch(m.files[i].field) + touch(m.files[i].filename) +
		       touch(m.files[i].content);
		bytes += m.files[i].content.len;
	}
	(void)sum;
	assert(bytes == m.files_combined_bytes);
	assert(m.args.count + m.file_count <= 2 * body_default_limits.max_args);
	assert(result == BODY_OK || (m.flags & MULTIPART_STRICT_ERROR));
	arena_release(&arena);
	return 0;
}
