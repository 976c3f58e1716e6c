/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * reach: which rules stand behind a paranoia gate that the settings keep shut.
 *
 * CRS gates its higher levels with rules such as TX:DETECTION_PARANOIA_LEVEL "@lt 2" with
 * skipAfter. The greatest value such a variable can be given is read from all that sets it. Rules
 * behind a gate that this value leaves shut are marked unlikely and kept out of the combined
 * databases, which makes these smaller and faster. The mark changes no verdict: an unlikely rule
 * that is reached after all is evaluated by itself.
 */
#include "spoa/waf/engine/ruleset.h"

void reach_mark_unlikely(struct waf_rules *rules);
