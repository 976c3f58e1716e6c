/* SPDX-License-Identifier: Apache-2.0 */
/* The instance metadata service, version 2 only: a reply without a session token is never asked
 * for. */
#include "aws/source.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

enum { URL_MAX = 1024, TOKEN_MAX = 1024, ROLE_MAX = 128, TIMEOUT_MS = 1000, ATTEMPTS = 2 };

#define TOKEN_HEADER "x-aws-ec2-metadata-token: "
#define ROLES_PATH   "meta-data/iam/security-credentials/"

const char *source_imds_base(void)
{
	const char *endpoint = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	if (endpoint && *endpoint)
		return endpoint;
	if (mode && slice_eq_nocase(slice_of_cstr(mode), SLICE("ipv6")))
		return "http://[fd00:ec2::254]";
	return "http://169.254.169.254";
}

static bool make_url(char out[URL_MAX], const char *path, struct err *err)
{
	struct slice base = slice_of_cstr(source_imds_base());
	while (slice_ends_with(base, SLICE("/")))
		base.len--;
	int len = base.len < URL_MAX
	              ? snprintf(out, URL_MAX, "%.*s/latest/%s", SLICE_ARG(base), path)
	              : URL_MAX;
	return len < URL_MAX || err_set(err, "the address of the metadata service is too long");
}

/* One text, trimmed, into `out`. Only 5xx and lost requests are tried again. */
static bool ask(const char *method, const char *path, const char *const *headers, char *out,
    size_t size, struct err *err)
{
	char url[URL_MAX];
	struct err last = { 0 };
	bool ok = false;
	long status = 0;
	if (!make_url(url, path, err))
		return false;
	for (int i = 0; i < ATTEMPTS && !ok && (status == 0 || status >= 500); i++) {
		struct http_response response;
		source_response_init(&response);
		err_clear(&last);
		ok = source_fetch(method, url, headers, TIMEOUT_MS, &response, &last);
		status = ok ? response.status : 0;
		struct slice text = slice_trim(buf_slice(&response.body));
		if (ok && status != 200)
			ok = err_set(&last, "'%s': status %ld", url, status);
		if (ok && text.len >= size)
			ok = err_set(
			    &last, "'%s': the answer is longer than %zu bytes", url, size - 1);
		if (ok)
			memcpy(out, text.len ? text.ptr : "", text.len);
		out[ok ? text.len : 0] = '\0';
		source_response_wipe(&response);
	}
	return ok || err_set(err, "%s", last.text);
}

/* The session token of version 2, as the header line that carries it. */
static bool start_session(char header[TOKEN_MAX], struct err *err)
{
	static const char *const ttl[] = { "x-aws-ec2-metadata-token-ttl-seconds: 21600",
		"Content-Length: 0", NULL };
	size_t prefix = sizeof(TOKEN_HEADER) - 1;
	memcpy(header, TOKEN_HEADER, prefix);
	if (!ask("PUT", "api/token", ttl, header + prefix, TOKEN_MAX - prefix, err))
		return false;
	for (const char *p = header + prefix; *p; p++)
		if (*p <= ' ' || *p > '~')
			return err_set(err, "the metadata service gave a token that is none");
	return header[prefix] != '\0' || err_set(err, "the metadata service gave an empty token");
}

bool source_imds_get(const char *path, char *out, size_t size, struct err *err)
{
	char header[TOKEN_MAX];
	const char *disabled = getenv("AWS_EC2_METADATA_DISABLED");
	const char *headers[] = { header, NULL };
	if (disabled && slice_eq_nocase(slice_of_cstr(disabled), SLICE("true")))
		return err_set(
		    err, "the metadata service is switched off by AWS_EC2_METADATA_DISABLED");
	bool ok = start_session(header, err) && ask("GET", path, headers, out, size, err);
	OPENSSL_cleanse(header, sizeof(header));
	return ok;
}

/* A role's name becomes part of a URL. */
static bool role_is_valid(const char *role)
{
	if (!*role)
		return false;
	for (; *role; role++)
		if (!ascii_is_alpha(*role) && !ascii_is_digit(*role) && !strchr("+=,.@_-", *role))
			return false;
	return true;
}

static bool credentials_of(const char *role, struct aws_credentials *out, struct err *err)
{
	char path[sizeof(ROLES_PATH) + ROLE_MAX], text[AWS_SESSION_TOKEN_MAX + 2048];
	snprintf(path, sizeof(path), ROLES_PATH "%s", role);
	bool ok = source_imds_get(path, text, sizeof(text), err) &&
	          source_parse_json(slice_of_cstr(text), "Token", out, err);
	OPENSSL_cleanse(text, sizeof(text));
	return ok;
}

enum source_result source_instance(
    const struct source_input *input, struct aws_credentials *out, struct err *err)
{
	char role[ROLE_MAX];
	struct err inner = { 0 };
	if (!source_imds_get(ROLES_PATH, role, sizeof(role), &inner)) {
		snprintf(input->why_absent, ERR_TEXT_MAX, "%s", inner.text);
		return SOURCE_ABSENT;
	}
	role[strcspn(role, "\r\n")] = '\0';
	if (!role_is_valid(role))
		err_set(&inner, "the name of the instance's role is not valid");
	else if (credentials_of(role, out, &inner))
		return SOURCE_FOUND;
	*err = inner;
	return SOURCE_FAILED;
}
