/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/prefilter.h"

#include <stdlib.h>

bool prefilter_build(struct waf_rules *rules, const char *cache_dir, struct err_list *errors)
{
	(void)rules;
	(void)cache_dir;
	(void)errors;
	return true;
}

void prefilter_free(struct prefilter *prefilter)
{
	free(prefilter);
}
