/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/tools/token_batch.h"

#include "common/buf.h"
#include "spoa/tools/cognito.h"
#include "spoa/tools/signing_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NOW = 1800000000 };

static struct signing_key key;
static char *jwk, *set;
static struct buf token;

/* The answers to `lines`, which the caller frees. */
static char *answers(const struct token_batch *batch, const char *lines)
{
	char *text = NULL;
	size_t size;
	FILE *in = fmemopen((void *)(uintptr_t)lines, strlen(lines), "r"),
	     *out = open_memstream(&text, &size);
	assert_true(token_batch_run(batch, in, out));
	fclose(in);
	fclose(out);
	return text;
}

static void expect(const struct token_batch *batch, const char *line, const char *answer)
{
	char *text = answers(batch, line);
	assert_string_equal(text, answer);
	free(text);
}

static void expect_with(
    const struct token_batch *batch, const char *format, const char *keys, const char *reason)
{
	struct buf line, answer;
	buf_init(&line, 0);
	buf_init(&answer, 0);
	buf_printf(
	    &line, "{\"id\":7,\"token\":\"%s\",\"jwks\":%s%s}", buf_cstr(&token), keys, format);
	buf_printf(&answer, "{\"id\":7,\"ok\":%s,\"reason\":\"%s\"}\n",
	    strcmp(reason, "ok") ? "false" : "true", reason);
	expect(batch, buf_cstr(&line), buf_cstr(&answer));
	buf_release(&line);
	buf_release(&answer);
}

static void every_line_has_one_answer_in_order(void **state)
{
	const struct token_batch batch = { .signature_only = true };
	(void)state;
	expect(&batch,
	    "{\"id\":1}\n\nxx\n[]\n{\"id\":\"a\",\"token\":{},\"jwks\":{}}\n"
	    "{\"id\":{\"b\":[1]},\"token\":\"a.b.c\",\"jwks\":{\"keys\":[]},\"algs\":[\"HS256\"]}\n"
	    "{\"id\":2,\"id\":3,\"token\":\"a.b.c\"}\n{\"id\":4,\"token\":\"a.b.c\"}",
	    "{\"id\":1,\"ok\":false,\"reason\":\"line_malformed\"}\n"
	    "{\"id\":null,\"ok\":false,\"reason\":\"line_malformed\"}\n"
	    "{\"id\":null,\"ok\":false,\"reason\":\"line_malformed\"}\n"
	    "{\"id\":null,\"ok\":false,\"reason\":\"line_malformed\"}\n"
	    "{\"id\":\"a\",\"ok\":false,\"reason\":\"token_malformed\"}\n"
	    "{\"id\":{\"b\":[1]},\"ok\":false,\"reason\":\"alg_refused\"}\n"
	    "{\"id\":null,\"ok\":false,\"reason\":\"line_malformed\"}\n"
	    "{\"id\":4,\"ok\":false,\"reason\":\"keys_unavailable\"}\n");
}

static void keys_and_algorithms_come_from_the_line(void **state)
{
	const struct token_batch batch = { .signature_only = true };
	(void)state;
	expect_with(&batch, "", set, "ok");
	expect_with(&batch, "", jwk, "ok");
	expect_with(&batch, ",\"algs\":[\"RS256\",\"ES256\"]", set, "ok");
	expect_with(&batch, ",\"algs\":[\"RS256\"]", set, "alg_refused");
	expect_with(&batch, ",\"algs\":[]", set, "alg_refused");
	expect_with(&batch, ",\"algs\":\"ES256\"", set, "line_malformed");
	expect_with(&batch, ",\"algs\":[1]", set, "line_malformed");
}

static void claims_are_checked_unless_told_otherwise(void **state)
{
	const char *const right[] = { "app" }, *const wrong[] = { "other" };
	struct token_batch batch = { .now_unix_s = NOW };
	(void)state;
	batch.rules = (struct authorizer_config){ .name = "test",
		.issuer = "https://issuer",
		.audiences = right,
		.audience_count = 1,
		.token_use = TOKEN_USE_ANY };
	expect_with(&batch, "", set, "ok");
	batch.now_unix_s = NOW + 100;
	expect_with(&batch, "", set, "token_expired");
	batch.now_unix_s = NOW;
	batch.rules.audiences = wrong;
	expect_with(&batch, "", set, "aud_mismatch");
}

static int setup(void **state)
{
	const struct cognito_token spec = { .issuer = "https://issuer",
		.sub = "alice",
		.client_id = "app",
		.use = "access",
		.issued_unix_s = NOW,
		.lifetime_s = 60 };
	(void)state;
	buf_init(&token, 0);
	json_t *claims = cognito_claims(&spec, NULL);
	if (!signing_key_generate(&key, "ec", NULL) ||
	    !signing_key_sign(&key, NULL, NULL, claims, &token, NULL))
		return -1;
	json_t *one = signing_key_jwk(&key), *all = signing_key_set(&key, 1);
	jwk = json_dumps(one, JSON_COMPACT);
	set = json_dumps(all, JSON_COMPACT);
	json_decref(one);
	json_decref(all);
	json_decref(claims);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(jwk);
	free(set);
	buf_release(&token);
	signing_key_release(&key);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_has_one_answer_in_order),
		cmocka_unit_test(keys_and_algorithms_come_from_the_line),
		cmocka_unit_test(claims_are_checked_unless_told_otherwise),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
