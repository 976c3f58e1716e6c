/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ast: what rule files say, before anything is compiled. All of it lives in the arena of the load;
 * texts point into it.
 */
#include "common/arena.h"
#include "common/err.h"
#include "spoa/waf/actions/action.h"
#include "spoa/waf/operators/operator.h"
#include "spoa/waf/transforms/transform.h"
#include "spoa/waf/variables/variable.h"

enum selector_kind { SELECTOR_NONE, SELECTOR_NAME, SELECTOR_REGEX };

/* [!|&]VARIABLE[:selector] */
struct ast_target {
	struct err_pos pos;
	const struct variable *variable;
	bool negated;
	bool count;
	enum selector_kind kind;
	struct slice selector;
};

struct ast_targets {
	struct ast_target *items;
	size_t count;
};

/* [!][@name] argument */
struct ast_operator {
	struct err_pos pos, argument_pos;
	bool negated;
	const struct operator* op; /* NULL: SecAction */
	struct slice argument;
};

struct ast_action {
	struct err_pos pos, value_pos;
	const struct action *action;
	struct slice value;
};

struct ast_actions {
	struct ast_action *items;
	size_t count;
};

struct ast_rule {
	struct err_pos pos;
	struct ast_targets targets;
	struct ast_operator op;
	struct ast_actions actions;
	bool broken; /* its words did not parse, which was reported */
};

enum ast_kind { AST_RULE, AST_MARKER, AST_DEFAULT_ACTION };

struct ast_item {
	enum ast_kind kind;
	struct err_pos pos;
	struct ast_rule rule; /* AST_RULE; AST_DEFAULT_ACTION uses its actions */
	struct slice marker;  /* AST_MARKER */
	struct ast_item *next;
};

/* Which rules an update or a removal means. */
enum rule_match { MATCH_IDS, MATCH_TAG, MATCH_MSG };

struct id_range {
	uint32_t first, last;
};

struct rule_selector {
	enum rule_match by;
	struct id_range *ranges; /* MATCH_IDS */
	size_t range_count;
	struct slice text; /* MATCH_TAG, MATCH_MSG */
	int chain_link;    /* SecRuleUpdateActionById 12345:1; 0: the first rule */
};

/* A directive that changes rules wherever they stand; done when all files are read. */
struct ast_update {
	struct err_pos pos;
	struct rule_selector rules;
	enum { UPDATE_REMOVE, UPDATE_TARGETS, UPDATE_ACTIONS } what;
	struct ast_targets targets;
	struct ast_targets replaced; /* SecRuleUpdateTargetById ID "TARGETS" "REPLACED" */
	struct ast_actions actions;
	struct ast_update *next;
};

enum engine_mode { ENGINE_ON, ENGINE_DETECTION_ONLY, ENGINE_OFF };

/* Directives that set something for the whole rule set; the last one wins. */
struct ast_settings {
	enum engine_mode engine;
	bool request_body;
	bool response_body;
	bool reject_long_body; /* SecRequestBodyLimitAction Reject */
	uint64_t body_limit;   /* 0: what waf_options says */
	uint64_t response_limit;
	uint64_t max_args;  /* 0: what waf_options says */
	uint64_t max_depth; /* 0: what waf_options says */
	char argument_separator;
	struct slice component;
	struct slice webapp_id;
	struct slice mime_types; /* blank-separated; empty: all */
	const struct unicode_map *unicode_map;
};

struct ast {
	struct arena *arena;
	struct arena *keep; /* for what outlives the load */
	struct err_list *errors;
	struct ast_item *first, **last;
	struct ast_update *first_update, **last_update;
	struct ast_settings settings;
};

/* `keep` may be `arena`. */
void ast_init(struct ast *ast, struct arena *arena, struct arena *keep, struct err_list *errors);
