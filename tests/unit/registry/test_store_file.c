/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"
#include "registry/store.h"
#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static void write_text(const char *text)
{
	struct err err = { 0 };
	assert_true(file_write_atomic(path, slice_of_cstr(text), 0600, &err));
}

static void what_is_put_is_listed_and_versions_grow(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct parameter_list list;
	uint64_t version = 0;
	unlink(path);
	struct store *store = store_file_new(path, &err);
	assert_true(
	    store->ops->put(store, "/bank/dev/b", SLICE("2"), PARAMETER_STRING, &version, &err));
	assert_int_equal(version, 1);
	assert_true(store->ops->put(
	    store, "/bank/dev/a/x", SLICE("é\"\n"), PARAMETER_SECURE_STRING, NULL, &err));
	assert_true(store->ops->put(
	    store, "/bank/development/b", SLICE("9"), PARAMETER_STRING, NULL, &err));
	assert_true(store->ops->put(
	    store, "/bank/dev/b", SLICE("3"), PARAMETER_STRING_LIST, &version, &err));
	assert_int_equal(version, 2);
	parameter_list_init(&list);
	assert_true(store->ops->list(store, "/bank/dev", &list, &err));
	assert_int_equal(list.count, 2);
	const struct parameter *b = parameter_list_find(&list, SLICE("/bank/dev/b"));
	assert_true(slice_eq(b->value, SLICE("3")));
	assert_int_equal(b->type, PARAMETER_STRING_LIST);
	assert_true(slice_eq(list.items[0].value, SLICE("é\"\n")));
	assert_true(store->ops->remove(store, "/bank/dev/b", &err));
	assert_true(store->ops->remove(store, "/bank/dev/b", &err));
	parameter_list_release(&list);
	parameter_list_init(&list);
	assert_true(store->ops->list(store, "/bank/dev", &list, &err));
	assert_int_equal(list.count, 1);
	parameter_list_release(&list);
	store_free(store);
}

struct row {
	const char *text;
	const char *error; /* what stands in it */
};

static void broken_files_are_refused_with_the_reason(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "{}", "no array 'Parameters'" },
		{ "{\"Parameters\":[{\"Value\":\"x\"}]}",
		    "Parameters[0]: no 'Name' that starts with '/'" },
		{ "{\"Parameters\":[{\"Name\":\"/bank/dev/a\"}]}", "/bank/dev/a: no text 'Value'" },
		{ "{\"Parameters\":[{\"Name\":\"/bank/dev/a\",\"Value\":\"x\",\"Type\":\"Text\"}]}",
		    "unknown type 'Text'" },
		{ "{\"Parameters\":[{\"Name\":\"/bank/dev/a\",\"Value\":\"x\"},{\"Name\":\"/bank/dev/a\",\"Value\":\"y\"}]}",
		    "/bank/dev/a stands in it twice" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };
		struct parameter_list list;
		write_text(rows[i].text);
		struct store *store = store_file_new(path, &err);
		parameter_list_init(&list);
		assert_false(store->ops->list(store, "/bank/dev", &list, &err));
		assert_non_null(strstr(err.text, rows[i].error));
		parameter_list_release(&list);
		store_free(store);
	}
}

static void values_are_bounded_and_text(void **state)
{
	(void)state;
	static char large[STORE_VALUE_MAX + 1];
	struct err err = { 0 };
	memset(large, 'x', sizeof(large));
	unlink(path);
	struct store *store = store_file_new(path, &err);
	assert_true(store->ops->put(
	    store, "/a/b", slice_of(large, STORE_VALUE_MAX), PARAMETER_STRING, NULL, &err));
	assert_false(store->ops->put(
	    store, "/a/b", slice_of(large, sizeof(large)), PARAMETER_STRING, NULL, &err));
	err_clear(&err);
	assert_false(store->ops->put(store, "/a/b", SLICE(""), PARAMETER_STRING, NULL, &err));
	err_clear(&err);
	assert_false(store->ops->put(store, "/a/b", SLICE("\xff"), PARAMETER_STRING, NULL, &err));
	store_free(store);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(path, "/tmp/sallyport-store.XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_listed_and_versions_grow),
		cmocka_unit_test(broken_files_are_refused_with_the_reason),
		cmocka_unit_test(values_are_bounded_and_text),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
