/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rule for each operator, transformation, variable, action, ctl and directive that OWASP CRS
 * and operators use: it loads, and does what its name says, with combined databases and rule by
 * rule. What is refused is refused with its place and the reason.
 */
#include "tests/support/waf_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "Host: api.test:8443\r\nUser-Agent: Test/1\r\nCookie: c=v\r\n"
#define POST(type, length, body)                                                                   \
	"POST /a/b%20c.txt?q=%41&r=x HTTP/1.1\r\n" HEAD "Content-Type: " type                      \
	"\r\nContent-Length: " length "\r\n\r\n" body

static const char get[] = "GET /a/b%20c.txt?q=%41&r=x HTTP/1.1\r\n" HEAD "\r\n";
static const char form[] = POST("application/x-www-form-urlencoded", "7", "f=1&g=h");
static const char json[] = POST("application/json", "14", "{\"a\":[1,\"b\"]}\n");
static const char xml[] = POST("text/xml", "17", "<a b='attr'>t</a>");
static const char broken[] = POST("application/json", "3", "{\"a");
static const char upload[] = POST("multipart/form-data; boundary=B", "133",
    "--B\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nv\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\r\ncontent\r\n--B--\r\n");
/* A line that ends in LF alone, a quote in the boundary, data before and behind. */
static const char sloppy[] = POST("multipart/form-data; boundary=\"B\"", "76",
    "pre\r\n--B\r\nContent-Disposition: form-data; name=\"n\"\n\r\nv\r\n--B--\r\npost1234567890123");

static struct waf_rules *load(const char *text, bool in_reference)
{
	struct waf_options options = { .reference = in_reference };
	struct err_list errors;
	err_list_init(&errors, 0);
	struct waf_rules *rules = waf_text_load(text, &options, &errors);
	if (!rules) {
		err_list_print(&errors, stderr);
		fail_msg("does not load: %s", text);
	}
	err_list_release(&errors);
	return rules;
}

/* The ids that match; lives until the next call. */
static const char *ids_of(const char *rules_text, const char *request, bool in_reference)
{
	static char ids[256];
	struct waf_rules *rules = load(rules_text, in_reference);
	struct waf_worker *worker = waf_worker_new();
	struct waf_verdict verdict;
	waf_text_eval(worker, rules, NULL, request, &verdict);
	waf_text_ids(&verdict, ids, sizeof ids);
	waf_worker_free(worker);
	waf_rules_unref(rules);
	return ids;
}

static void expect_ids(const char *rules, const char *request, const char *wanted)
{
	for (int reference = 0; reference < 2; reference++) {
		const char *ids = ids_of(rules, request, reference);
		if (strcmp(ids, wanted) != 0)
			fail_msg("%s: matched '%s', not '%s'", rules, ids, wanted);
	}
}

/* ---- variables ------------------------------------------------------------------------------- */

