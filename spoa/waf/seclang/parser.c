/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/seclang/parser.h"

void ast_init(struct ast *ast, struct arena *arena, struct arena *keep, struct err_list *errors)
{
	*ast = (struct ast){
		.arena = arena,
		.keep = keep,
		.errors = errors,
		.settings = {
			.request_body = true,
			.response_body = true,
			.argument_separator = '&',
		},
	};
	ast->last = &ast->first;
	ast->last_update = &ast->first_update;
}

/* ---- targets ------------------------------------------------------------------------------ */

static bool is_name_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_';
}

/* The end of a /regex/ that begins at s[0]; SIZE_MAX when it has none. */
static size_t regex_end(struct slice s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '/' && (i + 1 == s.len || s.ptr[i + 1] == '|' ||
		                                s.ptr[i + 1] == ',' || s.ptr[i + 1] == '\''))
			return i + 1;
	}
	return SIZE_MAX;
}

static bool is_separator(struct slice s, size_t at, bool commas)
{
	if (s.ptr[at] == '|')
		return true;
	return commas && s.ptr[at] == ',' && at + 1 < s.len &&
	       (s.ptr[at + 1] == '!' || s.ptr[at + 1] == '&' || ascii_is_alpha(s.ptr[at + 1]));
}

/* The length of the selector at the head of s, or SIZE_MAX when it does not end. */
static size_t selector_length(struct slice s, const struct variable *variable, bool commas)
{
	if (s.len && s.ptr[0] == '\'') {
		size_t inner =
		    s.len > 1 && s.ptr[1] == '/' ? regex_end(slice_from(s, 1)) : SIZE_MAX;
		size_t from = inner == SIZE_MAX ? 1 : inner + 1;
		size_t quote = slice_find_byte(slice_from(s, from), '\'');
		return quote == SIZE_MAX ? SIZE_MAX : from + quote + 1;
	}
	if (s.len && s.ptr[0] == '/' && variable->kind != VARIABLE_XPATH)
		return regex_end(s);
	size_t end = 0;
	while (end < s.len && !is_separator(s, end, commas))
		end++;
	return end;
}

static bool check_xpath(struct slice text)
{
	return slice_eq(text, SLICE("/*")) || slice_eq(text, SLICE("//@*"));
}

static bool set_selector(
    struct slice text, struct err_pos pos, struct err_list *errors, struct ast_target *out)
{
	const struct variable *variable = out->variable;
	if (text.len >= 2 && text.ptr[0] == '\'')
		text = slice_sub(text, 1, text.len - 2);
	if (variable->kind == VARIABLE_SCALAR)
		return err_list_add(
		    errors, pos, "'%s' is a single value and takes no selector", variable->name);
	if (slice_is_empty(text))
		return err_list_add(errors, pos, "empty selector for '%s'", variable->name);
	if (variable->kind == VARIABLE_XPATH && !check_xpath(text))
		return err_list_add(errors, pos,
		    "unsupported XPath '%.*s': only /* and //@* are evaluated", SLICE_ARG(text));
	bool regex = variable->kind != VARIABLE_XPATH && text.len >= 2 && text.ptr[0] == '/' &&
	             text.ptr[text.len - 1] == '/';
	out->kind = regex ? SELECTOR_REGEX : SELECTOR_NAME;
	out->selector = regex ? slice_sub(text, 1, text.len - 2) : text;
	return true;
}

static bool find_variable(
    struct slice name, struct err_pos pos, struct err_list *errors, struct ast_target *out)
{
	out->variable = variable_find(name);
	if (out->variable)
		return true;
	const char *reason = variable_unsupported(name);
	if (reason)
		return err_list_add(
		    errors, pos, "variable '%.*s' is not supported: %s", SLICE_ARG(name), reason);
	return err_list_add(errors, pos, "unknown variable '%.*s'", SLICE_ARG(name));
}

static size_t name_length(struct slice s)
{
	size_t len = 0;
	while (len < s.len && is_name_byte(s.ptr[len]))
		len++;
	return len;
}

bool parse_target_text(
    struct slice text, struct err_pos pos, struct err_list *errors, struct ast_target *out)
{
	*out = (struct ast_target){ .pos = pos };
	size_t len = name_length(text);
	if (!find_variable(slice_sub(text, 0, len), pos, errors, out))
		return false;
	if (len == text.len)
		return out->variable->kind != VARIABLE_XPATH ||
		       err_list_add(errors, pos, "'XML' needs a selector");
	if (text.ptr[len] != ':' && text.ptr[len] != '.')
		return err_list_add(
		    errors, pos, "unexpected '%c' behind '%s'", text.ptr[len], out->variable->name);
	return set_selector(slice_from(text, len + 1), pos, errors, out);
}

