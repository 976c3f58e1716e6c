/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * hold_back: what is done about services whose parameters are wrong. A service that is live keeps
 * the fields it was last applied with; one that is not live yet is left out. All others go on.
 */
#include "registry/gateway.h"

/* True when every finding concerns a service, none the gateway as a whole. */
bool hold_back_is_enough(const struct findings *findings);

/*
 * After gateway_load() and before plan_make(): rebuilds parameters and model so. The findings stay,
 * and are joined by those of services whose prefix collides with one that is live. False with err
 * set when the last applied state cannot be read.
 */
bool hold_back(struct gateway *gateway, struct err *err);

/* "id: path: text" lines of what is held back, "none" without any; at most `max` bytes. */
void hold_back_summary(const struct findings *findings, size_t max, struct buf *out);
