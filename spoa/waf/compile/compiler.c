/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/compiler.h"

#include "common/buf.h"
#include "spoa/waf/compile/macro.h"
#include "spoa/waf/compile/reach.h"
#include "spoa/waf/seclang/parser.h"

#include <stdlib.h>

/* ---- TX names, pipelines, operators --------------------------------------------------------- */

/* Grows an array in the scratch arena; the old one is left behind. */
static bool grow(struct arena *arena, void **items, size_t size, size_t count, size_t *cap)
{
	if (count < *cap)
		return true;
	size_t wanted = *cap ? *cap * 2 : 64;
	void *grown = arena_calloc(arena, wanted, size);
	if (!grown)
		return false;
	if (count)
		memcpy(grown, *items, count * size);
	*items = grown;
	*cap = wanted;
	return true;
}

uint32_t compiler_tx_slot(struct compiler *compiler, struct slice name)
{
	struct waf_rules *rules = compiler->rules;
	struct slice lower = arena_dup(&rules->arena, name);
	if (!lower.ptr)
		return NO_SLOT;
	char *bytes = (char *)(uintptr_t)lower.ptr;
	for (size_t i = 0; i < lower.len; i++)
		bytes[i] = ascii_lower(bytes[i]);
	uintptr_t known = (uintptr_t)strmap_find(&rules->tx_names, lower);
	if (known)
		return (uint32_t)(known - 1);
	if (rules->tx_count >= TX_SLOTS_MAX ||
	    !grow(&rules->arena, (void **)&rules->tx_slots, sizeof *rules->tx_slots,
	        rules->tx_count, &compiler->tx_cap) ||
	    !strmap_put(&rules->tx_names, lower, (void *)(uintptr_t)(rules->tx_count + 1), NULL))
		return NO_SLOT;
	rules->tx_slots[rules->tx_count] = lower;
	return (uint32_t)rules->tx_count++;
}

const struct pipeline *compiler_pipeline(
    struct compiler *compiler, const struct pipeline *parent, const struct transform *transform)
{
	struct waf_rules *rules = compiler->rules;
	for (size_t i = 0; i < rules->pipeline_count; i++)
		if (rules->pipelines[i]->parent == parent && rules->pipelines[i]->last == transform)
			return rules->pipelines[i];
	struct pipeline *p = arena_new(&rules->arena, struct pipeline);
	if (!p || !grow(&rules->arena, (void **)&rules->pipelines, sizeof *rules->pipelines,
	              rules->pipeline_count, &compiler->pipeline_cap))
		return NULL;
	*p = (struct pipeline){ .parent = parent, .last = transform };
	p->index = (unsigned)rules->pipeline_count;
	p->always = (parent && parent->always) || (transform && transform->always);
	for (size_t i = 0; i < 4; i++)
		p->only_if.words[i] = (parent ? parent->only_if.words[i] : 0) |
		                      (transform ? transform->only_if.words[i] : 0);
	rules->pipelines[rules->pipeline_count++] = p;
	return p;
}

const struct pipeline *compiler_root_pipeline(struct compiler *compiler)
{
	return compiler_pipeline(compiler, NULL, NULL);
}

enum op_result compiler_try_regex(
    const struct operator_data *regex, struct slice text, struct op_scratch *scratch)
{
	struct op_budget budget = { 1000000 };
	struct op_run run = { scratch, &budget };
	return operator_match(regex, slice_of(NULL, 0), text, &run, NULL);
}

bool compiler_keep_operator(struct compiler *compiler, struct operator_data *op)
{
	struct waf_rules *rules = compiler->rules;
	if (!grow(&rules->arena, (void **)&rules->operators, sizeof(struct operator_data *),
	        rules->operator_count, &compiler->operator_cap)) {
		operator_release(op);
		return false;
	}
	rules->operators[rules->operator_count++] = op;
	return true;
}

struct operator_data *compiler_regex(
    struct compiler *compiler, struct slice regex, struct err_pos pos)
{
	struct arena *arena = &compiler->rules->arena;
	struct operator_context context = { NULL, pos };
	struct err err = { 0 };
	/* Names of collections are compared without regard to letter case. */
	const char *text = arena_printf(arena, "(?i)%.*s", SLICE_ARG(regex));
	struct operator_data *op = text ? operator_compile(operator_find(SLICE("rx")),
	                                      slice_of_cstr(text), false, &context, arena, &err)
	                                : NULL;
	if (!op) {
		err_list_add(compiler->errors, pos, "%s", err.set ? err.text : "out of memory");
		return NULL;
	}
	return compiler_keep_operator(compiler, op) ? op : NULL;
}

