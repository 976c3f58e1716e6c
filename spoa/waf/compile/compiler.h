/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * compiler: an ast becomes a rule set. In order: rules are joined to chains and given what
 * SecDefaultAction says; removals and updates are applied; texts, targets, operators and actions
 * are compiled; skips are resolved; combined databases are made (prefilter.h).
 */
#include "spoa/waf/engine/ruleset.h"

enum { CHAIN_LINKS_MAX = 32, RULES_MAX = 65536, TX_SLOTS_MAX = 16384 };

/* One rule with its chain, while it is being compiled. */
struct draft {
	struct ast_rule *links[CHAIN_LINKS_MAX];
	size_t link_count;
	const struct ast_actions *defaults; /* of its phase; may be NULL */
	uint32_t id;
	unsigned phase;
	bool removed;
	size_t marker_after; /* markers that stand before it */
	struct rule *rule;
};

struct marker {
	struct slice name;
	size_t before; /* number of drafts that stand before it */
};

struct compiler {
	struct waf_rules *rules;
	struct ast *ast;
	struct arena *scratch; /* gone when the load is done */
	struct err_list *errors;
	struct draft *drafts;
	size_t draft_count;
	struct marker *markers;
	size_t marker_count;
	const struct ast_actions *defaults[PHASE_MAX + 1];
	size_t operator_cap, pipeline_cap, tx_cap;
};

/* False when an error was added. */
bool compiler_run(struct compiler *compiler, const struct waf_options *options);

/* ---- shared by the parts of the compiler ----------------------------------------------------- */

/* The slot of a TX variable with a fixed name; NO_SLOT only without memory. */
uint32_t compiler_tx_slot(struct compiler *compiler, struct slice name);

/* Compiles `regex` as a case-insensitive @rx, kept with the rule set's operators. */
struct operator_data *compiler_regex(
    struct compiler *compiler, struct slice regex, struct err_pos pos);
/* What it says of a text, with a budget of its own. OP_EXHAUSTED: no answer. */
enum op_result compiler_try_regex(
    const struct operator_data *regex, struct slice text, struct op_scratch *scratch);
bool compiler_keep_operator(struct compiler *compiler, struct operator_data *op);

const struct pipeline *compiler_pipeline(
    struct compiler *compiler, const struct pipeline *parent, const struct transform *transform);
const struct pipeline *compiler_root_pipeline(struct compiler *compiler);

bool compile_selector(struct compiler *compiler, const struct ast_target *in, struct selector *out);

/* compile_actions.c */
bool compile_head_actions(struct compiler *compiler, struct draft *draft, struct rule *rule);
bool compile_link_actions(struct compiler *compiler, const struct ast_rule *in, struct rule *rule);

/* exclusions.c: removals and updates on drafts; ctl and overrides on rules. */
bool apply_updates(struct compiler *compiler);
/* A bit per head for what `selector` means; NULL without memory or with a bad pattern. */
const uint64_t *compile_rule_bits(
    struct compiler *compiler, const struct rule_selector *selector, struct err_pos pos);
