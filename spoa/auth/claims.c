/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/claims.h"

#include "common/codec.h"
#include "spoa/auth/chars.h"
#include "spoa/auth/policy.h"

#include <math.h>

/* Above 2^53 a double does not hold every integer; no date is there. */
static const double DATE_MAX = 9007199254740992.0;

struct reading {
	const json_t *payload;
	struct arena *arena;
	enum auth_reason reason; /* the first failure */
};

static void fail(struct reading *r, enum auth_reason reason)
{
	if (r->reason == AUTH_OK)
		r->reason = reason;
}

static struct slice keep(struct reading *r, const json_t *value)
{
	struct slice copy =
	    arena_dup(r->arena, slice_of(json_string_value(value), json_string_length(value)));
	if (!copy.ptr)
		fail(r, AUTH_INTERNAL);
	return copy;
}

static struct slice read_string(struct reading *r, const char *name)
{
	const json_t *value = json_object_get(r->payload, name);
	if (!value)
		return (struct slice){ 0 };
	if (json_is_string(value))
		return keep(r, value);
	fail(r, AUTH_PAYLOAD_MALFORMED);
	return (struct slice){ 0 };
}

/* What goes into a header to the service must be visible ASCII. */
static struct slice read_visible(struct reading *r, const char *name)
{
	struct slice value = read_string(r, name);
	if (!chars_are_visible(value))
		fail(r, AUTH_CLAIM_UNSAFE);
	return value;
}

static struct date_claim read_date(struct reading *r, const char *name, enum auth_reason malformed)
{
	const json_t *value = json_object_get(r->payload, name);
	struct date_claim date = { value != NULL, 0 };
	if (!value)
		return date;
	date.value = json_number_value(value);
	if (!json_is_number(value) || !isfinite(date.value) || date.value < 0 ||
	    date.value >= DATE_MAX)
		fail(r, malformed);
	return date;
}

static void read_exp(struct reading *r, struct claims *out)
{
	out->exp = read_date(r, "exp", AUTH_EXP_MALFORMED);
	if (!out->exp.present)
		fail(r, AUTH_EXP_MISSING);
	else if (out->exp.value <= 0)
		fail(r, AUTH_EXP_MALFORMED);
}

/* A string or an array of strings. */
static void read_audiences(struct reading *r, struct claims *out)
{
	const json_t *aud = json_object_get(r->payload, "aud");
	size_t count = json_is_array(aud) ? json_array_size(aud) : aud ? 1 : 0;
	if (count > CLAIMS_AUDIENCES_MAX || (json_is_array(aud) && count == 0)) {
		fail(r, AUTH_AUD_MISMATCH);
		return;
	}
	out->audiences = arena_array(r->arena, struct slice, count);
	for (size_t i = 0; out->audiences && i < count; i++) {
		const json_t *one = json_is_array(aud) ? json_array_get(aud, i) : aud;
		if (!json_is_string(one)) {
			fail(r, AUTH_AUD_MISMATCH);
			return;
		}
		out->audiences[out->audience_count++] = keep(r, one);
	}
}

static void add_scope(struct reading *r, struct claims *out, struct slice scope)
{
	if (out->scope_count == CLAIMS_SCOPES_MAX || scope.len == 0)
		fail(r, AUTH_PAYLOAD_MALFORMED);
	else if (!chars_are_scope(scope))
		fail(r, AUTH_CLAIM_UNSAFE);
	else
		out->scopes[out->scope_count++] = scope;
}

/* RFC 6749 section 3.3: tokens with one blank between them. An empty string is no scope at all. */
static void split_scopes(struct reading *r, struct claims *out, struct slice text)
{
	struct slice scope;
	bool more = text.len > 0;
	while (more && r->reason == AUTH_OK) {
		more = slice_cut(text, ' ', &scope, &text);
		add_scope(r, out, scope);
	}
}

static void join_scopes(struct reading *r, struct claims *out)
{
	size_t size = 0, at = 0;
	for (size_t i = 0; i < out->scope_count; i++)
		size += out->scopes[i].len + 1;
	char *joined = arena_alloc(r->arena, size);
	if (!joined)
		return;
	for (size_t i = 0; i < out->scope_count; i++) {
		if (i)
			joined[at++] = ' ';
		memcpy(joined + at, out->scopes[i].ptr, out->scopes[i].len);
		at += out->scopes[i].len;
	}
	out->scopes_joined = slice_of(joined, at);
}

static void read_scopes(struct reading *r, struct claims *out)
{
	const json_t *scope = json_object_get(r->payload, "scope"), *item;
	size_t i;
	if (!scope)
		scope = json_object_get(r->payload, "scp");
	if (!scope)
		return;
	out->scopes = arena_array(r->arena, struct slice, CLAIMS_SCOPES_MAX);
	if (!out->scopes)
		return;
	if (json_is_string(scope))
		split_scopes(r, out, keep(r, scope));
	else if (!json_is_array(scope))
		fail(r, AUTH_PAYLOAD_MALFORMED);
	else
		json_array_foreach(scope, i, item)
		    add_scope(r, out, json_is_string(item) ? keep(r, item) : (struct slice){ 0 });
	join_scopes(r, out);
}

