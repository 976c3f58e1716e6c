/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cli.h"

#include "common/version.h"
#include "tests/support/fail_alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WORDS_MAX = 16, RUN_CODE = 7 };

static bool force;
static const char *config;
static struct cli_list sets;
static uint64_t port;
static int run_argc;
static char *run_argv[WORDS_MAX];

static int run_command(int argc, char **argv)
{
	run_argc = argc;
	for (int i = 0; i < argc; i++)
		run_argv[i] = argv[i];
	return RUN_CODE;
}

// clang-format off
static const struct cli_option global_options[] = {
	{ "config", 'c', CLI_STRING, &config, "FILE", "the configuration, in words enough that this line has to be folded somewhere", 0, 0 },
	{ 0 },
};
static const struct cli_option check_options[] = {
	{ "force", 'f', CLI_FLAG, &force, NULL,   "do it \"$HOME\" anyway", 0, 0 },
	{ "set",   's', CLI_LIST, &sets,  "NAME", "may be repeated",        0, 0 },
	{ "port",  'p', CLI_UINT, &port,  "N",    "a port",                 1, 65535 },
	{ "a-name-too-long-for-its-column", 0, CLI_STRING, &config, "VALUE", "on a line of its own", 0, 0 },
	{ 0 },
};
static const struct cli_pair pairs[] = { { "rate", NULL, "how many" }, { "waf", "block|count", "what it does" }, { 0 } };
static const char *const pair_commands[] = { "set", NULL };
static const struct cli_command commands[] = {
	{ "check",  "[FILE]...", "look at the files", ".first\n\n'second' \\ paragraph", check_options, run_command, 0, 2 },
	{ "render", "FILE",      "write a file",      NULL,                               NULL,          run_command, 1, 1 },
	{ "all",    "[FILE]...", "take them all",     NULL,                               NULL,          run_command, 0, -1 },
	{ "set",    "ID NAME=VALUE...", "change it",  NULL,                               NULL,          run_command, 1, -1 },
	{ 0 },
};
static const struct cli_exit_code exit_codes[] = { { 2, "something was found" }, { 0 } };
static const struct cli_command only = { NULL, "[FILE]", "do one thing", NULL, check_options, run_command, 0, 1 };
static const struct cli_program many = { "sallyport-x", "does x", global_options, commands, NULL, exit_codes };
static const struct cli_program single = { "sallyport-y", "does y", global_options, NULL, &only, NULL };
// clang-format on

static char out[20000], errors[4000];

static void read_back(FILE *file, int fd, int saved, char *dst, size_t size)
{
	fflush(fd == STDOUT_FILENO ? stdout : stderr);
	dup2(saved, fd);
	close(saved);
	rewind(file);
	dst[fread(dst, 1, size - 1, file)] = '\0';
	fclose(file);
}

/* Runs a program on words parted by blanks; the exit code. */
static int call(const struct cli_program *program, const char *line)
{
	static char words[400];
	char *argv[WORDS_MAX] = { (char *)(uintptr_t)program->name };
	int argc = 1;
	FILE *out_file = tmpfile(), *error_file = tmpfile();

	force = false;
	config = NULL;
	port = 0;
	free(sets.items);
	sets = (struct cli_list){ 0 };
	run_argc = -1;
	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	fflush(stdout);
	int saved_out = dup(STDOUT_FILENO), saved_error = dup(STDERR_FILENO);
	dup2(fileno(out_file), STDOUT_FILENO);
	dup2(fileno(error_file), STDERR_FILENO);
	int code = cli_main(program, argc, argv);
	read_back(out_file, STDOUT_FILENO, saved_out, out, sizeof(out));
	read_back(error_file, STDERR_FILENO, saved_error, errors, sizeof(errors));
	return code;
}

static void options_and_arguments_may_be_mixed(void **state)
{
	(void)state;
	assert_int_equal(
	    call(&many, "-c a.json check one -f --port=80 -s x two --set=y -s z"), RUN_CODE);
	assert_string_equal(config, "a.json");
	assert_true(force);
	assert_int_equal(port, 80);
	assert_int_equal(sets.count, 3);
	assert_string_equal(sets.items[0], "x");
	assert_string_equal(sets.items[2], "z");
	assert_int_equal(run_argc, 2);
	assert_string_equal(run_argv[0], "one");
	assert_string_equal(run_argv[1], "two");
	assert_string_equal(errors, "");
}

