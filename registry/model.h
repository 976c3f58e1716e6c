/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * model: what the parameters below the prefix mean: the live services and the two authorizers.
 * Built in one go from settings and parameters; immutable afterwards. Pure: no files, no clock.
 */
#include "registry/settings.h"
#include "registry/store.h"

enum { AUTHORIZER_STAFF, AUTHORIZER_CUSTOMERS, AUTHORIZER_COUNT };
enum { CLIENT_KEY_CLIENT, CLIENT_KEY_SUB, CLIENT_KEY_SOURCE };
enum { MTLS_OFF, MTLS_OPTIONAL, MTLS_REQUIRED };
enum { WAF_MODE_BLOCK, WAF_MODE_COUNT, WAF_MODE_OFF };
enum { OVERSIZE_REJECT, OVERSIZE_CONTINUE };

struct service {
	const char *id;
#define F(member, name, type, ...) FIELD_CTYPE_##type member;
#include "registry/model.def"
#undef F
	bool held_back; /* something is wrong with it; not rendered */
};

extern const struct field SERVICE_FIELDS[];
extern const size_t SERVICE_FIELD_COUNT;

struct authorizer {
	const char *name; /* "staff" or "customers" */
	bool used;        /* by a live service */
	const char *issuer;
	const char *jwks_url;  /* NULL: by discovery, or the file */
	const char *jwks_file; /* NULL */
	const char *ca_file;   /* NULL: the system's */
	struct text_list audiences;
	struct text_list algorithms;
	const char *token_use;
};

struct model {
	struct arena arena;
	const struct settings *settings;
	struct service *services; /* by id */
	size_t service_count;
	struct authorizer authorizers[AUTHORIZER_COUNT];
};

/*
 * `parameters` must be sorted and may hold more than the prefix. Findings name what is wrong; a
 * service with findings of its own is marked held_back. False only for want of memory.
 */
bool model_build(struct model *model, const struct settings *settings,
    const struct parameter_list *parameters, struct findings *findings, struct err *err);
void model_release(struct model *model);

const struct service *model_find(const struct model *model, const char *id);
const struct field *service_field_find(struct slice name);
