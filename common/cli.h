/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * cli: one table per program from which parsing, --help, shell completion and man pages come.
 *
 *     sallyport-x [OPTION]... COMMAND [OPTION]... [ARGUMENT]...
 *
 * Options are --name VALUE or --name=VALUE, -n VALUE for the letter; "--" ends them; options may
 * stand between arguments. A wrong option or command says so, with the nearest right one, and ends
 * with CLI_USAGE. Every program has --help and --version.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLI_OK = 0, CLI_ERROR = 1, CLI_USAGE = 64 };

enum cli_kind {
	CLI_FLAG,   /* bool * */
	CLI_STRING, /* const char **, the last one wins */
	CLI_LIST,   /* struct cli_list *, repeatable */
	CLI_UINT,   /* uint64_t *, within min..max */
};

struct cli_list {
	const char **items;
	size_t count;
};

struct cli_option {
	const char *name; /* without the dashes; NULL ends the table */
	char letter;      /* 0: none */
	enum cli_kind kind;
	void *dest;
	const char *arg; /* what --help calls the value */
	const char *help;
	uint64_t min, max; /* CLI_UINT */
};

struct cli_command {
	const char *name; /* NULL ends the table */
	const char *args; /* what --help shows behind the options, such as "[FILE]..." */
	const char *summary;
	const char *details; /* paragraphs for --help and the man page; may be NULL */
	const struct cli_option *options;
	int (*run)(int argc, char **argv); /* the arguments that are no options; the exit code */
	int min_args, max_args;            /* max_args < 0: any number */
};

struct cli_exit_code {
	int code;
	const char *meaning; /* NULL ends the table */
};

struct cli_program {
	const char *name;
	const char *summary;
	const struct cli_option *options;   /* for every command; may be NULL */
	const struct cli_command *commands; /* NULL: the program is one command, `main` */
	const struct cli_command *main;
	const struct cli_exit_code *exit_codes; /* beside 0, 1 and 64; may be NULL */
};

/* An argument NAME=VALUE that a command takes. */
struct cli_pair {
	const char *name;   /* NULL ends the table */
	const char *values; /* "a|b|c" when it is one of these; NULL */
	const char *help;
};

/* What help, man page and completion say of the arguments of `commands` (NULL ends it), which are
 * such. Said once, before cli_main(); the tables outlive it. */
void cli_describe_pairs(const char *const *commands, const struct cli_pair *table);

/*
 * Parses, runs, returns the exit code. Hidden commands of every program: `--completion
 * bash|zsh|fish` and `--man` print what the packages install.
 */
int cli_main(const struct cli_program *program, int argc, char **argv);

/* The nearest of `count` names to `word` by edit distance, or NULL when none is near. */
const char *cli_nearest(const char *word, const char *const *names, size_t count);
