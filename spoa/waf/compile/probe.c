/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/probe.h"

#include "common/slice.h"

#include <hs/hs.h>

/* One pattern per kind of vector code: for one byte, two, sets of bytes, their negations, literals.
 */
static const char *const patterns[] = {
	"ab.*x",
	"(?i)AB.*X",
	"ab.*xy",
	"(?i)AB.*XY",
	"abq*x",
	"ab[^x]*xy",
	"ab.*[xz]",
	"ab.*[\\x80-\\xff]",
	"[ac][bd].*x",
	"abq+xy\\xe9",
	"xy\\xe9",
	"ab",
};

enum {
	PATTERNS = sizeof(patterns) / sizeof(patterns[0]),
	GAP_MAX = 200, /* three vectors of 64 bytes */
	PAD_MAX = 64,
	FLAGS = HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY,
};

static int on_match(
    unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	unsigned *found = context;
	(void)from, (void)to, (void)flags;
	*found |= 1U << id;
	return 0;
}

/* q… ab q… xy\xe9 q…: every pattern is in it, whatever the lengths. */
static struct slice make_text(char *room, size_t before, size_t gap, size_t behind)
{
	static const char tail[] = { 'x', 'y', (char)0xe9 };
	size_t len = before + 2 + gap + sizeof(tail) + behind;
	memset(room, 'q', len);
	memcpy(room + before, "ab", 2);
	memcpy(room + before + 2 + gap, tail, sizeof(tail));
	return slice_of(room, len);
}

static bool finds(
    const hs_database_t *db, hs_scratch_t *scratch, unsigned wanted, struct slice text)
{
	unsigned found = 0;
	return hs_scan(db, text.ptr, (unsigned)text.len, 0, scratch, on_match, &found) ==
	           HS_SUCCESS &&
	       found == wanted;
}

static bool finds_at_all_distances(const hs_database_t *db, unsigned wanted)
{
	static const size_t pads[] = { 0, 1, PAD_MAX };
	enum { PADS = sizeof(pads) / sizeof(pads[0]) };
	char room[GAP_MAX + 2 * PAD_MAX + 8];
	hs_scratch_t *scratch = NULL;
	bool good = hs_alloc_scratch(db, &scratch) == HS_SUCCESS;
	/* No pattern of abq+xy is there without a q. */
	for (size_t gap = 1; good && gap <= GAP_MAX; gap++)
		for (size_t i = 0; good && i < PADS * PADS; i++)
			good = finds(db, scratch, wanted,
			    make_text(room, pads[i % PADS], gap, pads[i / PADS]));
	hs_free_scratch(scratch);
	return good;
}

static bool probe(const char *const *expressions, unsigned count)
{
	unsigned ids[PATTERNS] = { 0 }, flags[PATTERNS] = { 0 };
	hs_database_t *db = NULL;
	hs_compile_error_t *error = NULL;
	for (unsigned i = 0; i < count; i++) {
		ids[i] = i;
		flags[i] = FLAGS;
	}
	bool good = hs_compile_multi(expressions, flags, ids, count, HS_MODE_BLOCK, NULL, &db,
	                &error) == HS_SUCCESS &&
	            finds_at_all_distances(db, (1U << count) - 1);
	hs_free_compile_error(error);
	hs_free_database(db);
	return good;
}

bool probe_scanner(void)
{
	for (size_t i = 0; i < PATTERNS; i++)
		if (!probe(&patterns[i], 1))
			return false;
	return probe(patterns, PATTERNS);
}
