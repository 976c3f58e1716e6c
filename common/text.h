/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* text: making bytes from anywhere fit for one line on a terminal or in a log. */
#include "common/slice.h"

/*
 * Copies into dst, control bytes (below 0x20, 0x7f) as \xNN and, when `escape_backslash`, a
 * backslash doubled, so that the escapes cannot be forged. Cut, never in the midst of an escape,
 * to size - 1 bytes and a NUL; the number of bytes before the NUL. `size` is at least 1.
 */
size_t text_escape(struct slice s, bool escape_backslash, char *dst, size_t size);
