/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * transaction: what the engine knows of one request while rules run over it. Everything is in the
 * worker's arena and gone at the next transaction.
 */
#include "spoa/waf/body/body.h"
#include "spoa/waf/engine/memo.h"
#include "spoa/waf/engine/ruleset.h"

#include <hs/hs.h>

struct hits;

/* A text that operators look at, with what was found out about it. */
struct value {
	struct slice text;
	struct byteset bytes; /* when classified */
	bool classified;
	bool hashed;
	struct memo_text hash;      /* when hashed */
	struct value *root;         /* what it was transformed from; itself otherwise */
	struct value *sibling;      /* the next one transformed from the same root */
	struct value **by_pipeline; /* results of transformations, by pipeline index; lazily made */
	struct hits *hits;          /* what combined databases found; lazily made */
};

/* Patterns of one database that occur in a value. */
struct hits {
	unsigned database; /* prefilter.h: family * GROUPS_MAX + group */
	size_t count;
	const uint32_t *patterns;
	struct hits *next;
};

struct item {
	struct slice key;
	struct value *value;
};

struct items {
	struct item *list;
	size_t count;
	size_t cap;
};

struct tx_slot {
	enum { SLOT_UNSET, SLOT_TEXT, SLOT_NUMBER } is;
	struct slice text; /* SLOT_TEXT; of a number once somebody asked for it */
	int64_t number;    /* SLOT_NUMBER; of a text once somebody asked for it */
	bool number_known;
};

/* A value that matched: MATCHED_VAR and its relatives. */
struct matched {
	const struct variable *variable;
	bool count;
	struct slice key;
	struct slice text;
};

/* ctl:ruleRemoveTargetBy… */
struct target_removal {
	const uint64_t *rules;
	const struct target *target;
	struct target_removal *next;
};

enum stop { STOP_NONE, STOP_PHASE, STOP_REQUEST, STOP_ALL };

struct transaction {
	struct waf_worker *worker;
	const struct waf_rules *rules;
	struct arena *arena;
	const struct waf_request *request;
	const struct waf_response *response; /* NULL in phases 1 and 2 */
	struct items vars[VAR_COUNT];        /* VAR_TX: names that have no slot */
	struct tx_slot *slots;
	const struct rule *rule; /* whose actions run, for RULE */
	struct matched last;
	struct matched *matched; /* of the current chain */
	size_t matched_count, matched_cap;
	uint64_t *removed;       /* bit per head; NULL: none */
	const uint64_t *counted; /* bit per head of those that only count; NULL: none */
	struct target_removal *removals;
	enum engine_mode engine;
	enum stop stop;
	bool silent; /* phase 1 again, for its variables only */
	bool force_body_variable;
	bool request_body, response_body; /* access */
	struct slice processor;
	struct op_budget budget;
	struct op_run run;
	bool exhausted;
	unsigned highest_severity;
	uint64_t *candidates;
	struct waf_verdict *verdict;
	struct waf_match *matches;
};

enum { MATCHES_MAX = 256, MATCH_VALUE_MAX = 256 };

struct waf_worker {
	struct arena arena;
	struct op_scratch *op_scratch;
	hs_scratch_t *hs_scratch;
	size_t next_serial;
	uint64_t serials[8]; /* of the rules that hs_scratch fits; the oldest makes room */
	uint32_t *hit_room;
	size_t hit_count, hit_cap;
	struct memo *memo;
	struct transaction tx;
};

/* ---- values and items (value.c) ---------------------------------------------------------------
 */

/* NULL without memory, as everything here; the arena's flag tells. */
struct value *value_new(struct transaction *tx, struct slice text);
/* What `pipeline` makes of a value that has bytes for it. */
struct value *value_transform_slowly(
    struct transaction *tx, const struct pipeline *pipeline, struct value *value);

static inline void value_classify(struct value *value)
{
	if (value->classified)
		return;
	value->bytes = byteset_of(value->text);
	value->classified = true;
}

