/* SPDX-License-Identifier: Apache-2.0 */
/* The whole check with keys of our own: what is accepted, and each way of being refused. */
#include "spoa/auth/auth.h"

#include "common/codec.h"
#include "spoa/auth/keyset.h"
#include "spoa/auth/policy.h"
#include "spoa/auth/second_decoder.h"
#include "spoa/auth/token.h"
#include "spoa/tools/signing_key.h"
#include "tests/support/fail_alloc.h"

#include <jwt.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NOW = 1800000000 };

#define HEADER "{\"alg\":\"RS256\",\"kid\":\"k1\"}"
#define BASE                                                                                       \
	"\"iss\":\"https://issuer/staff\",\"sub\":\"alice\",\"client_id\":\"app\","                \
	"\"token_use\":\"access\",\"scope\":\"read write\",\"jti\":\"j1\","
#define TIMES   "\"iat\":1799999990,\"exp\":1800000600"
#define PAYLOAD "{" BASE TIMES "}"

static struct signing_key rsa, ec;
static struct keyset *keys;
static struct authorizer *staff;
static struct policy *route;
static struct auth_state *state, *uncached;
static struct arena arena;

/* ---- tokens -------------------------------------------------------------------------------------
 */

static const char *sign_with(
    const struct signing_key *key, const char *alg, struct slice header, struct slice payload)
{
	struct buf text;
	buf_init(&text, 0);
	assert_true(
	    signing_key_sign_raw(key, alg_find(slice_of_cstr(alg)), header, payload, &text, NULL));
	const char *copy = arena_dup(&arena, buf_slice(&text)).ptr;
	buf_release(&text);
	return copy;
}

static const char *sign(const char *header, const char *payload)
{
	return sign_with(&rsa, "RS256", slice_of_cstr(header), slice_of_cstr(payload));
}

static enum auth_reason check_at(struct auth_state *s, const struct policy *policy,
    const char *token, int64_t now, struct auth_result *out)
{
	struct auth_result result;
	struct slice value = slice_of_cstr(arena_printf(&arena, "Bearer %s", token));
	const struct auth_input in = {
		.authorization = &value, .authorization_count = 1, .now_unix_s = now
	};
	auth_check(s, policy, &in, &arena, out ? out : &result);
	return out ? out->reason : result.reason;
}

static enum auth_reason check(const char *token)
{
	return check_at(uncached, route, token, NOW, NULL);
}

static enum auth_reason check_parts(const char *header, const char *payload)
{
	enum auth_reason reason = check(sign(header, payload));
	arena_reset(&arena);
	return reason;
}

struct row {
	const char *text;
	enum auth_reason reason;
};

static void expect(const struct row *row, enum auth_reason got)
{
	if (got != row->reason)
		fail_msg("%s: %s, expected %s", row->text, auth_reason_code(got),
		    auth_reason_code(row->reason));
}

static void check_headers(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect(&rows[i], check_parts(rows[i].text, PAYLOAD));
}

