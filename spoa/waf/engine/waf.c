/* SPDX-License-Identifier: Apache-2.0 */
/* The public face: loading rule sets, and transactions from begin to verdict. */
#include "spoa/waf/compile/compiler.h"
#include "spoa/waf/compile/exclusions.h"
#include "spoa/waf/compile/prefilter.h"
#include "spoa/waf/compile/probe.h"
#include "spoa/waf/engine/scan.h"
#include "spoa/waf/engine/transaction.h"
#include "spoa/waf/seclang/directives.h"

#include <stdlib.h>

enum {
	DEFAULT_STEP_BUDGET = 2000000,
	DEFAULT_ARENA_BYTES = 8 << 20,
	DEFAULT_MAX_ARGS = 1000,
	DEFAULT_MAX_DEPTH = 64,
	DEFAULT_MAX_BODY_BYTES = 128 << 10,
	/* Rule by rule, each value is read hundreds of times where a database reads it once. */
	REFERENCE_BUDGET_FACTOR = 200,
};

/* ---- loading ----------------------------------------------------------------------------------
 */

static uint64_t choose(uint64_t from_files, uint64_t from_options, uint64_t otherwise)
{
	return from_files ? from_files : from_options ? from_options : otherwise;
}

static void go_rule_by_rule(struct waf_rules *rules)
{
	rules->reference = true;
	rules->step_budget *= REFERENCE_BUDGET_FACTOR;
}

static void apply_options(struct waf_rules *rules, const struct waf_options *o)
{
	const struct ast_settings *s = &rules->settings;
	rules->step_budget = choose(0, o->step_budget, DEFAULT_STEP_BUDGET);
	if (o->reference)
		go_rule_by_rule(rules);
	rules->budget_blocks = o->budget_blocks;
	rules->reject_uninspected = o->reject_uninspected;
	rules->arena_bytes = (size_t)choose(0, o->arena_bytes, DEFAULT_ARENA_BYTES);
	rules->max_args = (size_t)choose(s->max_args, o->max_args, DEFAULT_MAX_ARGS);
	rules->max_depth = (unsigned)choose(s->max_depth, o->max_depth, DEFAULT_MAX_DEPTH);
	rules->max_body_bytes =
	    (size_t)choose(s->body_limit, o->max_body_bytes, DEFAULT_MAX_BODY_BYTES);
	rules->transform_env.unicode_map = s->unicode_map;
	if (o->detection_only && s->engine == ENGINE_ON)
		rules->settings.engine = ENGINE_DETECTION_ONLY;
}

static bool keep_settings(struct waf_rules *rules, const struct ast_settings *settings)
{
	rules->settings = *settings;
	rules->settings.component = arena_dup(&rules->arena, settings->component);
	rules->settings.webapp_id = arena_dup(&rules->arena, settings->webapp_id);
	rules->settings.mime_types = arena_dup(&rules->arena, settings->mime_types);
	return !arena_failed(&rules->arena);
}

static bool load(struct waf_rules *rules, const char *const *paths, size_t count,
    const struct waf_options *options, struct arena *scratch, struct err_list *errors)
{
	struct ast ast;
	bool good = true;
	ast_init(&ast, scratch, &rules->arena, errors);
	for (size_t i = 0; i < count; i++)
		good &= directives_load(&ast, paths[i]);
	if (!keep_settings(rules, &ast.settings))
		return err_list_add(errors, (struct err_pos){ 0 }, "out of memory");
	apply_options(rules, options);
	struct compiler compiler = {
		.rules = rules,
		.ast = &ast,
		.scratch = scratch,
		.errors = errors,
	};
	good &= compiler_run(&compiler, options);
	if (good && !rules->reference && !probe_scanner()) {
		rules->scanner_is_broken = true;
		go_rule_by_rule(rules);
	}
	if (good && !rules->reference)
		good = prefilter_build(rules, options, errors);
	return good;
}

struct waf_rules *waf_rules_load(const char *const *paths, size_t count,
    const struct waf_options *options, struct err_list *errors)
{
	static atomic_uint_fast64_t serials;
	struct waf_rules *rules = calloc(1, sizeof *rules);
	struct arena scratch;
	if (!rules) {
		err_list_add(errors, (struct err_pos){ 0 }, "out of memory");
		return NULL;
	}
	atomic_init(&rules->refs, 1);
	rules->serial = atomic_fetch_add(&serials, 1) + 1;
	arena_init(&rules->arena, 0);
	strmap_init(&rules->by_id);
	strmap_init(&rules->tx_names);
	arena_init(&scratch, 0);
	bool good = load(rules, paths, count, options, &scratch, errors);
	arena_release(&scratch);
	if (good)
		return rules;
	if (err_list_is_empty(errors))
		err_list_add(errors, (struct err_pos){ 0 }, "out of memory");
	waf_rules_unref(rules);
	return NULL;
}

