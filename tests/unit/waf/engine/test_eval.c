/* SPDX-License-Identifier: Apache-2.0 */
/* What rules mean: each row is run rule by rule and with combined databases. */
#include "spoa/tools/http_raw.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/waf_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\nUser-Agent: Test/1\r\nX-One: 1\r\n\r\n"
#define POST(type, length, body)                                                                   \
	"POST /p HTTP/1.1\r\nHost: h\r\nContent-Type: " type "\r\nContent-Length: " length         \
	"\r\n\r\n" body

struct row {
	const char *rules;
	const char *request;
	const char *ids;
	unsigned status; /* 200: passes */
};

static struct waf_rules *must_load(const char *text, const struct waf_options *options)
{
	struct err_list errors;
	err_list_init(&errors, 0);
	struct waf_rules *rules = waf_text_load(text, options, &errors);
	err_list_print(&errors, stderr);
	err_list_release(&errors);
	assert_non_null(rules);
	return rules;
}

static void run_row(const struct row *row, bool in_reference)
{
	struct waf_options options = { .reference = in_reference };
	struct waf_rules *rules = must_load(row->rules, &options);
	struct waf_worker *worker = waf_worker_new();
	struct waf_verdict verdict;
	char ids[256];
	waf_text_eval(worker, rules, NULL, row->request, &verdict);
	waf_text_ids(&verdict, ids, sizeof ids);
	if (strcmp(ids, row->ids) != 0)
		fail_msg("%s: matched '%s', not '%s'", row->rules, ids, row->ids);
	assert_int_equal(verdict.action == WAF_BLOCK, row->status != 200);
	if (verdict.action == WAF_BLOCK)
		assert_int_equal(verdict.status, row->status);
	assert_false(verdict.budget_exhausted);
	waf_worker_free(worker);
	waf_rules_unref(rules);
}

static void run_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (int reference = 0; reference < 2; reference++)
			run_row(&rows[i], reference);
}

#define RUN(rows) run_rows(rows, sizeof rows / sizeof *rows)

static void targets_pick_values(void **state)
{
	static const struct row rows[] = {
		{ "SecRule ARGS \"@rx bad\" \"id:1,deny\"", GET("/?a=bad"), "1", 403 },
		{ "SecRule ARGS \"@rx bad\" \"id:1,deny\"", GET("/?a=good"), "", 200 },
		{ "SecRule ARGS:b \"@rx bad\" \"id:1,pass\"", GET("/?a=bad"), "", 200 },
		{ "SecRule ARGS:A \"@rx bad\" \"id:1,pass\"", GET("/?a=bad"), "1", 200 },
		{ "SecRule ARGS|!ARGS:a \"@rx bad\" \"id:1,pass\"", GET("/?a=bad"), "", 200 },
		{ "SecRule ARGS|!ARGS:a \"@rx bad\" \"id:1,pass\"", GET("/?a=bad&b=bad"), "1",
		    200 },
		{ "SecRule ARGS:/^a/ \"@rx bad\" \"id:1,pass\"", GET("/?xa=bad"), "", 200 },
		{ "SecRule ARGS:/^a/ \"@rx bad\" \"id:1,pass\"", GET("/?Ax=bad"), "1", 200 },
		{ "SecRule ARGS|!ARGS:/^a/ \"@rx bad\" \"id:1,pass\"", GET("/?ax=bad"), "", 200 },
		{ "SecRule ARGS_NAMES \"@streq a\" \"id:1,pass\"", GET("/?a=x"), "1", 200 },
		{ "SecRule &ARGS \"@eq 2\" \"id:1,pass\"", GET("/?a=x&b=y"), "1", 200 },
		{ "SecRule &ARGS:c \"@eq 0\" \"id:1,pass\"", GET("/?a=x&b=y"), "1", 200 },
		{ "SecRule &ARGS|!ARGS:b \"@eq 1\" \"id:1,pass\"", GET("/?a=x&b=y"), "1", 200 },
		{ "SecRule ARGS_GET \"@rx x\" \"id:1,pass,phase:1\"", GET("/?a=x"), "1", 200 },
		{ "SecRule REQUEST_HEADERS:user-agent \"@rx Test\" \"id:1,pass,phase:1\"", GET("/"),
		    "1", 200 },
		{ "SecRule REQUEST_HEADERS_NAMES \"@streq X-One\" \"id:1,pass,phase:1\"", GET("/"),
		    "1", 200 },
		{ "SecRule REQUEST_LINE \"@streq GET /a?b HTTP/1.1\" \"id:1,pass\"", GET("/a?b"),
		    "1", 200 },
		{ "SecRule REQUEST_BASENAME \"@streq c.txt\" \"id:1,pass\"", GET("/a/c.txt?b"), "1",
		    200 },
		{ "SecRule REQUEST_FILENAME \"@streq /a b\" \"id:1,pass\"", GET("/a%20b?c"), "1",
		    200 },
		{ "SecRule REQUEST_URI \"@streq /x?y\" \"id:1,pass\"", GET("http://h/x?y"), "1",
		    200 },
		{ "SecRule REQUEST_URI_RAW \"@streq http://h/x?y\" \"id:1,pass\"",
		    GET("http://h/x?y"), "1", 200 },
		{ "SecRule QUERY_STRING \"@streq y=%41\" \"id:1,pass\"", GET("/x?y=%41"), "1",
		    200 },
		{ "SecRule REMOTE_ADDR \"@ipMatch 192.0.2.0/24\" \"id:1,pass\"", GET("/"), "1",
		    200 },
		{ "SecRule TIME_YEAR \"@eq 2026\" \"id:1,pass\"", GET("/"), "1", 200 },
	};
	(void)state;
	RUN(rows);
}

