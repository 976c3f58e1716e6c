/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/operators/operator.h"

#include "tests/support/fail_alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- one operator on one input -----------------------------------------------------------------
 */

struct bench {
	struct arena arena;
	struct op_scratch *scratch;
	struct op_budget budget;
	struct operator_data *data;
};

static struct operator_data *compile_in(
    struct bench *b, const char *name, struct slice argument, bool has_macro, struct err *err)
{
	const struct operator_context ctx = { .rule_file = "/tmp/rules.conf" };
	const struct operator* op = operator_find(slice_of_cstr(name));
	assert_non_null(op);
	return operator_compile(op, argument, has_macro, &ctx, &b->arena, err);
}

static void bench_open(struct bench *b, const char *name, struct slice argument)
{
	struct err err = { 0 };
	*b = (struct bench){ .scratch = op_scratch_new(), .budget = { 1000000 } };
	assert_non_null(b->scratch);
	arena_init(&b->arena, 0);
	b->data = compile_in(b, name, argument, false, &err);
	if (!b->data)
		fail_msg("@%s %.*s: %s", name, SLICE_ARG(argument), err.text);
}

static void bench_close(struct bench *b)
{
	operator_release(b->data);
	op_scratch_free(b->scratch);
	arena_release(&b->arena);
}

static enum op_result bench_run(struct bench *b, struct slice input, struct op_match *out)
{
	struct op_run run = { b->scratch, &b->budget };
	return operator_match(b->data, SLICE(""), input, &run, out);
}

#define ROW(op, argument, input, result, matched)                                                  \
	{                                                                                          \
		op, SLICE_INIT(argument), SLICE_INIT(input), result, SLICE_INIT(matched)           \
	}
#define NO  OP_NO_MATCH
#define YES OP_MATCH

