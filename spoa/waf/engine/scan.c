/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/engine/scan.h"

#include "spoa/waf/compile/prefilter.h"

#include <stdlib.h>

enum {
	/* So many distinct texts are collected before they are looked at. */
	RESULTS_MAX = 64,
	/* Questions of the memo: databases first (struct hits), then the lens of each variable in
	   each phase. */
	QUESTION_LENS = SCAN_COUNT * GROUPS_MAX,
};

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

static struct hits *hits_new(
    struct transaction *tx, unsigned database, const uint32_t *found, size_t count)
{
	struct hits *hits = arena_alloc(tx->arena, sizeof *hits);
	uint32_t *patterns = NULL;
	if (count) {
		patterns = arena_alloc(tx->arena, count * sizeof *patterns);
		if (!patterns)
			return NULL;
		memcpy(patterns, found, count * sizeof *patterns);
	}
	if (hits)
		*hits = (struct hits){ database, count, patterns, NULL };
	return hits;
}

static struct memo_key key_of(struct transaction *tx, struct value *value, uint32_t question)
{
	if (!value->hashed) {
		value->hash = memo_text_of(tx->worker->memo, value->text);
		value->hashed = true;
	}
	return (struct memo_key){ value->hash, tx->rules->serial, question };
}

/* What the database finds in the text, or found when the worker saw it last. */
static struct hits *look_up(
    struct transaction *tx, const hs_database_t *database, unsigned id, struct value *value)
{
	struct waf_worker *worker = tx->worker;
	struct memo_key key = key_of(tx, value, id);
	const uint32_t *patterns;
	size_t count;
	if (memo_find(worker->memo, &key, &patterns, &count))
		return hits_new(tx, id, patterns, count);
	worker->hit_count = 0;
	if (hs_scan(database, value->text.ptr, (unsigned)value->text.len, 0, worker->hs_scratch,
	        on_hit, worker) != HS_SUCCESS)
		return NULL;
	memo_keep(worker->memo, &key, worker->hit_room, worker->hit_count);
	return hits_new(tx, id, worker->hit_room, worker->hit_count);
}

static const struct hits *known_hits(const struct value *value, unsigned database)
{
	const struct hits *hits = value->hits;
	while (hits && hits->database != database)
		hits = hits->next;
	return hits;
}

/* NULL: no answer, for want of memory. */
static const struct hits *hits_of(
    struct transaction *tx, enum scan_family f, unsigned group, struct value *value)
{
	const struct family *family = &tx->rules->prefilter->families[f];
	unsigned id = f * GROUPS_MAX + group;
	if (value->text.len == 0 || !family->databases[group])
		return &family->empty;
	/* A step is a step, known or not: what a request may cost depends on its bytes alone. */
	spend(tx, 1 + value->text.len / 8);
	const struct hits *known = known_hits(value, id);
	if (known)
		return known;
	struct hits *hits = look_up(tx, family->databases[group], id, value);
	if (!hits)
		return NULL;
	hits->next = value->hits;
	value->hits = hits;
	return hits;
}

bool scan_may_match(struct transaction *tx, const struct rule *rule,
    const struct variable *variable, const struct pipeline *pipeline, struct value *value)
{
	if (!rule->prefiltered || !tx->candidates)
		return true;
	enum scan_family f = variable->scan;
	unsigned group = tx->rules->prefilter->groups[pipeline->index];
	/* The database of all patterns knows, too, and has mostly been asked. */
	if (known_hits(value, f * GROUPS_MAX))
		group = 0;
	const struct hits *hits = hits_of(tx, f, group, value);
	if (!hits)
		return true;
	for (size_t i = 0; i < hits->count; i++)
		if (hits->patterns[i] == rule->pattern[f])
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
	bool marked; /* since it was last set to false */
};