static void bodies_become_arguments_by_content_type(void **state)
{
	static const struct row rows[] = {
		{ "SecRule ARGS_POST:a \"@streq b c\" \"id:1,pass\"",
		    POST("application/x-www-form-urlencoded", "7", "a=b%20c"), "1", 200 },
		{ "SecRule ARGS:json.a.b \"@streq c\" \"id:1,pass\"",
		    POST("application/json", "15", "{\"a\":{\"b\":\"c\"}}"), "1", 200 },
		{ "SecRule ARGS:json.a \"@eq 1\" \"id:1,pass\"",
		    POST("application/vnd.x+json", "7", "{\"a\":1}"), "1", 200 },
		{ "SecRule XML:/* \"@contains text\" \"id:1,pass\"",
		    POST("text/xml", "11", "<a>text</a>"), "1", 200 },
		{ "SecRule XML://@* \"@streq v\" \"id:1,pass\"",
		    POST("application/xml", "10", "<a b='v'/>"), "1", 200 },
		{ "SecRule REQBODY_ERROR \"@eq 1\" \"id:1,deny,status:400\"",
		    POST("application/json", "4", "{\"a\""), "1", 400 },
		{ "SecRule REQUEST_BODY \"@rx a=b\" \"id:1,pass\"",
		    POST("application/x-www-form-urlencoded", "3", "a=b"), "1", 200 },
		{ "SecRule REQUEST_BODY \"@rx a\" \"id:1,pass\"",
		    POST("application/json", "7", "{\"a\":1}"), "", 200 },
		{ "SecAction \"id:2,phase:1,nolog,pass,ctl:forceRequestBodyVariable=On\"\nSecRule REQUEST_BODY \"@rx hello\" \"id:1,pass\"",
		    POST("text/plain", "5", "hello"), "1", 200 },
		{ "SecAction \"id:2,phase:1,nolog,pass,ctl:requestBodyProcessor=JSON\"\nSecRule ARGS:json.a \"@eq 1\" \"id:1,pass\"",
		    POST("text/plain", "7", "{\"a\":1}"), "1", 200 },
		{ "SecRequestBodyAccess Off\nSecRule ARGS \"@rx .\" \"id:1,pass\"",
		    POST("application/x-www-form-urlencoded", "3", "a=b"), "", 200 },
		{ "SecRequestBodyLimit 2\nSecRequestBodyLimitAction Reject\nSecAction \"id:1,pass\"",
		    POST("application/x-www-form-urlencoded", "3", "a=b"), "", 413 },
		{ "SecRequestBodyLimit 2\nSecRule INBOUND_DATA_ERROR \"@eq 1\" \"id:1,pass\"",
		    POST("application/x-www-form-urlencoded", "3", "a=b"), "1", 200 },
		{ "SecRule REQUEST_BODY_LENGTH \"@eq 3\" \"id:1,pass\"",
		    POST("text/plain", "3", "abc"), "1", 200 },
		{ "SecArgumentSeparator ;\nSecRule &ARGS \"@eq 2\" \"id:1,pass\"", GET("/?a=1;b=2"),
		    "1", 200 },
	};
	(void)state;
	RUN(rows);
}

static void chains_need_every_link(void **state)
{
	static const struct row rows[] = {
		{ "SecRule ARGS:a \"@rx x\" \"id:1,deny,chain\"\nSecRule ARGS:b \"@rx y\"",
		    GET("/?a=x&b=y"), "1", 403 },
		{ "SecRule ARGS:a \"@rx x\" \"id:1,deny,chain\"\nSecRule ARGS:b \"@rx y\"",
		    GET("/?a=x&b=x"), "", 200 },
		{ "SecRule ARGS \"@rx ^x\" \"id:1,pass,chain\"\nSecRule MATCHED_VARS \"@rx 2$\"",
		    GET("/?a=x1&b=x2"), "1", 200 },
		{ "SecRule ARGS \"@rx ^x\" \"id:1,pass,chain\"\nSecRule MATCHED_VARS \"@rx 3$\"",
		    GET("/?a=x1&b=3"), "", 200 },
		{ "SecRule ARGS \"@rx ^x\" \"id:1,pass,chain\"\nSecRule MATCHED_VAR_NAME \"@streq ARGS:b\"",
		    GET("/?a=1&b=x2"), "1", 200 },
		{ "SecRule ARGS \"@rx ^x\" \"id:1,pass,chain\"\nSecRule MATCHED_VARS_NAMES \"@streq ARGS:a\"",
		    GET("/?a=x&b=x2"), "1", 200 },
		{ "SecRule ARGS \"@rx ^(x)(y)?\" \"id:1,pass,capture,chain\"\nSecRule TX:1 \"@streq x\" \"chain\"\nSecRule &TX:3 \"@eq 0\"",
		    GET("/?a=x"), "1", 200 },
		{ "SecRule ARGS \"@rx x\" \"id:1,pass,setvar:tx.n=+1,chain\"\nSecRule ARGS \"@rx nothing\"\nSecRule TX:n \"@eq 2\" \"id:2,pass\"",
		    GET("/?a=x&b=x"), "2", 200 },
	};
	(void)state;
	RUN(rows);
}

