/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* apply: plan and apply of a loaded gateway, and rollback; what the commands and watch share. */
#include "registry/deploy.h"
#include "registry/gateway.h"
#include "registry/state.h"

struct plan {
	struct change_list changes; /* against current */
	struct buf drift;           /* lines; empty when there is none */
	struct deployment deployment;
	struct revision revision; /* what apply would make */
	struct rendering rendering;
	struct buf state;
};

/* With the lock held, or without it for a look. */
bool plan_make(struct plan *plan, struct gateway *gateway, struct err *err);
void plan_release(struct plan *plan);
bool plan_has_work(const struct plan *plan);

/* Writes, checks and deploys. The lock must be held, and have been held at plan_make(). */
bool plan_apply(struct plan *plan, const char *by, const char *note, struct err *err);

/* Goes back to a revision on disk; `name` NULL: the one before current. `to` becomes its name. */
bool rollback(const struct settings *settings, const char *name, char to[REVISION_NAME_MAX],
    enum deploy_way *way, struct err *err);