/* One target at s[*at]; *at becomes the byte behind it. */
static bool parse_target(
    struct ast *ast, const struct sec_word *word, size_t *at, bool commas, struct ast_target *out)
{
	struct slice s = word->text;
	bool negated = false, count = false;
	while (*at < s.len && ascii_is_space(s.ptr[*at]))
		++*at;
	for (; *at < s.len && (s.ptr[*at] == '!' || s.ptr[*at] == '&'); ++*at)
		*(s.ptr[*at] == '!' ? &negated : &count) = true;
	struct err_pos pos = sec_word_pos(word, *at);
	*out = (struct ast_target){ .pos = pos };
	size_t len = name_length(slice_from(s, *at));
	if (len == 0)
		return err_list_add(ast->errors, pos, "a variable is missing here");
	if (!find_variable(slice_sub(s, *at, len), pos, ast->errors, out))
		return false;
	out->negated = negated;
	out->count = count;
	*at += len;
	if (*at >= s.len || s.ptr[*at] != ':')
		return (out->variable->kind != VARIABLE_XPATH || negated) ||
		       err_list_add(ast->errors, pos, "'XML' needs a selector");
	struct slice rest = slice_from(s, ++*at);
	struct err_pos selector_pos = sec_word_pos(word, *at);
	len = selector_length(rest, out->variable, commas);
	if (len == SIZE_MAX)
		return err_list_add(
		    ast->errors, selector_pos, "the selector that begins here does not end");
	*at += len;
	return set_selector(slice_sub(rest, 0, len), selector_pos, ast->errors, out);
}

bool parse_targets(
    struct ast *ast, const struct sec_word *word, bool commas, struct ast_targets *out)
{
	struct ast_target items[TARGETS_MAX];
	size_t count = 0, at = 0;
	for (;;) {
		if (count == TARGETS_MAX)
			return err_list_add(
			    ast->errors, word->pos, "more than %d targets", TARGETS_MAX);
		if (!parse_target(ast, word, &at, commas, &items[count++]))
			return false;
		while (at < word->text.len && ascii_is_space(word->text.ptr[at]))
			at++;
		if (at >= word->text.len)
			break;
		if (!is_separator(word->text, at, commas))
			return err_list_add(ast->errors, sec_word_pos(word, at),
			    "unexpected '%c' behind a target", word->text.ptr[at]);
		at++;
	}
	out->items = arena_array(ast->arena, struct ast_target, count);
	out->count = out->items ? count : 0;
	if (out->items)
		memcpy(out->items, items, count * sizeof *items);
	return out->items != NULL;
}

/* ---- operator ----------------------------------------------------------------------------- */

/*
 * CRS 3.3 has rules with these, which its settings leave switched off. They ask a database or the
 * DNS that is not there, as in a ModSecurity without them, and so never match (docs/waf.md).
 */
static bool asks_nobody(struct slice name)
{
	return slice_eq_nocase(name, SLICE("geoLookup")) || slice_eq_nocase(name, SLICE("rbl"));
}

static bool find_operator(struct ast *ast, struct slice name, struct ast_operator *out)
{
	out->op = operator_find(asks_nobody(name) ? SLICE("noMatch") : name);
	if (out->op)
		return true;
	const char *reason = operator_unsupported(name);
	if (reason)
		return err_list_add(ast->errors, out->pos, "operator '@%.*s' is not supported: %s",
		    SLICE_ARG(name), reason);
	return err_list_add(ast->errors, out->pos, "unknown operator '@%.*s'", SLICE_ARG(name));
}

static size_t blanks(struct slice s, size_t at)
{
	while (at < s.len && ascii_is_space(s.ptr[at]))
		at++;
	return at;
}

bool parse_operator(struct ast *ast, const struct sec_word *word, struct ast_operator *out)
{
	struct slice s = word->text, name = SLICE("rx");
	size_t at = blanks(s, 0);
	*out = (struct ast_operator){ 0 };
	if (at + 1 < s.len && s.ptr[at] == '!') {
		out->negated = true;
		at = blanks(s, at + 1);
	}
	out->pos = sec_word_pos(word, at);
	if (at < s.len && s.ptr[at] == '@') {
		size_t start = ++at;
		while (at < s.len && !ascii_is_space(s.ptr[at]))
			at++;
		name = slice_sub(s, start, at - start);
		at = blanks(s, at);
	}
	if (!find_operator(ast, name, out))
		return false;
	out->argument = asks_nobody(name) ? slice_of(NULL, 0) : slice_from(s, at);
	out->argument_pos = sec_word_pos(word, at);
	if (out->op->needs_argument && slice_is_empty(out->argument) &&
	    !slice_eq_nocase(name, SLICE("rx")))
		return err_list_add(
		    ast->errors, out->pos, "operator '@%s' needs an argument", out->op->name);
	return true;
}

/* ---- actions ------------------------------------------------------------------------------ */