/* True: `pipeline` leaves the value as it is, whatever the transformations do with their bytes. */
static inline bool value_stays(const struct pipeline *pipeline, struct value *value)
{
	if (!pipeline->parent)
		return true;
	value_classify(value);
	return !pipeline->always && !byteset_intersects(&pipeline->only_if, &value->bytes);
}

/* What `pipeline` makes of a value that does not stay as it is, made once. Never NULL. */
static inline struct value *value_derived(
    struct transaction *tx, const struct pipeline *pipeline, struct value *value)
{
	if (value->by_pipeline && value->by_pipeline[pipeline->index])
		return value->by_pipeline[pipeline->index];
	return value_transform_slowly(tx, pipeline, value);
}

/* What `pipeline` makes of the value: itself when nothing changes. Never NULL. */
static inline struct value *value_transform(
    struct transaction *tx, const struct pipeline *pipeline, struct value *value)
{
	return value_stays(pipeline, value) ? value : value_derived(tx, pipeline, value);
}

/*
 * The same for who looks at the result, charged in steps: as much as it takes when nothing is known
 * yet, so that what a request may cost depends on its bytes alone.
 */
struct value *value_transform_charged(
    struct transaction *tx, const struct pipeline *pipeline, struct value *value);

void items_add(struct transaction *tx, enum variable_id id, struct slice key, struct value *value);
/* Makes the value, too. */
void items_add_text(
    struct transaction *tx, enum variable_id id, struct slice key, struct slice text);
void set_scalar(struct transaction *tx, enum variable_id id, struct slice text);
void set_number(struct transaction *tx, enum variable_id id, uint64_t number);
/* The first value of a variable; the empty slice when there is none. */
struct slice first_value(const struct transaction *tx, enum variable_id id);

struct slice render_integer(struct transaction *tx, int64_t number);

/* ---- TX (tx_store.c) ----------------------------------------------------------------------------
 */

struct slice tx_slot_text(struct transaction *tx, uint32_t slot);
int64_t tx_slot_number(struct tx_slot *slot);
void tx_set_text(struct transaction *tx, uint32_t slot, struct slice text);
void tx_set_number(struct transaction *tx, uint32_t slot, int64_t number);
/* By a name made at run time: a slot when some rule knows the name. */
struct tx_slot *tx_find(struct transaction *tx, struct slice name);

/* ---- the request's parts as variables (collect.c)
 * ------------------------------------------------ */

void collect_request(struct transaction *tx);  /* before phase 1 */
void collect_body(struct transaction *tx);     /* before phase 2 */
void collect_response(struct transaction *tx); /* before phases 3 and 4 */

/* ---- rules (eval.c, steps.c, expand.c)
 * ------------------------------------------------------------ */

void eval_phase(struct transaction *tx, unsigned phase);

static inline bool is_counted(const struct transaction *tx, const struct rule *rule)
{
	return tx->counted && bit_has(tx->counted, rule->head->index);
}
void run_steps(struct transaction *tx, const struct rule *rule);
struct slice expand(struct transaction *tx, const struct macro *macro);
/* "ARGS:id" */
struct slice matched_name(struct transaction *tx, const struct matched *matched);

/*
 * The items of a variable. Those that change while rules run (TX, MATCHED_VARS, DURATION, …) are
 * made anew at each call.
 */
struct items variable_items(struct transaction *tx, enum variable_id id);
/* Of TX: what is in these slots, a bit for each, and all that has no slot. */
struct items tx_items(struct transaction *tx, const uint64_t *slots);

/* False when the step budget is spent. */
static inline bool spend(struct transaction *tx, uint64_t steps)
{
	if (tx->budget.steps_left < steps) {
		tx->budget.steps_left = 0;
		tx->exhausted = true;
		return false;
	}
	tx->budget.steps_left -= steps;
	return true;
}
