/* SPDX-License-Identifier: Apache-2.0 */
/* sallyport-jwt: keys and tokens for operators and developers, and a development issuer. */
#include "common/cli.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/http.h"
#include "common/json_write.h"
#include "common/log.h"
#include "spoa/auth/auth.h"
#include "spoa/auth/jws.h"
#include "spoa/auth/keyset_refresh.h"
#include "spoa/tools/cognito.h"
#include "spoa/tools/issuer.h"
#include "spoa/tools/signing_key.h"
#include "spoa/tools/token_batch.h"

#include <stdlib.h>
#include <unistd.h>

enum { EXIT_REFUSED = 3, FETCH_WAIT_MS = 12000 };

static struct options {
	const char *type, *out, *jwks, *kid;
	const char *key, *alg, *typ, *issuer, *pool, *sub, *client_id, *scope, *lifetime, *use;
	struct cli_list groups, claims, audiences, algorithms, scopes;
	const char *ca_file, *now;
	bool signature_only, batch, json, allow_http;
	uint64_t leeway_s, max_lifetime_s, count;
	const char *listen, *tls_cert, *tls_key, *keys;
} options = {
	.type = "rsa",
	.sub = "test-user",
	.client_id = "test-client",
	.lifetime = "3600",
	.typ = "JWT",
	.leeway_s = 30,
	.count = 1,
	.listen = "127.0.0.1:9443",
	.keys = "issuer",
};

static int complain(const struct err *err)
{
	char text[ERR_TEXT_MAX + ERR_FILE_MAX + 32];
	fprintf(stderr, "sallyport-jwt: %s\n", err_format(err, text, sizeof(text)));
	return CLI_ERROR;
}

static int usage(const char *what)
{
	fprintf(stderr, "sallyport-jwt: %s\n", what);
	return CLI_USAGE;
}

/* Decimal, possibly negative. */
static bool read_seconds(const char *text, int64_t *out)
{
	uint64_t value;
	bool negative = text[0] == '-';
	if (!slice_to_u64(slice_of_cstr(text + negative), INT32_MAX * 4ull, &value))
		return false;
	*out = negative ? -(int64_t)value : (int64_t)value;
	return true;
}

static bool print_json(const json_t *json, size_t flags)
{
	char *text = json ? json_dumps(json, flags) : NULL;
	bool ok = text && puts(text) >= 0 && fflush(stdout) == 0;
	free(text);
	return ok;
}

/* ---- keygen -------------------------------------------------------------------------------------
 */

static bool use_kid(struct signing_key *key, struct err *err)
{
	if (!options.kid)
		return true;
	if (!options.kid[0] || strlen(options.kid) > SIGNING_KEY_ID_MAX)
		return err_set(err, "a kid has 1 to %d bytes", SIGNING_KEY_ID_MAX);
	snprintf(key->kid, sizeof(key->kid), "%s", options.kid);
	return true;
}

static bool write_set(const struct signing_key *key, const char *path, struct err *err)
{
	json_t *set = signing_key_set(key, 1);
	char *text = set ? json_dumps(set, JSON_INDENT(2)) : NULL;
	bool ok = text ? !path || file_write_atomic(path, slice_of_cstr(text), 0644, err)
	               : err_set(err, "no memory");
	if (ok && !path)
		puts(text);
	free(text);
	json_decref(set);
	return ok;
}

static int run_keygen(int argc, char **argv)
{
	struct signing_key key;
	struct err err = { 0 };
	(void)argc;
	(void)argv;
	if (!options.out)
		return usage("keygen needs --out FILE for the private key");
	if (access(options.out, F_OK) == 0) {
		err_set(&err, "'%s' is there already", options.out);
		return complain(&err);
	}
	bool ok = signing_key_generate(&key, options.type, &err) && use_kid(&key, &err) &&
	          signing_key_save(&key, options.out, &err) && write_set(&key, options.jwks, &err);
	signing_key_release(&key);
	return ok ? CLI_OK : complain(&err);
}

/* ---- mint ---------------------------------------------------------------------------------------
 */

/* The issuer as named, with the pool behind it when one is given. */
static const char *issuer_name(char *text, size_t size)
{
	const char *base = options.issuer ? options.issuer : "https://localhost:9443";
	snprintf(
	    text, size, "%s%s%s", base, options.pool ? "/" : "", options.pool ? options.pool : "");
	return text;
}