static void check_payloads(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect(&rows[i], check_parts(HEADER, rows[i].text));
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- what is accepted
 * ---------------------------------------------------------------------------- */

static void a_good_token_is_accepted_and_its_claims_are_handed_on(void **unused)
{
	struct auth_result out;
	(void)unused;
	assert_int_equal(check_at(uncached, route, sign(HEADER, PAYLOAD), NOW, &out), AUTH_OK);
	assert_true(slice_eq(out.sub, SLICE("alice")));
	assert_true(slice_eq(out.client_id, SLICE("app")));
	assert_true(slice_eq(out.scopes, SLICE("read write")));
	assert_true(slice_eq(out.jti, SLICE("j1")));
	assert_false(out.from_cache);
}

static void every_algorithm_of_the_list_is_verified(void **unused)
{
	static const char *const algs[] = { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
		"ES256" };
	const char *const audiences[] = { "app" };
	const struct authorizer_config config = {
		.name = "all",
		.issuer = "https://issuer/staff",
		.audiences = audiences,
		.audience_count = 1,
		.algorithms = algs,
		.algorithm_count = COUNT(algs),
	};
	(void)unused;
	json_t *set = json_pack("{s:[o,o]}", "keys", signing_key_jwk(&rsa), signing_key_jwk(&ec));
	/* An RSA key without alg serves all six. */
	json_object_del(json_array_get(json_object_get(set, "keys"), 0), "alg");
	struct keyset *both = keyset_from_json(set, NULL);
	struct authorizer *a = authorizer_new(&config, NULL, both, NULL);
	struct policy *p = policy_new(a, NULL, 0, false, MTLS_OFF, NULL);
	for (size_t i = 0; i < COUNT(algs); i++) {
		const struct signing_key *key = algs[i][0] == 'E' ? &ec : &rsa;
		const char *header =
		    arena_printf(&arena, "{\"alg\":\"%s\",\"kid\":\"%s\"}", algs[i], key->kid);
		const char *token =
		    sign_with(key, algs[i], slice_of_cstr(header), slice_of_cstr(PAYLOAD));
		struct row row = { algs[i], AUTH_OK };
		expect(&row, check_at(uncached, p, token, NOW, NULL));
		assert_int_equal(check_at(uncached, route, token, NOW, NULL) == AUTH_OK, i == 0);
	}
	policy_free(p);
	authorizer_unref(a);
	keyset_unref(both);
	json_decref(set);
}

/* ---- the header of the request
 * ------------------------------------------------------------------- */

static void only_one_bearer_token_is_taken(void **unused)
{
	const char *token = sign(HEADER, PAYLOAD);
	(void)unused;
	const struct {
		const char *text[2];
		size_t count;
		enum auth_reason reason;
	} rows[] = {
		{ { NULL }, 0, AUTH_TOKEN_MISSING },
		{ { "" }, 1, AUTH_TOKEN_MISSING },
		{ { "Bearer" }, 1, AUTH_TOKEN_MISSING },
		{ { "Bearer " }, 1, AUTH_TOKEN_MISSING },
		{ { "Basic YTpi" }, 1, AUTH_SCHEME_UNSUPPORTED },
		{ { arena_printf(&arena, "bEARER %s", token) }, 1, AUTH_OK },
		{ { arena_printf(&arena, "Bearer  %s", token) }, 1, AUTH_TOKEN_MALFORMED },
		{ { arena_printf(&arena, "Bearer %s ", token) }, 1, AUTH_TOKEN_MALFORMED },
		{ { arena_printf(&arena, "Bearer %s,x", token) }, 1, AUTH_TOKEN_MALFORMED },
		{ { arena_printf(&arena, "Bearer\t%s", token) }, 1, AUTH_SCHEME_UNSUPPORTED },
		{ { token, token }, 2, AUTH_TOKEN_REPEATED },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct slice values[2] = { slice_of_cstr(rows[i].text[0]),
			slice_of_cstr(rows[i].text[1]) };
		const struct auth_input in = { .authorization = values,
			.authorization_count = rows[i].count,
			.now_unix_s = NOW };
		struct auth_result out;
		auth_check(uncached, route, &in, &arena, &out);
		struct row row = { rows[i].text[0] ? rows[i].text[0] : "none", rows[i].reason };
		expect(&row, out.reason);
	}
}

/* ---- spelling
 * ------------------------------------------------------------------------------------ */

static const char *edited(const char *token, size_t at, size_t drop, const char *insert)
{
	return arena_printf(&arena, "%.*s%s%s", (int)at, token, insert, token + at + drop);
}

/* The spellings that libjwt takes for the same token (libb64 skips what it does not know). */
static void a_token_has_one_spelling(void **unused)
{
	const char *token = sign(HEADER, PAYLOAD);
	size_t len = strlen(token), middle = len - 20;
	static const char *const tails[] = { "=", "==", ".", "...", ".!!!", " ", "\r\n", "\xff",
		"A", "-" };
	static const char *const inside[] = { "!", "\n", "=", ".", "\x01", "+", "/", " ", "%" };
	(void)unused;
	assert_int_equal(check(token), AUTH_OK);
	for (size_t i = 0; i < COUNT(tails); i++)
		assert_int_not_equal(check(edited(token, len, 0, tails[i])), AUTH_OK);
	for (size_t i = 0; i < COUNT(inside); i++)
		assert_int_equal(check(edited(token, middle, 0, inside[i])), AUTH_TOKEN_MALFORMED);
	/* 256 bytes leave four unused bits in the last character. */
	for (char c = 'A'; c <= 'Z'; c++) {
		char last[2] = { c, '\0' };
		enum auth_reason reason = check(edited(token, len - 1, 1, last));
		assert_true(reason == AUTH_TOKEN_NOT_CANONICAL ||
		            reason == AUTH_SIGNATURE_INVALID || token[len - 1] == c);
	}
}

static void what_is_not_three_segments_is_malformed(void **unused)
{
	static const char *const rows[] = { "a", "a.b", "a.b.", ".b.c", "a.b.c.d", "a.b.c.d.e",
		"..", "...", "e30.e30", "eyJhbGciOiJub25lIn0.e30." };
	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(check(rows[i]), AUTH_TOKEN_MALFORMED);
}

static void length_is_bounded_before_anything_is_read(void **unused)
{
	char *dots = malloc(1000001);
	(void)unused;
	memset(dots, '.', 1000000);
	dots[1000000] = '\0';
	assert_int_equal(check(dots), AUTH_TOKEN_TOO_LONG);
	dots[8193] = '\0';
	assert_int_equal(check(dots), AUTH_TOKEN_TOO_LONG);
	dots[8192] = '\0';
	assert_int_equal(check(dots), AUTH_TOKEN_MALFORMED);
	free(dots);
}

/* ---- alg
 * ----------------------------------------------------------------------------------------- */

static void algorithms_outside_the_list_are_refused(void **unused)
{
	static const struct row rows[] = {
		{ "{\"alg\":\"none\",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\"None\",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\"NONE\",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\"nOnE\",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\"\",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\" \",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\"rs256\",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\"RS256 \",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\"HS256\",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\"RS512\",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\"PS256\",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":\"ES256\",\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"kid\":\"k1\"}", AUTH_ALG_REFUSED },
		{ "{\"alg\":256,\"kid\":\"k1\"}", AUTH_HEADER_MALFORMED },
		{ "{\"alg\":[\"RS256\"],\"kid\":\"k1\"}", AUTH_HEADER_MALFORMED },
		{ "{\"alg\":null,\"kid\":\"k1\"}", AUTH_HEADER_MALFORMED },
	};
	(void)unused;
	check_headers(rows, COUNT(rows));
}

/* The public key as HMAC secret, in each form that a confused verifier may have it. */
static void a_mac_keyed_with_the_public_key_is_refused(void **unused)
{
	static const char *const headers[] = { "{\"alg\":\"HS256\",\"kid\":\"k1\"}", HEADER };
	unsigned char *der = NULL;
	char *pem = NULL;
	(void)unused;
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PUBKEY(bio, rsa.pkey);
	long pem_len = BIO_get_mem_data(bio, &pem);
	int der_len = i2d_PUBKEY(rsa.pkey, &der);
	json_t *jwk = signing_key_jwk(&rsa);
	char *jwk_text = json_dumps(jwk, JSON_COMPACT);
	const struct slice secrets[] = { slice_of(pem, (size_t)pem_len),
		slice_of(pem, (size_t)pem_len - 1), slice_of(der, (size_t)der_len),
		slice_of_cstr(jwk_text),
		slice_of_cstr(json_string_value(json_object_get(jwk, "n"))) };
	for (size_t i = 0; i < COUNT(secrets) * 2; i++) {
		struct buf text;
		unsigned char mac[32];
		buf_init(&text, 0);
		base64url_encode(&text, slice_of_cstr(headers[i % 2]));
		buf_append_byte(&text, '.');
		base64url_encode(&text, SLICE(PAYLOAD));
		HMAC(EVP_sha256(), secrets[i / 2].ptr, (int)secrets[i / 2].len,
		    (const unsigned char *)text.data, text.len, mac, NULL);
		buf_append_byte(&text, '.');
		base64url_encode(&text, slice_of(mac, sizeof(mac)));
		assert_int_equal(
		    check(buf_cstr(&text)), i % 2 ? AUTH_SIGNATURE_INVALID : AUTH_ALG_REFUSED);
		buf_release(&text);
	}
	free(jwk_text);
	json_decref(jwk);
	OPENSSL_free(der);
	BIO_free(bio);
}

/* ---- other header members
 * ------------------------------------------------------------------------ */

#define WITH(members) "{\"alg\":\"RS256\",\"kid\":\"k1\"," members "}"
#define KID(value)    "{\"alg\":\"RS256\",\"kid\":" value "}"

static void extensions_and_odd_headers_are_refused(void **unused)
{
	static const struct row rows[] = {
		{ WITH("\"crit\":[\"foo\"],\"foo\":1"), AUTH_CRIT_REFUSED },
		{ WITH("\"crit\":\"foo\""), AUTH_CRIT_REFUSED },
		{ WITH("\"crit\":true"), AUTH_CRIT_REFUSED },
		{ WITH("\"crit\":null"), AUTH_CRIT_REFUSED },
		{ WITH("\"crit\":[]"), AUTH_CRIT_REFUSED },
		{ WITH("\"crit\":[\"alg\"]"), AUTH_CRIT_REFUSED },
		{ WITH("\"crit\":[\"b64\"],\"b64\":false"), AUTH_CRIT_REFUSED },
		{ WITH("\"b64\":false"), AUTH_CRIT_REFUSED },
		{ WITH("\"zip\":\"DEF\""), AUTH_CRIT_REFUSED },
		{ WITH("\"enc\":\"A128GCM\""), AUTH_CRIT_REFUSED },
		{ WITH("\"alg\":\"none\""), AUTH_HEADER_MALFORMED },
		{ WITH("\"k\\u0069d\":\"k1\""), AUTH_HEADER_MALFORMED },
		{ WITH("\"typ\":1"), AUTH_HEADER_MALFORMED },
		{ WITH("\"typ\":\"JWT\""), AUTH_OK },
		{ WITH("\"typ\":\"jwt\""), AUTH_OK },
		{ WITH("\"typ\":\"at+jwt\""), AUTH_OK },
		{ WITH("\"typ\":\"application/at+JWT\""), AUTH_OK },
		{ WITH("\"typ\":\"dpop+jwt\""), AUTH_TYP_REFUSED },
		{ "[]", AUTH_HEADER_MALFORMED },
		{ "null", AUTH_HEADER_MALFORMED },
		{ "{}{}", AUTH_HEADER_MALFORMED },
		{ "\xef\xbb\xbf" HEADER, AUTH_HEADER_MALFORMED },
		{ WITH("\"x\":\"\xff\""), AUTH_HEADER_MALFORMED },
		{ WITH("\"x\":\"\\u0000\""), AUTH_HEADER_MALFORMED },
		{ WITH("\"x\":\"\\ud800\""), AUTH_HEADER_MALFORMED },
		{ "{\"alg\":\"RS256\"}", AUTH_KID_MISSING },
		{ KID("\"k2\""), AUTH_KID_UNKNOWN },
		{ KID("\"../../dev/null\""), AUTH_KID_UNKNOWN },
		{ KID("\"k1' UNION SELECT 'x\""), AUTH_KID_UNKNOWN },
		{ KID("\"|id\""), AUTH_KID_UNKNOWN },
		{ KID("\"K1\""), AUTH_KID_UNKNOWN },
		{ KID("\"k1\\u0000\""), AUTH_HEADER_MALFORMED },
		{ KID("1"), AUTH_HEADER_MALFORMED },
		{ KID("\"\""), AUTH_HEADER_MALFORMED },
		{ KID("[\"k1\"]"), AUTH_HEADER_MALFORMED },
	};
	(void)unused;
	check_headers(rows, COUNT(rows));
}

static void a_long_kid_is_refused(void **unused)
{
	char *kid = malloc(10241);
	(void)unused;
	memset(kid, 'k', 10240);
	kid[10240] = '\0';
	assert_int_equal(
	    check(sign(arena_printf(&arena, KID("\"%s\""), kid), PAYLOAD)), AUTH_TOKEN_TOO_LONG);
	kid[257] = '\0';
	assert_int_equal(
	    check(sign(arena_printf(&arena, KID("\"%s\""), kid), PAYLOAD)), AUTH_HEADER_MALFORMED);
	kid[256] = '\0';
	assert_int_equal(
	    check(sign(arena_printf(&arena, KID("\"%s\""), kid), PAYLOAD)), AUTH_KID_UNKNOWN);
	free(kid);
}

static void json_is_bounded_in_depth(void **unused)
{
	char deep[2 * 33 + 1];
	(void)unused;
	for (size_t depth = 31; depth <= 32; depth++) {
		memset(deep, '[', depth);
		memset(deep + depth, ']', depth);
		deep[2 * depth] = '\0';
		/* The object itself is a level. */
		assert_int_equal(
		    check_parts(HEADER, arena_printf(&arena, "{" BASE TIMES ",\"x\":%s}", deep)),
		    depth == 31 ? AUTH_OK : AUTH_PAYLOAD_MALFORMED);
	}
}

/* ---- claims
 * -------------------------------------------------------------------------------------- */

#define EXP(value) "{" BASE "\"exp\":" value "}"
#define NBF(value) "{" BASE TIMES ",\"nbf\":" value "}"
#define IAT(value) "{" BASE "\"exp\":1800000600,\"iat\":" value "}"

static void times_are_numbers_within_bounds(void **unused)
{
	static const struct row rows[] = {
		{ "{" BASE "\"x\":1}", AUTH_EXP_MISSING },
		{ EXP("1800000600"), AUTH_OK },
		{ EXP("1800000600.5"), AUTH_OK },
		{ EXP("1799999971"), AUTH_OK },
		{ EXP("1799999970"), AUTH_TOKEN_EXPIRED },
		{ EXP("1.0"), AUTH_TOKEN_EXPIRED },
		{ EXP("\"1800000600\""), AUTH_EXP_MALFORMED },
		{ EXP("0"), AUTH_EXP_MALFORMED },
		{ EXP("-1"), AUTH_EXP_MALFORMED },
		{ EXP("2147483648"), AUTH_OK },
		{ EXP("9007199254740991"), AUTH_OK },
		{ EXP("9007199254740992"), AUTH_EXP_MALFORMED },
		{ EXP("9223372036854775808"), AUTH_PAYLOAD_MALFORMED },
		{ EXP("1e300"), AUTH_EXP_MALFORMED },
		{ EXP("1e400"), AUTH_PAYLOAD_MALFORMED },
		{ EXP("NaN"), AUTH_PAYLOAD_MALFORMED },
		{ EXP("01"), AUTH_PAYLOAD_MALFORMED },
		{ EXP("null"), AUTH_EXP_MALFORMED },
		{ EXP("true"), AUTH_EXP_MALFORMED },
		{ EXP("[1800000600]"), AUTH_EXP_MALFORMED },
		{ EXP("{}"), AUTH_EXP_MALFORMED },
		{ EXP("1800000600,\"exp\":1900000000"), AUTH_PAYLOAD_MALFORMED },
		{ EXP("1800000600,\"\\u0065xp\":1900000000"), AUTH_PAYLOAD_MALFORMED },
		{ NBF("1800000030"), AUTH_OK },
		{ NBF("1800000031"), AUTH_TOKEN_NOT_YET_VALID },
		{ NBF("1800000030.5"), AUTH_TOKEN_NOT_YET_VALID },
		{ NBF("\"1\""), AUTH_NBF_MALFORMED },
		{ NBF("null"), AUTH_NBF_MALFORMED },
		{ NBF("-1"), AUTH_NBF_MALFORMED },
		{ IAT("1800000030"), AUTH_OK },
		{ IAT("1800000031"), AUTH_IAT_IN_FUTURE },
		{ IAT("true"), AUTH_IAT_MALFORMED },
		{ NBF("[]"), AUTH_NBF_MALFORMED },
		{ NBF("1e400"), AUTH_PAYLOAD_MALFORMED },
		{ IAT("{}"), AUTH_IAT_MALFORMED },
		{ IAT("\"1\""), AUTH_IAT_MALFORMED },
	};
	(void)unused;
	check_payloads(rows, COUNT(rows));
}

#define ISS(value)                                                                                 \
	"{\"iss\":" value                                                                          \
	",\"client_id\":\"app\",\"token_use\":\"access\",\"scope\":\"read\"," TIMES "}"
#define AUD(members)                                                                               \
	"{\"iss\":\"https://issuer/staff\",\"token_use\":\"access\",\"scope\":\"read\"," members   \
	"," TIMES "}"

static void issuer_and_audience_match_exactly(void **unused)
{
	static const struct row rows[] = {
		{ ISS("\"https://issuer/staff\""), AUTH_OK },
		{ ISS("\"https://issuer/staff/\""), AUTH_ISS_MISMATCH },
		{ ISS("\"https://issuer/staf\""), AUTH_ISS_MISMATCH },
		{ ISS("\"https://ISSUER/staff\""), AUTH_ISS_MISMATCH },
		{ ISS("\"https://issuer/staffx\""), AUTH_ISS_MISMATCH },
		{ ISS("\"\""), AUTH_ISS_MISMATCH },
		{ ISS("[\"https://issuer/staff\"]"), AUTH_PAYLOAD_MALFORMED },
		{ ISS("\"https://issuer/staff\\u0000\""), AUTH_PAYLOAD_MALFORMED },
		{ ISS("\"https://issuer/staff\",\"iss\":\"x\""), AUTH_PAYLOAD_MALFORMED },
		{ AUD("\"aud\":\"app\""), AUTH_OK },
		{ AUD("\"aud\":[\"x\",\"app\"]"), AUTH_OK },
		{ AUD("\"aud\":[\"x\"]"), AUTH_AUD_MISMATCH },
		{ AUD("\"aud\":[]"), AUTH_AUD_MISMATCH },
		{ AUD("\"aud\":[[\"app\"]]"), AUTH_AUD_MISMATCH },
		{ AUD("\"aud\":1"), AUTH_AUD_MISMATCH },
		{ AUD("\"aud\":null,\"client_id\":\"app\""), AUTH_AUD_MISMATCH },
		{ AUD("\"aud\":\"\""), AUTH_AUD_MISMATCH },
		{ AUD("\"aud\":\"ap\""), AUTH_AUD_MISMATCH },
		{ AUD("\"aud\":\"apple\""), AUTH_AUD_MISMATCH },
		{ AUD("\"aud\":\"APP\""), AUTH_AUD_MISMATCH },
		/* As AWS: client_id counts only where there is no aud. */
		{ AUD("\"aud\":\"x\",\"client_id\":\"app\""), AUTH_AUD_MISMATCH },
		{ AUD("\"client_id\":\"app\""), AUTH_OK },
		{ AUD("\"client_id\":\"x\""), AUTH_AUD_MISMATCH },
		{ AUD("\"sub\":\"app\""), AUTH_AUD_MISMATCH },
		{ AUD("\"aud\":\"x\",\"aud\":\"app\""), AUTH_PAYLOAD_MALFORMED },
		{ AUD("\"aud\":\"app\",\"sub\":\"a\",\"sub\":\"b\""), AUTH_PAYLOAD_MALFORMED },
		{ AUD("\"aud\":\"app\\u0000\""), AUTH_PAYLOAD_MALFORMED },
		{ AUD("\"aud\":{\"0\":\"app\"}"), AUTH_AUD_MISMATCH },
	};
	(void)unused;
	check_payloads(rows, COUNT(rows));
}

#define CLAIM(members)                                                                             \
	"{\"iss\":\"https://issuer/staff\",\"client_id\":\"app\"," members "," TIMES "}"
#define SCOPE(value) CLAIM("\"token_use\":\"access\",\"scope\":" value)

static void scopes_match_as_whole_words(void **unused)
{
	static const struct row rows[] = {
		{ SCOPE("\"read\""), AUTH_OK },
		{ SCOPE("\"x read y\""), AUTH_OK },
		{ SCOPE("\"admin\""), AUTH_OK },
		{ SCOPE("\"read:all\""), AUTH_SCOPE_INSUFFICIENT },
		{ SCOPE("\"rea\""), AUTH_SCOPE_INSUFFICIENT },
		{ SCOPE("\"READ\""), AUTH_SCOPE_INSUFFICIENT },
		{ SCOPE("\"\""), AUTH_SCOPE_INSUFFICIENT },
		{ SCOPE("\"x\\tread\""), AUTH_CLAIM_UNSAFE },
		{ SCOPE("\"x  read\""), AUTH_PAYLOAD_MALFORMED },
		{ SCOPE("\" read\""), AUTH_PAYLOAD_MALFORMED },
		{ SCOPE("1"), AUTH_PAYLOAD_MALFORMED },
		{ SCOPE("\"read\\u00e9\""), AUTH_CLAIM_UNSAFE },
		{ SCOPE("\"a\\\"b\""), AUTH_CLAIM_UNSAFE },
		{ CLAIM("\"token_use\":\"access\",\"scp\":[\"x\",\"read\"]"), AUTH_OK },
		{ CLAIM("\"token_use\":\"access\",\"scp\":\"read\""), AUTH_OK },
		{ CLAIM("\"token_use\":\"access\",\"scp\":[\"x read\"]"), AUTH_CLAIM_UNSAFE },
		{ CLAIM("\"token_use\":\"access\",\"scp\":[1]"), AUTH_PAYLOAD_MALFORMED },
		{ CLAIM("\"token_use\":\"access\",\"scope\":\"x\",\"scp\":[\"read\"]"),
		    AUTH_SCOPE_INSUFFICIENT },
		{ CLAIM("\"token_use\":\"access\""), AUTH_SCOPE_INSUFFICIENT },
	};
	(void)unused;
	check_payloads(rows, COUNT(rows));
}

static void kinds_bindings_and_unsafe_claims_are_refused(void **unused)
{
	static const struct row rows[] = {
		{ CLAIM("\"token_use\":\"id\",\"scope\":\"read\""), AUTH_TOKEN_USE_MISMATCH },
		{ CLAIM("\"token_use\":[\"access\"],\"scope\":\"read\""), AUTH_TOKEN_USE_MISMATCH },
		{ CLAIM("\"scope\":\"read\""), AUTH_TOKEN_USE_MISMATCH },
		{ "{" BASE TIMES
		  ",\"cnf\":{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}}",
		    AUTH_CNF_UNSUPPORTED },
		{ "{" BASE TIMES ",\"cnf\":{}}", AUTH_CNF_UNSUPPORTED },
		{ "{" BASE TIMES
		  ",\"cnf\":{\"x5t#S256\":\"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0\",\"jkt\":\"x\"}}",
		    AUTH_CNF_UNSUPPORTED },
		{ "{" BASE TIMES ",\"cnf\":null}", AUTH_CNF_UNSUPPORTED },
		{ "{" BASE TIMES ",\"cnf\":{\"x5t#S256\":\"AA\"}}", AUTH_CNF_UNSUPPORTED },
		{ "{" BASE TIMES
		  ",\"cnf\":{\"x5t#S256\":\"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0\"}}",
		    AUTH_CNF_MISMATCH },
		{ CLAIM("\"sub\":\"a b\""), AUTH_CLAIM_UNSAFE },
		{ CLAIM("\"sub\":\"a\\r\\nx-auth-pool: staff\""), AUTH_CLAIM_UNSAFE },
		{ CLAIM("\"sub\":\"\\u00fc\""), AUTH_CLAIM_UNSAFE },
		{ CLAIM("\"sub\":1"), AUTH_PAYLOAD_MALFORMED },
		{ CLAIM("\"azp\":\"a b\""), AUTH_CLAIM_UNSAFE },
		{ "", AUTH_PAYLOAD_MALFORMED },
		{ "[]", AUTH_PAYLOAD_MALFORMED },
		{ "\"x\"", AUTH_PAYLOAD_MALFORMED },
		{ PAYLOAD "x", AUTH_PAYLOAD_MALFORMED },
	};
	(void)unused;
	check_payloads(rows, COUNT(rows));
}

static void json_behind_a_nul_byte_is_seen(void **unused)
{
	char payload[] = PAYLOAD "\0garbage";
	(void)unused;
	const char *token =
	    sign_with(&rsa, "RS256", SLICE(HEADER), slice_of(payload, sizeof(payload) - 1));
	assert_int_equal(check(token), AUTH_PAYLOAD_MALFORMED);
}

static void a_bound_token_is_taken_from_its_certificate_alone(void **unused)
{
	char cert[32];
	struct auth_result out;
	(void)unused;
	const char *token = sign(HEADER,
	    "{" BASE TIMES
	    ",\"cnf\":{\"x5t#S256\":\"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0\"}}");
	struct slice value = slice_of_cstr(arena_printf(&arena, "Bearer %s", token));
	assert_int_equal(
	    base64url_decode(SLICE("A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"), cert), 32);
	struct auth_input in = { .authorization = &value,
		.authorization_count = 1,
		.cert_sha256 = slice_of(cert, 32),
		.now_unix_s = NOW };
	auth_check(uncached, route, &in, &arena, &out);
	assert_int_equal(out.reason, AUTH_OK);
	cert[31] ^= 1;
	auth_check(uncached, route, &in, &arena, &out);
	assert_int_equal(out.reason, AUTH_CNF_MISMATCH);
}

/* ---- policies
 * ------------------------------------------------------------------------------------ */

static struct policy *policy_of(
    struct authorizer_config config, struct keyset *set, const char *scope)
{
	static const char *const audiences[] = { "app" };
	config.name = "test";
	config.issuer = config.issuer ? config.issuer : "https://issuer/staff";
	config.audiences = audiences;
	config.audience_count = 1;
	config.leeway_s = 30;
	struct authorizer *a = authorizer_new(&config, NULL, set, NULL);
	struct policy *p = policy_new(a, &scope, scope ? 1 : 0, true, MTLS_OFF, NULL);
	authorizer_unref(a);
	return p;
}

static void lifetimes_and_types_can_be_pinned(void **unused)
{
	(void)unused;
	struct policy *brief =
	    policy_of((struct authorizer_config){ .max_lifetime_s = 609 }, keys, NULL);
	struct policy *enough =
	    policy_of((struct authorizer_config){ .max_lifetime_s = 610 }, keys, NULL);
	struct policy *at = policy_of((struct authorizer_config){ .typ = TYP_AT_JWT }, keys, NULL);
	const char *plain = sign(HEADER, PAYLOAD);
	assert_int_equal(check_at(uncached, brief, plain, NOW, NULL), AUTH_LIFETIME_TOO_LONG);
	assert_int_equal(check_at(uncached, enough, plain, NOW, NULL), AUTH_OK);
	assert_int_equal(check_at(uncached, enough, sign(HEADER, EXP("1800000600")), NOW, NULL),
	    AUTH_LIFETIME_TOO_LONG);
	assert_int_equal(check_at(uncached, at, plain, NOW, NULL), AUTH_TYP_REFUSED);
	assert_int_equal(
	    check_at(uncached, at, sign(WITH("\"typ\":\"at+jwt\""), PAYLOAD), NOW, NULL), AUTH_OK);
	policy_free(brief);
	policy_free(enough);
	policy_free(at);
}

static void a_required_certificate_is_asked_for_first(void **unused)
{
	struct auth_result out;
	const struct auth_input in = { .now_unix_s = NOW };
	(void)unused;
	struct policy *p = policy_new(staff, NULL, 0, false, MTLS_REQUIRED, NULL);
	auth_check(uncached, p, &in, &arena, &out);
	assert_int_equal(out.reason, AUTH_CERT_MISSING);
	policy_free(p);
}

/* ---- cache
 * --------------------------------------------------------------------------------------- */

static void a_cached_token_meets_each_routes_rules_and_the_clock(void **unused)
{
	struct auth_result out;
	(void)unused;
	const char *token = sign(HEADER, "{" BASE "\"iat\":1799999000,\"exp\":1800000100}");
	struct policy *customers = policy_of(
	    (struct authorizer_config){ .issuer = "https://issuer/customers" }, keys, NULL);
	struct policy *admin = policy_of((struct authorizer_config){ 0 }, keys, "admin");
	assert_int_equal(check_at(state, route, token, NOW, &out), AUTH_OK);
	assert_false(out.from_cache);
	assert_int_equal(check_at(state, route, token, NOW, &out), AUTH_OK);
	assert_true(out.from_cache);
	assert_true(slice_eq(out.sub, SLICE("alice")));
	assert_int_equal(check_at(state, customers, token, NOW, &out), AUTH_ISS_MISMATCH);
	assert_int_equal(check_at(state, admin, token, NOW, &out), AUTH_SCOPE_INSUFFICIENT);
	assert_true(out.from_cache);
	assert_int_equal(check_at(state, route, token, NOW + 129, &out), AUTH_OK);
	assert_true(out.from_cache);
	assert_int_equal(check_at(state, route, token, NOW + 130, &out), AUTH_TOKEN_EXPIRED);
	policy_free(customers);
	policy_free(admin);
}

static void a_key_that_is_gone_takes_its_cached_tokens_with_it(void **unused)
{
	(void)unused;
	const char *token = sign(HEADER, PAYLOAD);
	json_t *other = json_pack("{s:[o]}", "keys", signing_key_jwk(&ec));
	struct keyset *next = keyset_from_json(other, NULL);
	struct policy *rotated = policy_of((struct authorizer_config){ 0 }, next, NULL);
	assert_int_equal(check_at(state, route, token, NOW, NULL), AUTH_OK);
	assert_int_equal(check_at(state, rotated, token, NOW, NULL), AUTH_KID_UNKNOWN);
	policy_free(rotated);
	keyset_unref(next);
	json_decref(other);
}

static void another_spelling_of_a_cached_token_is_no_hit(void **unused)
{
	struct auth_result out;
	(void)unused;
	const char *token = sign(HEADER, PAYLOAD);
	assert_int_equal(check_at(state, route, token, NOW, NULL), AUTH_OK);
	assert_int_equal(check_at(state, route, edited(token, strlen(token), 0, "="), NOW, &out),
	    AUTH_TOKEN_MALFORMED);
	assert_false(out.from_cache);
}

static void a_cache_hit_allocates_nothing(void **unused)
{
	struct auth_result out;
	(void)unused;
	struct slice value =
	    slice_of_cstr(arena_printf(&arena, "Bearer %s", sign(HEADER, PAYLOAD)));
	const struct auth_input in = {
		.authorization = &value, .authorization_count = 1, .now_unix_s = NOW
	};
	auth_check(state, route, &in, &arena, &out);
	long before = fail_alloc_count();
	auth_check(state, route, &in, &arena, &out);
	assert_int_equal(fail_alloc_count(), before);
	assert_true(out.from_cache);
}

/* ---- answers
 * ------------------------------------------------------------------------------------- */

static void challenges_follow_rfc_6750(void **unused)
{
	static const struct {
		enum auth_reason reason;
		unsigned status;
		const char *text;
	} rows[] = {
		{ AUTH_OK, 200, "" },
		{ AUTH_TOKEN_MISSING, 401, "Bearer" },
		{ AUTH_TOKEN_EXPIRED, 401,
		    "Bearer error=\"invalid_token\", error_description=\"the token has expired\"" },
		{ AUTH_SCOPE_INSUFFICIENT, 403,
		    "Bearer scope=\"read admin\", error=\"insufficient_scope\"" },
		{ AUTH_KEYS_UNAVAILABLE, 503, "" },
	};
	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(auth_reason_status(rows[i].reason), rows[i].status);
		assert_true(slice_eq(
		    auth_challenge(rows[i].reason, route, &arena), slice_of_cstr(rows[i].text)));
	}
	assert_string_equal(auth_reason_code(AUTH_TOKEN_NOT_YET_VALID), "token_not_yet_valid");
}

