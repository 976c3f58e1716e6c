/* SPDX-License-Identifier: Apache-2.0 */
/* Microseconds per token check, the best of 25 batches: cached, and uncached by algorithm. */
#include "common/clock.h"
#include "spoa/auth/auth.h"
#include "spoa/auth/keyset.h"
#include "spoa/auth/policy.h"
#include "spoa/tools/cognito.h"
#include "spoa/tools/signing_key.h"

#include <stdlib.h>

enum { BATCHES = 25, NOW = 1800000000 };

static double measure(
    struct auth_state *state, const struct policy *policy, struct slice value, unsigned rounds)
{
	const struct auth_input in = {
		.authorization = &value, .authorization_count = 1, .now_unix_s = NOW
	};
	double best = 1e9;
	struct arena arena;
	arena_init(&arena, 0);
	for (unsigned b = 0; b < BATCHES; b++) {
		uint64_t start_ns = clock_monotonic_ns();
		for (unsigned i = 0; i < rounds; i++) {
			struct auth_result out;
			auth_check(state, policy, &in, &arena, &out);
			if (out.reason != AUTH_OK) {
				fprintf(stderr, "bench_auth: %s\n", auth_reason_code(out.reason));
				exit(1);
			}
			arena_reset(&arena);
		}
		double us = (double)(clock_monotonic_ns() - start_ns) / 1000 / rounds;
		best = us < best ? us : best;
	}
	arena_release(&arena);
	return best;
}

static struct policy *policy_of(const struct signing_key *key, bool single_decoder)
{
	const char *const audiences[] = { "back-office" }, *const algorithms[] = { key->alg->name };
	const struct authorizer_config config = {
		.name = "bench",
		.issuer = "https://issuer/staff",
		.audiences = audiences,
		.audience_count = 1,
		.algorithms = algorithms,
		.algorithm_count = 1,
		.single_decoder = single_decoder,
	};
	const char *const scopes[] = { "accounts/read" };
	json_t *json = signing_key_set(key, 1);
	struct keyset *keys = keyset_from_json(json, NULL);
	struct authorizer *authorizer = authorizer_new(&config, NULL, keys, NULL);
	struct policy *policy = policy_new(authorizer, scopes, 1, false, MTLS_OFF, NULL);
	authorizer_unref(authorizer);
	keyset_unref(keys);
	json_decref(json);
	return policy;
}

static void bench(const char *type)
{
	struct signing_key key;
	struct err err = { 0 };
	struct buf text;
	const struct cognito_token token = {
		.issuer = "https://issuer/staff",
		.sub = "8f5a3c3e-2a5b-4c55-9d0e-0d5a2f8a8c11",
		.client_id = "back-office",
		.scope = "accounts/read accounts/write payments/read",
		.use = "access",
		.issued_unix_s = NOW - 60,
		.lifetime_s = 3600,
	};
	buf_init(&text, 0);
	buf_append_cstr(&text, "Bearer ");
	json_t *claims = cognito_claims(&token, &err);
	if (!claims || !signing_key_generate(&key, type, &err) ||
	    !signing_key_sign(&key, NULL, "JWT", claims, &text, &err)) {
		fprintf(stderr, "bench_auth: %s\n", err.text);
		exit(1);
	}
	struct auth_state *cached = auth_state_new(1024, 1 << 20, 300),
	                  *uncached = auth_state_new(0, 0, 0);
	struct policy *two = policy_of(&key, false), *one = policy_of(&key, true);
	printf("%-6s %5zu bytes  cached %6.2f us  uncached %6.2f us  without libjwt %6.2f us\n",
	    key.alg->name, text.len - 7, measure(cached, two, buf_slice(&text), 2000),
	    measure(uncached, two, buf_slice(&text), 200),
	    measure(uncached, one, buf_slice(&text), 200));
	policy_free(two);
	policy_free(one);
	auth_state_free(cached);
	auth_state_free(uncached);
	json_decref(claims);
	signing_key_release(&key);
	buf_release(&text);
}

int main(void)
{
	static const char *const types[] = { "rsa", "ec", "ed25519" };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		bench(types[i]);
	return 0;
}
