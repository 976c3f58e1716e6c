/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals of AWS services, as JSON and as XML: texts end within their arrays, XML text within the
 * document. */
#include "aws/aws_error.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct aws_error *error)
{
	assert(memchr(error->code, '\0', sizeof(error->code)));
	assert(memchr(error->message, '\0', sizeof(error->message)));
	assert(memchr(error->request_id, '\0', sizeof(error->request_id)));
	aws_error_classify(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "Code", "AccessKeyId", "" };
	struct slice text = slice_of(data, size), out;
	struct aws_error error;
	aws_error_parse_json(&error, 400, text, slice_sub(text, 0, 10), slice_from(text, size / 2));
	check(&error);
	aws_error_parse_xml(&error, 503, text, slice_sub(text, 0, size & 1));
	check(&error);
	for (size_t i = 0; i < 3; i++)
		if (aws_xml_text(text, names[i], &out) && out.len)
			assert(out.ptr >= text.ptr && out.ptr + out.len <= text.ptr + size);
	return 0;
}
