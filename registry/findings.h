/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* findings: everything that is wrong with settings and parameters, all at once. */
#include "common/arena.h"

#include <stdio.h>

enum { FINDINGS_MAX = 10000 };

struct finding {
	const char *service; /* NULL: concerns the gateway as a whole */
	const char *path;    /* full parameter name, or the settings file's member */
	const char *text;    /* what is wrong and what is allowed */
};

struct findings {
	struct arena arena;
	struct finding *items;
	size_t count;
	size_t cap;
	size_t dropped; /* found after FINDINGS_MAX, or for want of memory */
};

void findings_init(struct findings *findings);
void findings_release(struct findings *findings);
void findings_add(struct findings *findings, const char *service, const char *path, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
static inline bool findings_is_empty(const struct findings *findings)
{
	return findings->count == 0 && findings->dropped == 0;
}
bool findings_blame(const struct findings *findings, const char *service);
/* "error: path: text" lines, or a JSON array. */
void findings_print(const struct findings *findings, FILE *out);
void findings_print_json(const struct findings *findings, FILE *out);
