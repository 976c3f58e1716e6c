/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/prefilter.h"

#include "spoa/waf/compile/dbcache.h"
#include "spoa/waf/compile/weaken.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	COMPILE_THREADS = 2,
	/* Hyperscan refuses the patterns of CRS from some 6 KB on, after having tried for a while.
	 */
	LARGE_RX_BYTES = 6000,
	RX_FLAGS = HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY,
	PHRASE_FLAGS = HS_FLAG_CASELESS | HS_FLAG_SINGLEMATCH,
};

/* ---- which rules ------------------------------------------------------------------------------
 */

static bool targets_are_texts(const struct rule *rule)
{
	for (size_t i = 0; i < rule->target_count; i++)
		if (rule->targets[i].count || rule->targets[i].variable->scan == SCAN_NONE)
			return false;
	return rule->target_count > 0;
}

static bool matches(const struct operator_data *op, const char *text)
{
	struct op_scratch *scratch = op_scratch_new();
	struct op_budget budget = { 100000 };
	struct op_run run = { scratch, &budget };
	bool match = scratch && operator_match(op, slice_of(NULL, 0), slice_of_cstr(text), &run,
	                            NULL) != OP_NO_MATCH;
	op_scratch_free(scratch);
	return match;
}

/* Values as most requests have them: a pattern that matches several of them filters nothing. */
static bool matches_ordinary_values(const struct operator_data *op)
{
	static const char *const ordinary[] = { "1", "a", "2026-10-01", "accounts", "Main Street 5",
		"/v1/accounts/12345678" };
	unsigned count = 0;
	for (size_t i = 0; i < sizeof ordinary / sizeof *ordinary; i++)
		count += matches(op, ordinary[i]);
	return count >= 2;
}

static bool is_eligible(const struct rule *rule)
{
	if (!rule->op || rule->negated || rule->argument || rule->unlikely ||
	    !targets_are_texts(rule))
		return false;
	switch (operator_of(rule->op)->kind) {
	case OPERATOR_RX: {
		struct slice pattern = operator_argument(rule->op);
		return !memchr(pattern.ptr, '\0', pattern.len) &&
		       !matches_ordinary_values(rule->op);
	}
	case OPERATOR_PHRASES:
		return true;
	default:
		return false;
	}
}

/* ---- patterns and subscriptions ---------------------------------------------------------------
 */

static struct pattern *add_pattern(struct arena *arena, struct family *family, struct rule *rule)
{
	if (family->count == family->cap) {
		size_t cap = family->cap ? family->cap * 2 : 32;
		struct pattern *grown = arena_array(arena, struct pattern, cap);
		if (!grown)
			return NULL;
		if (family->count)
			memcpy(grown, family->patterns, family->count * sizeof *grown);
		family->patterns = grown;
		family->cap = cap;
	}
	struct pattern *pattern = &family->patterns[family->count];
	size_t stages = rule->stages ? rule->stage_count : 1;
	*pattern = (struct pattern){ .rule = rule };
	pattern->subscriptions =
	    arena_array(arena, struct subscription, rule->target_count * stages);
	if (!pattern->subscriptions)
		return NULL;
	family->count++;
	return pattern;
}

static void subscribe(struct pattern *pattern, enum variable_id variable)
{
	const struct rule *rule = pattern->rule;
	for (size_t i = 0; i < (rule->stages ? rule->stage_count : 1); i++)
		pattern->subscriptions[pattern->count++] = (struct subscription){
			rule,
			variable,
			rule->stages ? rule->stages[i] : rule->pipeline,
		};
}

static bool add_rule(struct prefilter *prefilter, struct arena *arena, struct rule *rule)
{
	for (size_t i = 0; i < rule->target_count; i++) {
		enum scan_family f = rule->targets[i].variable->scan;
		struct family *family = &prefilter->families[f];
		if (rule->pattern[f] == NO_PATTERN) {
			if (!add_pattern(arena, family, rule))
				return false;
			rule->pattern[f] = (uint32_t)family->count - 1;
		}
		subscribe(&family->patterns[rule->pattern[f]], rule->targets[i].variable->id);
	}
	rule->prefiltered = true;
	return true;
}

/* ---- expressions --------------------------------------------------------------------------------
 */

struct expression_list {
	struct expressions e;
	unsigned cap;
	struct arena *arena; /* scratch */
};

static bool add_expression(
    struct expression_list *list, const char *text, unsigned flags, unsigned id)
{
	if (!text || list->e.count == list->cap)
		return false;
	list->e.texts[list->e.count] = text;
	list->e.flags[list->e.count] = flags;
	list->e.ids[list->e.count++] = id;
	return true;
}

