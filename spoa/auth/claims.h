/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * claims: what a verified token says (RFC 7519 section 4, RFC 9068, Cognito), in the form that is
 * kept and checked. Parsing and checking are apart, so that a cached token is checked again against
 * every route and the clock.
 */
#include "common/arena.h"
#include "spoa/auth/auth.h"
#include "spoa/auth/token.h"

enum { CLAIMS_AUDIENCES_MAX = 64, CLAIMS_SCOPES_MAX = 256 };

enum token_use_claim { USE_ABSENT, USE_ACCESS, USE_ID, USE_OTHER };
enum cnf_kind { CNF_ABSENT, CNF_X5T_S256, CNF_OTHER };

/* A NumericDate that may be absent. */
struct date_claim {
	bool present;
	double value;
};

/* Slices are in the arena given to claims_parse(), or wherever claims_copy() put them. */
struct claims {
	const struct alg
	    *alg; /* the signature's; checked against the authorizer's list like a claim */
	bool has_kid;
	struct slice iss, sub, client_id, azp, jti, typ;
	struct slice *audiences;
	size_t audience_count;
	struct slice *scopes; /* scope, else scp */
	size_t scope_count;
	struct slice scopes_joined;
	struct date_claim exp, nbf, iat;
	enum token_use_claim token_use;
	enum cnf_kind cnf;
	unsigned char cnf_x5t_s256[32];
};

/*
 * AUTH_OK; PAYLOAD_MALFORMED (no JSON object, a member of the wrong type), EXP_MISSING,
 * EXP_MALFORMED, NBF_MALFORMED, IAT_MALFORMED, CLAIM_UNSAFE, INTERNAL.
 */
enum auth_reason claims_parse(const struct token *token, struct arena *arena, struct claims *out);

/* Issuer, times, kind, audience, binding, scopes, in this order. AUTH_OK, or the first that fails.
 */
enum auth_reason claims_check(
    const struct claims *claims, const struct policy *policy, const struct auth_input *in);

/* client_id, else azp, else the only audience, else empty. */
struct slice claims_client(const struct claims *claims);

/* Bytes that claims_copy() needs. */
size_t claims_size(const struct claims *claims);
/* Into `memory` of that many bytes, aligned for a pointer; nothing in the copy points elsewhere. */
void claims_copy(const struct claims *claims, void *memory, struct claims *out);