static void values_come_attached_or_as_the_next_word(void **state)
{
	(void)state;
	static const char *const lines[] = { "--config x check", "--config=x check", "-c x check",
		"-cx check", "check -c y --config x" };
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(call(&many, lines[i]), RUN_CODE);
		assert_string_equal(config, "x");
	}
	assert_int_equal(call(&many, "check --config="), RUN_CODE);
	assert_string_equal(config, "");
	assert_int_equal(call(&many, "check --config --force"), RUN_CODE);
	assert_string_equal(config, "--force");
	assert_false(force);
}

static void two_dashes_end_the_options(void **state)
{
	(void)state;
	assert_int_equal(call(&many, "check -- -f --"), RUN_CODE);
	assert_false(force);
	assert_int_equal(run_argc, 2);
	assert_string_equal(run_argv[0], "-f");
	assert_string_equal(run_argv[1], "--");
	assert_int_equal(call(&many, "check -"), RUN_CODE);
	assert_string_equal(run_argv[0], "-");
}

static void wrong_use_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *line, *error;
	} rows[] = {
		// clang-format off
		{ "",                      "a command is missing" },
		{ "chekc",                 "unknown command 'chekc'; did you mean 'check'?" },
		{ "zzzzzz",                "unknown command 'zzzzzz'\n" },
		{ "check --frce",          "unknown option '--frce'; did you mean '--force'?" },
		{ "check --confg=x",       "unknown option '--confg=x'; did you mean '--config'?" },
		{ "check --zzzzzzzz",      "unknown option '--zzzzzzzz'\n" },
		{ "check -z",              "unknown option '-z'\n" },
		{ "--force check",         "unknown option '--force'" },
		{ "render --force x",      "unknown option '--force'" },
		{ "check --force=1",       "no value is taken by '--force=1'" },
		{ "check --port",          "a value is missing behind '--port'" },
		{ "check -p",              "a value is missing behind '-p'" },
		{ "check --port 0",        "--port '0' is not a number from 1 to 65535" },
		{ "check --port 65536",    "--port '65536' is not a number from 1 to 65535" },
		{ "check --port 8x",       "--port '8x' is not a number" },
		{ "check --port=",         "--port '' is not a number" },
		{ "check --port -1",       "--port '-1' is not a number" },
		{ "check a b c",           "one argument too many: 'c'" },
		{ "render",                "an argument is missing: FILE" },
		{ "--completion tcsh",     "completion for 'tcsh' is not there; bash, zsh and fish are" },
		// clang-format on
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(call(&many, rows[i].line), CLI_USAGE);
		if (strncmp(errors, "sallyport-x: ", 13) != 0 || !strstr(errors, rows[i].error))
			fail_msg("%s: %s", rows[i].line, errors);
		assert_int_equal(run_argc, -1);
		assert_string_equal(out, "");
	}
}

static void bounds_of_numbers_are_inclusive(void **state)
{
	(void)state;
	assert_int_equal(call(&many, "check -p 1"), RUN_CODE);
	assert_int_equal(port, 1);
	assert_int_equal(call(&many, "check -p 65535"), RUN_CODE);
	assert_int_equal(port, 65535);
}

static void any_number_of_arguments_when_the_table_says_so(void **state)
{
	(void)state;
	assert_int_equal(call(&many, "all a b c d e f g h i j"), RUN_CODE);
	assert_int_equal(run_argc, 10);
}

static void a_program_may_be_one_command(void **state)
{
	(void)state;
	assert_int_equal(call(&single, "-f check"), RUN_CODE);
	assert_true(force);
	assert_string_equal(run_argv[0], "check");
	assert_int_equal(call(&single, "a b"), CLI_USAGE);
	assert_int_equal(call(&single, "--help"), CLI_OK);
	assert_non_null(strstr(out, "Usage: sallyport-y [OPTION]... [FILE]\n"));
	assert_non_null(strstr(out, "  -p, --port N "));
	assert_null(strstr(out, "Commands:"));
}

static void version_is_told_and_nothing_run(void **state)
{
	(void)state;
	assert_int_equal(call(&many, "--version"), CLI_OK);
	assert_string_equal(out, "sallyport-x " SALLYPORT_VERSION "\n");
	assert_int_equal(call(&many, "check --version"), CLI_OK);
	assert_int_equal(run_argc, -1);
	/* What one call was asked for does not stick to the next. */
	assert_int_equal(call(&many, "check"), RUN_CODE);
}