static void variables_are_set_and_read(void **state)
{
	static const struct row rows[] = {
		{ "SecAction \"id:1,nolog,pass,setvar:tx.a=5,setvar:tx.a=+3,setvar:tx.a=-1\"\nSecRule TX:A \"@eq 7\" \"id:2,pass\"",
		    GET("/"), "2", 200 },
		{ "SecAction \"id:1,nolog,pass,setvar:tx.a=5,setvar:!tx.a\"\nSecRule &TX:a \"@eq 0\" \"id:2,pass\"",
		    GET("/"), "2", 200 },
		{ "SecRule TX:a \"!@eq 1\" \"id:2,pass\"", GET("/"), "", 200 },
		{ "SecAction \"id:1,nolog,pass,setvar:tx.a=3,setvar:tx.b=%{tx.a}\"\nSecRule TX:b \"@ge %{tx.a}\" \"id:2,pass\"",
		    GET("/"), "2", 200 },
		{ "SecAction \"id:1,nolog,pass,setvar:'tx.h_%{REQUEST_HEADERS.X-One}=v'\"\nSecRule TX:/^h_/ \"@streq v\" \"id:2,pass\"",
		    GET("/"), "2", 200 },
		{ "SecAction \"id:1,nolog,pass,setvar:'tx.h_%{REQUEST_HEADERS.X-One}=v'\"\nSecRule TX:h_1 \"@streq v\" \"id:2,pass\"",
		    GET("/"), "2", 200 },
		{ "SecAction \"id:1,nolog,pass,setvar:tx.first=v,setvar:tx.second=v,setvar:tx.other=v\"\n"
		  "SecRule &TX:/^(first|SEC)/ \"@eq 2\" \"id:2,pass\"\n"
		  "SecRule TX:/^sec/|!TX:second \"@streq v\" \"id:3,pass\"\n"
		  "SecRule TX:/none/ \"@rx .*\" \"id:4,pass\"\n"
		  "SecAction \"id:5,nolog,pass,setvar:!tx.first\"\n"
		  "SecRule &TX:/^(first|sec)/ \"@eq 1\" \"id:6,pass\"\nSecRule &TX \"@ge 2\" \"id:7,pass\"",
		    GET("/"), "2 6 7", 200 },
		{ "SecAction \"id:1,nolog,pass,setvar:tx.h_1=slot,setvar:'tx.h_%{REQUEST_HEADERS.X-One}0=made'\"\n"
		  "SecRule &TX:/^h_/ \"@eq 2\" \"id:2,pass\"\nSecRule TX:/^h_/ \"@streq made\" \"id:3,pass\"",
		    GET("/"), "2 3", 200 },
		{ "SecAction \"id:1,nolog,pass,initcol:ip=%{REMOTE_ADDR},setvar:ip.n=+2,setvar:ip.n=+2\"\nSecRule IP:n \"@eq 4\" \"id:2,pass\"",
		    GET("/"), "2", 200 },
		{ "SecAction \"id:1,nolog,pass,setvar:tx.w=GET\"\nSecRule REQUEST_METHOD \"@within %{tx.w} POST\" \"id:2,pass\"",
		    GET("/"), "2", 200 },
		{ "SecRule ARGS \"@rx x\" \"id:1,pass,severity:CRITICAL\"\nSecRule HIGHEST_SEVERITY \"@le 2\" \"id:2,pass\"",
		    GET("/?a=x"), "1 2", 200 },
		{ "SecRule ARGS \"@pm alpha beta\" \"id:1,pass,capture,nolog\"\nSecRule TX:0 \"@rx (?i)BETA\" \"id:2,pass\"",
		    GET("/?a=xBETAx"), "2", 200 },
	};
	(void)state;
	RUN(rows);
}

static void transformations_come_before_the_operator(void **state)
{
	static const struct row rows[] = {
		{ "SecRule ARGS \"@rx bad\" \"id:1,pass,t:lowercase\"", GET("/?a=BAD"), "1", 200 },
		{ "SecRule ARGS \"@rx bad\" \"id:1,pass,t:lowercase,t:none\"", GET("/?a=BAD"), "",
		    200 },
		{ "SecDefaultAction \"phase:2,log,pass,t:lowercase\"\nSecRule ARGS \"@rx bad\" \"id:1\"",
		    GET("/?a=BAD"), "1", 200 },
		{ "SecDefaultAction \"phase:2,log,pass,t:lowercase\"\nSecRule ARGS \"@rx bad\" \"id:1,t:none\"",
		    GET("/?a=BAD"), "", 200 },
		{ "SecRule ARGS \"@rx BAD\" \"id:1,pass,t:lowercase,multiMatch\"", GET("/?a=BAD"),
		    "1", 200 },
		{ "SecRule ARGS \"@rx BAD\" \"id:1,pass,t:lowercase\"", GET("/?a=BAD"), "", 200 },
		{ "SecRule ARGS \"@gt 3\" \"id:1,pass,t:length\"", GET("/?a=four"), "1", 200 },
		{ "SecRule ARGS \"@rx secret\" \"id:1,pass,t:base64Decode\"", GET("/?a=c2VjcmV0"),
		    "1", 200 },
		{ "SecRule ARGS \"@rx a<b\" \"id:1,pass,t:urlDecodeUni,t:htmlEntityDecode\"",
		    GET("/?a=a%2526lt%253Bb"), "1", 200 },
	};
	(void)state;
	RUN(rows);
}

