/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* exclusions: what a service excludes, for the engine. Making them: waf.h. */
#include "spoa/waf/engine/ruleset.h"

/* A bit per head that is excluded; NULL when nothing is, or when they belong to other rules. */
const uint64_t *exclusions_bits(
    const struct waf_exclusions *exclusions, const struct waf_rules *rules);
