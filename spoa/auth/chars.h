/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* chars: the character sets that claims must keep to before they may stand in a header or a log. */
#include "common/slice.h"

/* VSCHAR of RFC 6749 appendix A without the blank: what a subject or client id may consist of. */
bool chars_are_visible(struct slice s);
/* NQCHAR: one scope-token of RFC 6749 section 3.3; no quote, no backslash. */
bool chars_are_scope(struct slice s);