static void the_flow_of_rules_can_be_changed(void **state)
{
	static const struct row rows[] = {
		{ "SecAction \"id:1,pass,skipAfter:END\"\nSecAction \"id:2,pass\"\nSecMarker END\nSecAction \"id:3,pass\"",
		    GET("/"), "1 3", 200 },
		{ "SecAction \"id:1,pass,skipAfter:2\"\nSecAction \"id:2,pass\"\nSecAction \"id:3,pass\"",
		    GET("/"), "1 3", 200 },
		{ "SecAction \"id:1,pass,skip:1\"\nSecAction \"id:2,pass\"\nSecAction \"id:3,pass\"",
		    GET("/"), "1 3", 200 },
		{ "SecAction \"id:1,pass,phase:1,skipAfter:END\"\nSecAction \"id:2,pass,phase:2\"\nSecMarker END",
		    GET("/"), "1 2", 200 },
		{ "SecAction \"id:1,phase:1,allow\"\nSecAction \"id:2,phase:1,deny\"\nSecAction \"id:3,deny\"",
		    GET("/"), "1", 200 },
		{ "SecAction \"id:1,phase:1,allow:phase\"\nSecAction \"id:2,phase:1,deny\"\nSecAction \"id:3,deny\"",
		    GET("/"), "1 3", 403 },
		{ "SecAction \"id:1,phase:1,allow:request\"\nSecAction \"id:2,phase:1,deny\"\nSecAction \"id:3,deny\"",
		    GET("/"), "1", 200 },
		{ "SecAction \"id:1,deny,status:418\"\nSecAction \"id:2,pass\"\nSecAction \"id:3,pass,phase:5\"",
		    GET("/"), "1 3", 418 },
		{ "SecDefaultAction \"phase:2,log,deny,status:406\"\nSecAction \"id:1,block\"",
		    GET("/"), "1", 406 },
		{ "SecDefaultAction \"phase:2,nolog,pass\"\nSecAction \"id:1,block\"\nSecAction \"id:2,log\"",
		    GET("/"), "2", 200 },
		{ "SecRuleEngine DetectionOnly\nSecAction \"id:1,deny\"\nSecAction \"id:2,pass\"",
		    GET("/"), "1 2", 200 },
		{ "SecRuleEngine Off\nSecAction \"id:1,deny\"", GET("/"), "", 200 },
		{ "SecAction \"id:1,pass,ctl:ruleEngine=Off\"\nSecAction \"id:2,deny\"", GET("/"),
		    "1", 200 },
		{ "SecAction \"id:1,pass,ctl:ruleEngine=DetectionOnly\"\nSecAction \"id:2,deny\"",
		    GET("/"), "1 2", 200 },
		{ "SecAction \"id:1,drop\"", GET("/"), "1", 403 },
	};
	(void)state;
	RUN(rows);
}

#define TAGGED                                                                                     \
	"\nSecRule ARGS \"@rx x\" \"id:10,pass,tag:'a/b',msg:'m n'\"\n"                            \
	"SecRule ARGS \"@rx x\" \"id:11,pass,tag:'c'\"\n"