static void help_of_the_program_is_exact(void **state)
{
	(void)state;
	assert_int_equal(call(&many, "--help"), CLI_OK);
	assert_string_equal(out,
	    "Usage: sallyport-x [OPTION]... COMMAND [OPTION]... [ARGUMENT]...\n"
	    "\n"
	    "does x\n"
	    "\n"
	    "Commands:\n"
	    "  check                     look at the files\n"
	    "  render                    write a file\n"
	    "  all                       take them all\n"
	    "  set                       change it\n"
	    "\n"
	    "Options:\n"
	    "  -c, --config FILE         the configuration, in words enough that this line\n"
	    "                            has to be folded somewhere\n"
	    "  -h, --help                show this help\n"
	    "      --version             show the version\n"
	    "\n"
	    "Exit codes:\n"
	    "  0                         all is well\n"
	    "  1                         an error, told on stderr\n"
	    "  2                         something was found\n"
	    "  64                        wrong use of the command line\n"
	    "\n"
	    "'sallyport-x COMMAND --help' says more about a command.\n");
}

static void help_of_a_command_has_its_options_and_details(void **state)
{
	(void)state;
	assert_int_equal(call(&many, "check -h"), CLI_OK);
	assert_non_null(
	    strstr(out, "Usage: sallyport-x check [OPTION]... [FILE]...\n\nlook at the files\n\n"
	                ".first\n\n'second' \\ paragraph\n\nOptions:\n"));
	assert_non_null(strstr(out, "      --a-name-too-long-for-its-column VALUE\n"
	                            "                            on a line of its own\n"));
	assert_non_null(strstr(out, "  -c, --config FILE"));
	assert_int_equal(run_argc, -1);
}

static void no_line_of_help_is_wider_than_eighty(void **state)
{
	(void)state;
	static const char *const lines[] = { "--help", "check --help", "render --help" };
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(call(&many, lines[i]), CLI_OK);
		for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
			assert_in_range(strlen(line), 0, 80);
	}
}

static void man_page_is_escaped(void **state)
{
	(void)state;
	assert_int_equal(call(&many, "--man"), CLI_OK);
	assert_true(strncmp(out, ".TH SALLYPORT-X 1 ", 18) == 0);
	assert_non_null(strstr(out, "\nsallyport\\-x \\- does x\n"));
	assert_non_null(strstr(out, "\n.PP\n\\&.first\n.PP\n\\&'second' \\e paragraph\n"));
	assert_non_null(strstr(out, "\n.B \\-f, \\-\\-force\n"));
	assert_non_null(strstr(out, "\n.B \\-\\-version\n"));
	assert_non_null(strstr(out, "\n.B 2\nsomething was found\n"));
	assert_int_equal(call(&single, "--man"), CLI_OK);
	assert_non_null(strstr(out, "\n.SH SYNOPSIS\n.B sallyport\\-y\n[OPTION]... [FILE]\n"));
}

/* What bash offers for the words behind the program's name, the last of them begun. */
static const char *complete(const char *words, int at)
{
	static char offered[2000];
	char path[] = "/tmp/test-cli-XXXXXX", command[1000];
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, out, strlen(out)) == (ssize_t)strlen(out));
	close(fd);
	snprintf(command, sizeof(command),
	    "bash -c '. %s; COMP_LINE=\"sallyport-x %s\"; COMP_POINT=${#COMP_LINE}; "
	    "COMP_WORDS=(sallyport-x %s); COMP_CWORD=%d; _sallyport_x; "
	    "printf \"%%s \" \"${COMPREPLY[@]}\"'",
	    path, words, words, at);
	FILE *pipe = popen(command, "r");
	offered[fread(offered, 1, sizeof(offered) - 1, pipe)] = '\0';
	assert_int_equal(pclose(pipe), 0);
	unlink(path);
	return offered;
}

