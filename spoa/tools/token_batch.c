/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/tools/token_batch.h"

#include "common/arena.h"
#include "common/json_write.h"
#include "spoa/auth/auth.h"
#include "spoa/auth/jws.h"

#include <stdlib.h>

enum { LINE_MAX_BYTES = 4 << 20 };

struct run {
	const struct token_batch *batch;
	struct verifier verifier;
	struct auth_state *state;
	struct arena arena;
};

static struct slice text_of(const json_t *value)
{
	return slice_of(json_string_value(value), json_string_length(value));
}

/* The names that are supported; false: not an array of strings. */
static bool read_algorithms(const json_t *algs, const char *names[ALG_COUNT], size_t *count)
{
	size_t index;
	const json_t *one;
	alg_set seen = 0;
	*count = 0;
	if (algs && !json_is_array(algs))
		return false;
	for (unsigned i = 0; !algs && i < ALG_COUNT; i++)
		names[(*count)++] = alg_at(i)->name;
	json_array_foreach(algs, index, one)
	{
		const struct alg *alg = alg_find(text_of(one));
		if (!json_is_string(one))
			return false;
		if (alg && !(seen & alg_bit(alg)))
			names[(*count)++] = alg->name;
		seen |= alg ? alg_bit(alg) : 0;
	}
	return true;
}

static enum auth_reason check_signature(struct run *run, const struct keyset *keys,
    const char *const *names, size_t count, struct slice token)
{
	alg_set allowed = 0;
	for (size_t i = 0; i < count; i++)
		allowed |= alg_bit(alg_find(slice_of_cstr(names[i])));
	return jws_verify(&run->verifier, keys, allowed, token, &run->arena);
}

static enum auth_reason check_claims(struct run *run, struct keyset *keys, const char *const *names,
    size_t count, struct slice token)
{
	const struct token_batch *b = run->batch;
	struct authorizer_config rules = b->rules;
	struct auth_result result = { .reason = AUTH_INTERNAL };
	rules.algorithms = names;
	rules.algorithm_count = count;
	rules.kid_optional = true;
	struct authorizer *authorizer = authorizer_new(&rules, NULL, keys, NULL);
	struct policy *policy =
	    authorizer ? policy_new(authorizer, b->scopes, b->scope_count, false, MTLS_OFF, NULL)
	               : NULL;
	struct slice header =
	    slice_of_cstr(arena_printf(&run->arena, "Bearer %.*s", SLICE_ARG(token)));
	const struct auth_input in = {
		.authorization = &header,
		.authorization_count = 1,
		.now_unix_s = b->now_unix_s,
	};
	if (policy && header.ptr)
		auth_check(run->state, policy, &in, &run->arena, &result);
	policy_free(policy);
	authorizer_unref(authorizer);
	return result.reason;
}

/* A key by itself is a set of one. */
static struct keyset *read_keys(const json_t *jwks)
{
	if (!json_object_get(jwks, "kty"))
		return keyset_from_json(jwks, NULL);
	json_t *set = json_pack("{s:[O]}", "keys", jwks);
	struct keyset *keys = set ? keyset_from_json(set, NULL) : NULL;
	json_decref(set);
	return keys;
}

static const char *check_line(struct run *run, const json_t *line)
{
	const char *names[ALG_COUNT];
	size_t count;
	const json_t *token = json_object_get(line, "token");
	if (!json_is_object(line) || !token ||
	    !read_algorithms(json_object_get(line, "algs"), names, &count))
		return "line_malformed";
	/* The JSON serialisation of RFC 7515 section 7.2, perhaps. */
	if (!json_is_string(token))
		return auth_reason_code(AUTH_TOKEN_MALFORMED);
	if (count == 0)
		return auth_reason_code(AUTH_ALG_REFUSED);
	struct keyset *keys = read_keys(json_object_get(line, "jwks"));
	if (!keys)
		return auth_reason_code(AUTH_KEYS_UNAVAILABLE);
	enum auth_reason reason = run->batch->signature_only
	                              ? check_signature(run, keys, names, count, text_of(token))
	                              : check_claims(run, keys, names, count, text_of(token));
	keyset_unref(keys);
	arena_reset(&run->arena);
	return auth_reason_code(reason);
}

static bool answer_line(struct run *run, struct slice text, FILE *out)
{
	json_t *line = text.len <= LINE_MAX_BYTES ? json_loadb(text.ptr ? text.ptr : "", text.len,
	                                                JSON_REJECT_DUPLICATES, NULL)
	                                          : NULL;
	const char *reason = check_line(run, line);
	char *id = json_dumps(json_object_get(line, "id"), JSON_ENCODE_ANY | JSON_COMPACT);
	struct buf answer;
	struct jw w;
	buf_init(&answer, 0);
	jw_init(&w, &answer, 0);
	jw_object_begin(&w);
	jw_key(&w, "id");
	jw_raw(&w, id ? slice_of_cstr(id) : SLICE("null"));
	jw_key(&w, "ok");
	jw_bool(&w, strcmp(reason, "ok") == 0);
	jw_key(&w, "reason");
	jw_cstr(&w, reason);
	jw_object_end(&w);
	buf_append_byte(&answer, '\n');
	bool ok = !buf_failed(&answer) && fwrite(answer.data, 1, answer.len, out) == answer.len;
	buf_release(&answer);
	free(id);
	json_decref(line);
	return ok;
}

bool token_batch_run(const struct token_batch *batch, FILE *in, FILE *out)
{
	struct run run = { .batch = batch };
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	arena_init(&run.arena, 0);
	run.state = auth_state_new(0, 0, 0);
	bool ok = verifier_init(&run.verifier) && run.state;
	while (ok && (len = getline(&line, &cap, in)) >= 0) {
		struct slice text = slice_of(line, (size_t)len);
		if (slice_ends_with(text, SLICE("\n")))
			text.len--;
		ok = answer_line(&run, text, out);
	}
	ok = ok && !ferror(in) && fflush(out) == 0;
	free(line);
	auth_state_free(run.state);
	verifier_release(&run.verifier);
	arena_release(&run.arena);
	return ok;
}