/* ---- drafts --------------------------------------------------------------------------------- */

static const struct ast_action *find_action(const struct ast_actions *actions, enum action_id id)
{
	for (size_t i = 0; actions && i < actions->count; i++)
		if (actions->items[i].action->id == id)
			return &actions->items[i];
	return NULL;
}

static bool parse_phase(struct compiler *compiler, const struct ast_action *action, unsigned *out)
{
	static const struct {
		struct slice name;
		unsigned phase;
	} names[] = {
		{ SLICE_INIT("request"), 2 },
		{ SLICE_INIT("response"), 4 },
		{ SLICE_INIT("logging"), 5 },
	};
	uint64_t number;
	if (slice_to_u64(action->value, PHASE_MAX, &number) && number >= 1) {
		*out = (unsigned)number;
		return true;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_eq_nocase(action->value, names[i].name)) {
			*out = names[i].phase;
			return true;
		}
	return err_list_add(
	    compiler->errors, action->value_pos, "unknown phase '%.*s'", SLICE_ARG(action->value));
}

static bool draft_phase(struct compiler *compiler, const struct ast_actions *actions, unsigned *out)
{
	const struct ast_action *phase = find_action(actions, ACTION_PHASE);
	*out = 2;
	return !phase || parse_phase(compiler, phase, out);
}

static bool draft_id(struct compiler *compiler, struct draft *draft)
{
	const struct ast_rule *rule = draft->links[0];
	const struct ast_action *id = find_action(&rule->actions, ACTION_ID);
	uint64_t number;
	if (!id)
		return err_list_add(compiler->errors, rule->pos, "the rule has no id");
	if (!slice_to_u64(id->value, UINT32_MAX, &number) || number == 0)
		return err_list_add(compiler->errors, id->value_pos,
		    "'%.*s' is not a rule id: 1 to %u", SLICE_ARG(id->value), UINT32_MAX);
	draft->id = (uint32_t)number;
	struct slice key = slice_of(&draft->id, sizeof draft->id);
	const struct ast_rule *other = strmap_find(&compiler->rules->by_id, key);
	if (other)
		return err_list_add(compiler->errors, id->value_pos,
		    "duplicate rule id %u, previously defined at %s:%u:%u", draft->id,
		    other->pos.file, other->pos.line, other->pos.column);
	return strmap_put(&compiler->rules->by_id, key, draft->links[0], NULL) ||
	       err_list_add(compiler->errors, rule->pos, "out of memory");
}

static bool begin_draft(struct compiler *compiler, struct ast_rule *rule)
{
	if (compiler->draft_count >= RULES_MAX)
		return err_list_add(compiler->errors, rule->pos, "more than %d rules", RULES_MAX);
	struct draft *draft = &compiler->drafts[compiler->draft_count++];
	*draft = (struct draft){ .links = { rule }, .link_count = 1, .phase = 2 };
	draft->marker_after = compiler->marker_count;
	draft->removed = rule->broken;
	if (rule->broken)
		return false;
	bool good = draft_id(compiler, draft);
	good &= draft_phase(compiler, &rule->actions, &draft->phase);
	draft->defaults = compiler->defaults[draft->phase];
	return good;
}

static bool check_link(struct compiler *compiler, const struct ast_rule *rule)
{
	bool good = true;
	for (size_t i = 0; i < rule->actions.count; i++)
		if (rule->actions.items[i].action->place == PLACE_HEAD)
			good = err_list_add(compiler->errors, rule->actions.items[i].pos,
			    "action '%s' belongs into the first rule of the chain",
			    rule->actions.items[i].action->name);
	return good;
}

static bool add_link(struct compiler *compiler, struct ast_rule *rule)
{
	struct draft *draft = &compiler->drafts[compiler->draft_count - 1];
	if (draft->link_count == CHAIN_LINKS_MAX)
		return err_list_add(
		    compiler->errors, rule->pos, "more than %d rules in a chain", CHAIN_LINKS_MAX);
	draft->links[draft->link_count++] = rule;
	draft->removed |= rule->broken;
	return !rule->broken && check_link(compiler, rule);
}

