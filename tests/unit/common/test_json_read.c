/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_read.h"

#include "common/buf.h"
#include "tests/support/fail_alloc.h"

#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void valid_text_is_read(void **state)
{
	(void)state;
	struct err err = { 0 };
	json_t *root = json_read_text(SLICE(" {\"a\": [1, \"x\"]} "), "f", &err);
	assert_non_null(root);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(root, "a"), 0)), 1);
	json_decref(root);
	root = json_read_text(SLICE("7"), NULL, &err);
	assert_int_equal(json_integer_value(root), 7);
	json_decref(root);
	assert_false(err_is_set(&err));
}

static void wrong_text_is_told_with_its_position(void **state)
{
	(void)state;
	static const struct {
		struct slice text;
		unsigned line, column;
		const char *part;
	} rows[] = {
		// clang-format off
		{ SLICE_INIT(""),                          1, 1,  "end of file" },
		{ SLICE_INIT("{\n  \"a\": 1,\n  \"a\": 2\n}"), 3, 5, "duplicate object key" },
		{ SLICE_INIT("[1,\n2,\n x]"),              3, 2,  "invalid token" },
		{ SLICE_INIT("{} {}"),                     1, 4,  "end of file expected" },
		{ SLICE_INIT("[1"),                        1, 2,  "']' expected" },
		{ SLICE_INIT("[\"\xff\"]"),                1, 2,  "unable to decode byte" },
		{ SLICE_INIT("[\"\\u0000\"]"),           1, 9,  "NUL" },
		{ SLICE_INIT("[1\0]"),                      1, 3,  "a NUL byte" },
		{ SLICE_INIT("[1]\n\0"),                   2, 1,  "a NUL byte" },
		{ SLICE_INIT("[1e999]"),                   1, 6,  "real number overflow" },
		// clang-format on
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { 0 };
		assert_null(json_read_text(rows[i].text, "f.json", &err));
		assert_string_equal(err.file, "f.json");
		assert_int_equal(err.line, rows[i].line);
		assert_int_equal(err.column, rows[i].column);
		assert_non_null(strstr(err.text, "not valid JSON: "));
		if (!strstr(err.text, rows[i].part))
			fail_msg("'%s' without '%s'", err.text, rows[i].part);
	}
}

static void columns_count_bytes(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_null(json_read_text(SLICE("[\n\"\xc3\xa4\xc3\xb6\", x]"), NULL, &err));
	assert_int_equal(err.line, 2);
	assert_int_equal(err.column, 9);
}

static void nesting_without_end_is_an_error(void **state)
{
	(void)state;
	enum { DEEP = 1000000 };
	struct err err = { 0 };
	char *text = malloc(DEEP);
	memset(text, '[', DEEP);
	assert_null(json_read_text(slice_of(text, DEEP), NULL, &err));
	assert_non_null(strstr(err.text, "maximum parsing depth"));
	free(text);
}

static void values_are_located_by_their_path(void **state)
{
	(void)state;
	static const char text[] =
	    "{\n"
	    "  \"name\": \"x\",\n"
	    "  \"routes\": {\n"
	    "    \"accounts\": { \"scopes\": [\"a\", \"b,]}\", [1, {\"k\": null}] ], \"on\" : true },\n"
	    "    \"a.b[0]\": -1.5e3, \"esc\\\"{\": { }\n"
	    "  },\n"
	    "  \"end\" :\n"
	    "\t[ ]\n"
	    "}\n";
	static const struct {
		const char *path;
		unsigned line, column;
	} rows[] = {
		// clang-format off
		{ "",                                 1, 1 },
		{ "name",                             2, 11 },
		{ "routes",                           3, 13 },
		{ "routes.accounts",                  4, 17 },
		{ "routes.accounts.scopes",           4, 29 },
		{ "routes.accounts.scopes[0]",        4, 30 },
		{ "routes.accounts.scopes[1]",        4, 35 },
		{ "routes.accounts.scopes[2]",        4, 43 },
		{ "routes.accounts.scopes[2][1].k",   4, 53 },
		{ "routes.accounts.on",               4, 70 },
		{ "routes[\"a.b[0]\"]",               5, 15 },
		{ "[\"routes\"].accounts.on",         4, 70 },
		{ "end",                              8, 2 },
		/* What is not there: its nearest parent. */
		{ "missing",                          1, 1 },
		{ "routes.missing.x",                 3, 13 },
		{ "routes.accounts.scopes[3]",        4, 29 },
		{ "routes.accounts.scopes[x]",        4, 29 },
		{ "routes.accounts.scopes.x",         4, 29 },
		{ "name[0]",                          2, 11 },
		{ "name.x",                           2, 11 },
		{ "end[0]",                           8, 2 },
		/* Paths that are none. */
		{ "routes[",                          3, 13 },
		{ "routes[\"accounts",                3, 13 },
		{ "routes..accounts",                 3, 13 },
		{ "]",                                1, 1 },
		{ ".",                                1, 1 },
		// clang-format on
	};
	json_t *root = json_read_text(slice_of(text, sizeof(text) - 1), NULL, NULL);
	assert_non_null(root);
	json_decref(root);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err_pos pos =
		    json_locate(slice_of(text, sizeof(text) - 1), "f", rows[i].path);
		if (pos.line != rows[i].line || pos.column != rows[i].column)
			fail_msg("%s: %u:%u", rows[i].path, pos.line, pos.column);
		assert_string_equal(pos.file, "f");
	}
}

