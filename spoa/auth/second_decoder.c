/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/second_decoder.h"

#include "spoa/auth/alg.h"

#include <jwt.h>
#include <openssl/err.h>
#include <stdlib.h>

/* A macro that came with 1.12; neither version has one that names it. */
#ifdef JWT_VALIDATION_SUCCESS
#define free_text(text) jwt_free_str(text)
#else
#define free_text(text) free(text)
#endif

/* libjwt copies the token onto the stack. */
enum { STACK_MAX_BYTES = 8 * 1024 };

static bool can_read(const struct token *token)
{
	bool known_alg = token->alg->family == ALG_RSA_PKCS1 || token->alg->family == ALG_ECDSA;
	bool plain_typ = token->typ.len == 0 || slice_eq_nocase(token->typ, SLICE("JWT"));
	return known_alg && plain_typ && token->text.len <= STACK_MAX_BYTES;
}

static bool same_text(const char *theirs, struct slice ours)
{
	return slice_eq(slice_of_cstr(theirs), ours);
}

/* jwt_get_grant_int() gives 0 for a number with a fraction; its JSON text is whole. */
static bool same_exp(jwt_t *decoded, const struct claims *claims)
{
	char *text = jwt_get_grants_json(decoded, "exp");
	bool same = text && strtod(text, NULL) == claims->exp.value;
	free_text(text);
	return same;
}

bool second_decoder_agrees(const struct token *token, const struct claims *claims)
{
	jwt_t *decoded = NULL;
	char text[STACK_MAX_BYTES + 1];
	if (!can_read(token))
		return true;
	memcpy(text, token->text.ptr, token->text.len);
	text[token->text.len] = '\0';
	/* Without a key libjwt parses and verifies nothing; the signature is checked already. */
	bool agrees = jwt_decode(&decoded, text, NULL, 0) == 0 &&
	              same_text(jwt_get_header(decoded, "alg"), slice_of_cstr(token->alg->name)) &&
	              same_text(jwt_get_grant(decoded, "iss"), claims->iss) &&
	              same_text(jwt_get_grant(decoded, "sub"), claims->sub) &&
	              same_exp(decoded, claims);
	jwt_free(decoded);
	ERR_clear_error();
	return agrees;
}
