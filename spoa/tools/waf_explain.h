/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* waf_explain: rules for people: listing them, and why a request of the access log was blocked. */
#include "spoa/waf/waf.h"

/*
 * Rules whose id, message or tags have `text` in them (NULL: all), what they look at, and whether a
 * service with these overrides does without them or only counts them. The exit code: an error when
 * there is none.
 */
int explain_list(const struct waf_rules *rules, const struct waf_overrides *overrides,
    const char *text, bool json);

/*
 * Finds the record with this explanation id or request id in the access log and explains each of
 * its rules. The exit code: an error when there is no such record.
 */
int explain_find(const struct waf_rules *rules, const char *log, const char *id);
