/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * probe: can the libhs of this machine be trusted? Vectorscan up to 5.4.12 has vector code for some
 * processors (AVX-512) that misses matches: 'ab.*x' is not found when 64 bytes or more stand
 * between. A prefilter that misses lets attacks through, so it is tried before it is used.
 */
#include <stdbool.h>

/* False: a match was missed, or there is no memory. Takes some milliseconds. */
bool probe_scanner(void);
