/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy: what a route asks of a token. An authorizer says whose tokens are accepted; a policy adds
 * a route's scopes and its client certificate rule. Both are immutable once made and counted by
 * reference.
 */
#include "common/err.h"
#include "spoa/auth/alg.h"

#include <stdatomic.h>

struct key_source; /* keyset_refresh.h */
struct keyset;

enum token_use { TOKEN_USE_ACCESS, TOKEN_USE_ID, TOKEN_USE_ANY };
/* TYP_ANY accepts an absent typ, "JWT", "at+jwt" and "application/at+jwt"; TYP_AT_JWT the last two
 * (RFC 9068). */
enum token_typ { TYP_ANY, TYP_JWT, TYP_AT_JWT };
enum mtls_mode { MTLS_OFF, MTLS_OPTIONAL, MTLS_REQUIRED };

enum {
	POLICY_LEEWAY_MAX_S = 300,
	POLICY_AUDIENCES_MAX = 50,
	POLICY_SCOPES_MAX = 64,
};

/* Everything is copied by authorizer_new(). */
struct authorizer_config {
	const char *name;   /* "staff" */
	const char *issuer; /* exact value of iss */
	const char *const *audiences;
	size_t audience_count;
	const char *const *algorithms; /* none: RS256 */
	size_t algorithm_count;
	enum token_use token_use;
	enum token_typ typ;
	unsigned leeway_s;
	unsigned max_lifetime_s; /* exp - iat; 0: not limited */
	bool kid_optional;       /* a token without kid is checked with the set's only key */
	bool single_decoder;     /* libjwt does not decode accepted tokens a second time */
};

struct authorizer {
	atomic_uint refs;
	struct slice name, issuer;
	struct slice *audiences;
	size_t audience_count;
	alg_set algorithms;
	enum token_use token_use;
	enum token_typ typ;
	unsigned leeway_s, max_lifetime_s;
	bool kid_optional, single_decoder;
	struct key_source *keys; /* referenced; NULL: `fixed` */
	struct keyset *fixed;    /* referenced; for tools and tests that have a key set at hand */
	void *memory;            /* an arena with the copies */
};

/* References `keys` or `fixed`, of which exactly one is given. NULL with err set: a bad value, or
 * no memory. */
struct authorizer *authorizer_new(const struct authorizer_config *config, struct key_source *keys,
    struct keyset *fixed, struct err *err);
/* What authorizer_new() would say of the rules, but for the algorithms. */
bool authorizer_check(const struct authorizer_config *config, struct err *err);
struct authorizer *authorizer_ref(struct authorizer *authorizer);
void authorizer_unref(struct authorizer *authorizer);

struct policy {
	struct authorizer *authorizer; /* referenced */
	struct slice *scopes;          /* none: any token of the authorizer will do */
	size_t scope_count;
	bool all_scopes; /* else one of them is enough */
	enum mtls_mode mtls;
	struct slice scopes_joined; /* by blanks, for the challenge */
	void *memory;
};

/* NULL with err set: a scope that is no scope-token of RFC 6749 section 3.3, too many, or no
 * memory. */
struct policy *policy_new(struct authorizer *authorizer, const char *const *scopes,
    size_t scope_count, bool all_scopes, enum mtls_mode mtls, struct err *err);
void policy_free(struct policy *policy);

/* Whether it is a scope-token of RFC 6749 section 3.3. */
bool policy_scope_check(const char *scope, struct err *err);
