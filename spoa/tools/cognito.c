/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/tools/cognito.h"

#include "common/slice.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UUID_TEXT = 37, NAME_MAX_BYTES = 128 };

/* RFC 9562 version 4. */
static bool uuid(char out[UUID_TEXT])
{
	unsigned char b[16];
	if (RAND_bytes(b, sizeof(b)) != 1)
		return false;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(out, UUID_TEXT,
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
	    b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
	    b[15]);
	return true;
}

static json_t *common_claims(const struct cognito_token *t)
{
	char jti[UUID_TEXT];
	if (!uuid(jti))
		return NULL;
	return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:s}", "sub", t->sub, "iss", t->issuer,
	    "token_use", t->use, "auth_time", (json_int_t)t->issued_unix_s, "iat",
	    (json_int_t)t->issued_unix_s, "exp", (json_int_t)(t->issued_unix_s + t->lifetime_s),
	    "jti", jti);
}

static bool set(json_t *claims, const char *name, json_t *value)
{
	return json_object_set_new(claims, name, value) == 0;
}

static bool add_by_use(json_t *claims, const struct cognito_token *t)
{
	if (strcmp(t->use, "id") == 0)
		return set(claims, "aud", json_string(t->client_id)) &&
		       set(claims, "cognito:username", json_string(t->sub));
	return set(claims, "client_id", json_string(t->client_id)) &&
	       set(claims, "username", json_string(t->sub)) &&
	       (!t->scope || set(claims, "scope", json_string(t->scope)));
}

static bool add_groups(json_t *claims, const struct cognito_token *t)
{
	json_t *groups = json_array();
	for (size_t i = 0; i < t->groups.count; i++)
		json_array_append_new(groups, json_string(t->groups.items[i]));
	if (t->groups.count)
		return set(claims, "cognito:groups", groups);
	json_decref(groups);
	return true;
}

static bool override(json_t *claims, const char *text, struct err *err)
{
	char name[NAME_MAX_BYTES];
	const char *equals = strchr(text, '=');
	if (!equals || equals == text || (size_t)(equals - text) >= sizeof(name))
		return err_set(err, "'%s' is not NAME=JSON", text);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
	if (!equals[1]) {
		json_object_del(claims, name);
		return true;
	}
	json_t *value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	return (value && set(claims, name, value)) ||
	       err_set(err, "the value of claim '%s' is not JSON; strings need quotes", name);
}

json_t *cognito_claims(const struct cognito_token *token, struct err *err)
{
	if (strcmp(token->use, "access") != 0 && strcmp(token->use, "id") != 0) {
		err_set(err, "unknown use '%s': access or id", token->use);
		return NULL;
	}
	json_t *claims = common_claims(token);
	bool ok = claims && add_by_use(claims, token) && add_groups(claims, token);
	if (!ok)
		err_set(err, "a claim is not UTF-8, or no memory");
	for (size_t i = 0; ok && i < token->claims.count; i++)
		ok = override(claims, token->claims.items[i], err);
	if (ok)
		return claims;
	json_decref(claims);
	return NULL;
}