static void read_token_use(struct reading *r, struct claims *out)
{
	const json_t *use = json_object_get(r->payload, "token_use");
	struct slice text = slice_of(json_string_value(use), json_string_length(use));
	if (!use)
		out->token_use = USE_ABSENT;
	else if (slice_eq(text, SLICE("access")))
		out->token_use = USE_ACCESS;
	else
		out->token_use = slice_eq(text, SLICE("id")) ? USE_ID : USE_OTHER;
}

/* RFC 7800, RFC 8705 section 3.1. A confirmation that is not understood must not be ignored. */
static void read_cnf(struct reading *r, struct claims *out)
{
	char bytes[BASE64_DECODED_MAX(44)];
	const json_t *cnf = json_object_get(r->payload, "cnf");
	const json_t *x5t = json_object_get(cnf, "x5t#S256");
	struct slice text = slice_of(json_string_value(x5t), json_string_length(x5t));
	if (!cnf)
		return;
	out->cnf = CNF_OTHER;
	if (json_object_size(cnf) != 1 || text.len != 43 ||
	    base64url_decode(text, bytes) != (ptrdiff_t)sizeof(out->cnf_x5t_s256))
		return;
	memcpy(out->cnf_x5t_s256, bytes, sizeof(out->cnf_x5t_s256));
	out->cnf = CNF_X5T_S256;
}

static void read_claims(struct reading *r, struct claims *out)
{
	out->iss = read_string(r, "iss");
	read_exp(r, out);
	out->nbf = read_date(r, "nbf", AUTH_NBF_MALFORMED);
	out->iat = read_date(r, "iat", AUTH_IAT_MALFORMED);
	read_audiences(r, out);
	read_token_use(r, out);
	read_cnf(r, out);
	out->sub = read_visible(r, "sub");
	out->client_id = read_visible(r, "client_id");
	out->azp = read_visible(r, "azp");
	read_scopes(r, out);
	out->jti = read_string(r, "jti");
	if (!chars_are_visible(out->jti))
		out->jti = (struct slice){ 0 };
}

enum auth_reason claims_parse(const struct token *token, struct arena *arena, struct claims *out)
{
	json_t *payload = token_json_object(token->payload);
	struct reading r = { payload, arena, AUTH_OK };
	*out = (struct claims){ 0 };
	if (!payload)
		return AUTH_PAYLOAD_MALFORMED;
	read_claims(&r, out);
	out->typ = token->typ;
	out->alg = token->alg;
	out->has_kid = token->kid.len > 0;
	json_decref(payload);
	return arena_failed(arena) ? AUTH_INTERNAL : r.reason;
}

/* ---- checks
 * --------------------------------------------------------------------------------------- */

static enum auth_reason check_times(
    const struct claims *c, const struct authorizer *a, int64_t now_unix_s)
{
	double now = (double)now_unix_s, leeway = a->leeway_s;
	if (now >= c->exp.value + leeway)
		return AUTH_TOKEN_EXPIRED;
	if (c->nbf.present && now + leeway < c->nbf.value)
		return AUTH_TOKEN_NOT_YET_VALID;
	if (c->iat.present && now + leeway < c->iat.value)
		return AUTH_IAT_IN_FUTURE;
	if (a->max_lifetime_s &&
	    (!c->iat.present || c->exp.value - c->iat.value > a->max_lifetime_s))
		return AUTH_LIFETIME_TOO_LONG;
	return AUTH_OK;
}

static bool typ_is_at_jwt(struct slice typ)
{
	return slice_eq_nocase(typ, SLICE("at+jwt")) ||
	       slice_eq_nocase(typ, SLICE("application/at+jwt"));
}

static enum auth_reason check_kind(const struct claims *c, const struct authorizer *a)
{
	bool plain = c->typ.len == 0 || slice_eq_nocase(c->typ, SLICE("JWT"));
	bool at = typ_is_at_jwt(c->typ);
	if (!(plain && a->typ != TYP_AT_JWT) && !(at && a->typ != TYP_JWT))
		return AUTH_TYP_REFUSED;
	if (a->token_use == TOKEN_USE_ANY ||
	    (c->token_use == USE_ACCESS && a->token_use == TOKEN_USE_ACCESS) ||
	    (c->token_use == USE_ID && a->token_use == TOKEN_USE_ID))
		return AUTH_OK;
	/* An issuer other than Cognito says it by typ (RFC 9068), when it says it at all. */
	return c->token_use == USE_ABSENT && at && a->token_use == TOKEN_USE_ACCESS
	           ? AUTH_OK
	           : AUTH_TOKEN_USE_MISMATCH;
}

static bool is_audience(const struct authorizer *a, struct slice text)
{
	for (size_t i = 0; i < a->audience_count; i++)
		if (slice_eq(a->audiences[i], text))
			return true;
	return false;
}

