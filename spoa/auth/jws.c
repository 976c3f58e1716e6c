/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/jws.h"

static const struct key *choose_key(const struct keyset *keys, struct slice kid)
{
	const struct key *single = keyset_single(keys);
	if (single && (kid.len == 0 || single->kid.len == 0))
		return single;
	return kid.len ? keyset_find(keys, kid) : NULL;
}

static enum auth_reason verify(struct verifier *verifier, const struct keyset *keys,
    alg_set allowed, const struct token *token)
{
	if (!(allowed & alg_bit(token->alg)))
		return AUTH_ALG_REFUSED;
	const struct key *key = choose_key(keys, token->kid);
	if (!key)
		return token->kid.len ? AUTH_KID_UNKNOWN : AUTH_KID_MISSING;
	if (!(key->allowed & alg_bit(token->alg)))
		return AUTH_KEY_UNSUITABLE;
	switch (
	    signature_verify(verifier, key, token->alg, token->signing_input, token->signature)) {
	case SIGNATURE_GOOD:
		return AUTH_OK;
	case SIGNATURE_BAD:
		return AUTH_SIGNATURE_INVALID;
	case SIGNATURE_NO_MEMORY:
		break;
	}
	return AUTH_INTERNAL;
}

enum auth_reason jws_verify(struct verifier *verifier, const struct keyset *keys, alg_set allowed,
    struct slice text, struct arena *arena)
{
	struct token token;
	enum auth_reason reason = token_split(text, TOKEN_MAX_BYTES, arena, &token);
	if (reason == AUTH_OK)
		reason = token_read_header(&token, arena);
	return reason == AUTH_OK ? verify(verifier, keys, allowed, &token) : reason;
}
