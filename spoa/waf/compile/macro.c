/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/macro.h"

#include "spoa/waf/seclang/parser.h"

enum { MACRO_PARTS_MAX = 256 };

/* The length of the %{…} at s[at], or 0. */
static size_t macro_length(struct slice s, size_t at)
{
	if (at + 1 >= s.len || s.ptr[at] != '%' || s.ptr[at + 1] != '{')
		return 0;
	size_t end = slice_find_byte(slice_from(s, at), '}');
	return end == SIZE_MAX ? 0 : end + 1;
}

bool macro_has_variable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (macro_length(text, i))
			return true;
	return false;
}

static bool compile_variable(
    struct compiler *compiler, struct slice inner, struct err_pos pos, struct macro_part *out)
{
	struct ast_target target;
	if (!parse_target_text(inner, pos, compiler->errors, &target))
		return false;
	rules_use(compiler->rules, target.variable->id);
	*out = (struct macro_part){
		.variable = target.variable, .key = target.selector, .slot = NO_SLOT
	};
	if (target.kind == SELECTOR_REGEX)
		return err_list_add(compiler->errors, pos, "a macro cannot pick by a pattern");
	if (target.variable->id == VAR_TX && target.kind == SELECTOR_NAME)
		out->slot = compiler_tx_slot(compiler, target.selector);
	return true;
}

static bool split(struct compiler *compiler, struct slice text, struct err_pos pos,
    struct macro_part *parts, size_t *count)
{
	size_t start = 0, at = 0;
	*count = 0;
	while (at < text.len) {
		size_t len = macro_length(text, at);
		if (!len) {
			at++;
			continue;
		}
		if (*count + 3 > MACRO_PARTS_MAX)
			return err_list_add(compiler->errors, pos, "too many macros in one text");
		if (at > start)
			parts[(*count)++] =
			    (struct macro_part){ .text = slice_sub(text, start, at - start) };
		if (!compile_variable(
		        compiler, slice_sub(text, at + 2, len - 3), pos, &parts[(*count)++]))
			return false;
		start = at += len;
	}
	if (at > start)
		parts[(*count)++] = (struct macro_part){ .text = slice_from(text, start) };
	return true;
}

bool macro_compile(
    struct compiler *compiler, struct slice text, struct err_pos pos, struct macro *out)
{
	struct macro_part parts[MACRO_PARTS_MAX];
	struct arena *arena = &compiler->rules->arena;
	size_t count;
	*out =
	    (struct macro){ .text = arena_dup(arena, text), .constant = !macro_has_variable(text) };
	if (out->constant) {
		out->number = parse_integer(out->text);
		return true;
	}
	if (!split(compiler, out->text, pos, parts, &count))
		return false;
	out->count = count;
	out->parts = arena_array(arena, struct macro_part, count);
	if (out->parts)
		memcpy(out->parts, parts, count * sizeof *parts);
	for (size_t i = 0; out->parts && i < count; i++)
		out->parts[i].key = arena_dup(arena, out->parts[i].key);
	return out->parts != NULL;
}
