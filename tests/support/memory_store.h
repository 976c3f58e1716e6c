/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* memory_store: a parameter store in memory whose n-th put can be made to fail or to lie. */
#include "registry/store.h"

enum { MEMORY_STORE_MAX = 64 };

struct memory_store {
	struct store store;
	struct {
		char name[256];
		char value[8192];
		uint64_t version; /* 0: not there */
	} items[MEMORY_STORE_MAX];
	unsigned puts;      /* that were asked for */
	unsigned fail_at;   /* this put fails, once; 0: none */
	unsigned fail_from; /* from this put on all fail; 0: none */
	const char *forget; /* puts of this name succeed and are not kept */
	bool list_fails;
	char order[4096]; /* names put, one per line */
};

void memory_store_init(struct memory_store *store);
void memory_store_set(struct memory_store *store, const char *name, const char *value);
/* NULL when it is not there. */
const char *memory_store_get(const struct memory_store *store, const char *name);