static void bash_completes_commands_and_options(void **state)
{
	(void)state;
	cli_describe_pairs(pair_commands, pairs);
	assert_int_equal(call(&many, "--completion bash"), CLI_OK);
	assert_string_equal(complete("ch", 1), "check ");
	assert_string_equal(complete("--c", 1), "--config ");
	assert_string_equal(complete("check --f", 2), "--force ");
	assert_string_equal(complete("render --", 2), "--config --help --version ");
	assert_string_equal(complete("check /dev/nul", 2), "/dev/null ");
	assert_string_equal(complete("set x r", 3), "rate= ");
	assert_string_equal(complete("set x rate=1 wa", 4), "waf=block waf=count ");
	assert_string_equal(complete("set x waf=c", 3), "count ");
	assert_string_equal(complete("set x --", 3), "--config --help --version ");
}

static void zsh_and_fish_get_a_script_of_their_own(void **state)
{
	(void)state;
	assert_int_equal(call(&many, "--completion zsh"), CLI_OK);
	assert_true(strncmp(out, "#compdef sallyport-x\n", 21) == 0);
	assert_int_equal(call(&many, "--completion=fish"), CLI_OK);
	assert_non_null(strstr(out, "complete -c sallyport-x -n __fish_use_subcommand -a check "
	                            "-d \"look at the files\"\n"));
	assert_non_null(
	    strstr(out, "complete -c sallyport-x -n '__fish_seen_subcommand_from check' -s f -l "
	                "force -d \"do it \\\"\\$HOME\\\" anyway\"\n"));
	assert_non_null(strstr(out, "complete -c sallyport-x -n '__fish_seen_subcommand_from set' "
	                            "-f -a \"rate= waf=block waf=count \"\n"));
	assert_null(strstr(out, "--man"));
}

static void names_of_pairs_are_explained(void **state)
{
	(void)state;
	cli_describe_pairs(pair_commands, pairs);
	assert_int_equal(call(&many, "set --help"), CLI_OK);
	assert_non_null(strstr(out, "\nNames:\n  rate                      how many\n"));
	assert_int_equal(call(&many, "--man"), CLI_OK);
	assert_non_null(strstr(out, "\n.TP\n.BR waf =block|count\nwhat it does\n"));
}

static void the_nearest_name_is_near(void **state)
{
	(void)state;
	static const char *const names[] = { "validate", "render", "plan", "apply" };
	static const struct {
		const char *word, *nearest;
	} rows[] = { { "validat", "validate" }, { "vlaidate", "validate" }, { "rendr", "render" },
		{ "plna", "plan" }, { "plan", "plan" }, { "xyz", NULL }, { "", NULL },
		{ "completely", NULL }, { "a-word-that-is-longer-than-forty-letters-x", NULL } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *nearest = cli_nearest(rows[i].word, names, 4);
		if (rows[i].nearest) {
			assert_non_null(nearest);
			assert_string_equal(nearest, rows[i].nearest);
		} else {
			assert_null(nearest);
		}
	}
	assert_null(cli_nearest("plan", names, 0));
}

static void without_memory_nothing_is_run(void **state)
{
	(void)state;
	fail_alloc_at(1);
	int code = call(&many, "check");
	fail_alloc_off();
	assert_int_equal(code, CLI_ERROR);
	assert_int_equal(run_argc, -1);
	fail_alloc_at(2);
	code = call(&many, "check -s x");
	fail_alloc_off();
	assert_int_not_equal(code, CLI_OK);
	assert_int_equal(run_argc, -1);
}

static int free_list(void **state)
{
	(void)state;
	free(sets.items);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_arguments_may_be_mixed),
		cmocka_unit_test(values_come_attached_or_as_the_next_word),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(wrong_use_is_told),
		cmocka_unit_test(bounds_of_numbers_are_inclusive),
		cmocka_unit_test(any_number_of_arguments_when_the_table_says_so),
		cmocka_unit_test(a_program_may_be_one_command),
		cmocka_unit_test(version_is_told_and_nothing_run),
		cmocka_unit_test(help_of_the_program_is_exact),
		cmocka_unit_test(help_of_a_command_has_its_options_and_details),
		cmocka_unit_test(no_line_of_help_is_wider_than_eighty),
		cmocka_unit_test(man_page_is_escaped),
		cmocka_unit_test(bash_completes_commands_and_options),
		cmocka_unit_test(names_of_pairs_are_explained),
		cmocka_unit_test(zsh_and_fish_get_a_script_of_their_own),
		cmocka_unit_test(the_nearest_name_is_near),
		cmocka_unit_test(without_memory_nothing_is_run),
	};
	return cmocka_run_group_tests(tests, NULL, free_list);
}
