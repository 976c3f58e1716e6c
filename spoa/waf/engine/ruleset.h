/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ruleset: what the compiler makes of rule files and the engine runs. Immutable after load; all of
 * it lives in one arena.
 */
#include "common/strmap.h"
#include "spoa/waf/operators/operator.h"
#include "spoa/waf/seclang/ast.h"
#include "spoa/waf/transforms/transform.h"
#include "spoa/waf/variables/variable.h"
#include "spoa/waf/waf.h"

#include <stdatomic.h>

enum { PHASE_MAX = 5 };

/* ---- transformations ------------------------------------------------------------------------ */

/*
 * A chain of transformations. Chains with a common head share it: a node of a tree whose root does
 * nothing, interned, so that equal chains are one pointer.
 */
struct pipeline {
	const struct pipeline *parent; /* NULL: the root */
	const struct transform *last;
	struct byteset
	    only_if; /* a value without these bytes comes out of the whole chain unchanged */
	bool always; /* some step changes values whatever their bytes are */
	unsigned index;
};

/* ---- macros --------------------------------------------------------------------------------- */

enum { NO_SLOT = UINT32_MAX };

struct macro_part {
	struct slice text;               /* literal, when variable is NULL */
	const struct variable *variable; /* %{variable.key} */
	struct slice key;
	uint32_t slot; /* of a TX variable */
};

struct macro {
	struct macro_part *parts;
	size_t count;
	bool constant;     /* no variable in it: `text` is all */
	struct slice text; /* as written */
	int64_t number;    /* of a constant, as an integer */
};

/* ---- targets -------------------------------------------------------------------------------- */

enum target_pick {
	PICK_ALL,
	PICK_NAME,  /* letter case ignored */
	PICK_REGEX, /* letter case ignored */
	PICK_SLOT,  /* a TX variable with a fixed name */
};

struct selector {
	enum target_pick pick;
	struct slice name;
	struct operator_data *regex;
	uint32_t slot;
	const uint64_t *slots; /* PICK_REGEX of TX: bit per slot whose name it picks */
};

struct target {
	const struct variable *variable;
	struct selector selector;
	bool count;
	struct selector *excluded; /* what !VARIABLE:selector takes out of this target */
	size_t excluded_count;
};

/* ---- actions -------------------------------------------------------------------------------- */

enum setvar_how { SETVAR_SET, SETVAR_ADD, SETVAR_SUBTRACT, SETVAR_UNSET };

enum step_kind {
	STEP_SETVAR,
	STEP_BODY_PROCESSOR,
	STEP_FORCE_BODY_VARIABLE,
	STEP_REQUEST_BODY_ACCESS,
	STEP_RESPONSE_BODY_ACCESS,
	STEP_RULE_ENGINE,
	STEP_REMOVE_RULES,
	STEP_REMOVE_TARGETS,
	STEP_SET_SCALAR, /* setsid, setuid: SESSIONID, USERID */
};

/* Something a rule does each time it matches, beside logging and blocking. */
struct step {
	enum step_kind kind;
	const struct variable *variable; /* SETVAR: the collection; SET_SCALAR */
	uint32_t slot;
	enum setvar_how how;
	bool scores; /* SETVAR: adds to a score, which a rule that only counts does not */
	struct macro name, value;
	bool on;
	enum engine_mode engine;
	const uint64_t *rules; /* REMOVE_*: bit per head */
	struct target *target; /* REMOVE_TARGETS */
};

enum disruption {
	DISRUPT_PASS,
	DISRUPT_BLOCK,
	DISRUPT_ALLOW,
	DISRUPT_ALLOW_PHASE,
	DISRUPT_ALLOW_REQUEST
};

/* TX:name or &TX:name against a number or another TX variable: most rules of CRS are this. */
enum number_test { NUMBER_NONE, NUMBER_EQ, NUMBER_GE, NUMBER_GT, NUMBER_LE, NUMBER_LT };

/* ---- rules ---------------------------------------------------------------------------------- */

