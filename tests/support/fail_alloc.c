/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fail_alloc.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t max);

static atomic_long countdown, total;
static atomic_bool happened, stays;

static bool fails_now(void)
{
	atomic_fetch_add(&total, 1);
	long left = atomic_load(&countdown);
	if (left == 0)
		return false;
	if (left > 1) {
		atomic_fetch_sub(&countdown, 1);
		return false;
	}
	if (!atomic_load(&stays))
		atomic_store(&countdown, 0);
	atomic_store(&happened, true);
	return true;
}

static void arm(long n, bool stay)
{
	atomic_store(&happened, false);
	atomic_store(&stays, stay);
	atomic_store(&countdown, n);
}

void fail_alloc_at(long n)
{
	arm(n, false);
}

void fail_alloc_from(long n)
{
	arm(n, true);
}

void fail_alloc_off(void)
{
	atomic_store(&countdown, 0);
}

bool fail_alloc_happened(void)
{
	return atomic_load(&happened);
}

long fail_alloc_count(void)
{
	return atomic_load(&total);
}

void fail_alloc_hook_jansson(void)
{
	json_set_alloc_funcs(__wrap_malloc, free);
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails_now() ? NULL : __real_realloc(old, size);
}

char *__wrap_strndup(const char *s, size_t max)
{
	size_t len = strnlen(s, max);
	char *copy = __wrap_malloc(len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *__wrap_strdup(const char *s)
{
	return __wrap_strndup(s, strlen(s));
}