struct waf_rules *waf_rules_ref(struct waf_rules *rules)
{
	atomic_fetch_add(&rules->refs, 1);
	return rules;
}

void waf_rules_unref(struct waf_rules *rules)
{
	if (!rules || atomic_fetch_sub(&rules->refs, 1) != 1)
		return;
	prefilter_free(rules->prefilter);
	for (size_t i = 0; i < rules->operator_count; i++)
		operator_release(rules->operators[i]);
	strmap_release(&rules->by_id);
	strmap_release(&rules->tx_names);
	arena_release(&rules->arena);
	free(rules);
}

/* ---- for tools --------------------------------------------------------------------------------
 */

const char *waf_rules_warning(const struct waf_rules *rules)
{
	return rules->scanner_is_broken
	           ? "this libhs misses matches on this processor: rules are evaluated one by "
	             "one, which is slow; the package libhyperscan5 does not"
	           : NULL;
}

size_t waf_rules_count(const struct waf_rules *rules)
{
	return rules->head_count;
}

const struct waf_rule_info *waf_rules_info(const struct waf_rules *rules, size_t index)
{
	return &rules->heads[index]->info;
}

const struct waf_rule_info *waf_rules_find(const struct waf_rules *rules, uint32_t id)
{
	const struct rule *rule = strmap_find(&rules->by_id, slice_of(&id, sizeof id));
	return rule ? &rule->info : NULL;
}

/* ---- workers ----------------------------------------------------------------------------------
 */

struct waf_worker *waf_worker_new(void)
{
	struct waf_worker *worker = calloc(1, sizeof *worker);
	if (!worker)
		return NULL;
	arena_init(&worker->arena, DEFAULT_ARENA_BYTES);
	worker->op_scratch = op_scratch_new();
	worker->memo = memo_new();
	if (worker->op_scratch && worker->memo)
		return worker;
	waf_worker_free(worker);
	return NULL;
}

void waf_worker_free(struct waf_worker *worker)
{
	if (!worker)
		return;
	arena_release(&worker->arena);
	op_scratch_free(worker->op_scratch);
	memo_free(worker->memo);
	hs_free_scratch(worker->hs_scratch);
	free(worker->hit_room);
	free(worker);
}

/* ---- transactions -----------------------------------------------------------------------------
 */

static void apply_overrides(struct transaction *tx, const struct waf_overrides *overrides)
{
	const uint64_t *bits = overrides_excluded(overrides, tx->rules);
	size_t words = bit_words(tx->rules->head_count + 1);
	tx->counted = overrides_counted(overrides, tx->rules);
	if (!bits)
		return;
	tx->removed = arena_array(tx->arena, uint64_t, words);
	if (tx->removed)
		memcpy(tx->removed, bits, words * sizeof *bits);
}

static bool begin(struct transaction *tx, struct waf_worker *worker, const struct waf_rules *rules,
    const struct waf_overrides *overrides, const struct waf_request *request,
    struct waf_verdict *out)
{
	arena_reset(&worker->arena);
	worker->arena.limit_bytes = rules->arena_bytes;
	*out = (struct waf_verdict){ .action = WAF_PASS, .status = 200 };
	*tx = (struct transaction){
		.worker = worker,
		.rules = rules,
		.arena = &worker->arena,
		.request = request,
		.engine = rules->settings.engine,
		.budget = { rules->step_budget },
		.highest_severity = 255,
		.verdict = out,
	};
	tx->run = (struct op_run){ worker->op_scratch, &tx->budget };
	tx->slots = arena_array(tx->arena, struct tx_slot, rules->tx_count);
	tx->matches = arena_alloc(tx->arena, MATCHES_MAX * sizeof *tx->matches);
	out->matches = tx->matches;
	if (!tx->slots || !tx->matches || !scan_prepare(worker, rules))
		return false;
	for (size_t i = 0; i < rules->preset_count; i++)
		tx_set_text(tx, rules->presets[i].slot, rules->presets[i].value);
	apply_overrides(tx, overrides);
	return true;
}