/* ---- libjwt as oracle
 * ---------------------------------------------------------------------------- */

/* What libjwt verifies and we refuse is meant; what we accept, libjwt must accept too. */
static void libjwt_accepts_whatever_we_accept(void **unused)
{
	char *pem = NULL;
	size_t accepted = 0;
	(void)unused;
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PUBKEY(bio, rsa.pkey);
	long pem_len = BIO_get_mem_data(bio, &pem);
	const char *token = sign(HEADER, PAYLOAD);
	size_t len = strlen(token);
	/* One byte after the other is replaced. */
	for (size_t i = 0; i <= len; i++) {
		char *changed = arena_printf(&arena, "%s", token);
		if (i < len)
			changed[i] = changed[i] == 'A' ? 'B' : 'A';
		bool ours = check(changed) == AUTH_OK;
		accepted += ours;
		jwt_t *jwt = NULL;
		bool theirs =
		    jwt_decode(&jwt, changed, (const unsigned char *)pem, (int)pem_len) == 0;
		jwt_free(jwt);
		assert_true(!ours || theirs);
	}
	assert_int_equal(accepted, 1);
	BIO_free(bio);
}

/* It is asked for a token that is verified; whatever it reads in another way is a disagreement. */
static void libjwt_must_read_the_same_claims(void **unused)
{
	struct token token;
	struct claims claims, other;
	(void)unused;
	struct slice text = slice_of_cstr(sign(HEADER, PAYLOAD));
	assert_int_equal(token_split(text, TOKEN_MAX_BYTES, &arena, &token), AUTH_OK);
	assert_int_equal(token_read_header(&token, &arena), AUTH_OK);
	assert_int_equal(claims_parse(&token, &arena, &claims), AUTH_OK);
	assert_true(second_decoder_agrees(&token, &claims));
	other = claims;
	other.sub = SLICE("alice2");
	assert_false(second_decoder_agrees(&token, &other));
	other = claims;
	other.iss = SLICE("");
	assert_false(second_decoder_agrees(&token, &other));
	other = claims;
	other.exp.value += 0.5;
	assert_false(second_decoder_agrees(&token, &other));
	token.alg = alg_find(SLICE("RS512"));
	assert_false(second_decoder_agrees(&token, &claims));
	/* No version of Debian's reads these. */
	token.alg = alg_find(SLICE("PS256"));
	assert_true(second_decoder_agrees(&token, &other));
	assert_int_equal(auth_reason_status(AUTH_DECODERS_DISAGREE), 401);
}

