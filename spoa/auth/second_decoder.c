/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/second_decoder.h"

#include "spoa/auth/alg.h"

#include <jwt.h>
#include <math.h>
#include <openssl/err.h>

/* libjwt copies the token onto the stack. */
enum { STACK_MAX_BYTES = TOKEN_MAX_BYTES };

static bool can_read(const struct token *token)
{
	bool known_alg = token->alg->family == ALG_RSA_PKCS1 || token->alg->family == ALG_ECDSA;
	bool plain_typ = token->typ.len == 0 || slice_eq_nocase(token->typ, SLICE("JWT"));
	return known_alg && plain_typ && token->text.len <= STACK_MAX_BYTES;
}

static bool same_text(jwt_t *decoded, const char *name, struct slice ours)
{
	const char *theirs = jwt_get_grant(decoded, name);
	return slice_eq(theirs ? slice_of_cstr(theirs) : (struct slice){ 0 }, ours);
}

/* libjwt reads whole numbers only; another exp it cannot confirm. */
static bool same_exp(jwt_t *decoded, const struct claims *claims)
{
	double whole = floor(claims->exp.value);
	return claims->exp.value > whole || (double)jwt_get_grant_int(decoded, "exp") == whole;
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
	              same_text(decoded, "iss", claims->iss) &&
	              same_text(decoded, "sub", claims->sub) && same_exp(decoded, claims);
	jwt_free(decoded);
	ERR_clear_error();
	return agrees;
}