static void rules_and_targets_can_be_removed(void **state)
{
	static const struct row rows[] = {
		{ TAGGED, GET("/?q=x"), "10 11", 200 },
		{ "SecDefaultAction \"phase:2,log,pass,tag:a,tag:b,tag:c\"\nSecAction \"id:1\"\n"
		  "SecAction \"id:2,tag:d\"",
		    GET("/"), "1 2", 200 },
		{ "SecRuleRemoveById 10" TAGGED, GET("/?q=x"), "11", 200 },
		{ "SecRuleRemoveById 1-10 12" TAGGED, GET("/?q=x"), "11", 200 },
		{ TAGGED "SecRuleRemoveByTag a/b", GET("/?q=x"), "11", 200 },
		{ TAGGED "SecRuleRemoveByTag a", GET("/?q=x"), "10 11", 200 },
		{ TAGGED "SecRuleRemoveByTag ^[ac]", GET("/?q=x"), "", 200 },
		{ TAGGED "SecRuleRemoveByMsg \"m n\"", GET("/?q=x"), "11", 200 },
		{ TAGGED "SecRuleUpdateTargetById 10 \"!ARGS:q\"", GET("/?q=x"), "11", 200 },
		{ TAGGED "SecRuleUpdateTargetByTag c \"!ARGS:/^q/,!ARGS:r\"", GET("/?q=x&r=x"),
		    "10", 200 },
		{ TAGGED "SecRuleUpdateTargetByMsg \"m n\" \"REQUEST_HEADERS:X-One\" \"ARGS\"",
		    GET("/?q=x"), "11", 200 },
		{ TAGGED "SecRuleUpdateActionById 11 \"deny,status:418\"", GET("/?q=x"), "10 11",
		    418 },
		{ "SecAction \"id:1,nolog,pass,ctl:ruleRemoveById=10\"" TAGGED, GET("/?q=x"), "11",
		    200 },
		{ "SecAction \"id:1,nolog,pass,ctl:ruleRemoveById=5-10\"" TAGGED, GET("/?q=x"),
		    "11", 200 },
		{ "SecAction \"id:1,nolog,pass,ctl:ruleRemoveByTag=c\"" TAGGED, GET("/?q=x"), "10",
		    200 },
		{ "SecAction \"id:1,nolog,pass,ctl:ruleRemoveByMsg=m n\"" TAGGED, GET("/?q=x"),
		    "11", 200 },
		{ "SecAction \"id:1,nolog,pass,ctl:ruleRemoveTargetById=10;ARGS:q\"" TAGGED,
		    GET("/?q=x"), "11", 200 },
		{ "SecAction \"id:1,nolog,pass,ctl:ruleRemoveTargetById=10;ARGS\"" TAGGED,
		    GET("/?q=x"), "11", 200 },
		{ "SecAction \"id:1,nolog,pass,ctl:ruleRemoveTargetByTag=c;ARGS:/q/\"" TAGGED,
		    GET("/?q=x"), "10", 200 },
		{ "SecAction \"id:1,nolog,pass,ctl:ruleRemoveTargetByTag=c;ARGS:r\"" TAGGED,
		    GET("/?q=x"), "10 11", 200 },
	};
	(void)state;
	RUN(rows);
}

static void a_gate_that_the_settings_keep_shut_changes_no_verdict(void **state)
{
	/* The gate's variable is unset at first, so its rule does not match and the way is open. */
	static const struct row rows[] = {
		{ "SecRule TX:level \"@lt 2\" \"id:1,pass,nolog,skipAfter:END\"\n"
		  "SecRule ARGS \"@rx x\" \"id:2,pass\"\nSecMarker END",
		    GET("/?q=x"), "2", 200 },
		{ "SecAction \"id:3,pass,nolog,setvar:tx.level=1\"\n"
		  "SecRule TX:level \"@lt 2\" \"id:1,pass,nolog,skipAfter:END\"\n"
		  "SecRule ARGS \"@rx x\" \"id:2,pass\"\nSecMarker END",
		    GET("/?q=x"), "", 200 },
	};
	(void)state;
	RUN(rows);
}

static void texts_of_a_match_are_expanded(void **state)
{
	struct waf_options options = { .reference = false };
	struct waf_rules *rules = must_load(
	    "SecRule ARGS \"@rx b(.)d\" \"id:1,pass,capture,severity:2,tag:'t',"
	    "msg:'found %{TX.1} in %{MATCHED_VAR_NAME}',logdata:'%{MATCHED_VAR} %{tx.none}.%{rule.id}'\"",
	    &options);
	struct waf_worker *worker = waf_worker_new();
	struct waf_verdict v;
	(void)state;
	waf_text_eval(worker, rules, NULL, GET("/?q=xbadx"), &v);
	assert_int_equal(v.match_count, 1);
	assert_true(slice_eq(v.matches[0].message, SLICE("found a in ARGS:q")));
	assert_true(slice_eq(v.matches[0].data, SLICE("xbadx .1")));
	assert_true(slice_eq(v.matches[0].variable, SLICE("ARGS:q")));
	assert_true(slice_eq(v.matches[0].value, SLICE("xbadx")));
	assert_int_equal(v.matches[0].rule->severity, 2);
	assert_int_equal(v.matches[0].rule->tag_count, 1);
	waf_worker_free(worker);
	waf_rules_unref(rules);
}

static void detection_only_says_what_would_have_been(void **state)
{
	struct waf_options options = { .detection_only = true };
	struct waf_rules *rules = must_load("SecAction \"id:1,deny\"", &options);
	struct waf_worker *worker = waf_worker_new();
	struct waf_verdict v;
	(void)state;
	waf_text_eval(worker, rules, NULL, GET("/"), &v);
	assert_int_equal(v.action, WAF_PASS);
	assert_true(v.would_block);
	assert_int_equal(v.rule_id, 1);
	waf_worker_free(worker);
	waf_rules_unref(rules);
}

static void variables_may_be_set_from_outside(void **state)
{
	struct waf_set sets[] = { { "tx.Level", "3" } };
	struct waf_options options = { .sets = sets, .set_count = 1 };
	struct waf_rules *rules =
	    must_load("SecRule TX:level \"@eq 3\" \"id:1,phase:1,pass\"", &options);
	struct waf_worker *worker = waf_worker_new();
	struct waf_verdict v;
	char ids[32];
	(void)state;
	waf_text_eval(worker, rules, NULL, GET("/"), &v);
	assert_string_equal(waf_text_ids(&v, ids, sizeof ids), "1");
	waf_worker_free(worker);
	waf_rules_unref(rules);
}