// clang-format off
static const struct row {
	const char *op;
	struct slice argument, input;
	enum op_result result;
	struct slice matched;
} rows[] = {
	ROW("rx", "a.b", "xa\nby", YES, "a\nb"),
	ROW("rx", "^b$", "a\nb", NO, ""),
	ROW("rx", "a$", "a\n", NO, ""),
	ROW("rx", "\\xff", "\xff", YES, "\xff"),
	ROW("rx", "", "", YES, ""),
	ROW("rx", "(?i)SELECT", "select", YES, "select"),
	ROW("rx", "a\\Kb", "ab", YES, "b"),
	ROW("rxGlobal", "a.", "ab ac", YES, "ac"),
	ROW("rxGlobal", "x*", "ab", YES, ""),
	ROW("rxGlobal", "z", "ab", NO, ""),

	ROW("pm", "foo bar", "xBARx", YES, "BAR"),
	ROW("pm", "foo bar", "ba r", NO, ""),
	ROW("pm", "he she hers his", "ushers", YES, "she"),
	ROW("pm", "abcd bc", "abce", YES, "bc"),
	ROW("pm", "a|42 43|d", "xABCDx", YES, "ABCD"),
	ROW("pm", "|41 42|", "ab", YES, "ab"),
	ROW("pm", "a", "", NO, ""),
	ROW("pm", "aaab", "aaaaaab", YES, "aaab"),

	ROW("streq", "abc", "abc", YES, "abc"),
	ROW("streq", "abc", "Abc", NO, ""),
	ROW("streq", "", "", YES, ""),
	ROW("contains", "bc", "abcd", YES, "bc"),
	ROW("contains", "BC", "abcd", NO, ""),
	ROW("strmatch", "bc", "abcd", YES, "bc"),
	ROW("containsWord", "bc", "abc bc!", YES, "bc"),
	ROW("containsWord", "bc", "abcd", NO, ""),
	ROW("containsWord", "bc", "bc", YES, "bc"),
	ROW("beginsWith", "ab", "abc", YES, "ab"),
	ROW("beginsWith", "abcd", "abc", NO, ""),
	ROW("endsWith", "bc", "abc", YES, "bc"),
	ROW("endsWith", "xabc", "abc", NO, ""),
	ROW("within", "GET,POST", "POST", YES, "POST"),
	ROW("within", "GET,POST", "", YES, ""),
	ROW("within", "GET,POST", "PUT", NO, ""),

	ROW("eq", "5", "5", YES, "5"),
	ROW("eq", "5", " 5x", YES, " 5x"),
	ROW("eq", "0", "abc", YES, "abc"),
	ROW("eq", "-5", "-5", YES, "-5"),
	ROW("gt", "5", "99999999999999999999999", YES, "99999999999999999999999"),
	ROW("lt", "-5", "-99999999999999999999999", YES, "-99999999999999999999999"),
	ROW("gt", "5", "5", NO, ""),
	ROW("ge", "5", "5", YES, "5"),
	ROW("le", "5", "+5", YES, "+5"),
	ROW("lt", "5", "5", NO, ""),

	ROW("ipMatch", "10.0.0.0/8, ::1", "10.1.2.3", YES, "10.1.2.3"),
	ROW("ipMatch", "10.0.0.0/8,::1", "::1", YES, "::1"),
	ROW("ipMatch", "10.0.0.0/8", "11.0.0.0", NO, ""),
	ROW("ipMatch", "10.0.0.0/8", "9.255.255.255", NO, ""),
	ROW("ipMatch", "10.0.0.0/8,10.1.0.0/16,10.1.2.3", "10.255.255.255", YES, "10.255.255.255"),
	ROW("ipMatch", "10.0.0.0/8", "::ffff:10.1.1.1", YES, "::ffff:10.1.1.1"),
	ROW("ipMatch", "2001:db8::/33", "2001:db8:8000::", NO, ""),
	ROW("ipMatch", "2001:db8::/33", "2001:db8:7fff::1", YES, "2001:db8:7fff::1"),
	ROW("ipMatch", "0.0.0.0/0", "255.255.255.255", YES, "255.255.255.255"),
	ROW("ipMatch", "0.0.0.0/0", "2001:db8::1", NO, ""),
	ROW("ipMatch", "10.0.0.0/8", "10.1", NO, ""),
	ROW("ipMatch", "10.0.0.0/8", "", NO, ""),

	ROW("validateByteRange", "32-126,9", "a\tb", NO, ""),
	ROW("validateByteRange", "32-126,9", "a\nb", YES, "\n"),
	ROW("validateByteRange", "0-255", "\0\xff", NO, ""),
	ROW("validateByteRange", "1-255", "a\0", YES, "\0"),
	ROW("validateUrlEncoding", "", "a%20b", NO, ""),
	ROW("validateUrlEncoding", "", "a%2", YES, "%2"),
	ROW("validateUrlEncoding", "", "a%zzb", YES, "%zz"),
	ROW("validateUtf8Encoding", "", "\xc3\xa9\xf0\x9f\x98\x80", NO, ""),
	ROW("validateUtf8Encoding", "", "a\xc0\xaf", YES, "\xc0"),
	ROW("validateUtf8Encoding", "", "\xed\xa0\x80", YES, "\xed"),
	ROW("validateUtf8Encoding", "", "\xe2\x82", YES, "\xe2"),

	ROW("detectSQLi", "", "1' or '1'='1", YES, "1' or '1'='1"),
	ROW("detectSQLi", "", "Invoice 1234, due 2026-11-01", NO, ""),
	ROW("detectXSS", "", "<script>alert(1)</script>", YES, "<script>alert(1)</script>"),
	ROW("detectXSS", "", "a < b and c > d", NO, ""),
	ROW("verifyCC", "\\d{13,16}", "card 4111111111111111.", YES, "4111111111111111"),
	ROW("verifyCC", "\\d{16}", "card 4111111111111112.", NO, ""),
	ROW("unconditionalMatch", "", "x", YES, "x"),
	ROW("noMatch", "", "x", NO, ""),
};
// clang-format on