static void locating_ends_also_in_text_that_is_not_json(void **state)
{
	(void)state;
	static const struct slice texts[] = { SLICE_INIT(""), SLICE_INIT("{"), SLICE_INIT("{\"a\""),
		SLICE_INIT("{\"a\":"), SLICE_INIT("{\"b\":[\0\0]"), SLICE_INIT("[\0"),
		SLICE_INIT("{\"b\\"), SLICE_INIT("{\"b\":]}}"), SLICE_INIT("[[[["),
		SLICE_INIT("{\"b\":]") };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *copy = malloc(texts[i].len + 1);
		memcpy(copy, texts[i].ptr, texts[i].len);
		json_locate(slice_of(copy, texts[i].len), NULL, "a.b[1]");
		struct err_pos pos = json_locate(slice_of(copy, texts[i].len), NULL, "[1].a");
		assert_int_equal(pos.line, 1);
		free(copy);
	}
}

static void files_are_read_with_their_text(void **state)
{
	(void)state;
	char path[] = "/tmp/test-json-XXXXXX";
	struct buf text;
	struct err err = { 0 };
	int fd = mkstemp(path);
	assert_int_equal(write(fd, "{\"a\":1}", 7), 7);
	close(fd);
	buf_init(&text, 0);
	json_t *root = json_read_file(path, 7, &text, &err);
	assert_non_null(root);
	json_decref(root);
	assert_string_equal(buf_cstr(&text), "{\"a\":1}");
	root = json_read_file(path, 7, NULL, &err);
	assert_non_null(root);
	json_decref(root);
	assert_null(json_read_file(path, 6, &text, &err));
	assert_non_null(strstr(err.text, "longer than 6 bytes"));
	unlink(path);
	err_clear(&err);
	assert_null(json_read_file(path, 7, &text, &err));
	assert_string_equal(err.file, path);
	buf_release(&text);
}

static void without_memory_there_is_an_error_and_no_leak(void **state)
{
	(void)state;
	bool done = false;
	fail_alloc_hook_jansson();
	for (long n = 1; !done; n++) {
		struct err err = { 0 };
		fail_alloc_at(n);
		json_t *root = json_read_text(
		    SLICE("{\"a\":[1,2.5,\"text\",{\"b\":null}],\"c\":true}"), "f", &err);
		done = !fail_alloc_happened();
		fail_alloc_off();
		assert_true((root != NULL) != err_is_set(&err));
		if (done)
			assert_non_null(root);
		json_decref(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_text_is_read),
		cmocka_unit_test(wrong_text_is_told_with_its_position),
		cmocka_unit_test(columns_count_bytes),
		cmocka_unit_test(nesting_without_end_is_an_error),
		cmocka_unit_test(values_are_located_by_their_path),
		cmocka_unit_test(locating_ends_also_in_text_that_is_not_json),
		cmocka_unit_test(files_are_read_with_their_text),
		cmocka_unit_test(without_memory_there_is_an_error_and_no_leak),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
