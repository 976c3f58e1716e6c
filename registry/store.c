/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store.h"

#include <stdlib.h>

static const char *const TYPE_NAMES[] = {
	[PARAMETER_STRING] = "String",
	[PARAMETER_STRING_LIST] = "StringList",
	[PARAMETER_SECURE_STRING] = "SecureString",
};

const char *parameter_type_name(enum parameter_type type)
{
	return TYPE_NAMES[type];
}

bool parameter_type_parse(struct slice name, enum parameter_type *out)
{
	for (size_t i = 0; i < sizeof(TYPE_NAMES) / sizeof(TYPE_NAMES[0]); i++) {
		if (slice_eq(name, slice_of_cstr(TYPE_NAMES[i]))) {
			*out = (enum parameter_type)i;
			return true;
		}
	}
	return false;
}

void parameter_list_init(struct parameter_list *list)
{
	*list = (struct parameter_list){ 0 };
	arena_init(&list->arena, 0);
}

void parameter_list_release(struct parameter_list *list)
{
	free(list->items);
	arena_release(&list->arena);
	*list = (struct parameter_list){ 0 };
}

static bool list_grow(struct parameter_list *list, struct err *err)
{
	if (list->count < list->cap)
		return true;
	size_t cap = list->cap ? list->cap * 2 : 64;
	struct parameter *items = realloc(list->items, cap * sizeof(*items));
	if (!items)
		return err_set(err, "no memory for %zu parameters", cap);
	list->items = items;
	list->cap = cap;
	return true;
}

bool parameter_list_add(struct parameter_list *list, struct slice name, struct slice value,
    enum parameter_type type, uint64_t version, struct err *err)
{
	if (name.len == 0 || name.len > STORE_NAME_MAX)
		return err_set(err, "parameter name of %zu bytes; 1 to %d are allowed", name.len,
		    STORE_NAME_MAX);
	if (value.len > STORE_VALUE_MAX)
		return err_set(err, "%.*s: value of %zu bytes; %d are allowed", SLICE_ARG(name),
		    value.len, STORE_VALUE_MAX);
	if (list->count >= STORE_PARAMETERS_MAX)
		return err_set(err, "more than %d parameters", STORE_PARAMETERS_MAX);
	if (!list_grow(list, err))
		return false;
	struct parameter parameter = {
		.name = arena_dup(&list->arena, name),
		.value = arena_dup(&list->arena, value),
		.type = type,
		.version = version,
	};
	if (arena_failed(&list->arena))
		return err_set(err, "no memory for parameters");
	list->items[list->count++] = parameter;
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return slice_cmp(((const struct parameter *)a)->name, ((const struct parameter *)b)->name);
}

void parameter_list_sort(struct parameter_list *list)
{
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(list->items[0]), compare_names);
}

const struct parameter *parameter_list_find(const struct parameter_list *list, struct slice name)
{
	struct parameter key = { .name = name };
	return list->count == 0
	           ? NULL
	           : bsearch(&key, list->items, list->count, sizeof(list->items[0]), compare_names);
}