static bool mint_one(const struct signing_key *key, const struct alg *alg,
    const struct cognito_token *token, struct err *err)
{
	struct buf out;
	json_t *claims = cognito_claims(token, err);
	buf_init(&out, 0);
	bool ok = claims && signing_key_sign(
	                        key, alg, options.typ[0] ? options.typ : NULL, claims, &out, err);
	if (ok)
		puts(buf_cstr(&out));
	buf_release(&out);
	json_decref(claims);
	return ok;
}

static bool mint(const struct cognito_token *token, struct err *err)
{
	struct signing_key key;
	const struct alg *alg = options.alg ? alg_find(slice_of_cstr(options.alg)) : NULL;
	if (options.alg && !alg)
		return err_set(err, "unknown algorithm '%s'", options.alg);
	if (!signing_key_load(&key, options.key, err))
		return false;
	bool ok = use_kid(&key, err);
	for (uint64_t i = 0; ok && i < options.count; i++)
		ok = mint_one(&key, alg, token, err);
	signing_key_release(&key);
	return ok;
}

static int run_mint(int argc, char **argv)
{
	char issuer[2048];
	struct err err = { 0 };
	int64_t lifetime_s;
	(void)argc;
	(void)argv;
	if (!options.key)
		return usage("mint needs --key FILE");
	if (!read_seconds(options.lifetime, &lifetime_s))
		return usage("--lifetime is a number of seconds");
	const struct cognito_token token = {
		.issuer = issuer_name(issuer, sizeof(issuer)),
		.sub = options.sub,
		.client_id = options.client_id,
		.scope = options.scope,
		.use = options.use ? options.use : "access",
		.groups = options.groups,
		.claims = options.claims,
		/* An expired token was issued before it expired. */
		.issued_unix_s = clock_unix_s() + (lifetime_s < 0 ? lifetime_s - 3600 : 0),
		.lifetime_s = lifetime_s < 0 ? 3600 : lifetime_s,
	};
	return mint(&token, &err) ? CLI_OK : complain(&err);
}

/* ---- the token of an argument -------------------------------------------------------------------
 */

/* Of the argument or of standard input, without white space at its ends and without "Bearer ". */
static bool read_token(int argc, char **argv, struct buf *text, struct slice *out, struct err *err)
{
	buf_init(text, 0);
	if (argc == 0 && !file_read("-", TOKEN_MAX_BYTES * 4, text, err))
		return false;
	*out = slice_trim(argc ? slice_of_cstr(argv[0]) : buf_slice(text));
	if (slice_starts_with_nocase(*out, SLICE("bearer ")))
		*out = slice_from(*out, 7);
	return true;
}

/* ---- decode -------------------------------------------------------------------------------------
 */

static int print_token(struct slice text)
{
	struct arena arena;
	struct token token;
	arena_init(&arena, 0);
	enum auth_reason reason = token_split(text, TOKEN_MAX_BYTES, &arena, &token);
	json_t *header = reason == AUTH_OK ? token_json_object(token.header) : NULL;
	json_t *payload = reason == AUTH_OK ? token_json_object(token.payload) : NULL;
	if (reason == AUTH_OK && !header)
		reason = AUTH_HEADER_MALFORMED;
	if (reason == AUTH_OK && !payload)
		reason = AUTH_PAYLOAD_MALFORMED;
	json_t *both =
	    reason == AUTH_OK ? json_pack("{s:O,s:O}", "header", header, "payload", payload) : NULL;
	bool ok = both && print_json(both, JSON_INDENT(2));
	if (!ok)
		fprintf(stderr, "sallyport-jwt: %s\n", auth_reason_code(reason));
	json_decref(both);
	json_decref(header);
	json_decref(payload);
	arena_release(&arena);
	return ok ? CLI_OK : EXIT_REFUSED;
}

static int run_decode(int argc, char **argv)
{
	struct err err = { 0 };
	struct buf text;
	struct slice token;
	int code =
	    read_token(argc, argv, &text, &token, &err) ? print_token(token) : complain(&err);
	buf_release(&text);
	return code;
}

/* ---- verify -------------------------------------------------------------------------------------
 */

static bool read_use(enum token_use *out)
{
	static const char *const names[] = { "access", "id", "any" };
	*out = TOKEN_USE_ANY;
	for (unsigned i = 0; options.use && i < 3; i++)
		if (strcmp(options.use, names[i]) == 0) {
			*out = (enum token_use)i;
			return true;
		}
	return !options.use;
}

