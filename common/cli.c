/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cli.h"

#include "common/cli_docs.h"
#include "common/slice.h"
#include "common/version.h"

#include <stdio.h>
#include <stdlib.h>

enum { NEAREST_WORD_MAX = 40, NEAREST_NAMES_MAX = 256 };

/* Every program has these, before or behind its command. */
static bool want_help, want_version, want_man;
static const char *want_completion;
static const struct cli_option common_options[] = {
	{ "help", 'h', CLI_FLAG, &want_help, NULL, "show this help", 0, 0 },
	{ "version", 0, CLI_FLAG, &want_version, NULL, "show the version", 0, 0 },
	{ "completion", 0, CLI_STRING, &want_completion, "SHELL", NULL, 0, 0 },
	{ "man", 0, CLI_FLAG, &want_man, NULL, NULL, 0, 0 },
	{ 0 },
};

struct parse {
	const struct cli_program *program;
	const struct cli_command *command; /* NULL until it is known */
	char **arguments;
	int argument_count;
};

/* Levenshtein distance, whatever the case, for words up to NEAREST_WORD_MAX; more is "far". */
static size_t distance(const char *a, const char *b)
{
	size_t row[NEAREST_WORD_MAX + 1], len_a = strlen(a), len_b = strlen(b);
	if (len_a > NEAREST_WORD_MAX || len_b > NEAREST_WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= len_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			size_t best = diagonal + (ascii_lower(a[i - 1]) != ascii_lower(b[j - 1]));
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[len_b];
}

const char *cli_nearest(const char *word, const char *const *names, size_t count)
{
	const char *nearest = NULL;
	/* A third of the word may be wrong, two letters at least. */
	size_t best = strlen(word) / 3 < 2 ? 3 : strlen(word) / 3 + 1;
	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, names[i]);
		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}

static int usage_error(
    const struct parse *p, const char *what, const char *word, const char *nearest)
{
	fprintf(stderr, "%s: %s '%s'", p->program->name, what, word);
	if (nearest)
		fprintf(stderr, "; did you mean '%s'?", nearest);
	fprintf(stderr, "\nTry '%s --help'.\n", p->program->name);
	return CLI_USAGE;
}

static const struct cli_option *const *option_tables(const struct parse *p)
{
	static const struct cli_option *tables[3];
	tables[0] = common_options;
	tables[1] = p->program->options;
	tables[2] = p->command ? p->command->options : NULL;
	return tables;
}

static const struct cli_option *find_option(const struct parse *p, struct slice name, char letter)
{
	const struct cli_option *const *tables = option_tables(p);
	for (int t = 0; t < 3; t++)
		for (const struct cli_option *o = tables[t]; o && o->name; o++)
			if (letter ? o->letter == letter : slice_eq(name, slice_of_cstr(o->name)))
				return o;
	return NULL;
}

static int unknown_option(const struct parse *p, const char *word)
{
	const char *names[NEAREST_NAMES_MAX];
	size_t count = 0;
	const struct cli_option *const *tables = option_tables(p);
	for (int t = 0; t < 3; t++)
		for (const struct cli_option *o = tables[t]; o && o->name; o++)
			if (o->help && count < NEAREST_NAMES_MAX)
				names[count++] = o->name;
	struct slice name, value;
	slice_cut(slice_of_cstr(word + 2), '=', &name, &value);
	char bare[NEAREST_WORD_MAX + 1], dashed[2 * NEAREST_WORD_MAX];
	snprintf(bare, sizeof(bare), "%.*s", SLICE_ARG(slice_sub(name, 0, NEAREST_WORD_MAX)));
	const char *nearest = word[1] == '-' ? cli_nearest(bare, names, count) : NULL;
	snprintf(dashed, sizeof(dashed), "--%s", nearest ? nearest : "");
	return usage_error(p, "unknown option", word, nearest ? dashed : NULL);
}

static int add_to_list(const struct parse *p, struct cli_list *list, const char *value)
{
	const char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (!items)
		return usage_error(p, "no memory for", value, NULL);
	items[list->count++] = value;
	list->items = items;
	return 0;
}

