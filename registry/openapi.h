/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * openapi: a service's parameters out of an OpenAPI 3 document (JSON) and back. Pure.
 *
 *     servers[0].url           url, and with the paths route-prefix and version
 *     paths                    route-prefix (what all have in common), methods (all that occur)
 *     security, of operations too   scopes
 *     x-sallyport              any parameter by its name; wins over what is derived
 */
#include "common/buf.h"
#include "registry/model.h"

enum { OPENAPI_MAX_BYTES = 16 << 20, OPENAPI_FIELDS_MAX = 64, OPENAPI_SCOPES_MAX = 64 };

struct openapi_field {
	const char *name; /* of model.def */
	const char *value;
};

struct openapi_fields {
	struct arena arena;
	struct openapi_field items[OPENAPI_FIELDS_MAX];
	size_t count;
};

/* What can be had from the document; whether it is enough and right is for validation to say. */
bool openapi_import(
    struct slice text, const char *name, struct openapi_fields *out, struct err *err);
void openapi_fields_release(struct openapi_fields *fields);
/* The value, or NULL. */
const char *openapi_field_find(const struct openapi_fields *fields, const char *name);

/* A document with the service's two routes, its answers and its parameters. */
bool openapi_export(
    const struct model *model, const struct service *service, struct buf *out, struct err *err);
