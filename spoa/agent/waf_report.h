/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* waf_report: what the WAF found, as the variables `score`, `rules`, `labels` and `explain`. */
#include "spoa/agent/verdict.h"
#include "spoa/waf/waf.h"

enum {
	WAF_REPORT_RULES_MAX = 32,    /* in `rules` */
	WAF_REPORT_LABELS_MAX = 16,   /* in `labels`, beside our own */
	WAF_REPORT_EXPLAINED_MAX = 8, /* rules in `explain` */
	WAF_REPORT_VARIABLE_MAX = 64, /* bytes of a variable's name in `explain`, before escaping */
};

/*
 * Fills score, rules, labels and, when `explains`, explain. `explain` says it all by itself, so
 * that nothing needs to be kept: RULE@VARIABLE for each match, joined by commas, for example
 * "942100@ARGS:id,949110@TX:…", where bytes of a variable's name other than letters, digits and
 * _-.:/ are %XX; before them "budget@" when the work allowed for one request was done, and
 * "uninspected@REASON" when part of it could not be looked at. `labels` has the labels of AWS's
 * rules and says of the request as a whole:
 *     sallyport:waf:oversize     `cut`: the body goes on behind the part that was inspected
 *     sallyport:waf:uninspected  part of it does not parse or exceeds a limit
 *     sallyport:waf:budget       the work allowed for one request was done
 * Text lives in `arena`; what does not fit there is left out, and arena_failed() says so.
 */
void waf_report(const struct waf_verdict *found, bool explains, bool cut, struct arena *arena,
    struct verdict *out);