static void a_service_excludes_rules(void **state)
{
	static const char *const specs[] = { "tag:c" };
	struct waf_options options = { 0 };
	struct err_list errors;
	struct waf_verdict v;
	char ids[32];
	(void)state;
	err_list_init(&errors, 0);
	struct waf_rules *rules = must_load(TAGGED, &options);
	struct waf_overrides *overrides = waf_overrides_new(
	    rules, (struct waf_names){ specs, 1 }, (struct waf_names){ NULL, 0 }, &errors);
	struct waf_worker *worker = waf_worker_new();
	waf_text_eval(worker, rules, overrides, GET("/?q=x"), &v);
	assert_string_equal(waf_text_ids(&v, ids, sizeof ids), "10");
	waf_text_eval(worker, rules, NULL, GET("/?q=x"), &v);
	assert_string_equal(waf_text_ids(&v, ids, sizeof ids), "10 11");
	waf_worker_free(worker);
	waf_overrides_free(overrides);
	waf_rules_unref(rules);
	err_list_release(&errors);
}

/* As CRS does it: rules add to a score, a last one blocks by it; and one that blocks by itself. */
#define SCORED                                                                                     \
	"SecRule ARGS \"@rx a\" \"id:1,pass,setvar:tx.seen=1,setvar:tx.x_score=+3\"\n"             \
	"SecRule ARGS \"@rx b\" \"id:2,pass,chain\"\n"                                             \
	"SecRule ARGS \"@rx c\" \"setvar:TX.Anomaly_Score=+5\"\n"                                  \
	"SecRule ARGS \"@rx d\" \"id:3,deny,tag:'own'\"\n"                                         \
	"SecRule TX:seen \"@eq 1\" \"id:4,pass\"\n"                                                \
	"SecRule TX:x_score|TX:anomaly_score \"@gt 2\" \"id:5,deny\"\n"

static void a_service_only_counts_rules(void **state)
{
	static const struct {
		const char *names[2];
		size_t count;
		const char *target, *ids;
		bool blocks, counted;
	} rows[] = {
		{ { NULL }, 0, "/?q=a", "1 4 5", true, false },
		{ { "1" }, 1, "/?q=a", "1 4", false, true }, /* what is no score is set still */
		{ { "1" }, 1, "/?q=abc", "1 2 4 5", true, true },
		{ { "1", "2" }, 2, "/?q=abc", "1 2 4", false, true },
		{ { "tag:own" }, 1, "/?q=d", "3", false, true },
		{ { "tag:own" }, 1, "/?q=bcd", "2 3 5", true, true },
		{ { "3" }, 1, "/?q=x", "", false, false },
		{ { "5" }, 1, "/?q=a", "1 4 5", false, true },
	};
	(void)state;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
		struct waf_options options = { .reference = i & 1 };
		struct err_list errors;
		struct waf_verdict v;
		char ids[32], request[128];
		err_list_init(&errors, 0);
		struct waf_rules *rules = must_load(SCORED, &options);
		struct waf_names names = { rows[i / 2].names, rows[i / 2].count };
		struct waf_overrides *overrides =
		    waf_overrides_new(rules, (struct waf_names){ NULL, 0 }, names, &errors);
		struct waf_worker *worker = waf_worker_new();
		snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n\r\n", rows[i / 2].target);
		waf_text_eval(worker, rules, overrides, request, &v);
		assert_string_equal(waf_text_ids(&v, ids, sizeof ids), rows[i / 2].ids);
		assert_int_equal(v.action, rows[i / 2].blocks ? WAF_BLOCK : WAF_PASS);
		assert_int_equal(v.counted, rows[i / 2].counted);
		waf_worker_free(worker);
		waf_overrides_free(overrides);
		waf_rules_unref(rules);
		err_list_release(&errors);
	}
}

static void what_rules_cannot_see_is_refused_when_asked_for(void **state)
{
	static const struct {
		const char *request;
		bool uninspected;
	} rows[] = {
		{ POST("application/json", "7", "{\"a\":1}"), false },
		{ POST("application/json", "4", "{\"a\""), true },
		{ POST("text/xml", "3", "<a>"), true },
		{ POST("application/x-www-form-urlencoded", "11", "a=1&b=2&c=3"), true },
		{ POST("text/plain", "21", "123456789012345678901"), true },
		{ GET("/?a=1&b=2"), false },
		{ GET("/?a=1&b=2&c=3"), true },
		{ "GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1; b=2; c=3\r\n\r\n", true },
	};
	(void)state;
	for (int reject = 0; reject < 2; reject++) {
		struct waf_options options = {
			.max_args = 2, .max_body_bytes = 20, .reject_uninspected = reject
		};
		struct waf_rules *rules = must_load(
		    "SecRule XML:/* \"@rx never\" \"id:1\"\nSecRule ARGS \"@rx never\" \"id:2\"",
		    &options);
		struct waf_worker *worker = waf_worker_new();
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			struct waf_verdict v;
			waf_text_eval(worker, rules, NULL, rows[i].request, &v);
			assert_int_equal(v.uninspected != NULL, rows[i].uninspected);
			bool blocks = reject && rows[i].uninspected;
			assert_int_equal(v.action, blocks ? WAF_BLOCK : WAF_PASS);
			assert_int_equal(v.status, blocks ? 400 : 200);
		}
		waf_worker_free(worker);
		waf_rules_unref(rules);
	}
}

