/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a raw HTTP request. Rule by rule and with combined databases, the verdict, the matches and
 * their texts are the same.
 */
#include "spoa/tools/http_raw.h"
#include "spoa/waf/waf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EVERYWHERE                                                                                 \
	"ARGS|ARGS_NAMES|REQUEST_COOKIES|REQUEST_HEADERS|REQUEST_FILENAME|REQUEST_BODY|XML:/*|XML://@*"

/* clang-format off */
static const char rules_text[] =
	"SecDefaultAction \"phase:1,log,pass\"\nSecDefaultAction \"phase:2,log,pass\"\n"
	"SecRule REQUEST_LINE|REQUEST_URI_RAW \"@rx \\.\\.[/\\x5c]\" \"id:1,phase:1,t:none\"\n"
	"SecRule REQUEST_HEADERS|!REQUEST_HEADERS:Host \"@rx (?i)^[a-z]+/\\d$\" \"id:2,phase:1,capture\"\n"
	"SecRule " EVERYWHERE " \"@rx (?i)\\bunion\\s+(all\\s+)?select\\b\" \"id:10,t:none,t:urlDecodeUni,t:replaceComments,t:compressWhitespace,capture,logdata:'%{TX.0} %{MATCHED_VAR_NAME}',setvar:tx.score=+5\"\n"
	"SecRule " EVERYWHERE " \"@rx <script[^>]*>\" \"id:11,t:none,t:utf8toUnicode,t:urlDecodeUni,t:htmlEntityDecode,t:jsDecode,t:cssDecode,t:removeNulls,t:lowercase,setvar:tx.score=+5\"\n"
	"SecRule " EVERYWHERE " \"@pm /etc/passwd cmd.exe wget\" \"id:12,t:none,t:cmdLine,t:normalizePath,setvar:tx.score=+5\"\n"
	"SecRule ARGS|REQUEST_COOKIES \"@rx ^(?:eval|assert)\\(\" \"id:13,t:none,t:urlDecodeUni,t:base64Decode,multiMatch\"\n"
	"SecRule ARGS \"@rx ^$\" \"id:14\"\n"
	"SecRule ARGS \"@rx ^[a-f0-9]{4,8}$\" \"id:15,t:none,t:removeWhitespace,t:lowercase\"\n"
	"SecRule ARGS \"@rx end$\" \"id:16\"\n"
	"SecRule ARGS_NAMES \"@rx [^\\w.]\" \"id:17,chain\"\nSecRule MATCHED_VARS \"!@rx ^[\\w\\[\\]]*$\" \"t:none\"\n"
	"SecRule ARGS|!ARGS:safe|!ARGS:/^x_/ \"@detectSQLi\" \"id:18\"\n"
	"SecRule ARGS \"@validateUtf8Encoding\" \"id:19\"\n"
	"SecRule ARGS \"@rx (?:a|b)(?=c)\" \"id:20\"\n"
	"SecRule ARGS:skip \"@streq 1\" \"id:21,ctl:ruleRemoveTargetById=23;ARGS:q,skipAfter:END\"\n"
	"SecRule ARGS|REQUEST_BODY \"@rx (?i)x(.)z\\1\" \"id:22,capture\"\n"
	"SecMarker END\n"
	"SecRule ARGS|FILES|MULTIPART_PART_HEADERS \"@rx \\.php\" \"id:23,t:none,t:lowercase\"\n"
	"SecRule REQBODY_ERROR|MULTIPART_STRICT_ERROR \"@eq 1\" \"id:24\"\n"
	"SecRule ARGS \"@rx \\s\\n?$\" \"id:25\"\n"
	"SecRule TX:score \"@ge 10\" \"id:30,deny,status:418\"\n";
/* clang-format on */

static struct waf_rules *load(bool in_reference)
{
	char path[] = "/tmp/fuzz-waf-XXXXXX";
	const char *paths[] = { path };
	struct waf_options options = { .reference = in_reference, .step_budget = 100000000 };
	struct err_list errors;
	int fd = mkstemp(path);
	assert(fd >= 0 &&
	       write(fd, rules_text, sizeof rules_text - 1) == (ssize_t)sizeof rules_text - 1);
	close(fd);
	err_list_init(&errors, 0);
	struct waf_rules *rules = waf_rules_load(paths, 1, &options, &errors);
	err_list_print(&errors, stderr);
	assert(rules);
	unlink(path);
	return rules;
}

static void compare(const struct waf_verdict *a, const struct waf_verdict *b)
{
	if (a->budget_exhausted || b->budget_exhausted)
		return;
	assert(a->match_count == b->match_count);
	for (size_t i = 0; i < a->match_count; i++) {
		assert(a->matches[i].rule->id == b->matches[i].rule->id);
		assert(slice_eq(a->matches[i].variable, b->matches[i].variable));
		assert(slice_eq(a->matches[i].value, b->matches[i].value));
		assert(slice_eq(a->matches[i].data, b->matches[i].data));
	}
	assert(a->action == b->action && a->status == b->status && a->score == b->score);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct waf_rules *fast, *slow;
	static struct waf_worker *first, *second;
	if (!fast) {
		fast = load(false);
		slow = load(true);
		first = waf_worker_new();
		second = waf_worker_new();
	}
	struct arena arena;
	struct waf_request request = { .client_ip = SLICE("192.0.2.7") };
	struct waf_verdict a, b;
	arena_init(&arena, 0);
	if (size < 65536 && !http_raw_request(slice_of(data, size), &arena, &request)) {
		waf_eval_request(first, fast, NULL, &request, &a);
		waf_eval_request(second, slow, NULL, &request, &b);
		compare(&a, &b);
	}
	arena_release(&arena);
	return 0;
}