static bool set_defaults(struct compiler *compiler, struct ast_item *item)
{
	unsigned phase;
	if (!draft_phase(compiler, &item->rule.actions, &phase))
		return false;
	compiler->defaults[phase] = &item->rule.actions;
	return true;
}

static void add_marker(struct compiler *compiler, const struct ast_item *item)
{
	compiler->markers[compiler->marker_count++] =
	    (struct marker){ item->marker, compiler->draft_count };
}

static bool allocate_drafts(struct compiler *compiler)
{
	size_t rules = 0, markers = 0;
	for (const struct ast_item *item = compiler->ast->first; item; item = item->next) {
		rules += item->kind == AST_RULE;
		markers += item->kind == AST_MARKER;
	}
	compiler->drafts = arena_array(compiler->scratch, struct draft, rules);
	compiler->markers = arena_array(compiler->scratch, struct marker, markers);
	return compiler->drafts && compiler->markers;
}

static bool collect_drafts(struct compiler *compiler)
{
	bool good = true;
	const struct ast_rule *open = NULL; /* it wants a chained rule next */
	for (struct ast_item *item = compiler->ast->first; item; item = item->next) {
		if (open && item->kind != AST_RULE) {
			good = err_list_add(compiler->errors, open->pos,
			    "the rule ends with 'chain' but no rule follows");
			open = NULL;
		}
		if (item->kind == AST_DEFAULT_ACTION)
			good &= set_defaults(compiler, item);
		else if (item->kind == AST_MARKER)
			add_marker(compiler, item);
		else
			good &= open ? add_link(compiler, &item->rule)
			             : begin_draft(compiler, &item->rule);
		if (item->kind == AST_RULE)
			open = find_action(&item->rule.actions, ACTION_CHAIN) ? &item->rule : NULL;
	}
	if (open)
		good = err_list_add(
		    compiler->errors, open->pos, "the rule ends with 'chain' but no rule follows");
	return good;
}

/* ---- targets -------------------------------------------------------------------------------- */

bool compile_selector(struct compiler *compiler, const struct ast_target *in, struct selector *out)
{
	*out = (struct selector){ .pick = PICK_ALL, .slot = NO_SLOT };
	if (in->kind == SELECTOR_NONE)
		return true;
	if (in->kind == SELECTOR_REGEX) {
		out->pick = PICK_REGEX;
		out->regex = compiler_regex(compiler, in->selector, in->pos);
		return out->regex != NULL;
	}
	out->pick = PICK_NAME;
	out->name = arena_dup(&compiler->rules->arena, in->selector);
	if (in->variable->id == VAR_TX) {
		out->pick = PICK_SLOT;
		out->slot = compiler_tx_slot(compiler, in->selector);
	}
	return out->name.ptr != NULL;
}

static bool exclude_from(struct compiler *compiler, struct target *target,
    const struct ast_targets *in, const struct variable *variable)
{
	struct arena *arena = &compiler->rules->arena;
	size_t count = 0;
	for (size_t i = 0; i < in->count; i++)
		count += in->items[i].negated && in->items[i].variable == variable;
	if (count == 0)
		return true;
	target->excluded = arena_array(arena, struct selector, count);
	for (size_t i = 0; target->excluded && i < in->count; i++)
		if (in->items[i].negated && in->items[i].variable == variable &&
		    !compile_selector(
		        compiler, &in->items[i], &target->excluded[target->excluded_count++]))
			return false;
	return target->excluded != NULL;
}

static bool compile_targets(
    struct compiler *compiler, const struct ast_targets *in, struct rule *rule)
{
	rule->targets = arena_array(&compiler->rules->arena, struct target, in->count);
	if (!rule->targets)
		return false;
	bool good = true;
	for (size_t i = 0; i < in->count; i++) {
		const struct ast_target *t = &in->items[i];
		if (t->negated)
			continue;
		struct target *out = &rule->targets[rule->target_count++];
		out->variable = t->variable;
		out->count = t->count;
		rules_use(compiler->rules, t->variable->id);
		good &= compile_selector(compiler, t, &out->selector);
		good &= exclude_from(compiler, out, in, t->variable);
	}
	return good;
}

