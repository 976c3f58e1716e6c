/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * store: where the parameters live. Two kinds behind one interface: `file`, one JSON file in the
 * shape `aws ssm get-parameters-by-path` prints, and `ssm`, the AWS Parameter Store.
 *
 * Names are full paths (/bank/dev/api-services/accounts/url). Calls block; one thread at a time.
 */
#include "common/arena.h"
#include "common/err.h"

#include <signal.h>

enum parameter_type { PARAMETER_STRING, PARAMETER_STRING_LIST, PARAMETER_SECURE_STRING };

/* Limits of SSM; the file store holds to them too. */
enum {
	STORE_NAME_MAX = 2048,
	STORE_VALUE_MAX = 8192, /* bytes; an advanced parameter */
	STORE_PARAMETERS_MAX = 100000,
	STORE_FILE_MAX_BYTES = 256 << 20,
};

struct parameter {
	struct slice name;  /* NUL behind it */
	struct slice value; /* NUL behind it; may hold any byte, so never print it unescaped */
	enum parameter_type type;
	uint64_t version; /* 1 for the first value */
};

/* What list() gives: items in no particular order, everything in `arena`. */
struct parameter_list {
	struct arena arena;
	struct parameter *items;
	size_t count;
	size_t cap;
};

void parameter_list_init(struct parameter_list *list);
void parameter_list_release(struct parameter_list *list);
/* Copies name and value. False with err set: too many, too long, or no memory. */
bool parameter_list_add(struct parameter_list *list, struct slice name, struct slice value,
    enum parameter_type type, uint64_t version, struct err *err);
/* By name; call it before parameter_list_find(). */
void parameter_list_sort(struct parameter_list *list);
/* In a sorted list; NULL when there is none. */
const struct parameter *parameter_list_find(const struct parameter_list *list, struct slice name);

/* "String", "StringList", "SecureString". */
const char *parameter_type_name(enum parameter_type type);
bool parameter_type_parse(struct slice name, enum parameter_type *out);

struct store;

/*
 * All return false with err set: text lower case, naming the parameter or prefix first, then the
 * store's own reason (for SSM: the AWS error code, its message, the request id).
 */
struct store_ops {
	const char *kind; /* "file" or "ssm" */
	/*
	 * Adds every parameter below `prefix` ("/bank/dev", no slash at the end), recursively and
	 * decrypted. All or nothing: a partial answer is an error. No parameter at all is success.
	 */
	bool (*list)(
	    struct store *store, const char *prefix, struct parameter_list *out, struct err *err);
	/* Creates or overwrites. *version, when given, becomes the new version. */
	bool (*put)(struct store *store, const char *name, struct slice value,
	    enum parameter_type type, uint64_t *version, struct err *err);
	/* Removes; true when there was none. */
	bool (*remove)(struct store *store, const char *name, struct err *err);
	/* One line for people: "file parameters.json", "ssm eu-west-1". Lives as long as the store.
	 */
	const char *(*describe)(const struct store *store);
	void (*free)(struct store *store);
};

/* The first member of each kind's own struct. */
struct store {
	const struct store_ops *ops;
};

static inline void store_free(struct store *store)
{
	if (store)
		store->ops->free(store);
}

/* NULL with err set when there is no memory. The file need not exist before the first put(). */
struct store *store_file_new(const char *path, struct err *err);

/* Each may be NULL: then the environment, the profile or IMDS decides, in the order of the AWS
 * SDKs. */
struct store_ssm_options {
	const char *region;
	const char *profile;
	const char *endpoint_url;          /* an override, as AWS_ENDPOINT_URL_SSM is */
	const char *ca_file;               /* PEM; NULL: the system's */
	const char *kms_key_id;            /* for SecureString; NULL: the account's default key */
	const volatile sig_atomic_t *stop; /* not zero: give up instead of waiting; may be NULL */
};

/* NULL with err set: no region, no credentials, no memory. */
struct store *store_ssm_new(const struct store_ssm_options *options, struct err *err);
