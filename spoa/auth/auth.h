/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * auth: one request's token, checked against one route's policy. The only header of this layer that
 * the agent needs beside policy.h and keyset_refresh.h.
 *
 * The order of the checks is from cheap to dear; the first failure decides. Nothing in a token
 * chooses the authorizer, the key set, the algorithm list or a URL.
 * RFC 7515, 7517, 7518, 7519, 6750, 8725; OpenID Connect Core for `sub`.
 */
#include "common/arena.h"

struct policy;     /* policy.h: a route's rules; immutable */
struct auth_state; /* per thread: token cache, verification contexts; never shared */

/* reason.def: RFC 6750 error, HTTP status, description, log code and metric of each. */
enum auth_reason {
#define REASON(id, status, error, description) AUTH_##id,
#include "spoa/auth/reason.def"
#undef REASON
	AUTH_REASON_COUNT
};

struct auth_input {
	/* Every value of the header, in order: more than one is refused. */
	const struct slice *authorization;
	size_t authorization_count;
	/* SHA-256 of the client certificate (32 bytes) or empty: RFC 8705 x5t#S256. */
	struct slice cert_sha256;
	int64_t now_unix_s;
};

/*
 * What the caller may use and log. Slices live in `arena` or in the token cache entry that this
 * thread keeps until its next auth_check(). They hold visible ASCII only (scopes: and single
 * blanks). All are empty until the signature was verified.
 */
struct auth_result {
	enum auth_reason reason; /* AUTH_OK lets the request through */
	struct slice sub;
	struct slice client_id; /* client_id, else azp, else the single aud */
	struct slice scopes;    /* joined by blanks */
	struct slice jti;
	bool from_cache;
	/* With KID_UNKNOWN: the keys are being fetched, and in a moment the answer may be another.
	 */
	bool refreshing;
};

/* `cache_entries` 0 switches the token cache off. NULL: no memory. */
struct auth_state *auth_state_new(size_t cache_entries, size_t cache_bytes, unsigned cache_ttl_s);
void auth_state_free(struct auth_state *state);

/* Never fails for want of memory: that is AUTH_INTERNAL, a 503. */
void auth_check(struct auth_state *state, const struct policy *policy, const struct auth_input *in,
    struct arena *arena, struct auth_result *out);

/* 200, 401, 403 or 503. */
unsigned auth_reason_status(enum auth_reason reason);
/* Lower-case code for logs and metrics: "ok", "token_expired". */
const char *auth_reason_code(enum auth_reason reason);
/* The WWW-Authenticate value for a 401 or 403 (RFC 6750 section 3), in the arena; else empty. */
struct slice auth_challenge(
    enum auth_reason reason, const struct policy *policy, struct arena *arena);