static void render_target(struct buf *out, const struct ast_target *t)
{
	static const char *const quotes[] = { [SELECTOR_NAME] = "", [SELECTOR_REGEX] = "/" };
	buf_printf(out, "%s%s%s%s", out->len ? "|" : "", t->negated ? "!" : "", t->count ? "&" : "",
	    t->variable->name);
	if (t->kind != SELECTOR_NONE)
		buf_printf(
		    out, ":%s%.*s%s", quotes[t->kind], SLICE_ARG(t->selector), quotes[t->kind]);
}

static bool render_targets(
    struct compiler *compiler, const struct ast_targets *in, struct rule *rule)
{
	struct buf text;
	buf_init(&text, 0);
	for (size_t i = 0; i < in->count; i++)
		render_target(&text, &in->items[i]);
	if (!buf_failed(&text))
		rule->info.targets = arena_dup(&compiler->rules->arena, buf_slice(&text));
	buf_release(&text);
	return rule->info.targets.ptr != NULL;
}

/* ---- operators ------------------------------------------------------------------------------ */

static bool compile_operator(
    struct compiler *compiler, const struct ast_operator *in, struct rule *rule)
{
	struct arena *arena = &compiler->rules->arena;
	struct operator_context context = { rule->info.file, in->argument_pos };
	struct err err = { 0 };
	bool has_macro = macro_has_variable(in->argument);
	rule->negated = in->negated;
	rule->op = operator_compile(
	    in->op, arena_dup(arena, in->argument), has_macro, &context, arena, &err);
	if (!rule->op) {
		if (err.set && err.file[0])
			return err_list_add_err(compiler->errors, &err);
		return err_list_add(
		    compiler->errors, in->argument_pos, "%s", err.set ? err.text : "out of memory");
	}
	if (!compiler_keep_operator(compiler, rule->op))
		return false;
	if (!has_macro)
		return true;
	rule->argument = arena_new(arena, struct macro);
	return rule->argument &&
	       macro_compile(compiler, in->argument, in->argument_pos, rule->argument);
}

static enum number_test number_test_of(const char *name)
{
	static const char *const names[] = { "", "eq", "ge", "gt", "le", "lt" };
	for (size_t i = 1; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum number_test)i;
	return NUMBER_NONE;
}

/* Rules that compare one TX variable with a number need neither items nor texts. */
static void detect_number_test(struct rule *rule, const struct ast_operator *in)
{
	if (!in->op || in->op->kind != OPERATOR_NUMBER || rule->target_count != 1 ||
	    rule->targets[0].selector.pick != PICK_SLOT || rule->pipeline->parent || rule->stages ||
	    rule->targets[0].excluded_count)
		return;
	rule->number_slot = NO_SLOT;
	if (!rule->argument)
		rule->number = parse_integer(in->argument);
	else if (rule->argument->count == 1 && rule->argument->parts[0].slot != NO_SLOT)
		rule->number_slot = rule->argument->parts[0].slot;
	else
		return;
	rule->number_left = rule->targets[0].selector.slot;
	rule->number_counts = rule->targets[0].count;
	rule->number_test = number_test_of(in->op->name);
}

/* ---- rules ---------------------------------------------------------------------------------- */

static bool compile_link(struct compiler *compiler, const struct ast_rule *in, struct rule *rule)
{
	rule->info.file = arena_dup_cstr(&compiler->rules->arena, in->pos.file ? in->pos.file : "");
	rule->info.line = in->pos.line;
	for (size_t i = 0; i < SCAN_COUNT; i++)
		rule->pattern[i] = NO_PATTERN;
	if (!rule->info.file)
		return false;
	/* A rule whose words did not parse has been reported; what is left of it is not compiled.
	 */
	bool good = !in->op.op || compile_operator(compiler, &in->op, rule);
	good &= compile_targets(compiler, &in->targets, rule);
	good &= render_targets(compiler, &in->targets, rule);
	good &= compile_link_actions(compiler, in, rule);
	if (good)
		detect_number_test(rule, &in->op);
	return good;
}

