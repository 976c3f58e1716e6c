/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a path, a line end, a JSON text. Locating ends within the text whatever the two are, and
 * in an accepted text each member of the outermost object or array is found where a value begins.
 */
#include "common/json_read.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static size_t offset_of(struct slice text, struct err_pos pos)
{
	size_t at = 0;
	for (unsigned line = 1; line < pos.line; at++) {
		assert(at < text.len);
		line += text.ptr[at] == '\n';
	}
	assert(pos.column >= 1 && at + pos.column - 1 <= text.len);
	return at + pos.column - 1;
}

static void check_elements(struct slice text, const json_t *array)
{
	char path[32];
	for (size_t i = 0; i < json_array_size(array) && i < 8; i++) {
		snprintf(path, sizeof(path), "[%zu]", i);
		size_t at = offset_of(text, json_locate(text, NULL, path));
		assert(at < text.len && strchr("{[\"-0123456789tfn", text.ptr[at]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice path, text;
	slice_cut(slice_of(data, size), '\n', &path, &text);
	char *cstr = strndup(path.len ? path.ptr : "", path.len);
	assert(cstr);
	offset_of(text, json_locate(text, NULL, cstr));
	json_t *root = json_read_text(text, NULL, NULL);
	if (root)
		check_elements(text, root);
	json_decref(root);
	free(cstr);
	return 0;
}