static void each_row_gives_its_result(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b;
		struct op_match match;
		bench_open(&b, rows[i].op, rows[i].argument);
		enum op_result result = bench_run(&b, rows[i].input, &match);
		if (result != rows[i].result)
			fail_msg("row %zu, @%s '%.*s': %d", i, rows[i].op, SLICE_ARG(rows[i].input),
			    result);
		if (result == OP_MATCH && !slice_eq(match.matched, rows[i].matched))
			fail_msg("row %zu, @%s: matched '%.*s'", i, rows[i].op,
			    SLICE_ARG(match.matched));
		assert_int_equal(bench_run(&b, rows[i].input, NULL), result);
		bench_close(&b);
	}
}

static void groups_are_captured_up_to_the_tenth(void **state)
{
	(void)state;
	struct bench b;
	struct op_match match;
	bench_open(&b, "rx", SLICE("(a)(x)?(b)(c)(d)(e)(f)(g)(h)(i)(j)"));
	assert_int_equal(bench_run(&b, SLICE("-abcdefghij"), &match), OP_MATCH);
	assert_int_equal(match.count, OPERATOR_CAPTURES_MAX);
	assert_true(slice_eq(match.capture[0], SLICE("abcdefghij")));
	assert_true(slice_eq(match.capture[1], SLICE("a")));
	assert_true(slice_eq(match.capture[2], SLICE("")));
	assert_true(slice_eq(match.capture[9], SLICE("h")));
	assert_int_equal(operator_group_count(b.data), 11);
	assert_int_equal(operator_min_length(b.data), 10);
	bench_close(&b);
}

static void sqli_captures_the_fingerprint(void **state)
{
	(void)state;
	struct bench b;
	struct op_match match;
	bench_open(&b, "detectSQLi", SLICE(""));
	assert_int_equal(bench_run(&b, SLICE("1' or '1'='1"), &match), OP_MATCH);
	assert_int_equal(match.count, 1);
	assert_true(slice_eq(match.capture[0], SLICE("s&sos")));
	bench_close(&b);
}

static void only_capturing_operators_capture(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b;
		struct op_match match;
		if (rows[i].result != OP_MATCH)
			continue;
		bench_open(&b, rows[i].op, rows[i].argument);
		bench_run(&b, rows[i].input, &match);
		assert_int_equal(match.count > 0, operator_of(b.data)->captures);
		bench_close(&b);
	}
}

static void phrases_are_listed_lower_case_without_doubles(void **state)
{
	(void)state;
	struct bench b;
	size_t count;
	bench_open(&b, "pm", SLICE("Beta alpha  BETA |63|"));
	const struct slice *phrases = operator_phrases(b.data, &count);
	assert_int_equal(count, 3);
	assert_true(slice_eq(phrases[0], SLICE("alpha")));
	assert_true(slice_eq(phrases[1], SLICE("beta")));
	assert_true(slice_eq(phrases[2], SLICE("c")));
	assert_int_equal(operator_min_length(b.data), 1);
	bench_close(&b);
}

/* ---- budget and limits
 * --------------------------------------------------------------------------- */