/* As an AWS HTTP API does: client_id counts only when there is no aud. */
static enum auth_reason check_audience(const struct claims *c, const struct authorizer *a)
{
	for (size_t i = 0; i < c->audience_count; i++)
		if (is_audience(a, c->audiences[i]))
			return AUTH_OK;
	if (c->audience_count == 0 && c->client_id.len && is_audience(a, c->client_id))
		return AUTH_OK;
	return AUTH_AUD_MISMATCH;
}

static enum auth_reason check_binding(const struct claims *c, struct slice cert_sha256)
{
	if (c->cnf == CNF_ABSENT)
		return AUTH_OK;
	if (c->cnf == CNF_OTHER)
		return AUTH_CNF_UNSUPPORTED;
	struct slice bound = slice_of(c->cnf_x5t_s256, sizeof(c->cnf_x5t_s256));
	return slice_eq_secret(bound, cert_sha256) ? AUTH_OK : AUTH_CNF_MISMATCH;
}

static bool has_scope(const struct claims *c, struct slice wanted)
{
	for (size_t i = 0; i < c->scope_count; i++)
		if (slice_eq(c->scopes[i], wanted))
			return true;
	return false;
}

static enum auth_reason check_scopes(const struct claims *c, const struct policy *p)
{
	size_t found = 0;
	for (size_t i = 0; i < p->scope_count; i++)
		found += has_scope(c, p->scopes[i]);
	bool enough = p->all_scopes ? found == p->scope_count : found > 0 || p->scope_count == 0;
	return enough ? AUTH_OK : AUTH_SCOPE_INSUFFICIENT;
}

/* Checked before the signature too; here they hold for tokens that another route brought into the
 * cache. */
static enum auth_reason check_key_rules(const struct claims *c, const struct authorizer *a)
{
	if (!(a->algorithms & alg_bit(c->alg)))
		return AUTH_ALG_REFUSED;
	return c->has_kid || a->kid_optional ? AUTH_OK : AUTH_KID_MISSING;
}

enum auth_reason claims_check(
    const struct claims *claims, const struct policy *policy, const struct auth_input *in)
{
	const struct authorizer *a = policy->authorizer;
	enum auth_reason reason = check_key_rules(claims, a);
	if (reason == AUTH_OK && !slice_eq(claims->iss, a->issuer))
		reason = AUTH_ISS_MISMATCH;
	if (reason == AUTH_OK)
		reason = check_times(claims, a, in->now_unix_s);
	if (reason == AUTH_OK)
		reason = check_kind(claims, a);
	if (reason == AUTH_OK)
		reason = check_audience(claims, a);
	if (reason == AUTH_OK)
		reason = check_binding(claims, in->cert_sha256);
	if (reason == AUTH_OK)
		reason = check_scopes(claims, policy);
	return reason;
}

struct slice claims_client(const struct claims *claims)
{
	if (claims->client_id.len)
		return claims->client_id;
	if (claims->azp.len)
		return claims->azp;
	if (claims->audience_count == 1 && chars_are_visible(claims->audiences[0]))
		return claims->audiences[0];
	return (struct slice){ 0 };
}

/* ---- copies
 * --------------------------------------------------------------------------------------- */

static size_t texts_size(const struct slice *texts, size_t count)
{
	size_t size = count * sizeof(struct slice);
	for (size_t i = 0; i < count; i++)
		size += texts[i].len;
	return size;
}

size_t claims_size(const struct claims *c)
{
	return texts_size(c->audiences, c->audience_count) + texts_size(c->scopes, c->scope_count) +
	       c->iss.len + c->sub.len + c->client_id.len + c->azp.len + c->jti.len + c->typ.len +
	       c->scopes_joined.len;
}

static void move_text(struct slice *text, char **at)
{
	if (text->len)
		memcpy(*at, text->ptr, text->len);
	text->ptr = *at;
	*at += text->len;
}

static struct slice *move_texts(const struct slice *texts, size_t count, struct slice **at)
{
	struct slice *moved = *at;
	if (count)
		memcpy(moved, texts, count * sizeof(*texts));
	*at += count;
	return moved;
}

void claims_copy(const struct claims *claims, void *memory, struct claims *out)
{
	struct slice *arrays = memory;
	*out = *claims;
	out->audiences = move_texts(claims->audiences, claims->audience_count, &arrays);
	out->scopes = move_texts(claims->scopes, claims->scope_count, &arrays);
	char *at = (char *)arrays;
	struct slice *single[] = { &out->iss, &out->sub, &out->client_id, &out->azp, &out->jti,
		&out->typ, &out->scopes_joined };
	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
		move_text(single[i], &at);
	for (size_t i = 0; i < out->audience_count; i++)
		move_text(&out->audiences[i], &at);
	for (size_t i = 0; i < out->scope_count; i++)
		move_text(&out->scopes[i], &at);
}