static int store(const struct parse *p, const struct cli_option *o, const char *value)
{
	switch (o->kind) {
	case CLI_FLAG:
		*(bool *)o->dest = true;
		return 0;
	case CLI_STRING:
		*(const char **)o->dest = value;
		return 0;
	case CLI_LIST:
		return add_to_list(p, o->dest, value);
	case CLI_UINT:
		break;
	}
	uint64_t number;
	if (!slice_to_u64(slice_of_cstr(value), o->max, &number) || number < o->min) {
		fprintf(stderr, "%s: --%s '%s' is not a number from %llu to %llu\n",
		    p->program->name, o->name, value, (unsigned long long)o->min,
		    (unsigned long long)o->max);
		return CLI_USAGE;
	}
	*(uint64_t *)o->dest = number;
	return 0;
}

/* argv[*i] is an option: takes it, and its value from the next word when it needs one. */
static int take_option(const struct parse *p, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	struct slice name, rest;
	bool is_long = word[1] == '-', attached;
	const struct cli_option *o;
	const char *value = NULL;
	if (is_long) {
		attached = slice_cut(slice_of_cstr(word + 2), '=', &name, &rest);
		o = find_option(p, name, 0);
	} else {
		rest = slice_of_cstr(word + 2);
		attached = rest.len > 0;
		o = find_option(p, rest, word[1]);
	}
	if (!o)
		return unknown_option(p, word);
	if (o->kind == CLI_FLAG)
		return attached ? usage_error(p, "no value is taken by", word, NULL)
		                : store(p, o, NULL);
	if (attached)
		value = rest.ptr;
	else if (*i + 1 < argc)
		value = argv[++*i];
	if (!value)
		return usage_error(p, "a value is missing behind", word, NULL);
	return store(p, o, value);
}

static const struct cli_command *find_command(const struct cli_program *program, const char *name)
{
	for (const struct cli_command *c = program->commands; c && c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int take_word(struct parse *p, char *word)
{
	const char *names[NEAREST_NAMES_MAX];
	size_t count = 0;
	if (p->command) {
		p->arguments[p->argument_count++] = word;
		return 0;
	}
	p->command = find_command(p->program, word);
	if (p->command)
		return 0;
	for (const struct cli_command *c = p->program->commands; c && c->name; c++)
		if (count < NEAREST_NAMES_MAX)
			names[count++] = c->name;
	return usage_error(p, "unknown command", word, cli_nearest(word, names, count));
}

static int parse_words(struct parse *p, int argc, char **argv)
{
	bool options = true;
	for (int i = 1; i < argc; i++) {
		int code;
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
			continue;
		}
		/* "-" alone is an argument: standard input. */
		if (options && argv[i][0] == '-' && argv[i][1] != '\0')
			code = take_option(p, argc, argv, &i);
		else
			code = take_word(p, argv[i]);
		if (code != 0)
			return code;
	}
	return 0;
}

static int check_arguments(const struct parse *p)
{
	const struct cli_command *c = p->command;
	if (!c) {
		fprintf(stderr, "%s: a command is missing\nTry '%s --help'.\n", p->program->name,
		    p->program->name);
		return CLI_USAGE;
	}
	if (p->argument_count < c->min_args) {
		fprintf(stderr, "%s: an argument is missing: %s\nTry '%s --help'.\n",
		    p->program->name, c->args ? c->args : "", p->program->name);
		return CLI_USAGE;
	}
	if (c->max_args >= 0 && p->argument_count > c->max_args)
		return usage_error(p, "one argument too many:", p->arguments[c->max_args], NULL);
	return 0;
}

static int run(struct parse *p, int argc, char **argv)
{
	int code = parse_words(p, argc, argv);
	if (want_version) {
		printf("%s %s\n", p->program->name, SALLYPORT_VERSION);
		return CLI_OK;
	}
	if (want_help) {
		cli_print_help(p->program, p->command, stdout);
		return CLI_OK;
	}
	if (want_man) {
		cli_print_man(p->program, stdout);
		return CLI_OK;
	}
	if (want_completion)
		return cli_print_completion(p->program, want_completion, stdout) ? CLI_OK
		                                                                 : CLI_USAGE;
	if (code == 0)
		code = check_arguments(p);
	return code ? code : p->command->run(p->argument_count, p->arguments);
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
	struct parse p = { program, program->main, NULL, 0 };
	want_help = want_version = want_man = false;
	want_completion = NULL;
	p.arguments = calloc((size_t)argc + 1, sizeof(*p.arguments));
	if (!p.arguments) {
		fprintf(stderr, "%s: no memory\n", program->name);
		return CLI_ERROR;
	}
	int code = run(&p, argc, argv);
	free(p.arguments);
	return code;
}