static struct keyset *fetch_keys(const char *issuer, struct err *err)
{
	const struct key_source_config config = {
		.name = issuer,
		.issuer = issuer,
		.ca_file = options.ca_file,
		.allow_http = options.allow_http,
	};
	struct key_source_stats stats;
	log_set_level(LOG_LEVEL_ERROR);
	struct key_source *source = key_source_new(&config, err);
	if (!source)
		return NULL;
	key_source_wait(source, FETCH_WAIT_MS);
	struct keyset *set = key_source_get(source);
	key_source_stats(source, &stats);
	if (!set)
		err_set(err, "no keys of '%s': %s", issuer, stats.last_error);
	key_source_unref(source);
	return set;
}

static struct keyset *load_keys(const char *issuer, struct err *err)
{
	struct buf text;
	if (!options.jwks)
		return fetch_keys(issuer, err);
	buf_init(&text, 0);
	struct keyset *set = NULL;
	if (file_read(options.jwks, KEYSET_DOCUMENT_MAX_BYTES, &text, err))
		set = keyset_parse(buf_slice(&text), options.jwks, err);
	buf_release(&text);
	return set;
}

static enum auth_reason check_signature(struct slice token, const struct keyset *keys)
{
	struct verifier verifier;
	struct arena arena;
	alg_set allowed = options.algorithms.count ? 0 : UINT32_MAX;
	for (size_t i = 0; i < options.algorithms.count; i++) {
		const struct alg *alg = alg_find(slice_of_cstr(options.algorithms.items[i]));
		allowed |= alg ? alg_bit(alg) : 0;
	}
	arena_init(&arena, 0);
	enum auth_reason reason = verifier_init(&verifier)
	                              ? jws_verify(&verifier, keys, allowed, token, &arena)
	                              : AUTH_INTERNAL;
	verifier_release(&verifier);
	arena_release(&arena);
	return reason;
}

static bool read_rules(struct token_batch *batch, char *issuer, size_t size)
{
	if (options.now && !read_seconds(options.now, &batch->now_unix_s))
		return false;
	batch->signature_only = options.signature_only;
	batch->scopes = options.scopes.items;
	batch->scope_count = options.scopes.count;
	batch->rules = (struct authorizer_config){
		.name = "command line",
		.issuer = issuer_name(issuer, size),
		.audiences = options.audiences.items,
		.audience_count = options.audiences.count,
		.algorithms = options.algorithms.items,
		.algorithm_count = options.algorithms.count,
		.leeway_s = (unsigned)options.leeway_s,
		.max_lifetime_s = (unsigned)options.max_lifetime_s,
	};
	return read_use(&batch->rules.token_use) &&
	       (options.signature_only || options.audiences.count > 0);
}

static bool check_all(const struct token_batch *batch, struct slice token, struct keyset *keys,
    enum auth_reason *reason, struct err *err)
{
	struct arena arena;
	struct auth_result result = { .reason = AUTH_INTERNAL };
	struct auth_state *state = auth_state_new(0, 0, 0);
	struct authorizer *authorizer = authorizer_new(&batch->rules, NULL, keys, err);
	struct policy *policy = authorizer ? policy_new(authorizer, batch->scopes,
	                                         batch->scope_count, false, MTLS_OFF, err)
	                                   : NULL;
	arena_init(&arena, 0);
	struct slice header = slice_of_cstr(arena_printf(&arena, "Bearer %.*s", SLICE_ARG(token)));
	const struct auth_input in = {
		.authorization = &header,
		.authorization_count = 1,
		.now_unix_s = batch->now_unix_s,
	};
	if (policy && state && header.ptr)
		auth_check(state, policy, &in, &arena, &result);
	bool ok = policy != NULL;
	*reason = result.reason;
	policy_free(policy);
	authorizer_unref(authorizer);
	auth_state_free(state);
	arena_release(&arena);
	return ok;
}

static int print_verdict(enum auth_reason reason)
{
	const char *code = auth_reason_code(reason);
	if (options.json)
		printf(
		    "{\"ok\":%s,\"reason\":\"%s\"}\n", reason == AUTH_OK ? "true" : "false", code);
	else
		printf("%s: %s\n", reason == AUTH_OK ? "accepted" : "refused", code);
	return reason == AUTH_OK ? CLI_OK : EXIT_REFUSED;
}