/* A long value is searched in pieces, and what is found does not depend on that. */
static void long_values_are_searched_as_short_ones(void **state)
{
	enum { LEN = 5000 };
	static const struct {
		const char *pattern, *end; /* what the value ends with, behind dots */
		enum op_result result;
		const char *matched;
	} cases[] = {
		{ "needle(\\d+)", "a needle42", OP_MATCH, "needle42" },
		{ "needle$", "needle", OP_MATCH, "needle" },
		{ "^needle", "needle", OP_NO_MATCH, "" },
		{ "(?<=x)y", "xy", OP_MATCH, "y" },
		{ "(?<=x)y", "zy", OP_NO_MATCH, "" },
		{ "\\by", ".y", OP_MATCH, "y" },
		{ "$", "y", OP_MATCH, "" },
		{ "[^.]", "y", OP_MATCH, "y" },
		{ "^\\.+(y)$", "y", OP_MATCH, NULL },
	};
	static char value[LEN + 1];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t len = 1000; len < LEN; len += 61) {
			struct bench b;
			struct op_match match = { .count = 0 };
			size_t end = strlen(cases[i].end);
			memset(value, '.', len);
			memcpy(value + len - end, cases[i].end, end);
			bench_open(&b, "rx", slice_of_cstr(cases[i].pattern));
			assert_int_equal(
			    bench_run(&b, slice_of(value, len), &match), cases[i].result);
			if (cases[i].result == OP_MATCH && cases[i].matched)
				assert_true(
				    slice_eq(match.matched, slice_of_cstr(cases[i].matched)));
			bench_close(&b);
		}
}

/* Steps of a repeated character are not PCRE2's to count: the square of 60 KB would take seconds.
 */
static void a_search_that_takes_the_square_of_its_value_ends(void **state)
{
	enum { LEN = 60000 };
	static char value[LEN];
	struct bench b;
	(void)state;
	memset(value, '|', LEN);
	bench_open(&b, "rx", SLICE("\\|(?:[|a-z]+/)?(?:cat|dog)"));
	assert_int_equal(bench_run(&b, slice_of(value, LEN), NULL), OP_EXHAUSTED);
	bench_close(&b);
}

static void catastrophic_backtracking_ends_without_an_answer(void **state)
{
	(void)state;
	struct bench b;
	char input[64];
	memset(input, 'a', sizeof(input));
	bench_open(&b, "rx", SLICE("^(?:a+)+[bc]$"));
	b.budget.steps_left = 100000;
	assert_int_equal(bench_run(&b, slice_of(input, sizeof(input)), NULL), OP_EXHAUSTED);
	assert_int_equal(b.budget.steps_left, 0);
	bench_close(&b);
}

static void empty_budget_gives_no_answer(void **state)
{
	(void)state;
	struct bench b;
	bench_open(&b, "streq", SLICE("a"));
	b.budget.steps_left = 1;
	assert_int_equal(bench_run(&b, SLICE("a"), NULL), OP_MATCH);
	assert_int_equal(bench_run(&b, SLICE("a"), NULL), OP_EXHAUSTED);
	bench_close(&b);
}

/* ---- arguments known at run time
 * -------------------------------------------------------------------- */

static void expanded_argument_replaces_the_written_one(void **state)
{
	(void)state;
	struct bench b = { .scratch = op_scratch_new(), .budget = { 1000000 } };
	struct err err = { 0 };
	struct op_run run = { b.scratch, &b.budget };
	arena_init(&b.arena, 0);
	struct operator_data *within = compile_in(&b, "within", SLICE("%{tx.methods}"), true, &err);
	struct operator_data *rx = compile_in(&b, "rx", SLICE("^%{tx.charset}$"), true, &err);
	assert_true(operator_has_macro(within));
	assert_int_equal(
	    operator_match(within, SLICE("GET POST"), SLICE("POST"), &run, NULL), OP_MATCH);
	assert_int_equal(
	    operator_match(within, SLICE("GET"), SLICE("POST"), &run, NULL), OP_NO_MATCH);
	/* More patterns than the scratch keeps, twice. */
	for (int i = 0; i < 40; i++) {
		char pattern[16];
		snprintf(pattern, sizeof(pattern), "^%d$", i % 20);
		enum op_result expected = i % 20 == 7 ? OP_MATCH : OP_NO_MATCH;
		assert_int_equal(
		    operator_match(rx, slice_of_cstr(pattern), SLICE("7"), &run, NULL), expected);
	}
	assert_int_equal(operator_match(rx, SLICE("("), SLICE("x"), &run, NULL), OP_EXHAUSTED);
	operator_release(rx);
	operator_release(within);
	op_scratch_free(b.scratch);
	arena_release(&b.arena);
}