static void every_variable_has_its_value(void **state)
{
	static const struct {
		const char *request, *target, *operator; /* that matches the value */
	} rows[] = {
		{ get, "ARGS:q", "@streq A" },
		{ get, "&ARGS", "@eq 2" },
		{ get, "ARGS_NAMES", "@streq q" },
		{ get, "ARGS_GET:r", "@streq x" },
		{ get, "ARGS_GET_NAMES", "@streq r" },
		{ form, "ARGS_POST:f", "@eq 1" },
		{ form, "ARGS_POST_NAMES", "@streq g" },
		{ get, "ARGS_COMBINED_SIZE", "@eq 4" },
		{ get, "DURATION", "@ge 0" },
		{ upload, "FILES:f", "@streq x.txt" },
		{ upload, "FILES_NAMES", "@streq f" },
		{ upload, "FILES_SIZES", "@eq 7" },
		{ upload, "FILES_COMBINED_SIZE", "@eq 7" },
		{ upload, "FILES_TMP_CONTENT", "@streq content" },
		{ form, "FULL_REQUEST", "@endsWith f=1&g=h" },
		{ form, "FULL_REQUEST_LENGTH", "@gt 100" },
		{ get, "&GEO", "@eq 0" },
		{ get, "HIGHEST_SEVERITY", "@eq 255" },
		{ get, "INBOUND_DATA_ERROR", "@eq 0" },
		{ get, "MODSEC_BUILD", "@rx ." },
		{ get, "MSC_PCRE_ERROR", "@eq 0" },
		{ get, "MSC_PCRE_LIMITS_EXCEEDED", "@eq 0" },
		{ sloppy, "MULTIPART_BOUNDARY_QUOTED", "@eq 1" },
		{ sloppy, "MULTIPART_BOUNDARY_WHITESPACE", "@eq 0" },
		{ sloppy, "MULTIPART_DATA_BEFORE", "@eq 1" },
		{ sloppy, "MULTIPART_DATA_AFTER", "@eq 1" },
		{ sloppy, "MULTIPART_LF_LINE", "@eq 1" },
		{ sloppy, "MULTIPART_CRLF_LF_LINES", "@eq 1" },
		{ sloppy, "MULTIPART_STRICT_ERROR", "@eq 1" },
		{ upload, "MULTIPART_STRICT_ERROR", "@eq 0" },
		{ upload, "MULTIPART_HEADER_FOLDING", "@eq 0" },
		{ upload, "MULTIPART_INVALID_HEADER_FOLDING", "@eq 0" },
		{ upload, "MULTIPART_INVALID_PART", "@eq 0" },
		{ upload, "MULTIPART_INVALID_QUOTING", "@eq 0" },
		{ upload, "MULTIPART_MISSING_SEMICOLON", "@eq 0" },
		{ upload, "MULTIPART_FILE_LIMIT_EXCEEDED", "@eq 0" },
		{ upload, "MULTIPART_UNMATCHED_BOUNDARY", "@eq 0" },
		{ upload, "MULTIPART_FILENAME", "@streq x.txt" },
		{ upload, "MULTIPART_NAME", "@streq f" },
		{ upload, "MULTIPART_PART_HEADERS:f", "@contains filename" },
		{ get, "OUTBOUND_DATA_ERROR", "@eq 0" },
		{ get, "QUERY_STRING", "@streq q=%41&r=x" },
		{ get, "REMOTE_ADDR", "@ipMatch 192.0.2.7" },
		{ get, "REMOTE_HOST", "@streq 192.0.2.7" },
		{ get, "REMOTE_PORT", "@eq 40000" },
		{ get, "REQBODY_ERROR", "@eq 0" },
		{ broken, "REQBODY_ERROR", "@eq 1" },
		{ broken, "REQBODY_ERROR_MSG", "@contains JSON" },
		{ broken, "REQBODY_PROCESSOR_ERROR", "@eq 1" },
		{ broken, "REQBODY_PROCESSOR_ERROR_MSG", "@contains JSON" },
		{ json, "REQBODY_PROCESSOR", "@streq JSON" },
		{ json, "ARGS:json.a.array_1", "@streq b" },
		{ get, "REQUEST_BASENAME", "@streq b c.txt" },
		{ form, "REQUEST_BODY", "@streq f=1&g=h" },
		{ form, "REQUEST_BODY_LENGTH", "@eq 7" },
		{ get, "REQUEST_COOKIES:c", "@streq v" },
		{ get, "REQUEST_COOKIES_NAMES", "@streq c" },
		{ get, "REQUEST_FILENAME", "@streq /a/b c.txt" },
		{ get, "REQUEST_HEADERS:user-agent", "@streq Test/1" },
		{ get, "REQUEST_HEADERS_NAMES", "@streq User-Agent" },
		{ get, "REQUEST_LINE", "@endsWith HTTP/1.1" },
		{ get, "REQUEST_METHOD", "@streq GET" },
		{ get, "REQUEST_PROTOCOL", "@streq HTTP/1.1" },
		{ get, "REQUEST_URI", "@beginsWith /a/b" },
		{ get, "REQUEST_URI_RAW", "@streq /a/b%20c.txt?q=%41&r=x" },
		{ get, "SERVER_ADDR", "@streq 192.0.2.1" },
		{ get, "SERVER_NAME", "@streq api.test" },
		{ get, "SERVER_PORT", "@eq 443" },
		{ get, "TIME", "@rx ^\\d\\d:\\d\\d:\\d\\d$" },
		{ get, "TIME_DAY", "@rx ^\\d" },
		{ get, "TIME_EPOCH", "@eq 1795485600" },
		{ get, "TIME_HOUR", "@rx ^\\d" },
		{ get, "TIME_MIN", "@rx ^\\d" },
		{ get, "TIME_MON", "@rx ^\\d" },
		{ get, "TIME_SEC", "@rx ^\\d" },
		{ get, "TIME_WDAY", "@rx ^[0-6]$" },
		{ get, "TIME_YEAR", "@eq 2026" },
		{ get, "UNIQUE_ID", "@streq test" },
		{ get, "URLENCODED_ERROR", "@eq 0" },
		{ xml, "XML:/*", "@streq t" },
		{ xml, "XML://@*", "@streq attr" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char rule[256];
		snprintf(rule, sizeof rule, "SecRule %s \"%s\" \"id:1,phase:2,pass\"",
		    rows[i].target, rows[i].operator);
		expect_ids(rule, rows[i].request, "1");
	}
}

/* Those that have a value only because of rules before. */
static void variables_of_rules_have_their_values(void **state)
{
	static const char *const rows[] = {
		"SecAction \"id:1,nolog,pass,setvar:tx.a=1\"\nSecRule TX:a \"@eq 1\" \"id:2,pass\"",
		"SecAction \"id:1,nolog,pass,setvar:ip.a=1\"\nSecRule IP:a \"@eq 1\" \"id:2,pass\"",
		"SecAction \"id:1,nolog,pass,setvar:global.a=1\"\nSecRule GLOBAL:a \"@eq 1\" \"id:2,pass\"",
		"SecAction \"id:1,nolog,pass,setvar:session.a=1\"\nSecRule SESSION:a \"@eq 1\" \"id:2,pass\"",
		"SecAction \"id:1,nolog,pass,setvar:user.a=1\"\nSecRule USER:a \"@eq 1\" \"id:2,pass\"",
		"SecAction \"id:1,nolog,pass,setvar:resource.a=1\"\nSecRule RESOURCE:a \"@eq 1\" \"id:2,pass\"",
		"SecAction \"id:1,nolog,pass,setsid:s\"\nSecRule SESSIONID \"@streq s\" \"id:2,pass\"",
		"SecAction \"id:1,nolog,pass,setuid:u\"\nSecRule USERID \"@streq u\" \"id:2,pass\"",
		"SecWebAppId app\nSecRule WEBAPPID \"@streq app\" \"id:2,pass\"",
		"SecRule ARGS:r \"@streq x\" \"id:2,pass,chain\"\nSecRule MATCHED_VAR \"@streq x\"",
		"SecRule ARGS:r \"@streq x\" \"id:2,pass,chain\"\nSecRule MATCHED_VARS \"@streq x\"",
		"SecRule ARGS:r \"@streq x\" \"id:2,pass,chain\"\nSecRule MATCHED_VAR_NAME \"@streq ARGS:r\"",
		"SecRule ARGS:r \"@streq x\" \"id:2,pass,chain\"\nSecRule MATCHED_VARS_NAMES \"@streq ARGS:r\"",
		"SecRule RULE:id \"@eq 2\" \"id:2,pass\"",
		"SecRule ARGS:r \"@rx ^(x)$\" \"id:2,pass,capture,chain\"\nSecRule TX:1 \"@streq x\"",
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect_ids(rows[i], get, "2");
}

/* ---- operators ------------------------------------------------------------------------------- */

static void every_operator_tells_values_apart(void **state)
{
	static const struct {
		const char *operator, * matching,
		    *other; /* values, URL-encoded; NULL: there is none */
	} rows[] = {
		{ "@beginsWith ab", "abc", "cab" },
		{ "@contains b", "abc", "xyz" },
		{ "@containsWord b", "a%20b%20c", "abc" },
		{ "@detectSQLi", "1'%20or%201=1--", "Main%20Street%205" },
		{ "@detectXSS", "%3Cscript%3Ealert(1)%3C/script%3E", "Main%20Street%205" },
		{ "@endsWith bc", "abc", "bca" },
		{ "@eq 5", "5", "6" },
		{ "@ge 5", "5", "4" },
		{ "@gt 5", "6", "5" },
		{ "@ipMatch 192.0.2.0/24,2001:db8::/32", "2001:db8::1", "198.51.100.1" },
		{ "@le 5", "5", "6" },
		{ "@lt 5", "4", "5" },
		{ "@noMatch", NULL, "a" },
		{ "@pm alpha beta", "xBETAx", "gamma" },
		{ "@rx ^a+$", "aa", "ab" },
		{ "^a+$", "aa", "ab" },
		{ "@rxGlobal b", "abc", "ac" },
		{ "@streq abc", "abc", "ABC" },
		{ "@strmatch b", "abc", "xyz" },
		{ "@unconditionalMatch", "a", NULL },
		{ "@validateByteRange 32-126", "a%01", "abc" },
		{ "@validateUrlEncoding", "a%25zz", "abc" },
		{ "@validateUtf8Encoding", "%C3%28", "%C3%A9" },
		{ "@verifyCC ^\\d{16}$", "5431111111111111", "5431111111111112" },
		{ "@within alpha,beta", "beta", "gamma" },
		{ "!@eq 5", "6", "5" },
		{ "!@rx ^a$", "b", "a" },
		{ "!@within a,b", "c", "a" },
		{ "!@validateByteRange 32-126", "abc", "a%01" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int matching = 0; matching < 2; matching++) {
			char rule[256], request[256];
			const char *value = matching ? rows[i].matching : rows[i].other;
			snprintf(rule, sizeof rule, "SecRule ARGS:a \"%s\" \"id:1,phase:2,pass\"",
			    rows[i].operator);
			snprintf(request, sizeof request, "GET /?a=%s HTTP/1.1\r\n" HEAD "\r\n",
			    value ? value : "");
			if (value)
				expect_ids(rule, request, matching ? "1" : "");
		}
}

static void operators_read_their_files(void **state)
{
	char folder[] = "/tmp/waf-supported-XXXXXX", path[64], rules[256];
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/list.data", folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("# comment\n192.0.2.0/24\n", file);
	fclose(file);
	static const char *const rows[] = { "REMOTE_ADDR \"@ipMatchFromFile",
		"REMOTE_ADDR \"@ipMatchF", "ARGS \"!@pmFromFile", "ARGS \"!@pmf" };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(rules, sizeof rules, "SecRule %s %s\" \"id:1,pass\"", rows[i], path);
		expect_ids(rules, get, "1");
	}
	unlink(path);
	rmdir(folder);
}

/* ---- transformations ------------------------------------------------------------------------- */

static void every_transformation_changes_its_value(void **state)
{
	static const struct {
		const char *transformation, *value, *result;
	} rows[] = {
		{ "none", "A", "A" },
		{ "base64Decode", "YWJj", "abc" },
		{ "base64DecodeExt", "Y.W%20Jj", "abc" },
		{ "base64Encode", "abc", "YWJj" },
		{ "cmdLine", "C%5EM,d%20/c", "cm d/c" },
		{ "compressWhitespace", "a%20%20%0Ab", "a b" },
		{ "cssDecode", "%5C61%20b", "ab" },
		{ "escapeSeqDecode", "%5Cx61b", "ab" },
		{ "hexDecode", "6162", "ab" },
		{ "hexEncode", "ab", "6162" },
		{ "htmlEntityDecode", "%26lt;", "<" },
		{ "jsDecode", "%5Cu0061", "a" },
		{ "length", "abcd", "4" },
		{ "lowercase", "AbC", "abc" },
		{ "md5,t:hexEncode", "abc", "900150983cd24fb0d6963f7d28e17f72" },
		{ "normalisePath", "/a/./b/../c", "/a/c" },
		{ "normalizePath", "/a//c", "/a/c" },
		{ "normalisePathWin", "%5Ca%5C.%5Cb", "/a/b" },
		{ "normalizePathWin", "%5Ca%5Cb", "/a/b" },
		{ "parityZero7bit", "%E1", "a" },
		{ "removeComments", "a/*x*/b", "ab" },
		{ "removeCommentsChar", "a/*b", "ab" },
		{ "removeNulls", "a%00b", "ab" },
		{ "removeWhitespace", "a%20b", "ab" },
		{ "replaceComments", "a/*x*/b", "a b" },
		{ "replaceNulls", "a%00b", "a b" },
		{ "sha1,t:hexEncode", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
		{ "sqlHexDecode", "0x6162", "ab" },
		{ "trim", "%20a%20", "a" },
		{ "trimLeft", "%20a", "a" },
		{ "trimRight", "a%20", "a" },
		{ "uppercase", "abC", "ABC" },
		{ "urlDecode", "%2541", "A" },
		{ "urlDecodeUni", "%25u0041", "A" },
		{ "urlEncode", "a/", "a%2f" },
		{ "utf8toUnicode", "%C3%A9", "%u00e9" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char rule[256], request[256];
		snprintf(rule, sizeof rule,
		    "SecRule ARGS:a \"@streq %s\" \"id:1,pass,t:none,t:%s\"", rows[i].result,
		    rows[i].transformation);
		snprintf(
		    request, sizeof request, "GET /?a=%s HTTP/1.1\r\n" HEAD "\r\n", rows[i].value);
		expect_ids(rule, request, "1");
	}
}

/* ---- actions, ctl, directives ---------------------------------------------------------------- */

static void every_action_and_directive_loads(void **state)
{
	static const char *const actions[] = { "accuracy:8", "allow", "allow:phase",
		"allow:request", "auditlog", "block", "capture", "deny", "drop",
		"expirevar:ip.a=60", "initcol:ip=%{REMOTE_ADDR}", "log", "logdata:'%{MATCHED_VAR}'",
		"maturity:9", "msg:'text'", "multiMatch", "noauditlog", "nolog", "pass", "phase:1",
		"rev:'2'", "setvar:tx.a=1", "setvar:'tx.a=+%{tx.b}'", "setvar:!tx.a",
		"severity:'CRITICAL'", "severity:2", "status:418", "t:lowercase", "tag:'t'",
		"ver:'v'", "ctl:auditEngine=Off", "ctl:auditLogParts=+E",
		"ctl:forceRequestBodyVariable=On", "ctl:requestBodyAccess=Off",
		"ctl:requestBodyProcessor=XML", "ctl:responseBodyAccess=On",
		"ctl:ruleEngine=DetectionOnly", "ctl:ruleRemoveById=1-9", "ctl:ruleRemoveByTag=t",
		"ctl:ruleRemoveByMsg=m", "ctl:ruleRemoveTargetById=1;ARGS:a",
		"ctl:ruleRemoveTargetByTag=t;ARGS:a", "ctl:ruleRemoveTargetByMsg=m;ARGS" };
	static const char *const directives[] = { "SecAction \"id:2\"", "SecMarker END",
		"SecDefaultAction \"phase:1,log,auditlog,pass\"", "SecComponentSignature \"x\"",
		"SecRuleEngine DetectionOnly", "SecRequestBodyAccess On",
		"SecResponseBodyAccess On", "SecRequestBodyLimit 131072",
		"SecRequestBodyNoFilesLimit 131072", "SecRequestBodyLimitAction Reject",
		"SecRequestBodyLimitAction ProcessPartial", "SecRequestBodyJsonDepthLimit 512",
		"SecResponseBodyLimit 524288", "SecResponseBodyLimitAction ProcessPartial",
		"SecResponseBodyMimeType text/plain text/html", "SecResponseBodyMimeTypesClear",
		"SecArgumentsLimit 1000", "SecArgumentSeparator &", "SecCollectionTimeout 600",
		"SecCookieFormat 0", "SecRuleRemoveById 1", "SecRuleRemoveById 1 5-9 \"20-30\"",
		"SecRuleRemoveByTag t", "SecRuleRemoveByMsg m",
		"SecRuleUpdateTargetById 1 \"!ARGS:a\"", "SecRuleUpdateTargetByTag t \"!ARGS:a\"",
		"SecRuleUpdateTargetByMsg m \"!ARGS:a\"", "SecRuleUpdateActionById 1 \"pass\"",
		"SecAuditEngine RelevantOnly", "SecAuditLogParts ABIJDEFHZ", "SecTmpDir /tmp/",
		"SecDataDir /tmp/", "SecDebugLogLevel 0", "SecPcreMatchLimit 1000",
		"SecStatusEngine Off", "IncludeOptional /nowhere/*.conf" };
	char text[512];
	(void)state;
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		snprintf(text, sizeof text, "SecRule ARGS \"@rx .\" \"id:1,%s\"", actions[i]);
		waf_rules_unref(load(text, true));
	}
	for (size_t i = 0; i < sizeof directives / sizeof *directives; i++) {
		snprintf(text, sizeof text, "%s\nSecRule ARGS \"@rx .\" \"id:1,msg:'m',tag:'t'\"",
		    directives[i]);
		waf_rules_unref(load(text, true));
	}
}

/* Nothing is skipped in silence. */
static void what_is_not_supported_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *rule;
		unsigned column;
		const char *says;
	} rows[] = {
		{ "SecRule FILES \"@inspectFile /bin/x\" \"id:1\"", 16, "runs a program" },
		{ "SecRule ARGS \"@fuzzyHash x\" \"id:1\"", 15, "not supported" },
		{ "SecRule ARGS \"@rsub s/a/b/\" \"id:1\"", 15, "not supported" },
		{ "SecRule XML:/* \"@validateSchema x\" \"id:1\"", 17, "not supported" },
		{ "SecRule FILES_TMPNAMES \"@rx a\" \"id:1\"", 9, "not supported" },
		{ "SecRule ARGS \"@rx a\" \"id:1,exec:/bin/x\"", 28, "not supported" },
		{ "SecRule ARGS \"@rx a\" \"id:1,redirect:http://x\"", 28, "not supported" },
		{ "SecRule ARGS \"@rx a\" \"id:1,proxy:http://x\"", 28, "not supported" },
		{ "SecRule ARGS \"@rx a\" \"id:1,t:noSuch\"", 30, "unknown transformation" },
		{ "SecRule ARGS \"@noSuch a\" \"id:1\"", 15, "unknown operator" },
		{ "SecRule ARGS \"@rx a\" \"id:1,ctl:noSuch=On\"", 32, "unknown ctl" },
		{ "SecHashEngine On", 1, "unknown directive" },
		{ "SecRule ARGS \"@pmFromFile /no/such\" \"id:1\"", 27, "'/no/such': cannot open" },
		{ "SecRule ARGS \"@rx (a\" \"id:1\"", 19, "missing closing parenthesis" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct waf_options options = { .reference = true };
		struct err_list errors;
		err_list_init(&errors, 0);
		assert_null(waf_text_load(rows[i].rule, &options, &errors));
		assert_int_equal(errors.count, 1);
		if (!strstr(errors.items[0].text, rows[i].says) || errors.items[0].line != 1 ||
		    errors.items[0].column != rows[i].column)
			fail_msg("%s: %u:%u: %s", rows[i].rule, errors.items[0].line,
			    errors.items[0].column, errors.items[0].text);
		err_list_release(&errors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_variable_has_its_value),
		cmocka_unit_test(variables_of_rules_have_their_values),
		cmocka_unit_test(every_operator_tells_values_apart),
		cmocka_unit_test(operators_read_their_files),
		cmocka_unit_test(every_transformation_changes_its_value),
		cmocka_unit_test(every_action_and_directive_loads),
		cmocka_unit_test(what_is_not_supported_is_refused_with_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