static bool compile_draft(struct compiler *compiler, struct draft *draft)
{
	struct rule *links = arena_array(&compiler->rules->arena, struct rule, draft->link_count);
	if (!links)
		return false;
	bool good = true;
	for (size_t i = 0; i < draft->link_count; i++) {
		links[i].head = &links[0];
		links[i].chained = i + 1 < draft->link_count ? &links[i + 1] : NULL;
		good &= compile_link(compiler, draft->links[i], &links[i]);
	}
	links[0].info.id = draft->id;
	links[0].info.phase = draft->phase;
	draft->rule = &links[0];
	return compile_head_actions(compiler, draft, draft->rule) && good;
}

static bool compile_drafts(struct compiler *compiler)
{
	struct waf_rules *rules = compiler->rules;
	bool good = true;
	strmap_release(&rules->by_id);
	strmap_init(&rules->by_id);
	rules->heads = arena_array(&rules->arena, struct rule *, compiler->draft_count);
	if (!rules->heads)
		return false;
	for (size_t i = 0; i < compiler->draft_count; i++) {
		struct draft *draft = &compiler->drafts[i];
		if (draft->removed)
			continue;
		if (!compile_draft(compiler, draft)) {
			good = false;
			continue;
		}
		draft->rule->index = (unsigned)rules->head_count;
		rules->heads[rules->head_count++] = draft->rule;
		good &= strmap_put(
		    &rules->by_id, slice_of(&draft->id, sizeof draft->id), draft->rule, NULL);
	}
	return good;
}

/* ---- phases and skips ----------------------------------------------------------------------- */

static bool lay_out_phases(struct waf_rules *rules)
{
	for (unsigned p = 1; p <= PHASE_MAX; p++) {
		struct phase *phase = &rules->phases[p];
		phase->rules = arena_array(&rules->arena, struct rule *, rules->head_count);
		phase->always =
		    arena_array(&rules->arena, uint64_t, bit_words(rules->head_count + 1));
		if (!phase->rules || !phase->always)
			return false;
		for (size_t i = 0; i < rules->head_count; i++) {
			struct rule *head = rules->heads[i];
			if (head->info.phase != p)
				continue;
			head->pos = (unsigned)phase->count;
			bit_set(phase->always, phase->count);
			phase->rules[phase->count++] = head;
		}
	}
	return true;
}

/* The number of drafts before the marker or rule that `name` means, behind draft `from`. */
static size_t find_skip(const struct compiler *compiler, size_t from, struct slice name)
{
	for (size_t i = compiler->drafts[from].marker_after; i < compiler->marker_count; i++)
		if (slice_eq(compiler->markers[i].name, name))
			return compiler->markers[i].before;
	uint64_t id;
	if (slice_to_u64(name, UINT32_MAX, &id))
		for (size_t i = from + 1; i < compiler->draft_count; i++)
			if (compiler->drafts[i].id == id)
				return i + 1;
	return SIZE_MAX;
}

/* The position in `phase` of the first rule that is at or behind draft `draft`. */
static unsigned phase_position(const struct compiler *compiler, size_t draft, unsigned phase)
{
	for (; draft < compiler->draft_count; draft++)
		if (!compiler->drafts[draft].removed && compiler->drafts[draft].phase == phase)
			return compiler->drafts[draft].rule->pos;
	return (unsigned)compiler->rules->phases[phase].count;
}

static bool resolve_skip(struct compiler *compiler, size_t index)
{
	struct draft *draft = &compiler->drafts[index];
	const struct ast_actions *actions = &draft->links[0]->actions;
	const struct ast_action *after = find_action(actions, ACTION_SKIPAFTER);
	const struct ast_action *skip = find_action(actions, ACTION_SKIP);
	uint64_t count;
	if (after) {
		size_t to = find_skip(compiler, index, after->value);
		if (to == SIZE_MAX)
			return err_list_add(compiler->errors, after->value_pos,
			    "no marker or rule '%.*s' behind this rule", SLICE_ARG(after->value));
		draft->rule->skip_to = phase_position(compiler, to, draft->phase);
	} else if (skip) {
		if (!slice_to_u64(skip->value, RULES_MAX, &count))
			return err_list_add(
			    compiler->errors, skip->value_pos, "not a number of rules");
		draft->rule->skip_to = draft->rule->pos + 1 + (unsigned)count;
	}
	return true;
}

static bool resolve_skips(struct compiler *compiler)
{
	bool good = true;
	for (size_t i = 0; i < compiler->draft_count; i++)
		if (!compiler->drafts[i].removed)
			good &= resolve_skip(compiler, i);
	return good;
}

