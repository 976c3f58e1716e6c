/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/tools/issuer.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "spoa/tools/cognito.h"
#include "spoa/tools/signing_key.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	POOLS = 2,
	REQUEST_MAX_BYTES = 16 * 1024,
	CONNECTIONS_MAX = 64,
	IO_TIMEOUT_S = 5,
	LIFETIME_MAX_S = 86400,
	GROUPS_MAX = 16,
	BASE_MAX_BYTES = 256,
};

struct pool {
	const char *name;
	char issuer[BASE_MAX_BYTES + 32];
	char key_path[4096];
	pthread_mutex_t lock;
	struct signing_key keys[ISSUER_KEYS_MAX]; /* the first one signs */
	size_t key_count;
};

struct issuer {
	struct pool pools[POOLS];
	SSL_CTX *tls; /* NULL: HTTP */
	int listener;
	atomic_uint connections;
};

struct peer {
	struct issuer *issuer;
	int fd;
	SSL *ssl;
};

/* ---- bytes
 * ------------------------------------------------------------------------------------------ */

static ssize_t peer_read(struct peer *peer, char *bytes, size_t size)
{
	return peer->ssl ? SSL_read(peer->ssl, bytes, (int)size) : read(peer->fd, bytes, size);
}

static void peer_write(struct peer *peer, struct slice bytes)
{
	if (peer->ssl)
		(void)!SSL_write(peer->ssl, bytes.ptr, (int)bytes.len);
	else
		(void)!file_write_all(peer->fd, bytes);
}

struct request {
	struct slice method, pool, path, body;
};

static size_t content_length(struct slice head)
{
	struct slice line, name, value;
	uint64_t length = 0;
	while (head.len) {
		slice_cut(head, '\n', &line, &head);
		if (slice_cut(line, ':', &name, &value) &&
		    slice_eq_nocase(name, SLICE("content-length")))
			(void)slice_to_u64(slice_trim(value), REQUEST_MAX_BYTES, &length);
	}
	return (size_t)length;
}

/* A whole request into `text`; where its body begins. 0: the peer sent none. */
static size_t read_request(struct peer *peer, struct buf *text)
{
	for (;;) {
		size_t end = slice_find(buf_slice(text), SLICE("\r\n\r\n"));
		if (end != SIZE_MAX &&
		    text->len >= end + 4 + content_length(slice_sub(buf_slice(text), 0, end)))
			return end + 4;
		if (!buf_reserve(text, 2048))
			return 0;
		ssize_t got = peer_read(peer, text->data + text->len, 2048);
		if (got <= 0)
			return 0;
		text->len += (size_t)got;
	}
}

static bool parse_request(struct slice text, size_t body_at, struct request *out)
{
	struct slice target, rest;
	if (!slice_cut(text, ' ', &out->method, &rest) || !slice_cut(rest, ' ', &target, &rest) ||
	    !slice_starts_with(target, SLICE("/")))
		return false;
	slice_cut(slice_from(target, 1), '/', &out->pool, &out->path);
	slice_cut(out->path, '?', &out->path, &rest);
	out->body = slice_from(text, body_at);
	return true;
}

/* ---- forms
 * ------------------------------------------------------------------------------------------ */

