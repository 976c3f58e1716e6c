/* SPDX-License-Identifier: Apache-2.0 */
/* HTTPS only, TLS versions, the certificate. */
#include "registry/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 3000, RSA_BITS_MIN = 2048, EC_BITS_MIN = 224 };

/* What a handshake found. */
struct probe {
	bool done;
	char error[160];
	int version;
	char alpn[16];
	long verify; /* X509_V_OK */
	int days_left;
	int key_bits;
	bool is_rsa;
};

/* A connected socket, or -1: nobody listens, or too late. */
static int connect_to(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int failed = 0;
	socklen_t size = sizeof(failed);
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	struct timeval limit = { .tv_sec = TIMEOUT_MS / 1000 };
	if (fd < 0)
		return -1;
	if ((connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS) ||
	    poll(&ready, 1, TIMEOUT_MS) != 1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0 || failed) {
		close(fd);
		return -1;
	}
	/* OpenSSL is simpler on a blocking socket with time limits. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	fcntl(fd, F_SETFL, 0);
	return fd;
}

static int open_connection(const char *host, unsigned port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	char service[16];
	int fd = -1;
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, &list) != 0)
		return -1;
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = connect_to(a);
	freeaddrinfo(list);
	return fd;
}

static SSL_CTX *make_context(const struct verification *v, int min, int max)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, min);
	SSL_CTX_set_max_proto_version(ctx, max);
	/* Level 0, or OpenSSL itself would not offer the old versions that are to be refused. */
	SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
	if (v->options->ca_file)
		SSL_CTX_load_verify_locations(ctx, v->options->ca_file, NULL);
	else
		SSL_CTX_set_default_verify_paths(ctx);
	return ctx;
}

static void look_at_certificate(struct probe *probe, SSL *ssl)
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	int days = 0, seconds = 0;
	if (!certificate)
		return;
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	probe->verify = SSL_get_verify_result(ssl);
	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)))
		probe->days_left = days;
	probe->key_bits = key ? EVP_PKEY_get_bits(key) : 0;
	probe->is_rsa = key && EVP_PKEY_is_a(key, "RSA");
	X509_free(certificate);
}

static void finish(struct probe *probe, SSL *ssl)
{
	const unsigned char *alpn = NULL;
	unsigned len = 0;
	probe->done = true;
	probe->version = SSL_version(ssl);
	SSL_get0_alpn_selected(ssl, &alpn, &len);
	snprintf(probe->alpn, sizeof(probe->alpn), "%.*s", (int)len, (const char *)alpn);
	look_at_certificate(probe, ssl);
}

/* One handshake in the versions min…max; `alpn` is a protocol to offer, or NULL. */
static struct probe handshake(const struct verification *v, int min, int max, const char *alpn)
{
	struct probe probe = { .verify = X509_V_ERR_UNSPECIFIED };
	unsigned char wire[16];
	SSL_CTX *ctx = make_context(v, min, max);
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	int fd = open_connection(v->url.host, v->url.port);
	if (ssl && fd >= 0 && SSL_set_fd(ssl, fd) == 1) {
		if (!v->url.is_address)
			SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
			    (void *)(uintptr_t)v->url.host);
		if (v->url.is_address)
			X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), v->url.host);
		else
			SSL_set1_host(ssl, v->url.host);
		if (alpn) {
			wire[0] = (unsigned char)strlen(alpn);
			memcpy(wire + 1, alpn, wire[0]);
			SSL_set_alpn_protos(ssl, wire, wire[0] + 1u);
		}
		ERR_clear_error();
		if (SSL_connect(ssl) == 1)
			finish(&probe, ssl);
		else
			ERR_error_string_n(ERR_get_error(), probe.error, sizeof(probe.error));
	} else {
		snprintf(probe.error, sizeof(probe.error), "no connection");
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
	return probe;
}

static void check_cleartext(struct verification *v)
{
	struct http_request request = { .url = arena_printf(
		                            &v->arena, "http://%s:%u/", v->url.host, v->url.port) };
	struct err err = { 0 };
	int fd = open_connection(v->url.host, 80);
	verify_check(v, fd < 0, "something listens on port 80", "port 80 is not open");
	if (fd >= 0)
		close(fd);
	bool answered = http_perform(&request, &v->reply, &err) && v->reply.status < 400;
	verify_check(v, !answered, "a request without TLS was answered",
	    "the TLS port does not answer cleartext HTTP");
}

static void check_versions(struct verification *v)
{
	static const struct {
		int version;
		const char *name;
	} versions[] = { { TLS1_VERSION, "1.0" }, { TLS1_1_VERSION, "1.1" },
		{ TLS1_2_VERSION, "1.2" }, { TLS1_3_VERSION, "1.3" } };
	int oldest =
	    v->gateway->settings.tls_min_version == TLS_MIN_13 ? TLS1_3_VERSION : TLS1_2_VERSION;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		int version = versions[i].version;
		struct probe probe = handshake(v, version, version, NULL);
		bool wanted = version >= oldest;
		verify_check(v, probe.done == wanted,
		    wanted ? probe.error : "the handshake succeeded", "TLS %s is %s",
		    versions[i].name, wanted ? "spoken" : "refused");
	}
}

static void check_certificate(struct verification *v, const struct probe *probe)
{
	char detail[64];
	verify_check(v, probe->done && probe->verify == X509_V_OK,
	    probe->done ? X509_verify_cert_error_string(probe->verify) : probe->error,
	    "the certificate is trusted and names %s", v->url.host);
	snprintf(detail, sizeof(detail), "%d days left", probe->days_left);
	verify_check(v, probe->days_left >= VERIFY_CERTIFICATE_DAYS, detail,
	    "the certificate is good for %d more days", VERIFY_CERTIFICATE_DAYS);
	snprintf(detail, sizeof(detail), "%d bits", probe->key_bits);
	verify_check(v, probe->key_bits >= (probe->is_rsa ? RSA_BITS_MIN : EC_BITS_MIN), detail,
	    "the certificate's key is long enough");
}

void verify_tls(struct verification *v)
{
	check_cleartext(v);
	check_versions(v);
	struct probe probe = handshake(v, TLS1_2_VERSION, TLS1_3_VERSION, "h2");
	check_certificate(v, &probe);
	bool is_h2 = strcmp(probe.alpn, "h2") == 0;
	verify_check(v, is_h2 == v->gateway->settings.http2, probe.alpn, "HTTP/2 is %s",
	    v->gateway->settings.http2 ? "offered" : "not offered");
	probe = handshake(v, TLS1_2_VERSION, TLS1_3_VERSION, "http/1.1");
	verify_check(v, strcmp(probe.alpn, "http/1.1") == 0, probe.alpn, "HTTP/1.1 is offered");
}
