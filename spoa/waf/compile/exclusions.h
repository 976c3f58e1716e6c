/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* exclusions: what a service excludes or only counts, for the engine. Making them: waf.h. */
#include "spoa/waf/engine/ruleset.h"

/* A bit per head; NULL when none is meant, or when the overrides belong to other rules. */
const uint64_t *overrides_excluded(
    const struct waf_overrides *overrides, const struct waf_rules *rules);
const uint64_t *overrides_counted(
    const struct waf_overrides *overrides, const struct waf_rules *rules);
