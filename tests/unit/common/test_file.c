/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

#include "tests/support/fail_alloc.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char folder[] = "/tmp/test-file-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-file-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[64];
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static void put(const char *path, struct slice bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0 && file_write_all(fd, bytes));
	close(fd);
}

static size_t entries_in(const char *path)
{
	size_t count = 0;
	DIR *dir = opendir(path);
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(dir);
	return count;
}

static void reading_appends_all_bytes(void **state)
{
	(void)state;
	struct buf out;
	struct err err = { 0 };
	buf_init(&out, 0);
	buf_append_cstr(&out, "before ");
	put(in_folder("a"), SLICE("x\0y"));
	assert_true(file_read(in_folder("a"), 100, &out, &err));
	assert_true(slice_eq(buf_slice(&out), SLICE("before x\0y")));
	buf_release(&out);
}

static void reading_is_bounded_exactly(void **state)
{
	(void)state;
	char bytes[200000];
	static const size_t sizes[] = { 0, 1, 1000, 65535, 65536, 65537, 131072, 200000 };
	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct buf out;
		struct err err = { 0 };
		buf_init(&out, 0);
		put(in_folder("a"), slice_of(bytes, sizes[i]));
		assert_true(file_read(in_folder("a"), sizes[i], &out, &err));
		assert_int_equal(out.len, sizes[i]);
		if (sizes[i] > 0) {
			assert_false(file_read(in_folder("a"), sizes[i] - 1, &out, &err));
			assert_non_null(strstr(err.text, "longer than"));
			assert_string_equal(err.file, in_folder("a"));
		}
		buf_release(&out);
	}
}

static void a_buffer_with_a_limit_takes_what_fits(void **state)
{
	(void)state;
	struct buf out;
	struct err err = { 0 };
	buf_init(&out, 3);
	put(in_folder("a"), SLICE("abc"));
	assert_true(file_read(in_folder("a"), 100, &out, &err));
	assert_string_equal(buf_cstr(&out), "abc");
	buf_reset(&out);
	put(in_folder("a"), SLICE("abcd"));
	assert_false(file_read(in_folder("a"), 100, &out, &err));
	assert_true(err_is_set(&err));
	buf_release(&out);
}

static void what_cannot_be_read_is_told_with_path_and_reason(void **state)
{
	(void)state;
	struct buf out;
	struct err err = { 0 };
	buf_init(&out, 0);
	assert_false(file_read(in_folder("missing"), 100, &out, &err));
	assert_string_equal(err.file, in_folder("missing"));
	assert_string_equal(err.text, "cannot open: No such file or directory");
	err_clear(&err);
	assert_false(file_read(folder, 100, &out, &err));
	assert_string_equal(err.text, "cannot read: Is a directory");
	err_clear(&err);
	put(in_folder("a"), SLICE("abc"));
	buf_release(&out);
	fail_alloc_at(1);
	assert_false(file_read(in_folder("a"), 100, &out, &err));
	fail_alloc_off();
	assert_string_equal(err.text, "cannot read: no memory");
	buf_release(&out);
}

static void a_dash_is_standard_input(void **state)
{
	(void)state;
	struct buf out;
	struct err err = { 0 };
	int pipes[2], saved = dup(STDIN_FILENO);
	buf_init(&out, 0);
	assert_int_equal(pipe(pipes), 0);
	assert_true(file_write_all(pipes[1], SLICE("piped")));
	close(pipes[1]);
	dup2(pipes[0], STDIN_FILENO);
	bool ok = file_read("-", 5, &out, &err);
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(pipes[0]);
	assert_true(ok);
	assert_string_equal(buf_cstr(&out), "piped");
	buf_release(&out);
}

