/* SPDX-License-Identifier: Apache-2.0 */
/* The credential endpoint of ECS tasks and EKS pods. */
#include "aws/source.h"

#include "common/file.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ECS_BASE "http://169.254.170.2"

enum { URL_MAX = 1024, AUTHORIZATION_MAX = 16384, TIMEOUT_MS = 2000, ATTEMPTS = 3, WAIT_S = 1 };

/* Hosts to which keys may travel in clear text: this machine, the ECS and the EKS agent. */
static bool host_is_local(struct slice host)
{
	static const char *const allowed[] = { "localhost", "169.254.170.2", "169.254.170.23",
		"[fd00:ec2::23]", "[::1]" };
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (slice_eq_nocase(host, slice_of_cstr(allowed[i])))
			return true;
	/* 127.0.0.0/8, and no name that only begins like it */
	if (!slice_starts_with(host, SLICE("127.")))
		return false;
	for (size_t i = 0; i < host.len; i++)
		if (!ascii_is_digit(host.ptr[i]) && host.ptr[i] != '.')
			return false;
	return true;
}

/* Without port; what stands before an "@" is not a host. */
static struct slice url_host(struct slice rest)
{
	size_t end = 0;
	while (end < rest.len && !strchr("/?#", rest.ptr[end]))
		end++;
	struct slice authority = slice_sub(rest, 0, end), host, port;
	if (authority.len && authority.ptr[0] == '[')
		return slice_sub(authority, 0, slice_find_byte(authority, ']') + 1);
	slice_cut(authority, ':', &host, &port);
	return slice_find_byte(authority, '@') == SIZE_MAX ? host : (struct slice){ 0 };
}

bool source_container_url(
    const char *relative, const char *full, char *out, size_t size, struct err *err)
{
	struct slice url = slice_of_cstr(full);
	int len;
	if (relative && *relative) {
		if (relative[0] != '/')
			return err_set(
			    err, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with '/'");
		len = snprintf(out, size, ECS_BASE "%s", relative);
	} else {
		bool is_http = slice_starts_with(url, SLICE("http://"));
		if (!is_http && !slice_starts_with(url, SLICE("https://")))
			return err_set(err,
			    "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither http:// nor https://");
		if (is_http && !host_is_local(url_host(slice_from(url, 7))))
			return err_set(err,
			    "AWS_CONTAINER_CREDENTIALS_FULL_URI: http is allowed to "
			    "this machine, 169.254.170.2 and 169.254.170.23 only");
		len = snprintf(out, size, "%s", full);
	}
	if (len < 0 || (size_t)len >= size)
		return err_set(
		    err, "the container credentials URI is longer than %zu bytes", size - 1);
	return true;
}

/* The file is read each time: it is replaced before the token in it expires. */
static bool authorization(struct buf *out, struct err *err)
{
	const char *path = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	buf_append_cstr(out, "Authorization: ");
	if (path && *path) {
		if (!file_read(path, AUTHORIZATION_MAX, out, err))
			return false;
		while (out->len && ascii_is_space(out->data[out->len - 1]))
			out->len--;
	} else if (token && *token) {
		buf_append_cstr(out, token);
	} else {
		buf_reset(out);
	}
	if (memchr(buf_cstr(out), '\r', out->len) || memchr(buf_cstr(out), '\n', out->len))
		return err_set(err, "the container authorization token holds a line break");
	return !buf_failed(out) || err_set(err, "the container authorization token is too long");
}

static bool fetch(const char *url, const char *auth, struct aws_credentials *out, struct err *err)
{
	struct http_response response;
	struct err inner = { 0 };
	const char *headers[] = { "Accept: application/json", *auth ? auth : NULL, NULL };
	source_response_init(&response);
	bool ok = source_fetch("GET", url, headers, TIMEOUT_MS, &response, &inner);
	if (ok && response.status != 200)
		ok = err_set(&inner, "status %ld", response.status);
	ok = ok && source_parse_json(buf_slice(&response.body), "Token", out, &inner);
	source_response_wipe(&response);
	if (!ok)
		*err = inner;
	return ok;
}

enum source_result source_container(
    const struct source_input *input, struct aws_credentials *out, struct err *err)
{
	const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	char url[URL_MAX];
	struct buf auth;
	(void)input;
	if ((!relative || !*relative) && (!full || !*full))
		return SOURCE_ABSENT;
	buf_init(&auth, AUTHORIZATION_MAX + 64);
	bool ok = source_container_url(relative, full, url, sizeof(url), err) &&
	          buf_reserve(&auth, AUTHORIZATION_MAX) && authorization(&auth, err);
	if (ok) {
		struct err last = { 0 };
		ok = false;
		for (int i = 0; i < ATTEMPTS && !ok; i++) {
			if (i)
				sleep(WAIT_S);
			ok = fetch(url, buf_cstr(&auth), out, &last);
		}
		if (!ok)
			*err = last;
	}
	OPENSSL_cleanse(auth.data, auth.cap);
	buf_release(&auth);
	return ok ? SOURCE_FOUND : SOURCE_FAILED;
}
