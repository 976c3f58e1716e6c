/* SPDX-License-Identifier: Apache-2.0 */
#include "common/strmap.h"

#include "tests/support/fail_alloc.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MANY = 5000 };
static int values[MANY];

static struct slice key_of(int i, char text[16])
{
	return slice_of(text, (size_t)snprintf(text, 16, "key-%d", i));
}

static void a_new_map_has_nothing(void **state)
{
	(void)state;
	struct strmap map;
	strmap_init(&map);
	assert_null(strmap_find(&map, SLICE("a")));
	assert_false(strmap_has(&map, SLICE("")));
	assert_null(strmap_remove(&map, SLICE("a")));
	assert_null(strmap_next(&map, NULL));
	strmap_release(&map);
}

static void put_finds_replaces_and_tells_the_old_value(void **state)
{
	(void)state;
	struct strmap map;
	void *old = &map;
	char key[] = "key";
	strmap_init(&map);
	assert_true(strmap_put(&map, slice_of_cstr(key), &values[1], &old));
	assert_null(old);
	key[0] = 'X'; /* the map has its own copy */
	assert_ptr_equal(strmap_find(&map, SLICE("key")), &values[1]);
	assert_true(strmap_put(&map, SLICE("key"), &values[2], &old));
	assert_ptr_equal(old, &values[1]);
	assert_ptr_equal(strmap_find(&map, SLICE("key")), &values[2]);
	assert_int_equal(map.count, 1);
	strmap_release(&map);
}

static void keys_are_any_bytes(void **state)
{
	(void)state;
	struct strmap map;
	strmap_init(&map);
	assert_true(strmap_put(&map, SLICE("a"), &values[0], NULL));
	assert_true(strmap_put(&map, SLICE("a\0"), &values[1], NULL));
	assert_true(strmap_put(&map, (struct slice){ 0 }, &values[2], NULL));
	assert_true(strmap_put(&map, SLICE("null"), NULL, NULL));
	assert_ptr_equal(strmap_find(&map, SLICE("a")), &values[0]);
	assert_ptr_equal(strmap_find(&map, SLICE("a\0")), &values[1]);
	assert_ptr_equal(strmap_find(&map, SLICE("")), &values[2]);
	assert_true(strmap_has(&map, SLICE("null")));
	assert_false(strmap_has(&map, SLICE("A")));
	strmap_release(&map);
}

static void many_keys_are_found_and_visited_in_order(void **state)
{
	(void)state;
	struct strmap map;
	char text[16];
	int visited = 0;
	strmap_init(&map);
	for (int i = 0; i < MANY; i++)
		assert_true(strmap_put(&map, key_of(i, text), &values[i], NULL));
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(strmap_find(&map, key_of(i, text)), &values[i]);
	assert_null(strmap_find(&map, key_of(MANY, text)));
	for (struct strmap_entry *e = NULL; (e = strmap_next(&map, e)) != NULL; visited++)
		assert_ptr_equal(e->value, &values[visited]);
	assert_int_equal(visited, MANY);
	strmap_release(&map);
}

static void removed_keys_are_gone_and_others_stay(void **state)
{
	(void)state;
	struct strmap map;
	char text[16];
	size_t visited = 0;
	strmap_init(&map);
	for (int i = 0; i < MANY; i++)
		assert_true(strmap_put(&map, key_of(i, text), &values[i], NULL));
	for (int i = 0; i < MANY; i += 2)
		assert_ptr_equal(strmap_remove(&map, key_of(i, text)), &values[i]);
	assert_null(strmap_remove(&map, SLICE("key-0")));
	assert_int_equal(map.count, MANY / 2);
	for (int i = 0; i < MANY; i++)
		assert_ptr_equal(strmap_find(&map, key_of(i, text)), i % 2 ? &values[i] : NULL);
	for (struct strmap_entry *e = NULL; (e = strmap_next(&map, e)) != NULL;)
		visited++;
	assert_int_equal(visited, MANY / 2);
	strmap_release(&map);
}

static void coming_and_going_keys_do_not_grow_the_map(void **state)
{
	(void)state;
	struct strmap map;
	char text[16];
	strmap_init(&map);
	for (int i = 0; i < 20 * MANY; i++) {
		assert_true(strmap_put(&map, key_of(i, text), values, NULL));
		if (i >= 10)
			assert_non_null(strmap_remove(&map, key_of(i - 10, text)));
	}
	assert_int_equal(map.count, 10);
	assert_in_range(map.cap, 10, 64);
	strmap_release(&map);
}

static void hash_is_stable_and_looks_at_every_byte(void **state)
{
	(void)state;
	char bytes[40] = { 0 };
	uint64_t hash = strmap_hash(slice_of(bytes, sizeof(bytes)));
	assert_true(hash == strmap_hash(slice_of(bytes, sizeof(bytes))));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = 1;
		assert_true(hash != strmap_hash(slice_of(bytes, sizeof(bytes))));
		bytes[i] = 0;
		assert_true(hash != strmap_hash(slice_of(bytes, i)));
	}
}

static bool fill(struct strmap *map)
{
	char text[16];
	for (int i = 0; i < 100; i++)
		if (!strmap_put(map, key_of(i, text), &values[i], NULL))
			return false;
	return true;
}

static void a_put_without_memory_leaves_the_map_whole(void **state)
{
	(void)state;
	bool done = false;
	for (long n = 1; !done; n++) {
		struct strmap map;
		char text[16];
		strmap_init(&map);
		fail_alloc_at(n);
		done = fill(&map);
		bool injected = fail_alloc_happened();
		fail_alloc_off();
		assert_int_equal(done, !injected);
		for (int i = 0; i < 100; i++)
			assert_ptr_equal(strmap_find(&map, key_of(i, text)),
			    (size_t)i < map.count ? &values[i] : NULL);
		assert_true(fill(&map));
		assert_int_equal(map.count, 100);
		strmap_release(&map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_map_has_nothing),
		cmocka_unit_test(put_finds_replaces_and_tells_the_old_value),
		cmocka_unit_test(keys_are_any_bytes),
		cmocka_unit_test(many_keys_are_found_and_visited_in_order),
		cmocka_unit_test(removed_keys_are_gone_and_others_stay),
		cmocka_unit_test(coming_and_going_keys_do_not_grow_the_map),
		cmocka_unit_test(hash_is_stable_and_looks_at_every_byte),
		cmocka_unit_test(a_put_without_memory_leaves_the_map_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
