/* SPDX-License-Identifier: Apache-2.0 */
/* Loading rule sets: one row per diagnostic, and every allocation failing once. */
#include "tests/support/fail_alloc.h"
#include "tests/support/waf_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct waf_options reference = { .reference = true };

static void diagnostics_name_the_place_and_the_cause(void **state)
{
	static const struct {
		const char *rules;
		unsigned line, column;
		const char *error;
	} rows[] = {
		{ "SecFoo On", 1, 1, "unknown directive 'SecFoo'" },
		{ "SecRule ARGS", 1, 1, "SecRule takes at least 2 arguments, not 1" },
		{ "SecMarker a b", 1, 13, "unexpected argument of SecMarker" },
		{ "SecRule FOO \"@rx a\" \"id:1\"", 1, 9, "unknown variable 'FOO'" },
		{ "SecRule ENV:x \"@rx a\" \"id:1\"", 1, 9,
		    "variable 'ENV' is not supported: the process environment is not shown to rules" },
		{ "SecRule ARGS|!BAR \"@rx a\" \"id:1\"", 1, 15, "unknown variable 'BAR'" },
		{ "SecRule REQUEST_METHOD:x \"@rx a\" \"id:1\"", 1, 24,
		    "'REQUEST_METHOD' is a single value and takes no selector" },
		{ "SecRule ARGS: \"@rx a\" \"id:1\"", 1, 14, "empty selector for 'ARGS'" },
		{ "SecRule ARGS:/a \"@rx a\" \"id:1\"", 1, 14,
		    "the selector that begins here does not end" },
		{ "SecRule XML:/a/b \"@rx a\" \"id:1\"", 1, 13,
		    "unsupported XPath '/a/b': only /* and //@* are evaluated" },
		{ "SecRule XML \"@rx a\" \"id:1\"", 1, 9, "'XML' needs a selector" },
		{ "SecRule | \"@rx a\" \"id:1\"", 1, 9, "a variable is missing here" },
		{ "SecRule ARGS \"@strmtach a\" \"id:1\"", 1, 15, "unknown operator '@strmtach'" },
		{ "SecRule ARGS \"@rx a\" \"id:1,foo\"", 1, 28, "unknown action 'foo'" },
		{ "SecRule ARGS \"@rx a\" \"id:1,\\\n  exec:/bin/x\"", 2, 3,
		    "action 'exec' is not supported: no programs are run for a request" },
		{ "SecRule ARGS \"@rx a\" \"id:1,pass:x\"", 1, 28, "action 'pass' takes no value" },
		{ "SecRule ARGS \"@rx a\" \"id:1,setvar\"", 1, 28,
		    "action 'setvar' needs a value" },
		{ "SecRule ARGS \"@rx a\" \"id:1,msg:'x\"", 1, 32,
		    "the quoted text that begins here does not end" },
		{ "SecRule ARGS \"@rx a\" \"id:1,msg:'x'y\"", 1, 35,
		    "unexpected 'y' behind an action" },
		{ "SecRule ARGS \"@rx a\" \"id:1,,pass\"", 1, 28, "an action is missing here" },
		{ "SecRule ARGS \"@rx a\" \"id:1,t:foo\"", 1, 30, "unknown transformation 'foo'" },
		{ "SecRule ARGS \"@rx a\" \"phase:2\"", 1, 1, "the rule has no id" },
		{ "SecRule ARGS \"@rx a\" \"id:x\"", 1, 26,
		    "'x' is not a rule id: 1 to 4294967295" },
		{ "SecRule ARGS \"@rx a\" \"id:1,phase:6\"", 1, 34, "unknown phase '6'" },
		{ "SecRule ARGS \"@rx a\" \"id:1,severity:9\"", 1, 37,
		    "'9' is no severity: 0 to 7 or EMERGENCY to DEBUG" },
		{ "SecRule ARGS \"@rx a\" \"id:1,status:99\"", 1, 35, "'99' is no HTTP status" },
		{ "SecRule ARGS \"@rx a\" \"id:1,allow:x\"", 1, 34,
		    "'x' is nothing to allow: phase or request" },
		{ "SecRule ARGS \"@rx a\" \"id:1,chain\"", 1, 1,
		    "the rule ends with 'chain' but no rule follows" },
		{ "SecRule ARGS \"@rx a\" \"id:1,chain\"\nSecMarker x", 1, 1,
		    "the rule ends with 'chain' but no rule follows" },
		{ "SecRule ARGS \"@rx a\" \"id:1,chain\"\nSecRule ARGS \"@rx b\" \"deny\"", 2, 23,
		    "action 'deny' belongs into the first rule of the chain" },
		{ "SecRule ARGS \"@rx a\" \"id:1,skipAfter:NO\"", 1, 38,
		    "no marker or rule 'NO' behind this rule" },
		{ "SecRule ARGS \"@rx a\" \"id:1,setvar:tx\"", 1, 35,
		    "'tx' is no variable to set: collection.name" },
		{ "SecRule ARGS \"@rx a\" \"id:1,setvar:args.x=1\"", 1, 35,
		    "'args' is no collection that rules may change" },
		{ "SecRule ARGS \"@rx a\" \"id:1,setvar:tx.x=%{foo.y}\"", 1, 35,
		    "unknown variable 'foo'" },
		{ "SecRule ARGS \"@rx a\" \"id:1,ctl:foo=1\"", 1, 32, "unknown ctl 'foo'" },
		{ "SecRule ARGS \"@rx a\" \"id:1,ctl:ruleEngine=Maybe\"", 1, 32,
		    "'ruleEngine=Maybe' is no state of the rule engine: On, Off or DetectionOnly" },
		{ "SecRule ARGS \"@rx a\" \"id:1,ctl:ruleRemoveById=x\"", 1, 32,
		    "'ruleRemoveById=x' is not a rule id or a range of ids" },
		{ "SecRule ARGS \"@rx a\" \"id:1,ctl:ruleRemoveTargetById=1\"", 1, 32,
		    "'ruleRemoveTargetById=1' is without ';' and the target to remove" },
		{ "SecRule ARGS \"@rx a\" \"id:1,ctl:requestBodyProcessor=FOO\"", 1, 32,
		    "'requestBodyProcessor=FOO' is no body processor: URLENCODED, MULTIPART, JSON or XML" },
		{ "SecRule ARGS \"@rx a\" \"id:1,initcol:tx=a\"", 1, 36,
		    "'tx=a' is no persistent collection" },
		{ "SecRuleEngine Yes", 1, 15,
		    "'Yes' is not a value of SecRuleEngine: On, Off or DetectionOnly" },
		{ "SecArgumentsLimit x", 1, 19,
		    "'x' is not a value of SecArgumentsLimit: a number within bounds" },
		{ "SecArgumentSeparator &&", 1, 22,
		    "'&&' is not a value of SecArgumentSeparator: one character" },
		{ "SecRuleRemoveById a", 1, 19, "not a rule id or a range of ids" },
		{ "SecRuleUpdateActionById 1:x \"pass\"", 1, 25,
		    "not the number of a chained rule" },
		{ "SecAction \"id:1\"\nSecRuleUpdateActionById 1:1 \"pass\"", 2, 1,
		    "rule 1 has no chained rule 1" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err_list errors;
		err_list_init(&errors, 0);
		assert_null(waf_text_load(rows[i].rules, &reference, &errors));
		assert_true(errors.count >= 1);
		assert_string_equal(errors.items[0].text, rows[i].error);
		if (errors.items[0].line != rows[i].line ||
		    errors.items[0].column != rows[i].column)
			fail_msg("%s: at %u:%u, not %u:%u", rows[i].error, errors.items[0].line,
			    errors.items[0].column, rows[i].line, rows[i].column);
		err_list_release(&errors);
	}
}

static void a_duplicate_id_names_the_other_place(void **state)
{
	struct err_list errors;
	(void)state;
	err_list_init(&errors, 0);
	assert_null(
	    waf_text_load("SecAction \"id:7\"\n\nSecAction \"phase:1,id:7\"", &reference, &errors));
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.items[0].line, 3);
	assert_int_equal(errors.items[0].column, 23);
	assert_non_null(
	    strstr(errors.items[0].text, "duplicate rule id 7, previously defined at "));
	assert_non_null(strstr(errors.items[0].text, "/rules.conf:1:1"));
	err_list_release(&errors);
}

