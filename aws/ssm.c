/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/ssm.h"

#include "common/json_write.h"

#include <openssl/crypto.h>

/* The text of a request, which may hold a value. */
static void wipe(struct buf *buf)
{
	OPENSSL_cleanse(buf->data, buf->cap);
	buf_release(buf);
}

static bool call(struct aws_client *client, const char *target, struct buf *input, json_t **output,
    struct aws_error *error, struct err *err)
{
	bool ok = buf_failed(input)
	              ? err_set(err, "%s: no memory", target)
	              : aws_client_call(client, target, buf_slice(input), output, error, err);
	wipe(input);
	return ok;
}

static struct slice member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return slice_of(json_string_value(value), json_string_length(value));
}

static bool give(const json_t *item, ssm_parameter_fn *each, void *context, struct err *err)
{
	struct ssm_parameter parameter = { .name = member(item, "Name"),
		.value = member(item, "Value"),
		.type = json_string_value(json_object_get(item, "Type")),
		.version = (uint64_t)json_integer_value(json_object_get(item, "Version")) };
	if (!json_is_string(json_object_get(item, "Value")) || parameter.name.len == 0 ||
	    !parameter.type)
		return err_set(err, "AmazonSSM: a parameter without Name, Value or Type");
	return each(&parameter, context, err);
}

static bool give_all(const json_t *output, ssm_parameter_fn *each, void *context, struct err *err)
{
	const json_t *items = json_object_get(output, "Parameters"), *item;
	size_t i;
	if (!json_is_array(items))
		return err_set(err, "AmazonSSM: the answer has no Parameters");
	json_array_foreach(items, i, item) if (!give(item, each, context, err)) return false;
	return true;
}

static void write_page_request(struct buf *input, const char *path, const char *token)
{
	struct jw w;
	jw_init(&w, input, 0);
	jw_object_begin(&w);
	jw_key(&w, "Path");
	jw_cstr(&w, path);
	jw_key(&w, "Recursive");
	jw_bool(&w, true);
	jw_key(&w, "WithDecryption");
	jw_bool(&w, true);
	jw_key(&w, "MaxResults");
	jw_int(&w, SSM_PAGE_MAX);
	if (token) {
		jw_key(&w, "NextToken");
		jw_cstr(&w, token);
	}
	jw_object_end(&w);
}

/* Only the token says whether there is more: a page may be empty and not be the last one. */
bool ssm_get_by_path(struct aws_client *client, const char *path, ssm_parameter_fn *each,
    void *context, struct aws_error *error, struct err *err)
{
	json_t *output = NULL;
	for (unsigned page = 0; page < SSM_PAGES_MAX; page++) {
		struct buf input;
		buf_init(&input, 0);
		const char *token = json_string_value(json_object_get(output, "NextToken"));
		write_page_request(&input, path, token);
		aws_json_free(output);
		output = NULL;
		if (!call(client, "AmazonSSM.GetParametersByPath", &input, &output, error, err))
			return false;
		bool ok = give_all(output, each, context, err);
		token = json_string_value(json_object_get(output, "NextToken"));
		if (!ok || !token || !*token) {
			aws_json_free(output);
			return ok;
		}
	}
	aws_json_free(output);
	return err_set(err, "AmazonSSM.GetParametersByPath: more than %d pages below '%s'",
	    SSM_PAGES_MAX, path);
}

static void write_names(struct buf *input, const char *const *names, size_t count)
{
	struct jw w;
	jw_init(&w, input, 0);
	jw_object_begin(&w);
	jw_key(&w, "Names");
	jw_array_begin(&w);
	for (size_t i = 0; i < count; i++)
		jw_cstr(&w, names[i]);
	jw_array_end(&w);
	jw_key(&w, "WithDecryption");
	jw_bool(&w, true);
	jw_object_end(&w);
}

bool ssm_get(struct aws_client *client, const char *const *names, size_t count,
    ssm_parameter_fn *each, void *context, struct aws_error *error, struct err *err)
{
	for (size_t from = 0; from < count; from += SSM_NAMES_MAX) {
		struct buf input;
		json_t *output;
		buf_init(&input, 0);
		write_names(&input, names + from,
		    count - from < SSM_NAMES_MAX ? count - from : SSM_NAMES_MAX);
		if (!call(client, "AmazonSSM.GetParameters", &input, &output, error, err))
			return false;
		bool ok = give_all(output, each, context, err);
		aws_json_free(output);
		if (!ok)
			return false;
	}
	return true;
}

static void write_parameter(struct buf *input, const char *name, struct slice value,
    const char *type, const char *kms_key_id)
{
	struct jw w;
	/* Room first, so that growing leaves no copies of the value behind. */
	buf_reserve(input, 6 * value.len + 4096);
	jw_init(&w, input, 0);
	jw_object_begin(&w);
	jw_key(&w, "Name");
	jw_cstr(&w, name);
	jw_key(&w, "Value");
	jw_string(&w, value);
	jw_key(&w, "Type");
	jw_cstr(&w, type);
	jw_key(&w, "Overwrite");
	jw_bool(&w, true);
	if (value.len > 4096) {
		jw_key(&w, "Tier");
		jw_cstr(&w, "Advanced");
	}
	if (kms_key_id && strcmp(type, "SecureString") == 0) {
		jw_key(&w, "KeyId");
		jw_cstr(&w, kms_key_id);
	}
	jw_object_end(&w);
}

bool ssm_put(struct aws_client *client, const char *name, struct slice value, const char *type,
    const char *kms_key_id, uint64_t *version, struct aws_error *error, struct err *err)
{
	struct buf input;
	json_t *output;
	buf_init(&input, 0);
	write_parameter(&input, name, value, type, kms_key_id);
	if (!call(client, "AmazonSSM.PutParameter", &input, &output, error, err))
		return false;
	if (version)
		*version = (uint64_t)json_integer_value(json_object_get(output, "Version"));
	aws_json_free(output);
	return true;
}

bool ssm_delete(
    struct aws_client *client, const char *name, struct aws_error *error, struct err *err)
{
	struct buf input;
	struct jw w;
	struct aws_error own;
	struct err refusal = { 0 };
	if (!error)
		error = &own;
	buf_init(&input, 0);
	jw_init(&w, &input, 0);
	jw_object_begin(&w);
	jw_key(&w, "Name");
	jw_cstr(&w, name);
	jw_object_end(&w);
	if (call(client, "AmazonSSM.DeleteParameter", &input, NULL, error, &refusal) ||
	    aws_error_is(error, "ParameterNotFound"))
		return true;
	return err_set(err, "%s", refusal.text);
}