/* application/x-www-form-urlencoded; false: malformed, or longer than `size` - 1. */
static bool form_decode(struct slice from, char *to, size_t size)
{
	size_t at = 0;
	for (size_t i = 0; i < from.len; i++) {
		char c = from.ptr[i];
		if (c == '+')
			c = ' ';
		if (c == '%') {
			int high = i + 2 < from.len ? ascii_hex_value(from.ptr[i + 1]) : -1;
			int low = i + 2 < from.len ? ascii_hex_value(from.ptr[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (c == '\0' || at + 1 >= size)
			return false;
		to[at++] = c;
	}
	to[at] = '\0';
	return true;
}

struct form {
	char client_id[256], scope[2048], sub[256], lifetime[16], token_use[16], grant_type[64];
	char groups[GROUPS_MAX][128];
	const char *group_list[GROUPS_MAX];
	size_t group_count;
};

static bool form_field(struct form *form, struct slice name, struct slice value)
{
	const struct {
		const char *name;
		char *to;
		size_t size;
	} rows[] = {
		{ "client_id", form->client_id, sizeof(form->client_id) },
		{ "scope", form->scope, sizeof(form->scope) },
		{ "sub", form->sub, sizeof(form->sub) },
		{ "lifetime", form->lifetime, sizeof(form->lifetime) },
		{ "token_use", form->token_use, sizeof(form->token_use) },
		{ "grant_type", form->grant_type, sizeof(form->grant_type) },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (slice_eq(name, slice_of_cstr(rows[i].name)))
			return form_decode(value, rows[i].to, rows[i].size);
	if (!slice_eq(name, SLICE("group")))
		return true;
	if (form->group_count == GROUPS_MAX)
		return false;
	form->group_list[form->group_count] = form->groups[form->group_count];
	return form_decode(value, form->groups[form->group_count++], sizeof(form->groups[0]));
}

static bool form_parse(struct form *form, struct slice body)
{
	struct slice pair, name, value;
	while (body.len) {
		slice_cut(body, '&', &pair, &body);
		slice_cut(pair, '=', &name, &value);
		if (!form_field(form, name, value))
			return false;
	}
	return strcmp(form->grant_type, "client_credentials") == 0 && form->client_id[0];
}

/* ---- answers
 * ---------------------------------------------------------------------------------------- */

static void answer(struct peer *peer, const char *status, json_t *json)
{
	char *body = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct buf text;
	buf_init(&text, 0);
	buf_printf(&text,
	    "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nCache-Control: max-age=60\r\n"
	    "Connection: close\r\n\r\n%s",
	    status, body ? strlen(body) : 0, body ? body : "");
	peer_write(peer, buf_slice(&text));
	buf_release(&text);
	free(body);
	json_decref(json);
}

static void answer_discovery(struct peer *peer, struct pool *pool, const struct request *request)
{
	(void)request;
	char jwks[sizeof(pool->issuer) + 32], token[sizeof(pool->issuer) + 32];
	snprintf(jwks, sizeof(jwks), "%s/.well-known/jwks.json", pool->issuer);
	snprintf(token, sizeof(token), "%s/oauth2/token", pool->issuer);
	answer(peer, "200 OK",
	    json_pack("{s:s,s:s,s:s,s:[s],s:[s],s:[s]}", "issuer", pool->issuer, "jwks_uri", jwks,
	        "token_endpoint", token, "grant_types_supported", "client_credentials",
	        "id_token_signing_alg_values_supported", "RS256", "subject_types_supported",
	        "public"));
}

static void answer_keys(struct peer *peer, struct pool *pool, const struct request *request)
{
	(void)request;
	pthread_mutex_lock(&pool->lock);
	json_t *set = signing_key_set(pool->keys, pool->key_count);
	pthread_mutex_unlock(&pool->lock);
	answer(peer, set ? "200 OK" : "500 Internal Server Error", set);
}

static bool make_token(
    struct pool *pool, const struct form *form, int64_t lifetime_s, struct buf *out)
{
	const struct cognito_token token = {
		.issuer = pool->issuer,
		.sub = form->sub[0] ? form->sub : form->client_id,
		.client_id = form->client_id,
		.scope = form->scope[0] ? form->scope : NULL,
		.use = form->token_use[0] ? form->token_use : "access",
		.groups = { (const char **)(uintptr_t)form->group_list, form->group_count },
		.issued_unix_s = clock_unix_s(),
		.lifetime_s = lifetime_s,
	};
	struct err err = { 0 };
	json_t *claims = cognito_claims(&token, &err);
	pthread_mutex_lock(&pool->lock);
	bool ok = claims && signing_key_sign(&pool->keys[0], NULL, "JWT", claims, out, &err);
	pthread_mutex_unlock(&pool->lock);
	json_decref(claims);
	return ok;
}

static void answer_token(struct peer *peer, struct pool *pool, const struct request *request)
{
	struct form form = { 0 };
	struct buf token;
	uint64_t lifetime_s = 3600;
	buf_init(&token, 0);
	bool ok = form_parse(&form, request->body) &&
	          (!form.lifetime[0] ||
	              slice_to_u64(slice_of_cstr(form.lifetime), LIFETIME_MAX_S, &lifetime_s)) &&
	          make_token(pool, &form, (int64_t)lifetime_s, &token);
	if (ok)
		answer(peer, "200 OK",
		    json_pack("{s:s,s:s,s:I}", "access_token", buf_cstr(&token), "token_type",
		        "Bearer", "expires_in", (json_int_t)lifetime_s));
	else
		answer(peer, "400 Bad Request", json_pack("{s:s}", "error", "invalid_request"));
	buf_release(&token);
}

static void answer_rotate(struct peer *peer, struct pool *pool, const struct request *request)
{
	(void)request;
	struct signing_key fresh;
	struct err err = { 0 };
	if (!signing_key_generate(&fresh, "rsa", &err) ||
	    !signing_key_save(&fresh, pool->key_path, &err)) {
		signing_key_release(&fresh);
		answer(peer, "500 Internal Server Error", json_pack("{s:s}", "error", err.text));
		return;
	}
	pthread_mutex_lock(&pool->lock);
	if (pool->key_count == ISSUER_KEYS_MAX)
		signing_key_release(&pool->keys[--pool->key_count]);
	memmove(pool->keys + 1, pool->keys, pool->key_count * sizeof(pool->keys[0]));
	pool->keys[0] = fresh;
	pool->key_count++;
	pthread_mutex_unlock(&pool->lock);
	answer(peer, "200 OK", json_pack("{s:s}", "kid", fresh.kid));
}

static const struct route {
	const char *method, *path;
	void (*run)(struct peer *, struct pool *, const struct request *);
} routes[] = {
	{ "GET", ".well-known/openid-configuration", answer_discovery },
	{ "GET", ".well-known/jwks.json", answer_keys },
	{ "POST", "oauth2/token", answer_token },
	{ "POST", "rotate", answer_rotate },
};

static void dispatch(struct peer *peer, const struct request *request)
{
	for (size_t p = 0; p < POOLS; p++)
		for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
			struct pool *pool = &peer->issuer->pools[p];
			if (slice_eq(request->pool, slice_of_cstr(pool->name)) &&
			    slice_eq(request->method, slice_of_cstr(routes[i].method)) &&
			    slice_eq(request->path, slice_of_cstr(routes[i].path))) {
				routes[i].run(peer, pool, request);
				return;
			}
		}
	answer(peer, "404 Not Found", json_pack("{s:s}", "error", "not_found"));
}

/* ---- connections
 * ------------------------------------------------------------------------------------ */

static void *serve(void *arg)
{
	struct peer *peer = arg;
	struct request request;
	struct buf text;
	buf_init(&text, REQUEST_MAX_BYTES);
	if (!peer->ssl || SSL_accept(peer->ssl) == 1) {
		size_t body_at = read_request(peer, &text);
		if (body_at && parse_request(buf_slice(&text), body_at, &request))
			dispatch(peer, &request);
		if (peer->ssl)
			SSL_shutdown(peer->ssl);
	}
	buf_release(&text);
	SSL_free(peer->ssl);
	close(peer->fd);
	atomic_fetch_sub(&peer->issuer->connections, 1);
	free(peer);
	ERR_clear_error();
	return NULL;
}

static bool start_peer(struct issuer *issuer, int fd)
{
	const struct timeval timeout = { .tv_sec = IO_TIMEOUT_S };
	pthread_t thread;
	struct peer *peer = calloc(1, sizeof(*peer));
	if (!peer)
		return false;
	*peer = (struct peer){ issuer, fd, issuer->tls ? SSL_new(issuer->tls) : NULL };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if ((issuer->tls && (!peer->ssl || SSL_set_fd(peer->ssl, fd) != 1)) ||
	    pthread_create(&thread, NULL, serve, peer) != 0) {
		SSL_free(peer->ssl);
		free(peer);
		return false;
	}
	pthread_detach(thread);
	return true;
}

static void accept_one(struct issuer *issuer)
{
	int fd = accept4(issuer->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		usleep(10000);
		return;
	}
	if (atomic_fetch_add(&issuer->connections, 1) < CONNECTIONS_MAX && start_peer(issuer, fd))
		return;
	atomic_fetch_sub(&issuer->connections, 1);
	close(fd);
}

/* ---- start
 * ------------------------------------------------------------------------------------------ */

static bool open_listener(
    struct issuer *issuer, const char *listen_at, uint16_t *port, struct err *err)
{
	struct slice host, port_text;
	char address[64];
	uint64_t number;
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	const int on = 1;
	slice_cut(slice_of_cstr(listen_at), ':', &host, &port_text);
	snprintf(address, sizeof(address), "%.*s", SLICE_ARG(host));
	if (host.len >= sizeof(address) || !slice_to_u64(port_text, 65535, &number) ||
	    inet_pton(AF_INET, address, &in.sin_addr) != 1 ||
	    ntohl(in.sin_addr.s_addr) >> 24 != 127)
		return err_set(err, "'%s' is not 127.x.x.x:PORT", listen_at);
	in.sin_port = htons((uint16_t)number);
	issuer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (issuer->listener < 0 ||
	    setsockopt(issuer->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(issuer->listener, (struct sockaddr *)&in, sizeof(in)) != 0 ||
	    listen(issuer->listener, 128) != 0 ||
	    getsockname(issuer->listener, (struct sockaddr *)&in, &len) != 0)
		return err_set(err, "cannot listen on '%s': %s", listen_at, strerror(errno));
	*port = ntohs(in.sin_port);
	return true;
}

static bool open_tls(struct issuer *issuer, const struct issuer_config *config, struct err *err)
{
	if (!config->tls_cert && !config->tls_key)
		return true;
	if (!config->tls_cert || !config->tls_key)
		return err_set(err, "a certificate and its key are needed both");
	issuer->tls = SSL_CTX_new(TLS_server_method());
	if (!issuer->tls || SSL_CTX_set_min_proto_version(issuer->tls, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_use_certificate_chain_file(issuer->tls, config->tls_cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(issuer->tls, config->tls_key, SSL_FILETYPE_PEM) != 1)
		return err_set(err, "'%s' and '%s' are not a certificate and its key",
		    config->tls_cert, config->tls_key);
	return true;
}

static bool open_pool(
    struct pool *pool, const char *name, const char *base, const char *keys, struct err *err)
{
	pool->name = name;
	pthread_mutex_init(&pool->lock, NULL);
	snprintf(pool->issuer, sizeof(pool->issuer), "%s/%s", base, name);
	if ((size_t)snprintf(pool->key_path, sizeof(pool->key_path), "%s/%s.pem", keys, name) >=
	    sizeof(pool->key_path))
		return err_set(err, "the path '%s' is too long", keys);
	pool->key_count = 1;
	if (access(pool->key_path, F_OK) == 0)
		return signing_key_load(&pool->keys[0], pool->key_path, err);
	return signing_key_generate(&pool->keys[0], "rsa", err) &&
	       signing_key_save(&pool->keys[0], pool->key_path, err);
}

static bool start(struct issuer *issuer, const struct issuer_config *config, struct err *err)
{
	static const char *const names[POOLS] = { "staff", "customers" };
	char base[BASE_MAX_BYTES + 1];
	uint16_t port = 0;
	if (!file_make_dirs(config->keys, 0700, err) || !open_tls(issuer, config, err) ||
	    !open_listener(issuer, config->listen, &port, err))
		return false;
	int len = config->base ? snprintf(base, sizeof(base), "%s", config->base)
	                       : snprintf(base, sizeof(base), "%s://localhost:%u",
	                             issuer->tls ? "https" : "http", port);
	if (len < 0 || (size_t)len >= sizeof(base))
		return err_set(err, "the issuer's name is too long");
	for (size_t i = 0; i < POOLS; i++)
		if (!open_pool(&issuer->pools[i], names[i], base, config->keys, err))
			return false;
	log_info("issuer of %s and %s", issuer->pools[0].issuer, issuer->pools[1].issuer);
	printf("listening on port %u\n", port);
	fflush(stdout);
	return true;
}

bool issuer_run(const struct issuer_config *config, struct err *err)
{
	static struct issuer issuer;
	signal(SIGPIPE, SIG_IGN);
	if (!start(&issuer, config, err))
		return false;
	for (;;)
		accept_one(&issuer);
}
