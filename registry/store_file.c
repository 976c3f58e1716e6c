/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One JSON file: {"Parameters": [{"Name", "Type", "Value", "Version"}, …]}, what
 * `aws ssm get-parameters-by-path --recursive` prints; other members are kept as they are.
 */
#include "common/clock.h"
#include "common/file.h"
#include "common/json_read.h"
#include "registry/store.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MODE = 0600 };

struct store_file {
	struct store base;
	char *path;
	char *description;
};

static json_t *empty_document(void)
{
	return json_pack("{s:[]}", "Parameters");
}

/* The document; one that does not exist yet is empty. */
static json_t *read_document(const struct store_file *store, bool may_be_new, struct err *err)
{
	if (may_be_new && access(store->path, F_OK) != 0 && errno == ENOENT) {
		json_t *document = empty_document();
		if (!document)
			err_set(err, "no memory for '%s'", store->path);
		return document;
	}
	json_t *document = json_read_file(store->path, STORE_FILE_MAX_BYTES, NULL, err);
	if (document && !json_is_array(json_object_get(document, "Parameters"))) {
		err_set(err, "%s: no array 'Parameters'", store->path);
		json_decref(document);
		document = NULL;
	}
	return document;
}

static struct slice text_member(const json_t *object, const char *name)
{
	const json_t *member = json_object_get(object, name);
	return slice_of(json_string_value(member), json_string_length(member));
}

static bool add_item(struct parameter_list *out, const json_t *item, size_t index,
    struct slice prefix, const char *path, struct err *err)
{
	struct slice name = text_member(item, "Name");
	struct slice type_name = text_member(item, "Type");
	const json_t *value = json_object_get(item, "Value");
	const json_t *version = json_object_get(item, "Version");
	enum parameter_type type = PARAMETER_STRING;
	if (name.len == 0 || name.ptr[0] != '/')
		return err_set(
		    err, "%s: Parameters[%zu]: no 'Name' that starts with '/'", path, index);
	if (!json_is_string(value))
		return err_set(err, "%s: %.*s: no text 'Value'", path, SLICE_ARG(name));
	if (type_name.len > 0 && !parameter_type_parse(type_name, &type))
		return err_set(err,
		    "%s: %.*s: unknown type '%.*s'; String, StringList and SecureString are allowed",
		    path, SLICE_ARG(name), SLICE_ARG(type_name));
	if (!slice_starts_with(name, prefix) || name.len <= prefix.len ||
	    name.ptr[prefix.len] != '/')
		return true;
	json_int_t number = json_is_integer(version) ? json_integer_value(version) : 1;
	return parameter_list_add(out, name,
	    slice_of(json_string_value(value), json_string_length(value)), type,
	    number > 0 ? (uint64_t)number : 1, err);
}

static bool refuse_duplicates(struct parameter_list *list, const char *path, struct err *err)
{
	parameter_list_sort(list);
	for (size_t i = 1; i < list->count; i++)
		if (slice_eq(list->items[i - 1].name, list->items[i].name))
			return err_set(err, "%s: %.*s stands in it twice", path,
			    SLICE_ARG(list->items[i].name));
	return true;
}

static bool file_list(
    struct store *base, const char *prefix, struct parameter_list *out, struct err *err)
{
	struct store_file *store = (struct store_file *)base;
	json_t *document = read_document(store, false, err);
	if (!document)
		return false;
	json_t *items = json_object_get(document, "Parameters");
	bool ok = true;
	for (size_t i = 0; ok && i < json_array_size(items); i++)
		ok = add_item(
		    out, json_array_get(items, i), i, slice_of_cstr(prefix), store->path, err);
	json_decref(document);
	return ok && refuse_duplicates(out, store->path, err);
}

static size_t find_item(const json_t *items, const char *name)
{
	for (size_t i = 0; i < json_array_size(items); i++)
		if (slice_eq(text_member(json_array_get(items, i), "Name"), slice_of_cstr(name)))
			return i;
	return SIZE_MAX;
}

