/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cli_docs.h"

#include "common/version.h"

#include <string.h>

enum { WIDTH = 80, HELP_COLUMN = 28 };

/* Options without a help text are not shown anywhere. */
static const struct cli_option help_options[] = {
	{ "help", 'h', CLI_FLAG, NULL, NULL, "show this help", 0, 0 },
	{ "version", 0, CLI_FLAG, NULL, NULL, "show the version", 0, 0 },
	{ 0 },
};

static const char *const *pair_commands;
static const struct cli_pair *pair_table;

void cli_describe_pairs(const char *const *commands, const struct cli_pair *table)
{
	pair_commands = commands;
	pair_table = table;
}

static const struct cli_pair *pairs_of(const struct cli_command *command)
{
	for (const char *const *name = pair_commands; command->name && name && *name; name++)
		if (strcmp(*name, command->name) == 0)
			return pair_table;
	return NULL;
}

/* Words of `text` from column `at`, folded before WIDTH, continued at column `indent`. */
static void fold(const char *text, int at, int indent, FILE *out)
{
	bool first = true;
	while (*text) {
		int len = (int)strcspn(text, " \n");
		if (!first && at + 1 + len > WIDTH) {
			fprintf(out, "\n%*s", indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", len, text);
		at += len;
		first = false;
		text += len;
		bool paragraph = strncmp(text, "\n\n", 2) == 0;
		text += strspn(text, " \n");
		if (paragraph) {
			fprintf(out, "\n\n%*s", indent, "");
			at = indent;
			first = true;
		}
	}
	fputc('\n', out);
}

static void row(const char *head, const char *help, FILE *out)
{
	int len = (int)strlen(head);
	fprintf(out, "  %s", head);
	if (len + 4 > HELP_COLUMN) {
		fprintf(out, "\n%*s", HELP_COLUMN, "");
	} else {
		fprintf(out, "%*s", HELP_COLUMN - len - 2, "");
	}
	fold(help, HELP_COLUMN, HELP_COLUMN, out);
}

static void option_head(const struct cli_option *o, char *dst, size_t size)
{
	char letter[8] = "    ";
	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	snprintf(dst, size, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
}

static void options(const struct cli_option *table, FILE *out)
{
	char head[128];
	for (const struct cli_option *o = table; o && o->name; o++) {
		if (!o->help)
			continue;
		option_head(o, head, sizeof(head));
		row(head, o->help, out);
	}
}

static void exit_codes(const struct cli_program *program, FILE *out)
{
	char head[16];
	fputs("\nExit codes:\n", out);
	row("0", "all is well", out);
	row("1", "an error, told on stderr", out);
	for (const struct cli_exit_code *e = program->exit_codes; e && e->meaning; e++) {
		snprintf(head, sizeof(head), "%d", e->code);
		row(head, e->meaning, out);
	}
	row("64", "wrong use of the command line", out);
}

static void program_help(const struct cli_program *program, FILE *out)
{
	fprintf(out, "Usage: %s [OPTION]... COMMAND [OPTION]... [ARGUMENT]...\n\n", program->name);
	fold(program->summary, 0, 0, out);
	fputs("\nCommands:\n", out);
	for (const struct cli_command *c = program->commands; c && c->name; c++)
		row(c->name, c->summary, out);
	fputs("\nOptions:\n", out);
	options(program->options, out);
	options(help_options, out);
	exit_codes(program, out);
	fprintf(out, "\n'%s COMMAND --help' says more about a command.\n", program->name);
}

static void pairs(const struct cli_pair *table, FILE *out)
{
	if (table)
		fputs("\nNames:\n", out);
	for (const struct cli_pair *p = table; p && p->name; p++)
		row(p->name, p->help, out);
}

void cli_print_help(const struct cli_program *program, const struct cli_command *command, FILE *out)
{
	if (!command) {
		program_help(program, out);
		return;
	}
	fprintf(out, "Usage: %s%s%s [OPTION]... %s\n\n", program->name, command->name ? " " : "",
	    command->name ? command->name : "", command->args ? command->args : "");
	fold(command->summary, 0, 0, out);
	if (command->details) {
		fputc('\n', out);
		fold(command->details, 0, 0, out);
	}
	pairs(pairs_of(command), out);
	fputs("\nOptions:\n", out);
	options(command->options, out);
	options(program->options, out);
	options(help_options, out);
	exit_codes(program, out);
}

/* roff: a backslash, and a dot or quote at the start of a line, mean something; dashes shall be
 * dashes. */
static void roff(const char *text, FILE *out)
{
	bool line_start = true;
	for (; *text; text++) {
		if (strncmp(text, "\n\n", 2) == 0) {
			fputs("\n.PP", out);
			text += strspn(text, "\n") - 1;
		}
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
		line_start = *text == '\n';
	}
}

static void man_options(const struct cli_option *table, FILE *out)
{
	char head[128];
	for (const struct cli_option *o = table; o && o->name; o++) {
		if (!o->help)
			continue;
		option_head(o, head, sizeof(head));
		fputs(".TP\n.B ", out);
		roff(head + strspn(head, " "), out);
		fputc('\n', out);
		roff(o->help, out);
		fputc('\n', out);
	}
}

static void man_pairs(const struct cli_pair *table, FILE *out)
{
	for (const struct cli_pair *p = table; p && p->name; p++) {
		fputs(".TP\n.BR ", out);
		roff(p->name, out);
		fputs(" =", out);
		roff(p->values ? p->values : "VALUE", out);
		fputc('\n', out);
		roff(p->help, out);
		fputc('\n', out);
	}
}

static void man_command(const struct cli_command *c, FILE *out)
{
	if (c->name) {
		fputs(".SS ", out);
		roff(c->name, out);
		fputc(' ', out);
		roff(c->args ? c->args : "", out);
		fputc('\n', out);
	}
	roff(c->summary, out);
	fputc('\n', out);
	if (c->details) {
		fputs(".PP\n", out);
		roff(c->details, out);
		fputc('\n', out);
	}
	man_pairs(pairs_of(c), out);
	man_options(c->options, out);
}

static void man_exit_code(int code, const char *meaning, FILE *out)
{
	fprintf(out, ".TP\n.B %d\n", code);
	roff(meaning, out);
	fputc('\n', out);
}

void cli_print_man(const struct cli_program *program, FILE *out)
{
	fputs(".TH ", out);
	for (const char *c = program->name; *c; c++)
		fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, out);
	fprintf(out, " 1 \"\" \"sallyport %s\" \"Sallyport\"\n.SH NAME\n", SALLYPORT_VERSION);
	roff(program->name, out);
	fputs(" \\- ", out);
	roff(program->summary, out);
	fputs("\n.SH SYNOPSIS\n.B ", out);
	roff(program->name, out);
	const char *args = program->main ? program->main->args : NULL;
	fputs(program->commands ? "\n[OPTION]... COMMAND [OPTION]... [ARGUMENT]..."
	                        : "\n[OPTION]... ",
	    out);
	roff(args ? args : "", out);
	fputc('\n', out);
	fprintf(out, ".SH %s\n", program->commands ? "COMMANDS" : "DESCRIPTION");
	if (program->main)
		man_command(program->main, out);
	for (const struct cli_command *c = program->commands; c && c->name; c++)
		man_command(c, out);
	fputs(".SH OPTIONS\n", out);
	man_options(program->options, out);
	man_options(help_options, out);
	fputs(".SH EXIT STATUS\n", out);
	man_exit_code(0, "all is well", out);
	man_exit_code(1, "an error, told on stderr", out);
	for (const struct cli_exit_code *e = program->exit_codes; e && e->meaning; e++)
		man_exit_code(e->code, e->meaning, out);
	man_exit_code(CLI_USAGE, "wrong use of the command line", out);
}

static void long_names(const struct cli_option *table, FILE *out)
{
	for (const struct cli_option *o = table; o && o->name; o++)
		if (o->help)
			fprintf(out, " --%s", o->name);
}

/* A shell function name: the program's, with underscores. */
static void function_name(const struct cli_program *program, FILE *out)
{
	fputc('_', out);
	for (const char *c = program->name; *c; c++)
		fputc(*c == '-' ? '_' : *c, out);
}

/* "name=" each, or "name=value" for each value. */
static void pair_words(const struct cli_pair *table, FILE *out)
{
	for (const struct cli_pair *p = table; p && p->name; p++) {
		const char *value = p->values;
		if (!value)
			fprintf(out, "%s= ", p->name);
		while (value) {
			int len = (int)strcspn(value, "|");
			fprintf(out, "%s=%.*s ", p->name, len, value);
			value = value[len] ? value + len + 1 : NULL;
		}
	}
}

/* bash takes '=' for the end of a word, and wants what stands behind it. */
static const char COMPLETE_PAIRS[] =
    "\tlocal whole=${COMP_LINE:0:COMP_POINT}\n"
    "\twhole=${whole##* }\n"
    "\tif [[ -n $pairs && $COMP_CWORD -gt 2 && $cur != -* ]]; then\n"
    "\t\tmapfile -t COMPREPLY < <(compgen -W \"$pairs\" -- \"$whole\")\n"
    "\t\t[[ ${#COMPREPLY[@]} -ne 1 || $COMPREPLY != *= ]] || compopt -o nospace 2>/dev/null\n"
    "\t\t[[ $whole != *=* || $COMP_WORDBREAKS != *=* ]] || COMPREPLY=(\"${COMPREPLY[@]#*=}\")\n"
    "\t\treturn\n\tfi\n";

static void complete_bash(const struct cli_program *program, FILE *out)
{
	function_name(program, out);
	fputs("()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} words='", out);
	for (const struct cli_command *c = program->commands; c && c->name; c++)
		fprintf(out, "%s ", c->name);
	long_names(program->options, out);
	long_names(help_options, out);
	long_names(program->main ? program->main->options : NULL, out);
	fprintf(out, "'%s\n\tcase ${COMP_WORDS[1]} in\n", pair_table ? " pairs=" : "");
	for (const struct cli_command *c = program->commands; c && c->name; c++) {
		fprintf(out, "\t%s) words='", c->name);
		long_names(c->options, out);
		long_names(program->options, out);
		long_names(help_options, out);
		if (pairs_of(c)) {
			fputs("' pairs='", out);
			pair_words(pairs_of(c), out);
		}
		fputs("' ;;\n", out);
	}
	fprintf(out, "\tesac\n%s", pair_table ? COMPLETE_PAIRS : "");
	fputs("\tif [[ $cur == -* || $COMP_CWORD -eq 1 ]]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	      "\telse\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\tfi\n}\ncomplete -F ",
	    out);
	function_name(program, out);
	fprintf(out, " %s\n", program->name);
}

static void complete_zsh(const struct cli_program *program, FILE *out)
{
	fprintf(out, "#compdef %s\nautoload -U +X bashcompinit && bashcompinit\n", program->name);
	complete_bash(program, out);
}

static void fish_text(const char *text, FILE *out)
{
	fputs(" -d \"", out);
	for (; *text; text++) {
		if (strchr("\"\\$", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
	fputs("\"\n", out);
}

static void fish_options(const struct cli_program *program, const char *command,
    const struct cli_option *table, FILE *out)
{
	for (const struct cli_option *o = table; o && o->name; o++) {
		if (!o->help)
			continue;
		fprintf(out, "complete -c %s", program->name);
		if (command)
			fprintf(out, " -n '__fish_seen_subcommand_from %s'", command);
		if (o->letter)
			fprintf(out, " -s %c", o->letter);
		fprintf(out, " -l %s%s", o->name, o->kind == CLI_FLAG ? "" : " -r");
		fish_text(o->help, out);
	}
}

static void fish_pairs(const struct cli_program *program, const struct cli_command *c, FILE *out)
{
	if (!pairs_of(c))
		return;
	fprintf(out, "complete -c %s -n '__fish_seen_subcommand_from %s' -f -a \"", program->name,
	    c->name);
	pair_words(pairs_of(c), out);
	fputs("\"\n", out);
}

static void complete_fish(const struct cli_program *program, FILE *out)
{
	for (const struct cli_command *c = program->commands; c && c->name; c++) {
		fprintf(
		    out, "complete -c %s -n __fish_use_subcommand -a %s", program->name, c->name);
		fish_text(c->summary, out);
	}
	fish_options(program, NULL, program->options, out);
	fish_options(program, NULL, help_options, out);
	if (program->main)
		fish_options(program, NULL, program->main->options, out);
	for (const struct cli_command *c = program->commands; c && c->name; c++) {
		fish_options(program, c->name, c->options, out);
		fish_pairs(program, c, out);
	}
}

bool cli_print_completion(const struct cli_program *program, const char *shell, FILE *out)
{
	static const struct {
		const char *shell;
		void (*print)(const struct cli_program *, FILE *);
	} shells[] = { { "bash", complete_bash }, { "zsh", complete_zsh },
		{ "fish", complete_fish } };
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (strcmp(shells[i].shell, shell) == 0) {
			shells[i].print(program, out);
			return true;
		}
	fprintf(stderr, "%s: completion for '%s' is not there; bash, zsh and fish are\n",
	    program->name, shell);
	return false;
}