/* Every byte by its number: nothing in a phrase is then special. */
static const char *escape(struct arena *arena, struct slice phrase)
{
	static const char hex[] = "0123456789abcdef";
	char *text = arena_alloc(arena, phrase.len * 4 + 1);
	if (!text)
		return NULL;
	for (size_t i = 0; i < phrase.len; i++) {
		unsigned char c = slice_at(phrase, i);
		memcpy(text + i * 4, (char[]){ '\\', 'x', hex[c >> 4], hex[c & 15] }, 4);
	}
	text[phrase.len * 4] = '\0';
	return text;
}

static size_t expression_count(const struct operator_data *op)
{
	size_t count = 1;
	if (operator_of(op)->kind == OPERATOR_PHRASES)
		operator_phrases(op, &count);
	return count;
}

static bool is_selective(const char *pattern, struct arena *arena)
{
	struct operator_context context = { 0 };
	struct err err = { 0 };
	struct operator_data *op = operator_compile(
	    operator_find(SLICE("rx")), slice_of_cstr(pattern), false, &context, arena, &err);
	bool selective = op && !matches_ordinary_values(op);
	if (op)
		operator_release(op);
	return selective;
}

/* A pattern too large for a database takes part as one that matches wherever it does. */
static const char *expression_of(const struct operator_data *op, struct arena *arena)
{
	struct slice pattern = operator_argument(op);
	for (unsigned i = 0; i < WEAKEN_GROUPS && pattern.len > LARGE_RX_BYTES; i++) {
		const char *weaker = weaken(pattern, i, arena);
		if (weaker && is_selective(weaker, arena))
			return weaker;
	}
	return pattern.ptr;
}

static bool add_operator(struct expression_list *list, const struct operator_data *op, unsigned id)
{
	if (operator_of(op)->kind == OPERATOR_RX)
		return add_expression(list, expression_of(op, list->arena), RX_FLAGS, id);
	size_t count;
	const struct slice *phrases = operator_phrases(op, &count);
	for (size_t i = 0; i < count; i++)
		if (phrases[i].len &&
		    !add_expression(list, escape(list->arena, phrases[i]), PHRASE_FLAGS, id))
			return false;
	return true;
}

static bool in_group(
    const struct prefilter *prefilter, const struct pattern *pattern, unsigned group)
{
	for (size_t i = 0; i < pattern->count; i++)
		if (prefilter->groups[pattern->subscriptions[i].pipeline->index] == group)
			return true;
	return group == 0;
}

static bool make_expressions(const struct prefilter *prefilter, const struct family *family,
    unsigned group, struct expression_list *list)
{
	size_t count = 0;
	for (size_t i = 0; i < family->count; i++)
		count += expression_count(family->patterns[i].rule->op);
	list->cap = (unsigned)count;
	list->e.texts = arena_array(list->arena, const char *, count);
	list->e.flags = arena_array(list->arena, unsigned, count);
	list->e.ids = arena_array(list->arena, unsigned, count);
	list->e.fates = arena_array(list->arena, unsigned char, count);
	if (arena_failed(list->arena))
		return false;
	for (size_t i = 0; i < family->count; i++)
		if (in_group(prefilter, &family->patterns[i], group) &&
		    !add_operator(list, family->patterns[i].rule->op, (unsigned)i))
			return false;
	return true;
}

/* ---- compiling, two at a time
 * -------------------------------------------------------- */

struct build {
	struct prefilter *prefilter;
	const struct waf_options *options;
	struct dbcache cache;
	atomic_uint next;
	atomic_bool failed;
	atomic_flag told;
};

static void tell(void *context, bool kept)
{
	struct build *build = context;
	if (!build->options->notice || atomic_flag_test_and_set(&build->told))
		return;
	build->options->notice(
	    kept
	        ? "compiling the rules' databases, which takes some seconds; the cache keeps them"
	        : "compiling the rules' databases, which takes some seconds at each start: there is no "
	          "cache, or its folder is not this user's or root's alone to write");
}

static bool build_database(const struct prefilter *prefilter, struct family *family, unsigned group,
    const struct dbcache *cache)
{
	struct arena scratch;
	arena_init(&scratch, 0);
	struct expression_list list = { .arena = &scratch };
	bool good = make_expressions(prefilter, family, group, &list) &&
	            (!list.e.count || dbcache_get(cache, &list.e, &family->databases[group]));
	/* Only the database of all patterns decides: it is there for every text. */
	for (unsigned i = 0; good && group == 0 && i < list.e.count; i++)
		if (list.e.fates[i] == FATE_REFUSED)
			family->patterns[list.e.ids[i]].refused = true;
	arena_release(&scratch);
	return good;
}

