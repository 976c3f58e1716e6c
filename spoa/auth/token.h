/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * token: one JWS in compact serialisation (RFC 7515 section 7.1), taken apart strictly. What is not
 * exactly three canonical base64url segments with a JSON object as header is refused before any key
 * is looked at: one token has one spelling.
 */
#include "common/arena.h"
#include "spoa/auth/auth.h"

#include <jansson.h>

struct alg;

enum {
	TOKEN_MAX_BYTES = 16 * 1024, /* also bounds the decoded segments */
	TOKEN_HEADER_MAX_BYTES = 1024,
	TOKEN_JSON_DEPTH_MAX = 32,
};

struct token {
	struct slice text;          /* the whole token */
	struct slice signing_input; /* "header.payload" of `text` */
	struct slice header;        /* decoded, in the arena */
	struct slice payload;
	struct slice signature;
	const struct alg *alg;
	struct slice kid; /* in the arena; empty: none */
	struct slice typ;
};

/*
 * The token of the Authorization header's values: AUTH_OK and *out, or TOKEN_MISSING,
 * TOKEN_REPEATED, SCHEME_UNSUPPORTED, TOKEN_MALFORMED. RFC 6750 section 2.1; the scheme in any
 * letter case, one blank.
 */
enum auth_reason token_from_header(const struct slice *values, size_t count, struct slice *out);

/*
 * Splits and decodes. AUTH_OK, or TOKEN_TOO_LONG, TOKEN_MALFORMED, TOKEN_NOT_CANONICAL, INTERNAL
 * (no memory). `max_bytes` is at most TOKEN_MAX_BYTES.
 */
enum auth_reason token_split(
    struct slice text, size_t max_bytes, struct arena *arena, struct token *out);

/*
 * Reads the header of a split token: alg, kid, typ. AUTH_OK, or HEADER_MALFORMED, ALG_REFUSED (no
 * row for it), CRIT_REFUSED, INTERNAL. Members that would let a token choose its own key (jwk, jku,
 * x5u, x5c, x5t) are never looked at.
 */
enum auth_reason token_read_header(struct token *token, struct arena *arena);

/*
 * A JSON object from attacker-made bytes: duplicates refused, depth bounded before jansson
 * recurses. NULL: anything else. The caller owns the reference.
 */
json_t *token_json_object(struct slice text);
