/* SPDX-License-Identifier: Apache-2.0 */
/* A token of any bytes: taken apart, and checked whole; nothing but AUTH_OK is ever a good
 * signature. */
#include "common/codec.h"
#include "spoa/auth/claims.h"
#include "spoa/auth/keyset.h"
#include "spoa/auth/policy.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 8037 appendix A.2. */
#define KEYS                                                                                       \
	"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k1\","                          \
	"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"

static struct policy *policy;
static struct auth_state *state;

static void set_up(void)
{
	const char *const texts[] = { "app" }, *const algorithms[] = { "EdDSA" };
	const struct authorizer_config config = {
		.name = "staff",
		.issuer = "https://issuer",
		.audiences = texts,
		.audience_count = 1,
		.algorithms = algorithms,
		.algorithm_count = 1,
	};
	struct keyset *keys = keyset_parse(SLICE(KEYS), "keys", NULL);
	assert(keys);
	policy =
	    policy_new(authorizer_new(&config, NULL, keys, NULL), texts, 1, false, MTLS_OFF, NULL);
	state = auth_state_new(16, 1 << 16, 300);
	assert(policy && state);
}

/* What is split has one spelling: encoding the parts gives the same bytes. */
static void check_spelling(const struct token *token)
{
	struct buf again;
	const struct slice parts[] = { token->header, token->payload, token->signature };
	buf_init(&again, 0);
	for (size_t i = 0; i < 3; i++) {
		if (i)
			buf_append_byte(&again, '.');
		base64url_encode(&again, parts[i]);
	}
	assert(slice_eq(buf_slice(&again), token->text));
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct token token;
	struct claims claims;
	struct auth_result result;
	struct slice text = slice_of(data, size);
	const struct auth_input in = {
		.authorization = &text, .authorization_count = 1, .now_unix_s = 1800000000
	};
	if (!policy)
		set_up();
	arena_init(&arena, 1 << 20);
	auth_check(state, policy, &in, &arena, &result);
	if (slice_starts_with_nocase(text, SLICE("bearer ")))
		text = slice_from(text, 7);
	if (token_split(text, TOKEN_MAX_BYTES, &arena, &token) == AUTH_OK) {
		check_spelling(&token);
		if (token_read_header(&token, &arena) == AUTH_OK &&
		    claims_parse(&token, &arena, &claims) == AUTH_OK) {
			char *memory = malloc(claims_size(&claims) + 1);
			struct claims copy;
			claims_copy(&claims, memory, &copy);
			assert(
			    claims_check(&copy, policy, &in) == claims_check(&claims, policy, &in));
			free(memory);
		}
	}
	arena_release(&arena);
	return 0;
}
