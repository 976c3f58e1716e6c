/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* waf_text: rules and requests as texts, for tests of the WAF engine. */
#include "spoa/waf/waf.h"

/* Loads a text as if it were a rule file of that name in a folder of its own, which is gone after.
 */
struct waf_rules *waf_text_load(
    const char *rules, const struct waf_options *options, struct err_list *errors);

/* Evaluates a raw HTTP/1.1 request. Fails the test when the request is refused. */
void waf_text_eval(struct waf_worker *worker, struct waf_rules *rules,
    const struct waf_overrides *overrides, const char *request, struct waf_verdict *out);

/* The ids of the matches: "1 2 3". Returns dst. */
char *waf_text_ids(const struct waf_verdict *verdict, char *dst, size_t size);