static void several_errors_are_reported_in_one_load(void **state)
{
	struct err_list errors;
	(void)state;
	err_list_init(&errors, 0);
	assert_null(
	    waf_text_load("SecFoo\nSecRule FOO \"@bar\" \"id:1,baz\"\nSecAction \"id:2,t:qux\"",
	        &reference, &errors));
	assert_int_equal(errors.count, 5);
	err_list_release(&errors);
}

static void a_missing_file_is_an_error(void **state)
{
	const char *paths[] = { "/nowhere/rules.conf" };
	struct err_list errors;
	(void)state;
	err_list_init(&errors, 0);
	assert_null(waf_rules_load(paths, 1, &reference, &errors));
	assert_int_equal(errors.count, 1);
	err_list_release(&errors);
}

static void includes_that_include_themselves_end(void **state)
{
	struct err_list errors;
	(void)state;
	err_list_init(&errors, 0);
	assert_null(waf_text_load("Include rules.conf\n", &reference, &errors));
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.items[0].text, "files include each other more than 16 deep");
	err_list_release(&errors);
}

static void directives_of_logs_are_accepted(void **state)
{
	static const char rules[] = "SecAuditEngine RelevantOnly\nSecAuditLogParts ABIJDEFHZ\n"
	                            "SecTmpDir /tmp/\nSecCollectionTimeout 600\nSecCookieFormat 0\n"
	                            "SecComponentSignature \"x/1\"\nSecDebugLogLevel 0\n";
	struct err_list errors;
	(void)state;
	err_list_init(&errors, 0);
	struct waf_rules *loaded = waf_text_load(rules, &reference, &errors);
	assert_non_null(loaded);
	waf_rules_unref(loaded);
	err_list_release(&errors);
}