static void an_empty_budget_gives_the_configured_verdict(void **state)
{
	(void)state;
	for (int blocks = 0; blocks < 2; blocks++) {
		struct waf_options options = { .step_budget = 1, .budget_blocks = blocks };
		struct waf_rules *rules = must_load(TAGGED, &options);
		struct waf_worker *worker = waf_worker_new();
		struct waf_verdict v;
		waf_text_eval(worker, rules, NULL, GET("/?q=x"), &v);
		assert_true(v.budget_exhausted);
		assert_int_equal(v.action, blocks ? WAF_BLOCK : WAF_PASS);
		waf_worker_free(worker);
		waf_rules_unref(rules);
	}
}

static void every_arena_limit_gives_a_verdict(void **state)
{
	(void)state;
	for (size_t bytes = 64; bytes < 60000; bytes = bytes * 5 / 4) {
		struct waf_options options = { .arena_bytes = bytes, .budget_blocks = true };
		struct waf_rules *rules = must_load(TAGGED, &options);
		struct waf_worker *worker = waf_worker_new();
		struct waf_verdict v;
		waf_text_eval(worker, rules, NULL, GET("/?q=x&r=%20y"), &v);
		assert_true(v.budget_exhausted || v.match_count == 2);
		assert_int_equal(v.action, v.budget_exhausted ? WAF_BLOCK : WAF_PASS);
		waf_worker_free(worker);
		waf_rules_unref(rules);
	}
}

#define BODIES                                                                                     \
	"SecRule ARGS|ARGS_NAMES|REQUEST_BODY|XML:/*|FILES \"@rx need(le)\" "                      \
	"\"id:1,pass,capture,t:urlDecodeUni,t:lowercase,msg:'%{TX.1}',logdata:'%{MATCHED_VAR}'\"\n"

/* One evaluation by a new worker whose n-th allocation fails; false when there were fewer. */
static bool eval_without_allocation(
    long n, struct waf_rules *rules, const struct waf_request *request, size_t matches)
{
	struct waf_verdict v;
	fail_alloc_at(n);
	struct waf_worker *worker = waf_worker_new();
	if (worker)
		waf_eval_request(worker, rules, NULL, request, &v);
	bool happened = fail_alloc_happened();
	fail_alloc_off();
	if (worker) {
		assert_true(v.budget_exhausted || v.match_count == matches);
		assert_int_equal(v.action, v.budget_exhausted ? WAF_BLOCK : WAF_PASS);
		waf_eval_request(worker, rules, NULL, request, &v);
		assert_int_equal(v.match_count, matches);
	}
	waf_worker_free(worker);
	return happened;
}

/* With a failing allocation a transaction ends with "exhausted", and the next one is whole again.
 */
static void every_allocation_of_a_transaction_may_fail(void **state)
{
	static const struct {
		const char *rules, *request;
		size_t matches;
	} rows[] = {
		{ TAGGED, GET("/?q=x"), 2 },
		{ BODIES, GET("/?q=NEED%6Ce"), 1 },
		{ BODIES, POST("application/x-www-form-urlencoded", "10", "a=NEED%6Ce"), 1 },
		{ BODIES, POST("application/json", "24", "{\"a\":[1,{\"b\":\"NEEDLE\"}]}"), 1 },
		{ BODIES, POST("text/xml", "19", "<a b='c'>NEEDLE</a>"), 1 },
		{ BODIES,
		    POST("multipart/form-data; boundary=B", "94",
		        "--B\r\nContent-Disposition: form-data; name=\"f\"; "
		        "filename=\"needle.txt\"\r\n\r\ncontent\r\n--B--\r\n"),
		    1 },
	};
	struct waf_options options = { .budget_blocks = true };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct waf_rules *rules = must_load(rows[i].rules, &options);
		struct waf_request request = { 0 };
		struct arena arena;
		long n = 1;
		arena_init(&arena, 0);
		assert_null(http_raw_request(slice_of_cstr(rows[i].request), &arena, &request));
		while (eval_without_allocation(n, rules, &request, rows[i].matches))
			n++;
		assert_true(n > 3);
		arena_release(&arena);
		waf_rules_unref(rules);
	}
}

static void a_warm_worker_allocates_nothing(void **state)
{
	struct waf_options options = { 0 };
	struct waf_rules *rules = must_load(TAGGED, &options);
	struct waf_worker *worker = waf_worker_new();
	struct waf_request request = { .method = SLICE("GET"),
		.path = SLICE("/"),
		.query = SLICE("q=x"),
		.version = SLICE("1.1") };
	struct waf_verdict v;
	(void)state;
	for (int i = 0; i < 3; i++)
		waf_eval_request(worker, rules, NULL, &request, &v);
#ifndef __SANITIZE_ADDRESS__ /* there, each piece of an arena is an allocation of its own */
	long before = fail_alloc_count();
	for (int i = 0; i < 100; i++)
		waf_eval_request(worker, rules, NULL, &request, &v);
	assert_int_equal(fail_alloc_count(), before);
#endif
	assert_int_equal(v.match_count, 2);
	waf_worker_free(worker);
	waf_rules_unref(rules);
}

