/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every transformation on any bytes: nothing beside the input is read, the result is bounded, what
 * is not changed comes back itself, and the set of bytes that a transformation names as its own
 * tells the truth.
 */
#include "spoa/waf/transforms/transform.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_idempotent(const struct transform *t)
{
	static const char *const names[] = { "lowercase", "uppercase", "trim", "trimleft",
		"trimright", "removenulls", "replacenulls", "removewhitespace",
		"compresswhitespace", "normalizepath", "normalizepathwin", "cmdline",
		"parityzero7bit" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], t->name) == 0)
			return true;
	return false;
}

static void check(const struct transform *t, struct slice in, struct arena *arena)
{
	struct byteset bytes = byteset_of(in);
	struct slice out = t->apply(in, NULL, arena);
	assert(out.len <= t->max_growth * in.len + 40);
	if (slice_eq(in, out) && in.len)
		assert(out.ptr == in.ptr);
	assert(slice_eq(transform_apply(t, in, &bytes, NULL, arena), out));
	if (is_idempotent(t))
		assert(slice_eq(t->apply(out, NULL, arena), out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	size_t count;
	const struct transform *table = transform_table(&count);
	arena_init(&arena, 0);
	for (size_t i = 0; i < count; i++) {
		check(&table[i], slice_of(data, size), &arena);
		arena_reset(&arena);
	}
	arena_release(&arena);
	return 0;
}