static void names_of_overrides_mean_rules_or_are_errors(void **state)
{
	static const char *const bad[] = { "8", "tag:b", "foo", "5-x", "label:", "tag:set:L",
		"label:L", "label:managed:aws:set:L" };
	static const char *const good[] = { "7", "1-9", "tag:a", "label:a",
		"tag:awswaf:managed:aws:set:L", "label:awswaf:managed:aws:set:L", "label:set:L" };
	static const struct waf_names none = { NULL, 0 };
	struct err_list errors;
	(void)state;
	err_list_init(&errors, 0);
	struct waf_rules *rules = waf_text_load(
	    "SecAction \"id:7,tag:'a',tag:'awswaf:managed:aws:set:L'\"", &reference, &errors);
	assert_non_null(rules);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		const struct waf_names names = { &good[i], 1 };
		struct waf_overrides *excluded = waf_overrides_new(rules, names, none, &errors);
		struct waf_overrides *counted = waf_overrides_new(rules, none, names, &errors);
		assert_true(waf_overrides_exclude(excluded, 7));
		assert_false(waf_overrides_count(excluded, 7));
		assert_true(waf_overrides_count(counted, 7));
		assert_false(waf_overrides_exclude(counted, 7));
		waf_overrides_free(excluded);
		waf_overrides_free(counted);
	}
	assert_true(err_list_is_empty(&errors));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const struct waf_names names = { &bad[i], 1 };
		assert_null(waf_overrides_new(rules, names, none, &errors));
		assert_null(waf_overrides_new(rules, none, names, &errors));
	}
	assert_int_equal(errors.count, 2 * (sizeof bad / sizeof *bad));
	waf_rules_unref(rules);
	err_list_release(&errors);
}