static void writing_replaces_and_sets_the_mode(void **state)
{
	(void)state;
	struct buf out;
	struct err err = { 0 };
	struct stat st;
	buf_init(&out, 0);
	put(in_folder("a"), SLICE("something longer"));
	mode_t mask = umask(077);
	assert_true(file_write_atomic(in_folder("a"), SLICE("n\0w"), 0644, &err));
	umask(mask);
	assert_true(file_read(in_folder("a"), 100, &out, &err));
	assert_true(slice_eq(buf_slice(&out), SLICE("n\0w")));
	assert_int_equal(stat(in_folder("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(entries_in(folder), 1);
	assert_true(file_write_atomic(in_folder("a"), (struct slice){ 0 }, 0600, &err));
	assert_int_equal(stat(in_folder("a"), &st), 0);
	assert_int_equal(st.st_size, 0);
	buf_release(&out);
}

static void a_reader_keeps_the_bytes_it_opened(void **state)
{
	(void)state;
	struct err err = { 0 };
	char bytes[4] = "";
	put(in_folder("a"), SLICE("old"));
	int fd = open(in_folder("a"), O_RDONLY);
	assert_true(file_write_atomic(in_folder("a"), SLICE("new"), 0600, &err));
	assert_int_equal(read(fd, bytes, 3), 3);
	assert_string_equal(bytes, "old");
	close(fd);
}

static void a_failed_write_leaves_nothing_behind(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_false(file_write_atomic(in_folder("no/such"), SLICE("x"), 0600, &err));
	assert_string_equal(err.file, in_folder("no/such"));
	err_clear(&err);
	assert_int_equal(mkdir(in_folder("taken"), 0700), 0);
	put(in_folder("taken/inner"), SLICE("x"));
	assert_false(file_write_atomic(in_folder("taken"), SLICE("x"), 0600, &err));
	assert_string_equal(err.text, "cannot replace: Is a directory");
	assert_int_equal(entries_in(folder), 1);
	assert_int_equal(entries_in(in_folder("taken")), 1);
}

static void a_path_too_long_is_an_error(void **state)
{
	(void)state;
	struct err err = { 0 };
	char path[PATH_MAX + 10];
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_false(file_write_atomic(path, SLICE("x"), 0600, &err));
	assert_non_null(strstr(err.text, "File name too long"));
	err_clear(&err);
	assert_false(file_make_dirs(path, 0700, &err));
	assert_non_null(strstr(err.text, "File name too long"));
	err_clear(&err);
	assert_false(file_make_dirs("", 0700, &err));
	assert_true(err_is_set(&err));
}

static void folders_are_made_with_their_parents(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct stat st;
	static const char *const paths[] = { "a/b/c", "a/b/c", "d/", "e//f", "a/../g" };
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_true(file_make_dirs(in_folder(paths[i]), 0700, &err));
		assert_int_equal(stat(in_folder(paths[i]), &st), 0);
		assert_true(S_ISDIR(st.st_mode));
	}
	put(in_folder("file"), SLICE("x"));
	assert_false(file_make_dirs(in_folder("file"), 0700, &err));
	err_clear(&err);
	assert_false(file_make_dirs(in_folder("file/below"), 0700, &err));
	assert_string_equal(err.text, "cannot create the folder: Not a directory");
}

static void writing_to_a_closed_descriptor_fails(void **state)
{
	(void)state;
	assert_false(file_write_all(-1, SLICE("x")));
	assert_true(file_write_all(-1, (struct slice){ 0 }));
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_folder(reading_appends_all_bytes),
		with_folder(reading_is_bounded_exactly),
		with_folder(a_buffer_with_a_limit_takes_what_fits),
		with_folder(what_cannot_be_read_is_told_with_path_and_reason),
		with_folder(a_dash_is_standard_input),
		with_folder(writing_replaces_and_sets_the_mode),
		with_folder(a_reader_keeps_the_bytes_it_opened),
		with_folder(a_failed_write_leaves_nothing_behind),
		with_folder(a_path_too_long_is_an_error),
		with_folder(folders_are_made_with_their_parents),
		with_folder(writing_to_a_closed_descriptor_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