static void *build_databases(void *argument)
{
	struct build *build = argument;
	struct prefilter *prefilter = build->prefilter;
	for (unsigned i; (i = atomic_fetch_add(&build->next, 1)) < DATABASES_MAX;) {
		unsigned group = i / SCAN_COUNT;
		if (group < prefilter->group_count &&
		    !build_database(
		        prefilter, &prefilter->families[i % SCAN_COUNT], group, &build->cache))
			atomic_store(&build->failed, true);
	}
	return NULL;
}

static bool build_all(struct prefilter *prefilter, const struct waf_options *options)
{
	struct build build = { .prefilter = prefilter,
		.options = options,
		.cache = { options->cache_dir, tell, &build },
		.told = ATOMIC_FLAG_INIT };
	pthread_t threads[COMPILE_THREADS - 1];
	size_t started = 0;
	for (; started < COMPILE_THREADS - 1; started++)
		if (pthread_create(&threads[started], NULL, build_databases, &build) != 0)
			break;
	build_databases(&build);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return !atomic_load(&build.failed);
}

/* ---- groups of transformations ------------------------------------------------------------------
 */

static struct slice apply(const struct waf_rules *rules, const struct pipeline *pipeline,
    struct slice text, struct arena *arena)
{
	if (!pipeline->parent)
		return text;
	text = apply(rules, pipeline->parent, text, arena);
	return transform_apply(pipeline->last, text, NULL, &rules->transform_env, arena);
}

static bool same_on_ordinary_values(const struct waf_rules *rules, const struct pipeline *a,
    const struct pipeline *b, struct arena *arena)
{
	static const char *const ordinary[] = { "Some Text, 1", "/v1/accounts/12345678", "limit",
		"eyJpZCI6MTIzfQ", "bank/7.4 (iOS 19.1; x)" };
	for (size_t i = 0; i < sizeof ordinary / sizeof *ordinary; i++)
		if (!slice_eq(apply(rules, a, slice_of_cstr(ordinary[i]), arena),
		        apply(rules, b, slice_of_cstr(ordinary[i]), arena)))
			return false;
	return true;
}

/* The pipelines that some rule with a pattern has, each once; the root first, as it is group 0. */
static size_t used_pipelines(
    const struct prefilter *prefilter, const struct waf_rules *rules, const struct pipeline **out)
{
	size_t count = 0;
	bool *seen = calloc(rules->pipeline_count, sizeof *seen);
	if (!seen)
		return 0;
	out[count++] = rules->pipelines[0];
	seen[0] = true;
	for (size_t f = 0; f < SCAN_COUNT; f++)
		for (size_t i = 0; i < prefilter->families[f].count; i++) {
			const struct pattern *pattern = &prefilter->families[f].patterns[i];
			for (size_t j = 0; j < pattern->count; j++) {
				const struct pipeline *p = pattern->subscriptions[j].pipeline;
				if (!seen[p->index])
					out[count++] = p;
				seen[p->index] = true;
			}
		}
	free(seen);
	return count;
}

/* That of an earlier one that does the same, or a new one. */
static unsigned find_group(const struct prefilter *prefilter, const struct waf_rules *rules,
    const struct pipeline **used, size_t index, struct arena *arena)
{
	for (size_t i = 0; i < index; i++)
		if (same_on_ordinary_values(rules, used[i], used[index], arena))
			return prefilter->groups[used[i]->index];
	/* What is left over when groups run out is looked at with all patterns. */
	return prefilter->group_count < GROUPS_MAX ? prefilter->group_count : 0;
}

static bool find_groups(struct prefilter *prefilter, struct waf_rules *rules)
{
	struct arena scratch;
	arena_init(&scratch, 0);
	const struct pipeline **used =
	    arena_array(&scratch, const struct pipeline *, rules->pipeline_count);
	prefilter->groups = arena_array(&rules->arena, unsigned char, rules->pipeline_count);
	size_t count = used && prefilter->groups ? used_pipelines(prefilter, rules, used) : 0;
	for (size_t i = 0; i < count; i++) {
		unsigned group = find_group(prefilter, rules, used, i, &scratch);
		prefilter->groups[used[i]->index] = (unsigned char)group;
		if (group >= prefilter->group_count)
			prefilter->group_count = group + 1;
	}
	arena_release(&scratch);
	return count > 0;
}

/* ---- lenses -------------------------------------------------------------------------------------
 */