#define LENSES                                                                                        \
	"SecRule ARGS|ARGS_NAMES|REQUEST_HEADERS \"@rx needle\" "                                     \
	"\"id:1,phase:1,pass,t:urlDecodeUni,t:lowercase\"\n"                                          \
	"SecRule ARGS \"@rx select.+from\" \"id:2,phase:2,pass,t:removeWhitespace,t:lowercase\"\n"    \
	"SecRule ARGS|ARGS_NAMES \"@rx ^ab+c\" \"id:3,phase:2,pass,t:hexEncode,t:hexDecode\"\n"       \
	"SecRule ARGS|REQUEST_HEADERS \"@detectSQLi\" \"id:4,phase:2,pass,t:lowercase,multiMatch\"\n" \
	"SecRule ARGS \"@rx haystack\" \"id:5,phase:2,pass,t:lowercase,t:urlDecode\"\n"

/* What a request costs and what is found in it depend on its bytes, not on what the worker has
 * seen. */
static void known_texts_cost_as_much_as_new_ones(void **state)
{
	static const char *const requests[] = { GET("/?a=Some%2520Text&Name=HAYSTACK"),
		GET("/?a=Some%2520Text&b=Some%2520Text&c=abbc"),
		GET("/?q=1'+OR+'1'='1&a=Some%2520Text"), GET("/?a=NEED%256Ce&Name=HAY"),
		GET("/?a=nothing&b=&c=%20%20&Name=S") };
	enum { COUNT = sizeof requests / sizeof *requests };
	struct waf_options options = { 0 };
	struct waf_rules *rules = must_load(LENSES, &options);
	struct waf_worker *warm = waf_worker_new();
	struct waf_verdict v;
	char ids[2][64];
	(void)state;
	for (size_t i = 0; i < 3 * COUNT; i++) {
		struct waf_worker *cold = waf_worker_new();
		waf_text_eval(cold, rules, NULL, requests[i % COUNT], &v);
		uint64_t steps = v.steps;
		waf_text_ids(&v, ids[0], sizeof ids[0]);
		waf_text_eval(warm, rules, NULL, requests[i % COUNT], &v);
		assert_true(steps > 10);
		assert_int_equal(v.steps, steps);
		assert_string_equal(waf_text_ids(&v, ids[1], sizeof ids[1]), ids[0]);
		waf_worker_free(cold);
	}
	waf_worker_free(warm);
	waf_rules_unref(rules);
}

static void responses_have_their_phases(void **state)
{
	struct waf_options options = { 0 };
	struct waf_rules *rules = must_load(
	    "SecAction \"id:1,phase:1,pass,setvar:tx.base=4\"\nSecAction \"id:2,phase:2,deny\"\n"
	    "SecRule RESPONSE_STATUS \"@rx ^5\" \"id:3,phase:3,pass,setvar:tx.base=+1\"\n"
	    "SecRule RESPONSE_HEADERS:X-Leak \"@rx .\" \"id:4,phase:3,pass\"\n"
	    "SecRule RESPONSE_BODY \"@pm stacktrace\" \"id:5,phase:4,deny,status:502,chain\"\nSecRule TX:base \"@eq 5\"",
	    &options);
	struct waf_worker *worker = waf_worker_new();
	struct waf_header header = { SLICE("x-leak"), SLICE("1") };
	struct waf_request request = {
		.method = SLICE("GET"), .path = SLICE("/"), .version = SLICE("1.1")
	};
	struct waf_response response = { .status = 500,
		.version = SLICE("1.1"),
		.headers = &header,
		.header_count = 1,
		.body = SLICE("a StackTrace here") };
	struct waf_verdict v;
	char ids[32];
	(void)state;
	waf_eval_response(worker, rules, NULL, &request, &response, &v);
	assert_string_equal(waf_text_ids(&v, ids, sizeof ids), "3 4 5");
	assert_int_equal(v.action, WAF_BLOCK);
	assert_int_equal(v.status, 502);
	waf_worker_free(worker);
	waf_rules_unref(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_pick_values),
		cmocka_unit_test(bodies_become_arguments_by_content_type),
		cmocka_unit_test(chains_need_every_link),
		cmocka_unit_test(variables_are_set_and_read),
		cmocka_unit_test(transformations_come_before_the_operator),
		cmocka_unit_test(the_flow_of_rules_can_be_changed),
		cmocka_unit_test(rules_and_targets_can_be_removed),
		cmocka_unit_test(a_gate_that_the_settings_keep_shut_changes_no_verdict),
		cmocka_unit_test(texts_of_a_match_are_expanded),
		cmocka_unit_test(detection_only_says_what_would_have_been),
		cmocka_unit_test(variables_may_be_set_from_outside),
		cmocka_unit_test(a_service_excludes_rules),
		cmocka_unit_test(a_service_only_counts_rules),
		cmocka_unit_test(what_rules_cannot_see_is_refused_when_asked_for),
		cmocka_unit_test(an_empty_budget_gives_the_configured_verdict),
		cmocka_unit_test(every_arena_limit_gives_a_verdict),
		cmocka_unit_test(every_allocation_of_a_transaction_may_fail),
		cmocka_unit_test(a_warm_worker_allocates_nothing),
		cmocka_unit_test(known_texts_cost_as_much_as_new_ones),
		cmocka_unit_test(responses_have_their_phases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