/* ---- errors
 * --------------------------------------------------------------------------------------- */

static void broken_arguments_are_refused_with_a_reason(void **state)
{
	(void)state;
	static const struct {
		const char *op, *argument;
		bool has_macro;
		const char *error;
	} cases[] = {
		{ "rx", "a(b", false, "pattern, at its byte 4: missing closing parenthesis" },
		{ "pm", "", false, "operator '@pm' needs an argument" },
		{ "pm", " ", false, "no phrase to look for" },
		{ "pm", "a|4|", false, "broken |hex| notation in 'a|4|'" },
		{ "pm", "a|41", false, "broken |hex| notation in 'a|41'" },
		{ "pm", "%{tx.a}", true, "operator '@pm' takes no macro in its argument" },
		{ "eq", "", false, "operator '@eq' needs an argument" },
		{ "ipMatch", "10.0.0.0/33", false, "'10.0.0.0/33' is not an address or a network" },
		{ "ipMatch", "10.0.0.0,", false, NULL },
		{ "ipMatch", "example.com", false, "'example.com' is not an address or a network" },
		{ "ipMatch", "2001:db8::/129", false,
		    "'2001:db8::/129' is not an address or a network" },
		{ "validateByteRange", "1-256", false,
		    "'1-256' is not a range of bytes like 32-126" },
		{ "validateByteRange", "9-1", false, "'9-1' is not a range of bytes like 32-126" },
		{ "validateByteRange", "a", false, "'a' is not a range of bytes like 32-126" },
		{ "pmFromFile", "https://example.com/list", false,
		    "'https://example.com/list': lists are read from files, not fetched" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench b = { 0 };
		struct err err = { 0 };
		arena_init(&b.arena, 0);
		struct operator_data *data = compile_in(
		    &b, cases[i].op, slice_of_cstr(cases[i].argument), cases[i].has_macro, &err);
		assert_int_equal(data == NULL, cases[i].error != NULL);
		if (cases[i].error)
			assert_string_equal(err.text, cases[i].error);
		operator_release(data);
		arena_release(&b.arena);
	}
}

static void unsupported_operators_say_why(void **state)
{
	(void)state;
	static const char *const names[] = { "rbl", "geoLookup", "gsbLookup", "inspectFile",
		"fuzzyHash", "verifySSN", "verifyCPF", "validateDTD", "validateSchema" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_null(operator_find(slice_of_cstr(names[i])));
		assert_non_null(operator_unsupported(slice_of_cstr(names[i])));
	}
	assert_null(operator_unsupported(SLICE("strmtach")));
	assert_null(operator_unsupported(SLICE("rx")));
}

static void table_is_sorted_and_names_ignore_case(void **state)
{
	(void)state;
	size_t count;
	const struct operator* table = operator_table(&count);
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(operator_find(slice_of_cstr(table[i].name)), &table[i]);
		assert_ptr_equal(operator_find(slice_of_cstr(table[i].manual)), &table[i]);
		assert_true(i == 0 || strcmp(table[i - 1].name, table[i].name) < 0);
	}
}