static int verify_one(const struct token_batch *batch, int argc, char **argv)
{
	struct err err = { 0 };
	struct buf text;
	struct slice token;
	enum auth_reason reason = AUTH_INTERNAL;
	struct keyset *keys = NULL;
	bool ok = read_token(argc, argv, &text, &token, &err) &&
	          (keys = load_keys(batch->rules.issuer, &err)) != NULL;
	if (ok && batch->signature_only)
		reason = check_signature(token, keys);
	else if (ok)
		ok = check_all(batch, token, keys, &reason, &err);
	keyset_unref(keys);
	buf_release(&text);
	return ok ? print_verdict(reason) : complain(&err);
}

static int run_verify(int argc, char **argv)
{
	char issuer[2048];
	struct token_batch batch = { .now_unix_s = clock_unix_s() };
	if (!read_rules(&batch, issuer, sizeof(issuer)))
		return usage(
		    "verify needs --signature-only or at least one --audience; --now is in seconds, --use access, id or any");
	if (options.batch)
		return token_batch_run(&batch, stdin, stdout) ? CLI_OK : CLI_ERROR;
	if (!options.jwks && !options.issuer)
		return usage("verify needs --jwks FILE or --issuer URL");
	http_global_init();
	return verify_one(&batch, argc, argv);
}

/* ---- serve --------------------------------------------------------------------------------------
 */

static int run_serve(int argc, char **argv)
{
	struct err err = { 0 };
	const struct issuer_config config = {
		.listen = options.listen,
		.base = options.issuer,
		.tls_cert = options.tls_cert,
		.tls_key = options.tls_key,
		.keys = options.keys,
	};
	(void)argc;
	(void)argv;
	log_init("sallyport-jwt", LOG_LEVEL_INFO);
	return issuer_run(&config, &err) ? CLI_OK : complain(&err);
}

/* clang-format off */
static const struct cli_option keygen_options[] = {
	{ "type", 't', CLI_STRING, &options.type, "TYPE", "rsa, rsa-3072, rsa-4096, ec, ec-384, ec-521 or ed25519 (default rsa)", 0, 0 },
	{ "out", 'o', CLI_STRING, &options.out, "FILE", "the private key, PEM, mode 0600", 0, 0 },
	{ "jwks", 0, CLI_STRING, &options.jwks, "FILE", "the public key set (default: standard output)", 0, 0 },
	{ "kid", 'k', CLI_STRING, &options.kid, "KID", "key id (default: the thumbprint of RFC 7638)", 0, 0 },
	{ 0 },
};

static const struct cli_option mint_options[] = {
	{ "key", 'k', CLI_STRING, &options.key, "FILE", "private key, PEM", 0, 0 },
	{ "kid", 0, CLI_STRING, &options.kid, "KID", "key id (default: the thumbprint of RFC 7638)", 0, 0 },
	{ "alg", 'a', CLI_STRING, &options.alg, "ALG", "algorithm (default: RS256, ES256, ES384, ES512 or EdDSA, by the key)", 0, 0 },
	{ "typ", 0, CLI_STRING, &options.typ, "TYP", "header typ, empty for none (default JWT)", 0, 0 },
	{ "issuer", 'i', CLI_STRING, &options.issuer, "URL", "iss (default https://localhost:9443)", 0, 0 },
	{ "pool", 'p', CLI_STRING, &options.pool, "POOL", "added to the issuer: staff or customers", 0, 0 },
	{ "sub", 's', CLI_STRING, &options.sub, "SUB", "subject", 0, 0 },
	{ "client-id", 'c', CLI_STRING, &options.client_id, "ID", "client_id of access tokens, aud of id tokens", 0, 0 },
	{ "scope", 0, CLI_STRING, &options.scope, "SCOPES", "scopes with blanks between them", 0, 0 },
	{ "group", 'g', CLI_LIST, &options.groups, "GROUP", "cognito:groups", 0, 0 },
	{ "lifetime", 'l', CLI_STRING, &options.lifetime, "SECONDS", "exp - iat; negative: expired so long ago (default 3600)", 0, 0 },
	{ "use", 'u', CLI_STRING, &options.use, "USE", "access or id (default access)", 0, 0 },
	{ "claim", 0, CLI_LIST, &options.claims, "NAME=JSON", "any claim; NAME= removes one", 0, 0 },
	{ "count", 'n', CLI_UINT, &options.count, "N", "so many tokens, one on each line, alike but for jti (default 1)", 1, 10000000 },
	{ 0 },
};

