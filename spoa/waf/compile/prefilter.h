/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * prefilter: the operators of many rules as one Vectorscan database per family of values.
 * Immutable.
 *
 * In: @rx, @pm and @pmFromFile without macros and without negation, whose targets are texts of a
 * family. Out: what Vectorscan cannot compile, even as an approximation, and what matches nearly
 * every value; such rules are evaluated always.
 */
#include "spoa/waf/engine/ruleset.h"

#include <hs/hs.h>

/* A rule that has a pattern, as one of its targets sees values. */
struct subscription {
	const struct rule *rule;
	enum variable_id variable;
	const struct pipeline *pipeline;
};

struct pattern {
	const struct operator_data *op;
	struct subscription *subscriptions;
	size_t count, cap;
};

/* Which transformations rules of a phase want of the values of a variable. */
struct lens {
	const struct pipeline **pipelines;
	size_t count;
	struct byteset only_if; /* of all of them that are not `always` */
	bool always;
};

struct family {
	hs_database_t *database; /* NULL: no patterns */
	struct pattern *patterns;
	size_t pattern_count;
	uint32_t *empty_hits; /* patterns that match the empty value */
	size_t empty_count;
};

struct prefilter {
	struct family families[SCAN_COUNT];
	struct lens lenses[PHASE_MAX + 1][VAR_COUNT];
};

/* Adds to `errors` only for want of memory. Marks rules as prefiltered. */
bool prefilter_build(struct waf_rules *rules, const char *cache_dir, struct err_list *errors);
void prefilter_free(struct prefilter *prefilter);
