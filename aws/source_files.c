/* SPDX-License-Identifier: Apache-2.0 */
/* The sources that read keys as they stand: environment, shared credentials file, config file. */
#include "aws/source.h"

#include <stdlib.h>

enum source_result source_environment(
    const struct source_input *input, struct aws_credentials *out, struct err *err)
{
	const char *id = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
	if (input->profile_asked || !id || !*id)
		return SOURCE_ABSENT;
	return source_set(out, slice_of_cstr(id), slice_of_cstr(secret),
	           slice_of_cstr(getenv("AWS_SESSION_TOKEN")), err)
	           ? SOURCE_FOUND
	           : SOURCE_FAILED;
}

typedef bool find_fn(const struct aws_profile_files *files, const char *profile,
    const char *setting, struct slice *out);

static enum source_result from_file(
    find_fn *find, const struct source_input *input, struct aws_credentials *out, struct err *err)
{
	struct slice id, secret = { 0 }, token = { 0 };
	if (!find(input->files, input->profile, "aws_access_key_id", &id))
		return SOURCE_ABSENT;
	find(input->files, input->profile, "aws_secret_access_key", &secret);
	find(input->files, input->profile, "aws_session_token", &token);
	return source_set(out, id, secret, token, err) ? SOURCE_FOUND : SOURCE_FAILED;
}

enum source_result source_shared_file(
    const struct source_input *input, struct aws_credentials *out, struct err *err)
{
	return from_file(aws_profile_in_credentials, input, out, err);
}

enum source_result source_config_file(
    const struct source_input *input, struct aws_credentials *out, struct err *err)
{
	return from_file(aws_profile_in_config, input, out, err);
}
