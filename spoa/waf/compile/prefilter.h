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
#include "spoa/waf/engine/transaction.h"

/* A rule that has a pattern, and what it does to the values of one of its targets. */
struct subscription {
	const struct rule *rule;
	enum variable_id variable;
	const struct pipeline *pipeline;
};

struct pattern {
	struct rule *rule;
	struct subscription *subscriptions;
	size_t count;
	bool refused; /* by Vectorscan, together with the others */
};

/*
 * Transformations that do the same to ordinary values form a group. Group 0 leaves them as they
 * are. A text that only transformations of one other group lead to (a lower-case copy, a
 * base64-decoded one) is looked at with the database of that group's patterns, which is small;
 * every other text with the database of all.
 */
enum { GROUPS_MAX = 16, DATABASES_MAX = SCAN_COUNT * GROUPS_MAX };

struct family {
	hs_database_t *databases[GROUPS_MAX]; /* 0: of all patterns; n: of group n's */
	struct pattern *patterns;
	size_t count, cap;
	struct hits empty; /* patterns that match the empty value */
};

/* What rules of a phase do to the values of a variable before they look at them. */
struct lens {
	enum variable_id variable;
	const struct pipeline **pipelines;
	size_t count;
	struct byteset only_if; /* bytes that change something for some pipeline */
	bool always;            /* some pipeline changes every value */
};

struct prefilter {
	unsigned char *groups; /* by pipeline index */
	unsigned group_count;
	struct family families[SCAN_COUNT];
	struct lens *lenses[PHASE_MAX + 1];
	size_t lens_count[PHASE_MAX + 1];
};

/* Marks rules as prefiltered. False, with an error added, only for want of memory. */
bool prefilter_build(
    struct waf_rules *rules, const struct waf_options *options, struct err_list *errors);
void prefilter_free(struct prefilter *prefilter);
