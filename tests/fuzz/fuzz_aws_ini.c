/* SPDX-License-Identifier: Apache-2.0 */
/* Shared AWS files: whatever is found lies within the text and is trimmed. */
#include "aws/ini.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const sections[] = { "default", "profile dev", "dev box" };
	static const char *const names[] = { "aws_access_key_id", "region", "s3" };
	struct slice text = slice_of(data, size), out;
	struct err err = { 0 };
	bool ok = ini_check(text, "f", &err);
	assert(ok != err_is_set(&err));
	for (size_t i = 0; i < 3; i++)
		for (size_t k = 0; k < 3; k++) {
			if (!ini_find(text, slice_of_cstr(sections[i]), names[k], &out))
				continue;
			assert(ini_has_section(text, slice_of_cstr(sections[i])));
			assert(out.len == slice_trim(out).len);
			assert(out.len == 0 ||
			       (out.ptr >= text.ptr && out.ptr + out.len <= text.ptr + text.len));
		}
	return 0;
}