static const struct cli_option verify_options[] = {
	{ "jwks", 0, CLI_STRING, &options.jwks, "FILE", "key set (default: by discovery from the issuer)", 0, 0 },
	{ "issuer", 'i', CLI_STRING, &options.issuer, "URL", "the accepted iss", 0, 0 },
	{ "pool", 'p', CLI_STRING, &options.pool, "POOL", "added to the issuer: staff or customers", 0, 0 },
	{ "audience", 'A', CLI_LIST, &options.audiences, "AUD", "an accepted aud, or client_id when there is no aud", 0, 0 },
	{ "alg", 'a', CLI_LIST, &options.algorithms, "ALG", "an accepted algorithm (default RS256; with --signature-only all)", 0, 0 },
	{ "scope", 0, CLI_LIST, &options.scopes, "SCOPE", "one of these scopes is needed", 0, 0 },
	{ "use", 'u', CLI_STRING, &options.use, "USE", "access, id or any (default any)", 0, 0 },
	{ "leeway", 0, CLI_UINT, &options.leeway_s, "SECONDS", "clock difference allowed (default 30)", 0, POLICY_LEEWAY_MAX_S },
	{ "max-lifetime", 0, CLI_UINT, &options.max_lifetime_s, "SECONDS", "longest exp - iat (default: any)", 0, 315360000 },
	{ "now", 0, CLI_STRING, &options.now, "SECONDS", "Unix time to check against (default: now)", 0, 0 },
	{ "ca-file", 0, CLI_STRING, &options.ca_file, "FILE", "CAs trusted for the issuer, PEM", 0, 0 },
	{ "allow-http", 0, CLI_FLAG, &options.allow_http, NULL, "fetch keys without TLS", 0, 0 },
	{ "signature-only", 0, CLI_FLAG, &options.signature_only, NULL, "check the JWS, whatever it signs", 0, 0 },
	{ "batch", 'b', CLI_FLAG, &options.batch, NULL, "read JSON lines {\"id\",\"token\",\"jwks\":{\"keys\":[]},\"algs\":[]} from standard input; print one line {\"id\",\"ok\",\"reason\"} for each", 0, 0 },
	{ "json", 'j', CLI_FLAG, &options.json, NULL, "print JSON", 0, 0 },
	{ 0 },
};

static const struct cli_option serve_options[] = {
	{ "listen", 'l', CLI_STRING, &options.listen, "ADDRESS:PORT", "a loopback address (default 127.0.0.1:9443)", 0, 0 },
	{ "issuer", 'i', CLI_STRING, &options.issuer, "URL", "the pools' issuers are URL/staff and URL/customers", 0, 0 },
	{ "tls-cert", 0, CLI_STRING, &options.tls_cert, "FILE", "certificate chain, PEM (default: HTTP)", 0, 0 },
	{ "tls-key", 0, CLI_STRING, &options.tls_key, "FILE", "its private key, PEM", 0, 0 },
	{ "keys", 'k', CLI_STRING, &options.keys, "DIR", "where staff.pem and customers.pem are kept (default issuer)", 0, 0 },
	{ 0 },
};

static const struct cli_command commands[] = {
	{ "keygen", "", "make a signing key and its public key set", NULL, keygen_options, run_keygen, 0, 0 },
	{ "mint", "", "make a token in the shape of Cognito's", NULL, mint_options, run_mint, 0, 0 },
	{ "verify", "[TOKEN]", "check a token of an argument or of standard input",
	  "Prints the verdict and the reason, one of those that docs/tokens.md lists. In a batch each line brings its own keys and algorithms.",
	  verify_options, run_verify, 0, 1 },
	{ "decode", "[TOKEN]", "show header and claims without checking the signature", NULL, NULL, run_decode, 0, 1 },
	{ "serve", "", "a development issuer: discovery, key sets, tokens for anybody who asks",
	  "Below /staff and /customers: GET /.well-known/openid-configuration, GET /.well-known/jwks.json, POST /oauth2/token, POST /rotate.",
	  serve_options, run_serve, 0, 0 },
	{ 0 },
};

static const struct cli_exit_code exit_codes[] = {
	{ EXIT_REFUSED, "verify, decode: the token is refused" },
	{ 0 },
};
/* clang-format on */

int main(int argc, char **argv)
{
	static const struct cli_program program = {
		.name = "sallyport-jwt",
		.summary = "make, check and show keys and tokens; a development issuer",
		.commands = commands,
		.exit_codes = exit_codes,
	};
	return cli_main(&program, argc, argv);
}
