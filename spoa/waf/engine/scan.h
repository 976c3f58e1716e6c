/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * scan: the combined databases over the values of a phase. What it says is 'this rule cannot match'
 * or 'maybe'; only eval.c says that a rule matches.
 */
#include "spoa/waf/engine/transaction.h"

/*
 * Bit per position of the rules of `phase` that may match. A rule is asked for only when it is
 * prefiltered. NULL when the scan could not be done for want of memory; the arena's flag is set.
 */
uint64_t *scan_phase(struct transaction *tx, unsigned phase);

/* False: the rule's operator does not match this value, which `pipeline` made for that variable. */
bool scan_may_match(struct transaction *tx, const struct rule *rule,
    const struct variable *variable, const struct pipeline *pipeline, struct value *value);

/* Makes the worker's scratch fit the rules' databases. False: no memory. */
bool scan_prepare(struct waf_worker *worker, const struct waf_rules *rules);
