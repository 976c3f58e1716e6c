/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * fail_alloc: makes the n-th allocation of our code fail. Unit tests are linked with --wrap=malloc
 * and its kin, so that what the programs' objects ask for goes through here; libraries' own
 * allocations do not, except jansson's after fail_alloc_hook_jansson().
 *
 *     for (long n = 1; fail_alloc_at(n), !work(); n++) { check that nothing leaked or broke; }
 *     fail_alloc_off();
 */
#include <stdbool.h>

/* The n-th allocation from now fails, once; the ones before and after it succeed. */
void fail_alloc_at(long n);
/* Every allocation from the n-th on fails. */
void fail_alloc_from(long n);
void fail_alloc_off(void);
/* True when a failure was injected since fail_alloc_at(). */
bool fail_alloc_happened(void);
/* Allocations by our code since the process began. */
long fail_alloc_count(void);
void fail_alloc_hook_jansson(void);