/* The value behind "name:" at s[*at], with \' for a quote inside quotes; *at goes behind it. */
static bool parse_value(
    struct ast *ast, const struct sec_word *word, size_t *at, struct ast_action *out)
{
	struct slice s = word->text;
	if (*at < s.len && s.ptr[*at] != '\'') {
		size_t start = *at;
		while (*at < s.len && s.ptr[*at] != ',')
			++*at;
		out->value = slice_trim(slice_sub(s, start, *at - start));
		return true;
	}
	struct err_pos start = sec_word_pos(word, *at);
	size_t room = s.len - *at, len = 0;
	char *text = arena_alloc(ast->arena, room + 1);
	if (!text)
		return false;
	for (++*at; *at < s.len && s.ptr[*at] != '\''; ++*at) {
		if (s.ptr[*at] == '\\' && *at + 1 < s.len && s.ptr[*at + 1] == '\'')
			++*at;
		text[len++] = s.ptr[*at];
	}
	if (*at >= s.len)
		return err_list_add(
		    ast->errors, start, "the quoted text that begins here does not end");
	++*at;
	out->value = slice_of(text, len);
	return true;
}

static bool check_argument(struct ast *ast, const struct ast_action *a, bool has_value)
{
	const struct action *action = a->action;
	if (action->refused)
		return err_list_add(ast->errors, a->pos, "action '%s' is not supported: %s",
		    action->name, action->refused);
	if (action->argument == ARGUMENT_NONE && has_value)
		return err_list_add(
		    ast->errors, a->pos, "action '%s' takes no value", action->name);
	if (action->argument == ARGUMENT_NEEDED && slice_is_empty(a->value) &&
	    action->id != ACTION_LOGDATA && action->id != ACTION_MSG)
		return err_list_add(ast->errors, a->pos, "action '%s' needs a value", action->name);
	return true;
}

static bool parse_action(
    struct ast *ast, const struct sec_word *word, size_t *at, struct ast_action *out)
{
	struct slice s = word->text;
	size_t start = *at;
	while (*at < s.len && s.ptr[*at] != ',' && s.ptr[*at] != ':')
		++*at;
	struct slice name = slice_trim(slice_sub(s, start, *at - start));
	*out = (struct ast_action){ .pos = sec_word_pos(word, start) };
	out->action = action_find(name);
	if (slice_is_empty(name))
		return err_list_add(ast->errors, out->pos, "an action is missing here");
	if (!out->action)
		return err_list_add(
		    ast->errors, out->pos, "unknown action '%.*s'", SLICE_ARG(name));
	bool has_value = *at < s.len && s.ptr[*at] == ':';
	if (has_value) {
		*at = blanks(s, *at + 1);
		out->value_pos = sec_word_pos(word, *at);
		if (!parse_value(ast, word, at, out))
			return false;
	}
	return check_argument(ast, out, has_value);
}

bool parse_actions(struct ast *ast, const struct sec_word *word, struct ast_actions *out)
{
	struct ast_action items[ACTIONS_MAX];
	struct slice s = word->text;
	size_t count = 0, at = blanks(s, 0);
	while (at < s.len) {
		if (count == ACTIONS_MAX)
			return err_list_add(
			    ast->errors, word->pos, "more than %d actions", ACTIONS_MAX);
		if (!parse_action(ast, word, &at, &items[count++]))
			return false;
		at = blanks(s, at);
		if (at < s.len && s.ptr[at] != ',')
			return err_list_add(ast->errors, sec_word_pos(word, at),
			    "unexpected '%c' behind an action", s.ptr[at]);
		at = blanks(s, at + 1);
	}
	out->items = arena_array(ast->arena, struct ast_action, count);
	out->count = out->items ? count : 0;
	if (out->items)
		memcpy(out->items, items, count * sizeof *items);
	return out->items != NULL;
}

/* ---- ids ---------------------------------------------------------------------------------- */

static bool parse_range(struct slice text, struct id_range *out)
{
	struct slice first, last;
	uint64_t a, b;
	bool range = slice_cut(text, '-', &first, &last);
	if (!slice_to_u64(first, UINT32_MAX, &a))
		return false;
	b = a;
	if (range && !slice_to_u64(last, UINT32_MAX, &b))
		return false;
	*out = (struct id_range){ (uint32_t)a, (uint32_t)b };
	return a <= b;
}

static bool collect_ranges(struct slice text, struct id_range *ranges, size_t *count)
{
	for (size_t at = blanks(text, 0); at < text.len; at = blanks(text, at)) {
		size_t start = at;
		while (at < text.len && !ascii_is_space(text.ptr[at]) && text.ptr[at] != ',')
			at++;
		if (*count == ID_RANGES_MAX ||
		    !parse_range(slice_sub(text, start, at - start), &ranges[(*count)++]))
			return false;
		at += at < text.len && text.ptr[at] == ',';
	}
	return *count > 0;
}

bool parse_ids(struct arena *arena, struct slice text, struct id_range **out, size_t *count)
{
	struct id_range ranges[ID_RANGES_MAX];
	size_t found = 0;
	*count = 0;
	*out = NULL;
	if (!collect_ranges(text, ranges, &found))
		return false;
	*out = arena_array(arena, struct id_range, found);
	if (!*out)
		return false;
	memcpy(*out, ranges, found * sizeof *ranges);
	*count = found;
	return true;
}
