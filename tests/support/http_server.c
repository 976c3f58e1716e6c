/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { REQUEST_MAX_BYTES = 1024 * 1024 };

static EVP_PKEY *ca_key;
static X509 *ca_cert;
static char ca_path[] = "/tmp/test-ca-XXXXXX";

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert(extension && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

/* A certificate for `key`; without an issuer, a CA that signs itself. */
static X509 *certify(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, const char *alt_name)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	const char *common_name = alt_name ? "test server" : "test CA";
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), alt_name ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name);
	extend(cert, issuer ? issuer : cert, NID_basic_constraints,
	    alt_name ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (alt_name)
		extend(cert, issuer, NID_subject_alt_name, alt_name);
	int size = X509_sign(cert, issuer_key, EVP_sha256());
	assert(size > 0);
	return cert;
}

static void ca_remove(void)
{
	unlink(ca_path);
	X509_free(ca_cert);
	EVP_PKEY_free(ca_key);
}

static void ca_make(void)
{
	if (ca_cert)
		return;
	ca_key = EVP_EC_gen("P-256");
	ca_cert = certify(ca_key, NULL, ca_key, NULL);
	int fd = mkstemp(ca_path);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
	assert(out);
	int wrote = PEM_write_X509(out, ca_cert);
	assert(wrote == 1);
	fclose(out);
	atexit(ca_remove);
}

const char *http_server_ca_file(void)
{
	ca_make();
	return ca_path;
}

static SSL_CTX *tls_make(const char *name)
{
	char alt_name[200];
	snprintf(
	    alt_name, sizeof(alt_name), "%s:%s", strcmp(name, "127.0.0.1") ? "DNS" : "IP", name);
	ca_make();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = certify(key, ca_cert, ca_key, alt_name);
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	assert(tls && SSL_CTX_use_certificate(tls, cert) == 1 &&
	       SSL_CTX_use_PrivateKey(tls, key) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return tls;
}

struct peer {
	int fd;
	SSL *ssl; /* NULL: no TLS */
};

static ssize_t peer_read(struct peer *peer, char *dst, size_t size)
{
	return peer->ssl ? SSL_read(peer->ssl, dst, (int)size) : recv(peer->fd, dst, size, 0);
}

static bool peer_write(struct peer *peer, struct slice bytes)
{
	while (bytes.len) {
		ssize_t n = peer->ssl ? SSL_write(peer->ssl, bytes.ptr, (int)bytes.len)
		                      : send(peer->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		bytes = slice_from(bytes, (size_t)n);
	}
	return true;
}

/* How long the request is in all, or SIZE_MAX while its headers are not complete. */
static size_t request_size(struct slice bytes)
{
	size_t head = slice_find(bytes, SLICE("\r\n\r\n"));
	if (head == SIZE_MAX)
		return SIZE_MAX;
	size_t at = slice_find(slice_sub(bytes, 0, head), SLICE("Content-Length: "));
	struct slice number, rest;
	uint64_t body = 0;
	if (at != SIZE_MAX) {
		slice_cut(slice_from(bytes, at + 16), '\r', &number, &rest);
		slice_to_u64(number, REQUEST_MAX_BYTES, &body);
	}
	return head + 4 + body;
}

static bool read_request(struct http_server *server, struct peer *peer)
{
	char step[4096];
	buf_reset(&server->request);
	while (request_size(buf_slice(&server->request)) > server->request.len) {
		ssize_t n = peer_read(peer, step, sizeof(step));
		if (n <= 0)
			return false;
		buf_append(&server->request, step, (size_t)n);
		if (buf_failed(&server->request))
			return false;
	}
	return true;
}

static void answer(struct http_server *server, struct peer *peer)
{
	struct slice rest = server->options.answer;
	if (!server->options.drip_ms) {
		peer_write(peer, rest);
		return;
	}
	for (; rest.len && peer_write(peer, slice_sub(rest, 0, 1)); rest = slice_from(rest, 1))
		usleep(server->options.drip_ms * 1000);
}

static void serve(struct http_server *server, int fd)
{
	struct peer peer = { fd, server->tls ? SSL_new(server->tls) : NULL };
	if (peer.ssl)
		SSL_set_fd(peer.ssl, fd);
	if ((!peer.ssl || SSL_accept(peer.ssl) == 1) && read_request(server, &peer)) {
		server->requests++;
		answer(server, &peer);
	}
	if (peer.ssl)
		SSL_shutdown(peer.ssl);
	SSL_free(peer.ssl);
	close(fd);
}

/* Ends when the listener is shut down. */
static void *run(void *arg)
{
	struct http_server *server = arg;
	for (;;) {
		int fd = accept(server->listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		/* A client that goes silent must not hold the test for ever. */
		struct timeval patience = { 10, 0 };
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		serve(server, fd);
	}
}

static int listen_tcp(unsigned *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	          getsockname(fd, (struct sockaddr *)&address, &size) == 0 && listen(fd, 16) == 0;
	*port = ntohs(address.sin_port);
	return ok ? fd : -1;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	          listen(fd, 16) == 0;
	return ok ? fd : -1;
}

void http_server_start(struct http_server *server, const struct http_server_options *options)
{
	/* SSL_write() knows no MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	*server = (struct http_server){ .options = *options };
	buf_init(&server->request, REQUEST_MAX_BYTES);
	server->tls = options->tls_name ? tls_make(options->tls_name) : NULL;
	server->listener =
	    options->unix_path ? listen_unix(options->unix_path) : listen_tcp(&server->port);
	assert(server->listener >= 0);
	int rc = pthread_create(&server->thread, NULL, run, server);
	assert(rc == 0);
}

void http_server_stop(struct http_server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
	SSL_CTX_free(server->tls);
	if (server->options.unix_path)
		unlink(server->options.unix_path);
}

void http_server_release(struct http_server *server)
{
	buf_release(&server->request);
}
