/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/engine/scan.h"

uint64_t *scan_phase(struct transaction *tx, unsigned phase)
{
	(void)tx;
	(void)phase;
	return NULL;
}

bool scan_may_match(struct transaction *tx, const struct rule *rule,
    const struct variable *variable, struct value *value)
{
	(void)tx;
	(void)rule;
	(void)variable;
	(void)value;
	return true;
}

bool scan_prepare(struct waf_worker *worker, const struct waf_rules *rules)
{
	(void)worker;
	(void)rules;
	return true;
}
