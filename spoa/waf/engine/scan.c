/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/engine/scan.h"

#include "spoa/waf/compile/prefilter.h"

#include <stdlib.h>

/* Distinct results of transformations of one value: more than this many are scanned one by one. */
enum { RESULTS_MAX = 64 };

/* ---- one value --------------------------------------------------------------------------------
 */

static int on_hit(
    unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	struct waf_worker *worker = context;
	(void)from;
	(void)to;
	(void)flags;
	if (worker->hit_count < worker->hit_cap)
		worker->hit_room[worker->hit_count++] = id;
	return 0;
}

static const struct hits *keep_hits(struct transaction *tx)
{
	static const struct hits none;
	struct waf_worker *worker = tx->worker;
	if (worker->hit_count == 0)
		return &none;
	struct hits *hits = arena_alloc(tx->arena, sizeof *hits);
	uint32_t *patterns = arena_alloc(tx->arena, worker->hit_count * sizeof *patterns);
	if (!hits || !patterns)
		return NULL;
	memcpy(patterns, worker->hit_room, worker->hit_count * sizeof *patterns);
	*hits = (struct hits){ worker->hit_count, patterns };
	return hits;
}

/* NULL: no answer, for want of memory. */
static const struct hits *hits_of(struct transaction *tx, enum scan_family f, struct value *value)
{
	const struct family *family = &tx->rules->prefilter->families[f];
	if (value->hits[f])
		return value->hits[f];
	if (value->text.len == 0 || !family->database)
		return &family->empty;
	spend(tx, 1 + value->text.len / 8);
	tx->worker->hit_count = 0;
	if (hs_scan(family->database, value->text.ptr, (unsigned)value->text.len, 0,
	        tx->worker->hs_scratch, on_hit, tx->worker) != HS_SUCCESS)
		return NULL;
	value->hits[f] = keep_hits(tx);
	return value->hits[f];
}

bool scan_may_match(struct transaction *tx, const struct rule *rule,
    const struct variable *variable, struct value *value)
{
	if (!rule->prefiltered || !tx->candidates)
		return true;
	uint32_t wanted = rule->pattern[variable->scan];
	const struct hits *hits = hits_of(tx, variable->scan, value);
	if (!hits)
		return true;
	for (size_t i = 0; i < hits->count; i++)
		if (hits->patterns[i] == wanted)
			return true;
	return false;
}

/* ---- the values of a phase ----------------------------------------------------------------------
 */

struct phase_scan {
	struct transaction *tx;
	unsigned phase;
	enum variable_id variable;
	enum scan_family family;
	uint64_t *candidates;
};

/* Rules that see `result` when they look at `value`, and have a pattern that occurs in it. */
static bool mark(struct phase_scan *scan, struct value *value, struct value *result)
{
	const struct family *family = &scan->tx->rules->prefilter->families[scan->family];
	const struct hits *hits = hits_of(scan->tx, scan->family, result);
	if (!hits)
		return false;
	for (size_t i = 0; i < hits->count; i++) {
		const struct pattern *pattern = &family->patterns[hits->patterns[i]];
		if (pattern->rule->info.phase != scan->phase)
			continue;
		for (size_t j = 0; j < pattern->count; j++) {
			const struct subscription *s = &pattern->subscriptions[j];
			if (s->variable == scan->variable &&
			    value_transform(scan->tx, s->pipeline, value) == result)
				bit_set(scan->candidates, s->rule->pos);
		}
	}
	return true;
}

/* Most values come out of most transformations unchanged: then there is one text to scan. */
static bool scan_value(struct phase_scan *scan, const struct lens *lens, struct value *value)
{
	struct value *results[RESULTS_MAX];
	size_t count = 0;
	value_classify(value);
	if (!lens->always && !byteset_intersects(&lens->only_if, &value->bytes))
		return mark(scan, value, value);
	for (size_t i = 0; i < lens->count; i++) {
		struct value *result = value_transform(scan->tx, lens->pipelines[i], value);
		size_t j = 0;
		while (j < count && results[j] != result)
			j++;
		if (j < count)
			continue;
		if (count < RESULTS_MAX)
			results[count++] = result;
		if (!mark(scan, value, result))
			return false;
	}
	return true;
}

static bool scan_lens(struct phase_scan *scan, const struct lens *lens)
{
	const struct items *items = &scan->tx->vars[lens->variable];
	scan->variable = lens->variable;
	scan->family = variable_table[lens->variable].scan;
	for (size_t i = 0; i < items->count; i++)
		if (scan->tx->exhausted || !scan_value(scan, lens, items->list[i].value))
			return false;
	return true;
}

uint64_t *scan_phase(struct transaction *tx, unsigned phase)
{
	const struct prefilter *prefilter = tx->rules->prefilter;
	struct phase_scan scan = { .tx = tx, .phase = phase };
	scan.candidates =
	    arena_array(tx->arena, uint64_t, bit_words(tx->rules->phases[phase].count + 1));
	if (!scan.candidates)
		return NULL;
	for (size_t i = 0; i < prefilter->lens_count[phase]; i++)
		if (!scan_lens(&scan, &prefilter->lenses[phase][i])) {
			tx->exhausted = true; /* no answer is no pass */
			return NULL;
		}
	return scan.candidates;
}

/* ---- scratch
 * -------------------------------------------------------------------------------------- */

static bool fits(const struct waf_worker *worker, uint64_t serial)
{
	for (size_t i = 0; i < sizeof worker->serials / sizeof *worker->serials; i++)
		if (worker->serials[i] == serial)
			return true;
	return false;
}

static bool grow_scratch(struct waf_worker *worker, const struct prefilter *prefilter)
{
	size_t most = 1;
	for (size_t f = 0; f < SCAN_COUNT; f++) {
		const struct family *family = &prefilter->families[f];
		if (family->database &&
		    hs_alloc_scratch(family->database, &worker->hs_scratch) != HS_SUCCESS)
			return false;
		most = family->count > most ? family->count : most;
	}
	if (most <= worker->hit_cap)
		return true;
	uint32_t *room = realloc(worker->hit_room, most * sizeof *room);
	if (!room)
		return false;
	worker->hit_room = room;
	worker->hit_cap = most;
	return true;
}

bool scan_prepare(struct waf_worker *worker, const struct waf_rules *rules)
{
	if (!rules->prefilter || fits(worker, rules->serial))
		return true;
	if (!grow_scratch(worker, rules->prefilter))
		return false;
	size_t slots = sizeof worker->serials / sizeof *worker->serials;
	worker->serials[worker->next_serial++ % slots] = rules->serial;
	return true;
}
