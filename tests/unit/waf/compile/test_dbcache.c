/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/dbcache.h"

#include "common/buf.h"
#include "common/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], file[400];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/dbcache-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

/* The one file of the folder, into `file`; the number of files. */
static unsigned list_folder(void)
{
	unsigned count = 0;
	DIR *dir = opendir(folder);
	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.') {
			snprintf(file, sizeof file, "%s/%s", folder, entry->d_name);
			count++;
		}
	if (dir)
		closedir(dir);
	return count;
}

static int remove_folder(void **state)
{
	(void)state;
	while (list_folder() > 0)
		if (unlink(file) != 0)
			return -1;
	return rmdir(folder);
}

static int on_match(
    unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
	(void)from, (void)to, (void)flags;
	*(unsigned *)context |= 1u << id;
	return 0;
}

/* Bits of the ids that match `text`. */
static unsigned scan(const hs_database_t *database, const char *text)
{
	hs_scratch_t *scratch = NULL;
	unsigned found = 0;
	assert_int_equal(hs_alloc_scratch(database, &scratch), HS_SUCCESS);
	assert_int_equal(
	    hs_scan(database, text, (unsigned)strlen(text), 0, scratch, on_match, &found),
	    HS_SUCCESS);
	hs_free_scratch(scratch);
	return found;
}

static unsigned char fates[3];

/* `a+b`, a look-ahead that can only be approximated, and a pattern that is none. */
static hs_database_t *get(const char *dir, const char *first)
{
	const char *texts[] = { first, "c(?=d)", "e(?<name" };
	unsigned flags[] = { 0, 0, 0 }, ids[] = { 0, 1, 2 };
	struct expressions e = { texts, flags, ids, fates, 3 };
	hs_database_t *database;
	memset(fates, 9, sizeof fates);
	assert_true(dbcache_get(&(struct dbcache){ .dir = dir }, &e, &database));
	assert_int_equal(fates[0], FATE_EXACT);
	assert_int_equal(fates[1], FATE_APPROXIMATE);
	assert_int_equal(fates[2], FATE_REFUSED);
	assert_int_equal(scan(database, "xcdx"), 2);
	return database;
}

static void a_database_comes_back_from_the_folder(void **state)
{
	struct stat before, after;
	(void)state;
	hs_free_database(get(folder, "a+b"));
	assert_int_equal(list_folder(), 1);
	assert_int_equal(stat(file, &before), 0);
	hs_database_t *again = get(folder, "a+b");
	assert_int_equal(stat(file, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(scan(again, "aab"), 1);
	hs_free_database(again);
}

static void other_expressions_have_another_file(void **state)
{
	(void)state;
	hs_free_database(get(folder, "a+b"));
	hs_database_t *other = get(folder, "a+x");
	assert_int_equal(list_folder(), 2);
	assert_int_equal(scan(other, "aax"), 1);
	hs_free_database(other);
}

/* Every kind of damage: a cut at each length of the head, and a flipped bit here and there. */
static void a_damaged_file_is_made_anew(void **state)
{
	struct buf whole;
	struct err err = { 0 };
	(void)state;
	hs_free_database(get(folder, "a+b"));
	assert_int_equal(list_folder(), 1);
	buf_init(&whole, 0);
	assert_true(file_read(file, 1 << 24, &whole, &err));
	for (size_t at = 0; at < whole.len; at += at < 64 ? 1 : 97) {
		assert_true(
		    file_write_atomic(file, slice_sub(buf_slice(&whole), 0, at), 0600, &err));
		hs_free_database(get(folder, "a+b"));
		whole.data[at] ^= 0x10;
		assert_true(file_write_atomic(file, buf_slice(&whole), 0600, &err));
		whole.data[at] ^= 0x10;
		hs_database_t *database = get(folder, "a+b");
		assert_int_equal(scan(database, "aab"), 1);
		hs_free_database(database);
	}
	struct buf anew;
	buf_init(&anew, 0);
	assert_true(file_read(file, 1 << 24, &anew, &err));
	assert_true(slice_eq(buf_slice(&anew), buf_slice(&whole)));
	buf_release(&anew);
	buf_release(&whole);
}

static void a_folder_that_others_may_write_to_is_not_used(void **state)
{
	(void)state;
	assert_int_equal(chmod(folder, 0777), 0);
	hs_free_database(get(folder, "a+b"));
	assert_int_equal(list_folder(), 0);
	assert_int_equal(chmod(folder, 0700), 0);
}

static void no_folder_is_no_error(void **state)
{
	(void)state;
	hs_free_database(get(NULL, "a+b"));
	hs_free_database(get("/nowhere/at/all", "a+b"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_database_comes_back_from_the_folder),
		TEST(other_expressions_have_another_file),
		TEST(a_damaged_file_is_made_anew),
		TEST(a_folder_that_others_may_write_to_is_not_used),
		TEST(no_folder_is_no_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