/* ---- memory
 * -------------------------------------------------------------------------------------- */

static void want_of_memory_refuses_and_never_accepts(void **unused)
{
	struct buf bad;
	(void)unused;
	buf_init(&bad, 0);
	const char *good = sign(HEADER, PAYLOAD);
	buf_append_cstr(&bad, good);
	bad.data[bad.len - 10] = bad.data[bad.len - 10] == 'A' ? 'B' : 'A';
	fail_alloc_hook_jansson();
	for (long n = 1; n < 200; n++) {
		struct arena fresh;
		struct auth_result out;
		struct slice values[2] = { slice_of_cstr(arena_printf(&arena, "Bearer %s", good)),
			slice_of_cstr(arena_printf(&arena, "Bearer %s", buf_cstr(&bad))) };
		for (size_t i = 0; i < 2; i++) {
			const struct auth_input in = { .authorization = &values[i],
				.authorization_count = 1,
				.now_unix_s = NOW };
			arena_init(&fresh, 0);
			fail_alloc_at(n);
			auth_check(uncached, route, &in, &fresh, &out);
			bool happened = fail_alloc_happened();
			fail_alloc_off();
			assert_true(i == 0 || out.reason != AUTH_OK);
			assert_true(i == 1 || happened || out.reason == AUTH_OK);
			arena_release(&fresh);
		}
	}
	json_set_alloc_funcs(malloc, free);
	buf_release(&bad);
}