static void lens_add(struct lens *lens, const struct pipeline *pipeline)
{
	for (size_t i = 0; i < lens->count; i++)
		if (lens->pipelines[i] == pipeline)
			return;
	lens->pipelines[lens->count++] = pipeline;
	lens->always |= pipeline->always;
	for (size_t i = 0; i < 4; i++)
		lens->only_if.words[i] |= pipeline->only_if.words[i];
}

static struct lens *lens_of(struct prefilter *prefilter, const struct waf_rules *rules,
    unsigned phase, enum variable_id variable, struct arena *arena)
{
	for (size_t i = 0; i < prefilter->lens_count[phase]; i++)
		if (prefilter->lenses[phase][i].variable == variable)
			return &prefilter->lenses[phase][i];
	struct lens *lens = &prefilter->lenses[phase][prefilter->lens_count[phase]];
	lens->variable = variable;
	lens->pipelines = arena_array(arena, const struct pipeline *, rules->pipeline_count);
	if (!lens->pipelines)
		return NULL;
	prefilter->lens_count[phase]++;
	return lens;
}

static bool add_lenses(
    struct prefilter *prefilter, struct waf_rules *rules, const struct family *family)
{
	for (size_t i = 0; i < family->count; i++) {
		const struct pattern *pattern = &family->patterns[i];
		if (!pattern->rule->prefiltered)
			continue;
		for (size_t j = 0; j < pattern->count; j++) {
			const struct subscription *s = &pattern->subscriptions[j];
			struct lens *lens = lens_of(
			    prefilter, rules, s->rule->info.phase, s->variable, &rules->arena);
			if (!lens)
				return false;
			lens_add(lens, s->pipeline);
		}
	}
	return true;
}

/* A rule is evaluated always when one of its families has no answer for it. */
static void drop_refused(struct prefilter *prefilter)
{
	for (size_t f = 0; f < SCAN_COUNT; f++)
		for (size_t i = 0; i < prefilter->families[f].count; i++)
			if (prefilter->families[f].patterns[i].refused)
				prefilter->families[f].patterns[i].rule->prefiltered = false;
}

static bool find_empty_hits(struct family *family, struct arena *arena)
{
	uint32_t *hits = arena_array(arena, uint32_t, family->count);
	if (!hits)
		return false;
	for (size_t i = 0; i < family->count; i++)
		if (matches(family->patterns[i].rule->op, ""))
			hits[family->empty.count++] = (uint32_t)i;
	family->empty.patterns = hits;
	return true;
}

/* ---- the whole
 * ------------------------------------------------------------------------------------ */

static bool collect(struct prefilter *prefilter, struct waf_rules *rules)
{
	for (unsigned p = 1; p <= PHASE_MAX; p++) {
		const struct phase *phase = &rules->phases[p];
		prefilter->lenses[p] = arena_array(&rules->arena, struct lens, VAR_COUNT);
		if (!prefilter->lenses[p])
			return false;
		for (size_t i = 0; i < phase->count; i++)
			if (is_eligible(phase->rules[i]) &&
			    !add_rule(prefilter, &rules->arena, phase->rules[i]))
				return false;
	}
	return true;
}

static void mark_phases(struct waf_rules *rules)
{
	for (unsigned p = 1; p <= PHASE_MAX; p++) {
		struct phase *phase = &rules->phases[p];
		memset(phase->always, 0, bit_words(phase->count) * sizeof *phase->always);
		for (size_t i = 0; i < phase->count; i++)
			if (!phase->rules[i]->prefiltered)
				bit_set(phase->always, i);
	}
}

bool prefilter_build(
    struct waf_rules *rules, const struct waf_options *options, struct err_list *errors)
{
	struct prefilter *prefilter = arena_new(&rules->arena, struct prefilter);
	bool good = prefilter && collect(prefilter, rules) && find_groups(prefilter, rules) &&
	            build_all(prefilter, options);
	if (good)
		drop_refused(prefilter);
	for (size_t f = 0; good && f < SCAN_COUNT; f++)
		good = add_lenses(prefilter, rules, &prefilter->families[f]) &&
		       find_empty_hits(&prefilter->families[f], &rules->arena);
	rules->prefilter = prefilter;
	if (!good)
		return err_list_add(
		    errors, (struct err_pos){ 0 }, "out of memory while making combined databases");
	mark_phases(rules);
	return true;
}

void prefilter_free(struct prefilter *prefilter)
{
	for (size_t f = 0; prefilter && f < SCAN_COUNT; f++)
		for (size_t g = 0; g < GROUPS_MAX; g++)
			hs_free_database(prefilter->families[f].databases[g]);
}
