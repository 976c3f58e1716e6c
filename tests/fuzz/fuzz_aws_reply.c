/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as JSON and their expiry: accepted ones are printable and end within their arrays. */
#include "aws/source.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);
	assert(len <= max);
	for (size_t i = 0; i < len; i++)
		assert(text[i] > ' ' && text[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct aws_credentials keys;
	struct slice text = slice_of(data, size);
	struct err err = { 0 };
	int64_t unix_s;
	char url[128];
	if (source_parse_json(text, "Token", &keys, &err)) {
		assert(keys.access_key_id[0] && keys.secret_access_key[0]);
		check(keys.access_key_id, AWS_ACCESS_KEY_ID_MAX);
		check(keys.secret_access_key, AWS_SECRET_KEY_MAX);
		check(keys.session_token, AWS_SESSION_TOKEN_MAX);
	}
	if (source_parse_time(text, &unix_s))
		assert(size >= 20);
	if (size < 100) {
		char uri[100] = "";
		memcpy(uri, data, size);
		if (source_container_url(NULL, uri, url, sizeof(url), NULL))
			assert(strncmp(url, "http", 4) == 0);
	}
	return 0;
}