/* ---- files
 * ------------------------------------------------------------------------------------------ */

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void lists_are_read_beside_the_rule_file(void **state)
{
	(void)state;
	struct bench b;
	struct op_match match;
	char path[64];
	snprintf(path, sizeof(path), "/tmp/op-list-%d.data", (int)getpid());
	struct slice name = slice_of_cstr(path + strlen("/tmp/"));
	write_file(path, "# a comment\n\n.htaccess\r\netc/passwd\n  # another\n");
	bench_open(&b, "pmFromFile", name);
	assert_int_equal(bench_run(&b, SLICE("x/ETC/passwd"), &match), OP_MATCH);
	assert_true(slice_eq(match.capture[0], SLICE("ETC/passwd")));
	assert_int_equal(bench_run(&b, SLICE("# a comment"), NULL), OP_NO_MATCH);
	assert_int_equal(bench_run(&b, SLICE(".htaccess"), NULL), OP_MATCH);
	bench_close(&b);
	write_file(path, "10.0.0.0/8 # office\n\n::1\n");
	bench_open(&b, "ipMatchFromFile", name);
	assert_int_equal(bench_run(&b, SLICE("10.9.9.9"), NULL), OP_MATCH);
	assert_int_equal(bench_run(&b, SLICE("12.9.9.9"), NULL), OP_NO_MATCH);
	bench_close(&b);
	write_file(path, "10.0.0.0/8\nnonsense\n");
	struct err err = { 0 };
	b = (struct bench){ 0 };
	arena_init(&b.arena, 0);
	assert_null(compile_in(&b, "ipMatchFromFile", name, false, &err));
	assert_string_equal(err.text, "'nonsense' is not an address or a network");
	assert_string_equal(err.file, path);
	assert_int_equal(err.line, 2);
	arena_release(&b.arena);
	unlink(path);
}

/* ---- memory
 * ----------------------------------------------------------------------------------------- */

static void compile_and_match_survive_each_failing_allocation(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool failed = true;
		for (long n = 1; failed && n < 100; n++) {
			struct bench b = { .budget = { 1000000 } };
			struct err err = { 0 };
			arena_init(&b.arena, 0);
			fail_alloc_at(n);
			b.scratch = op_scratch_new();
			b.data = compile_in(&b, rows[i].op, rows[i].argument, false, &err);
			if (b.scratch && b.data)
				assert_int_equal(
				    bench_run(&b, rows[i].input, NULL), rows[i].result);
			failed = fail_alloc_happened();
			fail_alloc_off();
			assert_true(b.data != NULL || err_is_set(&err));
			bench_close(&b);
		}
		assert_false(failed);
	}
}

/* ---- threads
 * ------------------------------------------------------------------------------------------ */

static void *match_often(void *context)
{
	struct operator_data *data = context;
	struct op_scratch *scratch = op_scratch_new();
	struct op_budget budget = { 1000000 };
	struct op_run run = { scratch, &budget };
	struct op_match match;
	intptr_t wrong = scratch == NULL;
	for (int i = 0; scratch && i < 1000; i++)
		wrong +=
		    operator_match(data, SLICE(""), SLICE("xxabc"), &run, &match) != OP_MATCH ||
		    !slice_eq(match.capture[1], SLICE("b"));
	op_scratch_free(scratch);
	return (void *)wrong;
}

static void one_pattern_serves_several_threads_at_once(void **state)
{
	(void)state;
	struct bench b;
	pthread_t threads[4];
	bench_open(&b, "rx", SLICE("a(b)c"));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, match_often, b.data), 0);
	for (size_t i = 0; i < 4; i++) {
		void *wrong;
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_gives_its_result),
		cmocka_unit_test(groups_are_captured_up_to_the_tenth),
		cmocka_unit_test(sqli_captures_the_fingerprint),
		cmocka_unit_test(only_capturing_operators_capture),
		cmocka_unit_test(phrases_are_listed_lower_case_without_doubles),
		cmocka_unit_test(catastrophic_backtracking_ends_without_an_answer),
		cmocka_unit_test(long_values_are_searched_as_short_ones),
		cmocka_unit_test(a_search_that_takes_the_square_of_its_value_ends),
		cmocka_unit_test(empty_budget_gives_no_answer),
		cmocka_unit_test(expanded_argument_replaces_the_written_one),
		cmocka_unit_test(broken_arguments_are_refused_with_a_reason),
		cmocka_unit_test(unsupported_operators_say_why),
		cmocka_unit_test(table_is_sorted_and_names_ignore_case),
		cmocka_unit_test(lists_are_read_beside_the_rule_file),
		cmocka_unit_test(compile_and_match_survive_each_failing_allocation),
		cmocka_unit_test(one_pattern_serves_several_threads_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