enum { NO_PATTERN = UINT32_MAX };

/* Every request meets some hundred rules that do not match: what is read of those comes first. */
struct rule {
	struct rule *chained;     /* the next link, or NULL */
	struct operator_data *op; /* NULL: SecAction */
	enum number_test number_test;
	bool number_counts; /* the left side is &TX:name */
	bool negated;
	uint32_t number_left; /* TX variable */
	uint32_t number_slot; /* number_test's right side: a TX variable … */
	int64_t number;       /* … or, when that is NO_SLOT, this */
	unsigned index;       /* of the head, among heads */
	unsigned pos;         /* of the head, within its phase */
	struct target *targets;
	size_t target_count;

	struct macro *argument; /* of an operator with macros */
	const struct pipeline *pipeline;
	const struct pipeline **stages; /* multiMatch: the root and each step, in order */
	size_t stage_count;
	/* The operator as a pattern of a combined database, per family; NO_PATTERN in all:
	 * evaluated always. */
	bool prefiltered;
	bool unlikely; /* behind a gate that the settings keep shut */
	bool capture;
	uint32_t pattern[SCAN_COUNT];

	struct rule *head; /* of its chain; itself for a first rule */
	struct step *steps;
	size_t step_count;
	bool log;
	enum disruption disruption;
	unsigned status;
	unsigned skip_to; /* position in the phase; 0: no skip */
	struct macro msg, logdata;
	struct waf_rule_info info;
};

struct phase {
	struct rule **rules; /* heads, in file order */
	size_t count;
	uint64_t *always; /* bit per position: not prefiltered */
};

struct prefilter;

struct waf_rules {
	atomic_uint refs;
	uint64_t serial; /* unique in the process: workers size their scratch by it */
	struct arena arena;
	struct ast_settings settings;
	struct transform_env transform_env;
	bool reference;
	bool scanner_is_broken; /* so it is `reference`, too */
	uint64_t step_budget;
	bool budget_blocks;
	bool reject_uninspected;
	size_t arena_bytes;
	size_t max_args;
	unsigned max_depth;
	size_t max_body_bytes;
	struct rule **heads;
	size_t head_count;
	struct strmap by_id; /* 4 bytes of the id -> struct rule */
	struct phase phases[PHASE_MAX + 1];
	struct pipeline **pipelines;
	size_t pipeline_count;
	struct strmap tx_names; /* lower case -> slot + 1 */
	struct slice *tx_slots;
	size_t tx_count;
	const uint64_t *tx_all; /* bit per slot: all set */
	struct tx_preset *presets;
	size_t preset_count;
	bool uses[VAR_COUNT]; /* some rule or macro reads it: rules_use() */
	uint32_t slot_score[3];
	struct operator_data **operators; /* to release */
	size_t operator_count;
	struct prefilter *prefilter; /* NULL in reference mode */
};

/* waf_options.sets */
struct tx_preset {
	uint32_t slot;
	struct slice value;
};

/* A size is that of a collection, which is then needed, too. */
static inline void rules_use(struct waf_rules *rules, enum variable_id id)
{
	rules->uses[id] = true;
	if (id == VAR_ARGS_COMBINED_SIZE)
		rules->uses[VAR_ARGS] = true;
}

static inline bool bit_has(const uint64_t *bits, size_t i)
{
	return bits[i >> 6] >> (i & 63) & 1;
}

static inline void bit_set(uint64_t *bits, size_t i)
{
	bits[i >> 6] |= UINT64_C(1) << (i & 63);
}

static inline size_t bit_words(size_t count)
{
	return (count + 63) / 64;
}

/* Decimal digits behind optional blanks and a sign, as atoll() reads them; saturates, never fails.
 */
int64_t parse_integer(struct slice s);

/* Whether `rules` (of an update, a ctl or an exclusion) means this head. */
bool rule_selected(const struct rule_selector *selector, const struct operator_data *regex,
    const struct rule *rule);