static unsigned notices;
static const char *last_notice;

static void take_notice(const char *text)
{
	notices++;
	last_notice = text;
}

static void compiling_is_announced_once_and_not_when_the_cache_has_it(void **state)
{
	static const struct {
		bool cached;
		unsigned notices;
		const char *says;
	} rows[] = {
		{ true, 1, "the cache keeps them" },
		{ true, 0, NULL },
		{ false, 1, "there is no cache" },
	};
	char folder[] = "/tmp/waf-notice-XXXXXX", command[64];
	(void)state;
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct waf_options options = { .cache_dir = rows[i].cached ? folder : NULL,
			.notice = take_notice };
		struct err_list errors;
		err_list_init(&errors, 0);
		notices = 0;
		struct waf_rules *rules = waf_text_load(
		    "SecRule ARGS|REQUEST_HEADERS \"@rx abc\" \"id:1,t:base64Decode\"", &options,
		    &errors);
		assert_non_null(rules);
		assert_int_equal(notices, rows[i].notices);
		if (rows[i].says)
			assert_non_null(strstr(last_notice, rows[i].says));
		waf_rules_unref(rules);
		err_list_release(&errors);
	}
	snprintf(command, sizeof command, "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static const char sweep_rules[] =
    "SecDefaultAction \"phase:2,log,deny,status:403\"\n"
    "SecRule ARGS|!ARGS:skip|REQUEST_HEADERS:/^x-/ \"@rx ^at(t)ack\" "
    "\"id:1,phase:2,block,capture,t:lowercase,msg:'m %{TX.1}',tag:'a',setvar:'tx.s=+5',chain\"\n"
    "SecRule &TX:s \"@eq 1\" \"t:none\"\n"
    "SecRule ARGS \"@pm alpha beta\" \"id:2,pass,ctl:ruleRemoveTargetByTag=a;ARGS:x\"\n"
    "SecRule ARGS_NAMES \"!@within %{tx.names}\" \"id:3,pass,skipAfter:END\"\n"
    "SecMarker END\nSecRuleUpdateTargetById 2 \"!ARGS:y\"\nSecRuleRemoveByTag zzz\n";

/* Without memory a load fails with an error; it does not crash, leak or give half a rule set. */
static void every_allocation_of_a_load_may_fail(void **state)
{
	bool failed_once = false;
	(void)state;
	for (int mode = 0; mode < 2; mode++) {
		struct waf_options options = { .reference = mode == 0 };
		for (long n = 1;; n++) {
			struct err_list errors;
			err_list_init(&errors, 0);
			fail_alloc_at(n);
			struct waf_rules *rules = waf_text_load(sweep_rules, &options, &errors);
			bool happened = fail_alloc_happened();
			fail_alloc_off();
			if (!rules && errors.dropped == 0)
				assert_true(errors.count > 0);
			failed_once |= !rules;
			waf_rules_unref(rules);
			err_list_release(&errors);
			if (!happened)
				break;
		}
	}
	assert_true(failed_once);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(diagnostics_name_the_place_and_the_cause),
		cmocka_unit_test(a_duplicate_id_names_the_other_place),
		cmocka_unit_test(several_errors_are_reported_in_one_load),
		cmocka_unit_test(a_missing_file_is_an_error),
		cmocka_unit_test(includes_that_include_themselves_end),
		cmocka_unit_test(directives_of_logs_are_accepted),
		cmocka_unit_test(names_of_overrides_mean_rules_or_are_errors),
		cmocka_unit_test(compiling_is_announced_once_and_not_when_the_cache_has_it),
		cmocka_unit_test(every_allocation_of_a_load_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
