/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/chars.h"

static bool is_visible(char c)
{
	return c > 0x20 && c < 0x7f;
}

bool chars_are_visible(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_visible(s.ptr[i]))
			return false;
	return true;
}

bool chars_are_scope(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_visible(s.ptr[i]) || s.ptr[i] == '"' || s.ptr[i] == '\\')
			return false;
	return true;
}