static int setup(void **unused)
{
	const char *const audiences[] = { "app" };
	const char *const scopes[] = { "read", "admin" };
	const struct authorizer_config config = {
		.name = "staff",
		.issuer = "https://issuer/staff",
		.audiences = audiences,
		.audience_count = 1,
		.leeway_s = 30,
	};
	(void)unused;
	arena_init(&arena, 0);
	if (!signing_key_generate(&rsa, "rsa", NULL) || !signing_key_generate(&ec, "ec", NULL))
		return -1;
	snprintf(rsa.kid, sizeof(rsa.kid), "k1");
	json_t *set = signing_key_set(&rsa, 1);
	keys = keyset_from_json(set, NULL);
	json_decref(set);
	staff = authorizer_new(&config, NULL, keys, NULL);
	route = policy_new(staff, scopes, 2, false, MTLS_OFF, NULL);
	state = auth_state_new(64, 1 << 20, 300);
	uncached = auth_state_new(0, 0, 0);
	return route && state && uncached ? 0 : -1;
}

static int teardown(void **unused)
{
	(void)unused;
	policy_free(route);
	authorizer_unref(staff);
	keyset_unref(keys);
	signing_key_release(&rsa);
	signing_key_release(&ec);
	auth_state_free(state);
	auth_state_free(uncached);
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_token_is_accepted_and_its_claims_are_handed_on),
		cmocka_unit_test(every_algorithm_of_the_list_is_verified),
		cmocka_unit_test(only_one_bearer_token_is_taken),
		cmocka_unit_test(a_token_has_one_spelling),
		cmocka_unit_test(what_is_not_three_segments_is_malformed),
		cmocka_unit_test(length_is_bounded_before_anything_is_read),
		cmocka_unit_test(algorithms_outside_the_list_are_refused),
		cmocka_unit_test(a_mac_keyed_with_the_public_key_is_refused),
		cmocka_unit_test(extensions_and_odd_headers_are_refused),
		cmocka_unit_test(a_long_kid_is_refused),
		cmocka_unit_test(json_is_bounded_in_depth),
		cmocka_unit_test(times_are_numbers_within_bounds),
		cmocka_unit_test(issuer_and_audience_match_exactly),
		cmocka_unit_test(scopes_match_as_whole_words),
		cmocka_unit_test(kinds_bindings_and_unsafe_claims_are_refused),
		cmocka_unit_test(json_behind_a_nul_byte_is_seen),
		cmocka_unit_test(a_bound_token_is_taken_from_its_certificate_alone),
		cmocka_unit_test(lifetimes_and_types_can_be_pinned),
		cmocka_unit_test(a_required_certificate_is_asked_for_first),
		cmocka_unit_test(a_cached_token_meets_each_routes_rules_and_the_clock),
		cmocka_unit_test(a_key_that_is_gone_takes_its_cached_tokens_with_it),
		cmocka_unit_test(another_spelling_of_a_cached_token_is_no_hit),
		cmocka_unit_test(a_cache_hit_allocates_nothing),
		cmocka_unit_test(challenges_follow_rfc_6750),
		cmocka_unit_test(libjwt_accepts_whatever_we_accept),
		cmocka_unit_test(libjwt_must_read_the_same_claims),
		cmocka_unit_test(want_of_memory_refuses_and_never_accepts),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