/* ---- names of TX ------------------------------------------------------------------------------
 */

/* A name that takes the pattern too long counts as picked: at run time that ends the request. */
static const uint64_t *slots_of(
    struct waf_rules *rules, const struct operator_data *pattern, struct op_scratch *scratch)
{
	uint64_t *bits = arena_array(&rules->arena, uint64_t, bit_words(rules->tx_count));
	for (size_t i = 0; bits && i < rules->tx_count; i++)
		if (!pattern ||
		    compiler_try_regex(pattern, rules->tx_slots[i], scratch) != OP_NO_MATCH)
			bit_set(bits, i);
	return bits;
}

static bool pick_slots(struct waf_rules *rules, struct rule *rule, struct op_scratch *scratch)
{
	for (; rule; rule = rule->chained)
		for (size_t i = 0; i < rule->target_count; i++) {
			struct target *target = &rule->targets[i];
			struct selector *selector = &target->selector;
			if (target->variable->id != VAR_TX || selector->pick != PICK_REGEX)
				continue;
			selector->slots = slots_of(rules, selector->regex, scratch);
			if (!selector->slots)
				return false;
		}
	return true;
}

/* When all slots are known: rules that look at TX:/pattern/ need not try it on every name. */
static bool resolve_slots(struct waf_rules *rules)
{
	struct op_scratch *scratch = op_scratch_new();
	rules->tx_all = slots_of(rules, NULL, scratch);
	bool good = scratch && rules->tx_all;
	for (size_t i = 0; good && i < rules->head_count; i++)
		good = pick_slots(rules, rules->heads[i], scratch);
	op_scratch_free(scratch);
	return good;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static bool add_presets(struct compiler *compiler, const struct waf_options *options)
{
	struct waf_rules *rules = compiler->rules;
	rules->presets = arena_array(&rules->arena, struct tx_preset, options->set_count);
	for (size_t i = 0; rules->presets && i < options->set_count; i++) {
		struct slice name = slice_of_cstr(options->sets[i].name);
		if (!slice_starts_with_nocase(name, SLICE("tx.")) || name.len == 3)
			return err_list_add(compiler->errors, (struct err_pos){ 0 },
			    "cannot set '%s': the name has to begin with tx.",
			    options->sets[i].name);
		rules->presets[i].slot = compiler_tx_slot(compiler, slice_from(name, 3));
		rules->presets[i].value =
		    arena_dup(&rules->arena, slice_of_cstr(options->sets[i].value));
		rules->preset_count++;
	}
	return rules->presets != NULL;
}

/* TX.0 to TX.9 are slots 0 to 9; then those that the verdict's score is read from. */
static bool add_fixed_names(struct compiler *compiler)
{
	static const char *const scores[] = {
		"blocking_inbound_anomaly_score",
		"anomaly_score",
		"inbound_anomaly_score",
	};
	char digit[1];
	for (unsigned i = 0; i < 10; i++) {
		digit[0] = (char)('0' + i);
		if (compiler_tx_slot(compiler, slice_of(digit, 1)) != i)
			return false;
	}
	for (size_t i = 0; i < 3; i++)
		compiler->rules->slot_score[i] =
		    compiler_tx_slot(compiler, slice_of_cstr(scores[i]));
	return compiler->rules->slot_score[2] != NO_SLOT && compiler_root_pipeline(compiler);
}

bool compiler_run(struct compiler *compiler, const struct waf_options *options)
{
	bool good = add_fixed_names(compiler) && add_presets(compiler, options) &&
	            allocate_drafts(compiler);
	if (good) {
		/* Each step goes on over errors, so that one load reports as many as it can. */
		good &= collect_drafts(compiler);
		good &= apply_updates(compiler);
		good &= compile_drafts(compiler);
	}
	good = good && lay_out_phases(compiler->rules) && resolve_skips(compiler) &&
	       resolve_slots(compiler->rules);
	if (arena_failed(&compiler->rules->arena) || arena_failed(compiler->scratch))
		good = err_list_add(compiler->errors, (struct err_pos){ 0 }, "out of memory");
	if (good)
		reach_mark_unlikely(compiler->rules);
	return good && err_list_is_empty(compiler->errors);
}
