/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/auth.h"

#include "spoa/auth/claims.h"
#include "spoa/auth/keyset_refresh.h"
#include "spoa/auth/policy.h"
#include "spoa/auth/second_decoder.h"
#include "spoa/auth/signature.h"
#include "spoa/auth/token.h"
#include "spoa/auth/token_cache.h"

#include <stdlib.h>

enum { SOURCES_MAX = 16, TOKEN_ACCEPTED_BYTES = 8 * 1024 };

/* A thread's own reference to a source's current set: the hot path takes no lock. */
struct held_set {
	struct key_source *source; /* referenced */
	struct keyset *set;        /* referenced; NULL: the source had none */
	uint64_t version;
};

struct auth_state {
	struct verifier verifier;
	struct token_cache *cache; /* NULL: switched off */
	struct held_set held[SOURCES_MAX];
	size_t next_held;
};

struct auth_state *auth_state_new(size_t cache_entries, size_t cache_bytes, unsigned cache_ttl_s)
{
	struct auth_state *state = calloc(1, sizeof(*state));
	if (!state)
		return NULL;
	bool ok = verifier_init(&state->verifier);
	if (ok && cache_entries) {
		state->cache = token_cache_new(cache_entries, cache_bytes, cache_ttl_s);
		ok = state->cache != NULL;
	}
	if (ok)
		return state;
	auth_state_free(state);
	return NULL;
}

static void held_release(struct held_set *held)
{
	keyset_unref(held->set);
	key_source_unref(held->source);
	*held = (struct held_set){ 0 };
}

void auth_state_free(struct auth_state *state)
{
	if (!state)
		return;
	for (size_t i = 0; i < SOURCES_MAX; i++)
		held_release(&state->held[i]);
	token_cache_free(state->cache);
	verifier_release(&state->verifier);
	free(state);
}

static struct held_set *held_find(struct auth_state *state, struct key_source *source)
{
	for (size_t i = 0; i < SOURCES_MAX; i++)
		if (state->held[i].source == source)
			return &state->held[i];
	/* New to this thread: takes the oldest place, which a reloaded configuration may have left
	 * behind. */
	struct held_set *held = &state->held[state->next_held];
	state->next_held = (state->next_held + 1) % SOURCES_MAX;
	held_release(held);
	held->source = key_source_ref(source);
	held->version = UINT64_MAX;
	return held;
}

/* The authorizer's current keys, borrowed until the next call; NULL: there are none. */
static const struct keyset *current_keys(
    struct auth_state *state, const struct authorizer *authorizer)
{
	if (authorizer->fixed)
		return authorizer->fixed;
	struct held_set *held = held_find(state, authorizer->keys);
	uint64_t version = key_source_version(held->source);
	if (version != held->version) {
		keyset_unref(held->set);
		held->set = key_source_get(held->source);
		held->version = version;
	}
	return held->set;
}

static enum auth_reason choose_key(const struct token *token, const struct authorizer *authorizer,
    const struct keyset *keys, const struct key **out)
{
	if (token->kid.len == 0 && !authorizer->kid_optional)
		return AUTH_KID_MISSING;
	*out = token->kid.len ? keyset_find(keys, token->kid) : keyset_single(keys);
	if (!*out)
		return token->kid.len ? AUTH_KID_UNKNOWN : AUTH_KID_MISSING;
	return (*out)->allowed & alg_bit(token->alg) ? AUTH_OK : AUTH_KEY_UNSUITABLE;
}

static enum auth_reason verify(struct auth_state *state, const struct token *token,
    const struct authorizer *authorizer, const struct keyset *keys)
{
	const struct key *key;
	enum auth_reason reason = choose_key(token, authorizer, keys, &key);
	if (reason != AUTH_OK)
		return reason;
	switch (signature_verify(
	    &state->verifier, key, token->alg, token->signing_input, token->signature)) {
	case SIGNATURE_GOOD:
		return AUTH_OK;
	case SIGNATURE_BAD:
		return AUTH_SIGNATURE_INVALID;
	case SIGNATURE_NO_MEMORY:
		break;
	}
	return AUTH_INTERNAL;
}

/* From bytes to claims that may be believed: header, key, signature, payload, second opinion. */
static enum auth_reason read_verified(struct auth_state *state, struct token *token,
    const struct authorizer *authorizer, const struct keyset *keys, struct arena *arena,
    struct claims *claims)
{
	enum auth_reason reason = token_read_header(token, arena);
	if (reason == AUTH_OK && !(authorizer->algorithms & alg_bit(token->alg)))
		reason = AUTH_ALG_REFUSED;
	if (reason == AUTH_OK)
		reason = verify(state, token, authorizer, keys);
	if (reason == AUTH_OK)
		reason = claims_parse(token, arena, claims);
	if (reason == AUTH_OK && !authorizer->single_decoder &&
	    !second_decoder_agrees(token, claims))
		reason = AUTH_DECODERS_DISAGREE;
	return reason;
}

static void publish(const struct claims *claims, struct auth_result *out)
{
	out->sub = claims->sub;
	out->client_id = claims_client(claims);
	out->scopes = claims->scopes_joined;
	out->jti = claims->jti;
}

static enum auth_reason check_text(struct auth_state *state, const struct policy *policy,
    const struct auth_input *in, struct slice text, struct arena *arena, struct auth_result *out)
{
	const struct authorizer *authorizer = policy->authorizer;
	const struct keyset *keys = current_keys(state, authorizer);
	struct token_cache_key key;
	struct claims fresh;
	struct token token;
	if (!keys)
		return AUTH_KEYS_UNAVAILABLE;
	if (text.len > TOKEN_ACCEPTED_BYTES)
		return AUTH_TOKEN_TOO_LONG;
	key.generation = keys->generation;
	if (!digest_sha256(text, key.digest))
		return AUTH_INTERNAL;
	/* Only canonical tokens are ever put there, so a hit needs no second look at the spelling.
	 */
	const struct claims *claims =
	    state->cache ? token_cache_find(state->cache, &key, in->now_unix_s) : NULL;
	out->from_cache = claims != NULL;
	if (!claims) {
		enum auth_reason reason = token_split(text, TOKEN_ACCEPTED_BYTES, arena, &token);
		if (reason == AUTH_OK)
			reason = read_verified(state, &token, authorizer, keys, arena, &fresh);
		if (reason != AUTH_OK)
			return reason;
		if (state->cache)
			token_cache_put(state->cache, &key, &fresh, in->now_unix_s);
		claims = &fresh;
	}
	publish(claims, out);
	return claims_check(claims, policy, in);
}

void auth_check(struct auth_state *state, const struct policy *policy, const struct auth_input *in,
    struct arena *arena, struct auth_result *out)
{
	struct slice text;
	*out = (struct auth_result){ 0 };
	out->reason = policy->mtls == MTLS_REQUIRED && in->cert_sha256.len == 0
	                  ? AUTH_CERT_MISSING
	                  : token_from_header(in->authorization, in->authorization_count, &text);
	if (out->reason == AUTH_OK)
		out->reason = check_text(state, policy, in, text, arena, out);
	if (out->reason == AUTH_KID_UNKNOWN && policy->authorizer->keys)
		out->refreshing = key_source_ask(policy->authorizer->keys);
}