static void run_phase(struct transaction *tx, unsigned phase)
{
	if (tx->engine == ENGINE_OFF || tx->stop == STOP_ALL || tx->exhausted)
		return;
	if (tx->stop == STOP_REQUEST && phase <= 2)
		return;
	tx->stop = STOP_NONE;
	eval_phase(tx, phase);
	if (tx->stop == STOP_PHASE)
		tx->stop = STOP_NONE;
}

/* Rules of phase 5 see every transaction that was looked at, however it ended. */
static void run_logging(struct transaction *tx)
{
	if (tx->engine == ENGINE_OFF || tx->exhausted)
		return;
	tx->stop = STOP_NONE;
	enum engine_mode engine = tx->engine;
	tx->engine = ENGINE_DETECTION_ONLY; /* too late to block */
	bool would_block = tx->verdict->would_block;
	uint32_t rule_id = tx->verdict->rule_id;
	eval_phase(tx, 5);
	tx->engine = engine;
	tx->verdict->would_block = would_block;
	tx->verdict->rule_id = rule_id;
}

static bool reject_long_body(struct transaction *tx)
{
	if (!tx->rules->settings.reject_long_body || !tx->request_body ||
	    tx->request->body.len <= tx->rules->max_body_bytes)
		return false;
	tx->verdict->would_block = true;
	if (tx->engine == ENGINE_DETECTION_ONLY)
		return false;
	tx->verdict->action = WAF_BLOCK;
	tx->verdict->status = 413;
	tx->stop = STOP_ALL;
	return true;
}

/* Behind the rules, whose own verdict on such a request says more. */
static void reject_uninspected(struct transaction *tx)
{
	struct waf_verdict *verdict = tx->verdict;
	if (!verdict->uninspected || !tx->rules->reject_uninspected || tx->engine == ENGINE_OFF ||
	    verdict->action == WAF_BLOCK)
		return;
	verdict->would_block = true;
	if (tx->engine == ENGINE_DETECTION_ONLY)
		return;
	verdict->action = WAF_BLOCK;
	verdict->status = 400;
}

static int64_t read_score(struct transaction *tx)
{
	for (size_t i = 0; i < 3 && tx->slots; i++) {
		struct tx_slot *slot = &tx->slots[tx->rules->slot_score[i]];
		if (slot->is != SLOT_UNSET && tx_slot_number(slot) != 0)
			return tx_slot_number(slot);
	}
	return 0;
}

static void finish(struct transaction *tx)
{
	struct waf_verdict *verdict = tx->verdict;
	if (tx->exhausted || arena_failed(tx->arena)) {
		verdict->budget_exhausted = true;
		verdict->would_block |= tx->rules->budget_blocks;
		if (tx->rules->budget_blocks && tx->engine == ENGINE_ON &&
		    verdict->action == WAF_PASS) {
			verdict->action = WAF_BLOCK;
			verdict->status = 403;
		}
	}
	verdict->steps = tx->rules->step_budget - tx->budget.steps_left;
	verdict->score = read_score(tx);
}

void waf_eval_request(struct waf_worker *worker, struct waf_rules *rules,
    const struct waf_overrides *overrides, const struct waf_request *request,
    struct waf_verdict *out)
{
	struct transaction *tx = &worker->tx;
	if (!begin(tx, worker, rules, overrides, request, out)) {
		tx->exhausted = true;
		finish(tx);
		return;
	}
	if (tx->engine != ENGINE_OFF) {
		collect_request(tx);
		run_phase(tx, 1);
		if (tx->stop != STOP_ALL && !reject_long_body(tx)) {
			collect_body(tx);
			run_phase(tx, 2);
			reject_uninspected(tx);
		}
		run_logging(tx);
	}
	finish(tx);
}

/* The variables that rules of phase 1 set are what rules of phases 3 and 4 add to. */
static void replay_first_phase(struct transaction *tx)
{
	tx->silent = true;
	run_phase(tx, 1);
	tx->silent = false;
	tx->stop = STOP_NONE;
}

void waf_eval_response(struct waf_worker *worker, struct waf_rules *rules,
    const struct waf_overrides *overrides, const struct waf_request *request,
    const struct waf_response *response, struct waf_verdict *out)
{
	struct transaction *tx = &worker->tx;
	if (!begin(tx, worker, rules, overrides, request, out)) {
		tx->exhausted = true;
		finish(tx);
		return;
	}
	if (tx->engine != ENGINE_OFF) {
		collect_request(tx);
		replay_first_phase(tx);
		tx->response = response;
		collect_response(tx);
		run_phase(tx, 3);
		run_phase(tx, 4);
		run_logging(tx);
	}
	finish(tx);
}