static bool write_document(const struct store_file *store, json_t *document, struct err *err)
{
	char *text = json_dumps(document, JSON_INDENT(2));
	if (!text)
		return err_set(err, "no memory for '%s'", store->path);
	struct buf out;
	buf_init(&out, 0);
	buf_append_cstr(&out, text);
	buf_append_byte(&out, '\n');
	free(text);
	bool ok = !buf_failed(&out) || err_set(err, "no memory for '%s'", store->path);
	ok = ok && file_write_atomic(store->path, buf_slice(&out), FILE_MODE, err);
	buf_release(&out);
	return ok;
}

static bool put_item(json_t *items, const char *name, struct slice value, enum parameter_type type,
    json_int_t *version)
{
	size_t index = find_item(items, name);
	json_t *item =
	    index == SIZE_MAX ? json_object() : json_incref(json_array_get(items, index));
	*version = json_integer_value(json_object_get(item, "Version")) + 1;
	double now_s = (double)clock_unix_ms() / 1000;
	bool ok = json_object_set_new(item, "Name", json_string(name)) == 0 &&
	          json_object_set_new(item, "Type", json_string(parameter_type_name(type))) == 0 &&
	          json_object_set_new(item, "Value", json_stringn(value.ptr, value.len)) == 0 &&
	          json_object_set_new(item, "Version", json_integer(*version)) == 0 &&
	          json_object_set_new(item, "LastModifiedDate", json_real(now_s)) == 0 &&
	          (index != SIZE_MAX || json_array_append(items, item) == 0);
	json_decref(item);
	return ok;
}

static bool file_put(struct store *base, const char *name, struct slice value,
    enum parameter_type type, uint64_t *version, struct err *err)
{
	struct store_file *store = (struct store_file *)base;
	if (value.len == 0 || value.len > STORE_VALUE_MAX)
		return err_set(err, "%s: value of %zu bytes; 1 to %d are allowed", name, value.len,
		    STORE_VALUE_MAX);
	json_t *document = read_document(store, true, err);
	if (!document)
		return false;
	json_int_t number = 0;
	bool ok = put_item(json_object_get(document, "Parameters"), name, value, type, &number) ||
	          err_set(err, "%s: value is no UTF-8 text, or no memory", name);
	ok = ok && write_document(store, document, err);
	if (ok && version)
		*version = (uint64_t)number;
	json_decref(document);
	return ok;
}

static bool file_remove(struct store *base, const char *name, struct err *err)
{
	struct store_file *store = (struct store_file *)base;
	json_t *document = read_document(store, true, err);
	if (!document)
		return false;
	json_t *items = json_object_get(document, "Parameters");
	size_t index = find_item(items, name);
	bool ok = index == SIZE_MAX ||
	          (json_array_remove(items, index) == 0 && write_document(store, document, err));
	json_decref(document);
	return ok;
}

static const char *file_describe(const struct store *base)
{
	return ((const struct store_file *)base)->description;
}

static void file_free(struct store *base)
{
	struct store_file *store = (struct store_file *)base;
	free(store->path);
	free(store->description);
	free(store);
}

static const struct store_ops FILE_OPS = {
	.kind = "file",
	.list = file_list,
	.put = file_put,
	.remove = file_remove,
	.describe = file_describe,
	.free = file_free,
};

struct store *store_file_new(const char *path, struct err *err)
{
	struct store_file *store = calloc(1, sizeof(*store));
	if (store) {
		store->base.ops = &FILE_OPS;
		store->path = strdup(path);
		if (asprintf(&store->description, "file %s", path) < 0)
			store->description = NULL;
	}
	if (!store || !store->path || !store->description) {
		if (store)
			file_free(&store->base);
		err_set(err, "no memory for the store '%s'", path);
		return NULL;
	}
	return &store->base;
}
