/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* waf_report: what the WAF found, as the variables `score`, `rules`, `labels` and `explain`. */
#include "spoa/agent/verdict.h"
#include "spoa/waf/waf.h"

enum {
	WAF_REPORT_RULES_MAX = 32,    /* in `rules` */
	WAF_REPORT_LABELS_MAX = 16,   /* in `labels` */
	WAF_REPORT_EXPLAINED_MAX = 8, /* in `explain` */
	WAF_REPORT_VARIABLE_MAX = 64, /* bytes of a variable's name in `explain`, before escaping */
};

/*
 * Fills score, rules, labels and, when `blocks`, explain. `explain` says it all by itself, so that
 * nothing needs to be kept: RULE@VARIABLE for each match, joined by commas, for example
 * "942100@ARGS:id,949110@TX:…", where bytes of a variable's name other than letters, digits and
 * _-.:/ are %XX. Text lives in `arena`; what does not fit there is left out, and arena_failed()
 * says so.
 */
void waf_report(
    const struct waf_verdict *found, bool blocks, struct arena *arena, struct verdict *out);
