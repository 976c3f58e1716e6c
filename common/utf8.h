/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* utf8: RFC 3629. */
#include "common/slice.h"

/*
 * The length, 1 to 4, of the well-formed sequence at the start of s; 0 when there is none: empty,
 * cut off, overlong, a surrogate, or above U+10FFFF.
 */
size_t utf8_sequence_len(struct slice s);
bool utf8_is_valid(struct slice s);
