/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/memory_store.h"

#include <assert.h>

static struct memory_store *self(struct store *store)
{
	return (struct memory_store *)store;
}

static size_t place(const struct memory_store *store, const char *name)
{
	size_t free_one = MEMORY_STORE_MAX;
	for (size_t i = MEMORY_STORE_MAX; i-- > 0;) {
		if (store->items[i].version && strcmp(store->items[i].name, name) == 0)
			return i;
		if (!store->items[i].version)
			free_one = i;
	}
	assert(free_one < MEMORY_STORE_MAX);
	return free_one;
}

void memory_store_set(struct memory_store *store, const char *name, const char *value)
{
	size_t i = place(store, name);
	snprintf(store->items[i].name, sizeof(store->items[i].name), "%s", name);
	snprintf(store->items[i].value, sizeof(store->items[i].value), "%s", value);
	store->items[i].version++;
}

const char *memory_store_get(const struct memory_store *store, const char *name)
{
	size_t i = place(store, name);
	return store->items[i].version ? store->items[i].value : NULL;
}

static bool list(
    struct store *base, const char *prefix, struct parameter_list *out, struct err *err)
{
	struct memory_store *store = self(base);
	if (store->list_fails)
		return err_set(err, "'%s': the store is out", prefix);
	for (size_t i = 0; i < MEMORY_STORE_MAX; i++) {
		struct slice name = slice_of_cstr(store->items[i].name);
		if (store->items[i].version && slice_starts_with(name, slice_of_cstr(prefix)) &&
		    !parameter_list_add(out, name, slice_of_cstr(store->items[i].value),
		        PARAMETER_STRING, store->items[i].version, err))
			return false;
	}
	return true;
}

static bool put(struct store *base, const char *name, struct slice value, enum parameter_type type,
    uint64_t *version, struct err *err)
{
	struct memory_store *store = self(base);
	char text[8192];
	size_t used = strlen(store->order);
	(void)type;
	(void)version;
	store->puts++;
	if (store->puts == store->fail_at || (store->fail_from && store->puts >= store->fail_from))
		return err_set(err, "'%s': refused", name);
	snprintf(store->order + used, sizeof(store->order) - used, "%s\n", name);
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(value));
	if (!store->forget || strcmp(store->forget, name) != 0)
		memory_store_set(store, name, text);
	return true;
}

static bool remove_one(struct store *base, const char *name, struct err *err)
{
	(void)err;
	self(base)->items[place(self(base), name)].version = 0;
	return true;
}

static const char *describe(const struct store *base)
{
	(void)base;
	return "memory";
}

static void free_nothing(struct store *base)
{
	(void)base;
}

static const struct store_ops ops = { "memory", list, put, remove_one, describe, free_nothing };

void memory_store_init(struct memory_store *store)
{
	*store = (struct memory_store){ .store = { &ops } };
}