/* Rules that see `result` when they look at `value`, and have a pattern that occurs in it. */
static bool mark(struct phase_scan *scan, struct value *value, struct value *result, unsigned group)
{
	const struct family *family = &scan->tx->rules->prefilter->families[scan->family];
	const struct hits *hits = hits_of(scan->tx, scan->family, group, result);
	if (!hits)
		return false;
	for (size_t i = 0; i < hits->count; i++) {
		const struct pattern *pattern = &family->patterns[hits->patterns[i]];
		if (pattern->rule->info.phase != scan->phase)
			continue;
		for (size_t j = 0; j < pattern->count; j++) {
			const struct subscription *s = &pattern->subscriptions[j];
			if (s->variable == scan->variable &&
			    value_transform(scan->tx, s->pipeline, value) == result) {
				bit_set(scan->candidates, s->rule->pos);
				scan->marked = true;
			}
		}
	}
	return true;
}

/* Distinct texts that transformations make of one value, and the groups that lead to each. */
struct results {
	struct value *values[RESULTS_MAX];
	unsigned groups[RESULTS_MAX]; /* bits */
	size_t count;
};

static void add_result(struct results *results, struct value *value, unsigned group)
{
	size_t i = 0;
	while (i < results->count && results->values[i] != value)
		i++;
	if (i == results->count) {
		results->values[results->count++] = value;
		results->groups[i] = 0;
	}
	results->groups[i] |= 1u << group;
}

static bool mark_results(
    struct phase_scan *scan, struct value *value, const struct results *results)
{
	for (size_t i = 0; i < results->count; i++) {
		/* Group 0 has the database of all patterns: the others are in it. */
		unsigned bits = results->groups[i] & 1 ? 1 : results->groups[i];
		for (; bits; bits &= bits - 1)
			if (!mark(scan, value, results->values[i], (unsigned)__builtin_ctz(bits)))
				return false;
	}
	return true;
}

/* All that the transformations of the lens make of the value. */
static bool scan_results(struct phase_scan *scan, const struct lens *lens, struct value *value)
{
	const unsigned char *groups = scan->tx->rules->prefilter->groups;
	struct results results;
	results.count = 0;
	for (size_t i = 0; i < lens->count; i++) {
		const struct pipeline *pipeline = lens->pipelines[i];
		if (results.count == RESULTS_MAX) {
			if (!mark_results(scan, value, &results))
				return false;
			results.count = 0;
		}
		add_result(&results, value_transform_charged(scan->tx, pipeline, value),
		    groups[pipeline->index]);
	}
	return mark_results(scan, value, &results);
}

/*
 * Most values come out of most transformations unchanged: then there is one text to look at. Of the
 * others the worker remembers those in which nothing was found, and how many steps that took.
 */
static bool scan_value(struct phase_scan *scan, const struct lens *lens, struct value *value)
{
	struct transaction *tx = scan->tx;
	const uint32_t *steps;
	size_t count;
	value_classify(value);
	if (!lens->always && !byteset_intersects(&lens->only_if, &value->bytes))
		return mark(scan, value, value, 0);
	struct memo_key key =
	    key_of(tx, value, QUESTION_LENS + scan->phase * VAR_COUNT + lens->variable);
	if (memo_find(tx->worker->memo, &key, &steps, &count))
		return spend(tx, *steps);
	uint64_t left = tx->budget.steps_left;
	scan->marked = false;
	if (!scan_results(scan, lens, value))
		return false;
	uint64_t spent = left - tx->budget.steps_left;
	/* Without memory a text comes out of a transformation as it went in: that is no answer. */
	if (!scan->marked && !tx->exhausted && !arena_failed(tx->arena) && spent <= UINT32_MAX)
		memo_keep(tx->worker->memo, &key, &(uint32_t){ (uint32_t)spent }, 1);
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
		for (size_t g = 0; g < GROUPS_MAX; g++)
			if (family->databases[g] && hs_alloc_scratch(family->databases[g],
			                                &worker->hs_scratch) != HS_SUCCESS)
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
