/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "common/slice.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char shown[20000];

static void show_nothing(void)
{
}

/* What `write` puts on stderr. */
static void capture(void (*write)(void))
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	write();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	shown[fread(shown, 1, sizeof(shown) - 1, file)] = '\0';
	fclose(file);
}

static void write_each_level(void)
{
	log_error("e");
	log_warning("w");
	log_info("i");
	log_debug("d");
}

static size_t lines_shown(void)
{
	size_t count = 0;
	for (const char *c = shown; *c; c++)
		count += *c == '\n';
	return count;
}

static void lines_below_the_level_are_not_written(void **state)
{
	(void)state;
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		log_init("prog", (enum log_level)level);
		capture(write_each_level);
		assert_int_equal(lines_shown(), level + 1);
		capture(show_nothing);
		assert_string_equal(shown, "");
	}
}

static void write_hello(void)
{
	log_info("hello %d", 7);
}

static void a_line_has_time_level_program_and_text(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_init("prog", LOG_LEVEL_INFO);
	capture(write_hello);
	struct slice line = slice_of_cstr(shown);
	assert_int_equal(shown[4], '-');
	assert_int_equal(shown[23], 'Z');
	assert_true(slice_ends_with(line, SLICE("Z info    prog: hello 7\n")));
}

static void under_systemd_a_priority_replaces_the_time(void **state)
{
	(void)state;
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init("prog", LOG_LEVEL_DEBUG);
	capture(write_each_level);
	unsetenv("JOURNAL_STREAM");
	log_init("prog", LOG_LEVEL_INFO);
	assert_string_equal(shown, "<3>e\n<4>w\n<6>i\n<7>d\n");
}

static void write_hostile(void)
{
	log_error("%s", "a\n2026-01-01 forged\r\x1b[2J\t\x7f");
}

static void no_argument_starts_a_line_or_moves_the_cursor(void **state)
{
	(void)state;
	capture(write_hostile);
	assert_int_equal(lines_shown(), 1);
	assert_non_null(strstr(shown, "a\\x0a2026-01-01 forged\\x0d\\x1b[2J\\x09\\x7f\n"));
}

static void write_long(void)
{
	char text[9000];
	memset(text, '\n', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
}

static void a_long_text_is_cut_to_one_line(void **state)
{
	(void)state;
	capture(write_long);
	assert_int_equal(lines_shown(), 1);
	assert_in_range(strlen(shown), 2048, 9000);
}

static void errno_is_kept_and_a_closed_stderr_is_no_harm(void **state)
{
	(void)state;
	int saved = dup(STDERR_FILENO);
	close(STDERR_FILENO);
	errno = ENOENT;
	log_error("lost");
	int after = errno;
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(after, ENOENT);
}

static void level_names(void **state)
{
	(void)state;
	static const char *const names[] = { "error", "warning", "info", "debug" };
	static const char *const wrong[] = { "", "Error", "inf", "infos", "warn" };
	enum log_level level = LOG_LEVEL_DEBUG;
	for (size_t i = 0; i < 4; i++) {
		assert_true(log_level_parse(names[i], &level));
		assert_int_equal(level, i);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(log_level_parse(wrong[i], &level));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_below_the_level_are_not_written),
		cmocka_unit_test(a_line_has_time_level_program_and_text),
		cmocka_unit_test(under_systemd_a_priority_replaces_the_time),
		cmocka_unit_test(no_argument_starts_a_line_or_moves_the_cursor),
		cmocka_unit_test(a_long_text_is_cut_to_one_line),
		cmocka_unit_test(errno_is_kept_and_a_closed_stderr_is_no_harm),
		cmocka_unit_test(level_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
