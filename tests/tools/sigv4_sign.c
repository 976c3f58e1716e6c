/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs what it reads, one JSON object a line, and writes the Authorization header of each: the
 * counterpart of tests/support/sigv4_compare.py.
 */
#include "aws/sigv4.h"
#include "common/json_read.h"

#include <stdio.h>
#include <stdlib.h>

static struct slice member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return slice_of(json_string_value(value), json_string_length(value));
}

static bool sign(const json_t *input, struct buf *out)
{
	struct sigv4_header headers[SIGV4_HEADERS_MAX];
	char hash[SIGV4_HASH_HEX_LEN + 1];
	const json_t *list = json_object_get(input, "headers");
	size_t count = json_array_size(list);
	if (count > SIGV4_HEADERS_MAX || !sigv4_payload_hash(member(input, "body"), hash))
		return false;
	for (size_t i = 0; i < count; i++) {
		const json_t *pair = json_array_get(list, i), *name = json_array_get(pair, 0),
		             *value = json_array_get(pair, 1);
		headers[i] = (struct sigv4_header){ slice_of_cstr(json_string_value(name)),
			slice_of_cstr(json_string_value(value)) };
	}
	struct sigv4_request request = { member(input, "method"), member(input, "path"),
		member(input, "query"), headers, count, slice_of_cstr(hash),
		json_is_true(json_object_get(input, "s3")) };
	struct sigv4_key key = { member(input, "id"), member(input, "secret"),
		member(input, "region"), member(input, "service") };
	return sigv4_authorize(&request, &key, member(input, "time").ptr, out);
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	while ((len = getline(&line, &cap, stdin)) > 0) {
		struct buf out;
		buf_init(&out, 0);
		json_t *input = json_read_text(slice_of(line, (size_t)len), NULL, NULL);
		puts(input && sign(input, &out) ? buf_cstr(&out) : "failed");
		json_decref(input);
		buf_release(&out);
	}
	free(line);
	return 0;
}
