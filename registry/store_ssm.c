/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/ssm.h"
#include "registry/store.h"

#include <stdio.h>
#include <stdlib.h>

/* The account shares 40 requests per second by default; others want to read too. */
enum { REQUESTS_PER_SECOND = 30 };

struct store_ssm {
	struct store store;
	struct aws_client *client;
	char *kms_key_id; /* NULL: the account's */
	char description[AWS_ENDPOINT_MAX + 128];
};

static struct store_ssm *self(struct store *store)
{
	return (struct store_ssm *)store;
}

static bool keep(const struct ssm_parameter *parameter, void *context, struct err *err)
{
	enum parameter_type type;
	if (!parameter_type_parse(slice_of_cstr(parameter->type), &type))
		return err_set(
		    err, "'%.*s': unknown type '%s'", SLICE_ARG(parameter->name), parameter->type);
	return parameter_list_add(
	    context, parameter->name, parameter->value, type, parameter->version, err);
}

/* Puts the name that was asked for before the reason. */
static bool explain(const char *name, const struct err *reason, struct err *err)
{
	return err_set(err, "'%s': %s", name, reason->text);
}

static bool list_below(
    struct store *store, const char *prefix, struct parameter_list *out, struct err *err)
{
	struct err reason = { 0 };
	return ssm_get_by_path(self(store)->client, prefix, keep, out, NULL, &reason) ||
	       explain(prefix, &reason, err);
}

static bool put(struct store *store, const char *name, struct slice value, enum parameter_type type,
    uint64_t *version, struct err *err)
{
	struct err reason = { 0 };
	return ssm_put(self(store)->client, name, value, parameter_type_name(type),
	           self(store)->kms_key_id, version, NULL, &reason) ||
	       explain(name, &reason, err);
}

static bool remove_one(struct store *store, const char *name, struct err *err)
{
	struct err reason = { 0 };
	return ssm_delete(self(store)->client, name, NULL, &reason) || explain(name, &reason, err);
}

static const char *describe(const struct store *store)
{
	return ((const struct store_ssm *)store)->description;
}

static void free_store(struct store *store)
{
	aws_client_free(self(store)->client);
	free(self(store)->kms_key_id);
	free(store);
}

static const struct store_ops ops = {
	.kind = "ssm",
	.list = list_below,
	.put = put,
	.remove = remove_one,
	.describe = describe,
	.free = free_store,
};

static void write_description(struct store_ssm *store)
{
	const struct aws_client *client = store->client;
	bool is_own = aws_client_has_own_endpoint(client);
	snprintf(store->description, sizeof(store->description), "ssm %s%s%s",
	    aws_client_region(client), is_own ? " at " : "",
	    is_own ? aws_client_endpoint(client) : "");
}

struct store *store_ssm_new(const struct store_ssm_options *options, struct err *err)
{
	struct aws_client_options client = { .service = "ssm",
		.region = options->region,
		.profile = options->profile,
		.endpoint_url = options->endpoint_url,
		.ca_file = options->ca_file,
		.max_per_second = REQUESTS_PER_SECOND,
		.stop = options->stop };
	struct store_ssm *store = calloc(1, sizeof(*store));
	if (!store) {
		err_set(err, "no memory for the ssm store");
		return NULL;
	}
	store->store.ops = &ops;
	store->client = aws_client_new(&client, err);
	store->kms_key_id = options->kms_key_id ? strdup(options->kms_key_id) : NULL;
	if (!store->client || (options->kms_key_id && !store->kms_key_id)) {
		err_set(err, "no memory for the ssm store");
		free_store(&store->store);
		return NULL;
	}
	write_description(store);
	return &store->store;
}
