/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * publish: the outputs below PREFIX/api-gateway/, written after a revision is live, and only those
 * whose value changed. registered-services is written last: who sees it sees the others. When one
 * cannot be written, those before it are put back; all are read back in the end.
 */
#include "registry/gateway.h"

struct output {
	const char *name;  /* below PREFIX/api-gateway/ */
	const char *value; /* in the model's arena; NULL: not known, not written */
};

enum { OUTPUTS_MAX = 12 };

/* Fills `out` and returns how many. */
size_t publish_outputs(struct gateway *gateway, struct output out[OUTPUTS_MAX]);
/* False with err set: the store's reason, or an output that reads back differently. */
bool publish(struct gateway *gateway, struct err *err);
