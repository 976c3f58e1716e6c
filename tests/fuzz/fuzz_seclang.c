/* SPDX-License-Identifier: Apache-2.0 */
/* Input: a rule file. It loads or gives errors with positions inside it; nothing else happens. */
#include "spoa/waf/compile/compiler.h"
#include "spoa/waf/seclang/directives.h"

#include <assert.h>
#include <stdint.h>

/* Rules may name files; the fuzzer is not to read whatever it comes up with. */
static bool names_files(struct slice text)
{
	static const char *const words[] = { "nclude", "File", "file", "FILE", "NCLUDE" };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_find(text, slice_of_cstr(words[i])) != SIZE_MAX)
			return true;
	return false;
}

static unsigned lines_of(struct slice text)
{
	unsigned lines = 1;
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	return lines;
}

static void compile(struct waf_rules *rules, struct slice text, struct err_list *errors)
{
	static const struct waf_options options;
	struct ast ast;
	struct arena scratch;
	arena_init(&scratch, 0);
	ast_init(&ast, &scratch, &rules->arena, errors);
	bool parsed = directives_parse(&ast, text, "input");
	struct compiler compiler = {
		.rules = rules, .ast = &ast, .scratch = &scratch, .errors = errors
	};
	bool compiled = compiler_run(&compiler, &options);
	assert((parsed && compiled) == err_list_is_empty(errors));
	arena_release(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct waf_rules rules = { .reference = true };
	struct err_list errors;
	if (size > 16384 || names_files(text))
		return 0;
	arena_init(&rules.arena, 0);
	strmap_init(&rules.by_id);
	strmap_init(&rules.tx_names);
	err_list_init(&errors, 0);
	compile(&rules, text, &errors);
	unsigned lines = lines_of(text);
	for (size_t i = 0; i < errors.count; i++)
		assert(errors.items[i].line <= lines);
	for (size_t i = 0; i < rules.operator_count; i++)
		operator_release(rules.operators[i]);
	err_list_release(&errors);
	strmap_release(&rules.by_id);
	strmap_release(&rules.tx_names);
	arena_release(&rules.arena);
	return 0;
}
