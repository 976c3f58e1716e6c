/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/aws_call.h"

#include "aws/sigv4.h"

#include <openssl/crypto.h>
#include <stdio.h>

static bool host_char(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || strchr(".-_:[]", c);
}

bool aws_endpoint_parse(const char *url, struct aws_endpoint *out, struct err *err)
{
	struct slice rest = slice_of_cstr(url);
	out->is_https = slice_starts_with(rest, SLICE("https://"));
	if (!out->is_https && !slice_starts_with(rest, SLICE("http://")))
		return err_set(err, "endpoint '%s': neither http:// nor https://", url);
	rest = slice_from(rest, out->is_https ? 8 : 7);
	if (slice_ends_with(rest, SLICE("/")))
		rest.len--;
	if (rest.len == 0 || rest.len >= sizeof(out->host))
		return err_set(err, "endpoint '%s': no host, or too long", url);
	for (size_t i = 0; i < rest.len; i++)
		if (!rest.ptr[i] || !host_char(rest.ptr[i]))
			return err_set(err,
			    "endpoint '%s': only a host and a port may stand behind '//'", url);
	memcpy(out->host, rest.ptr, rest.len);
	out->host[rest.len] = '\0';
	return true;
}

/* The partitions of AWS whose names do not end in amazonaws.com. */
const char *aws_dns_suffix(const char *region)
{
	static const struct {
		const char *prefix, *suffix;
	} partitions[] = {
		// clang-format off
		{ "cn-",       "amazonaws.com.cn" },
		{ "eusc-",     "amazonaws.eu" },
		{ "eu-isoe-",  "cloud.adc-e.uk" },
		{ "us-isob-",  "sc2s.sgov.gov" },
		{ "us-isof-",  "csp.hci.ic.gov" },
		{ "us-iso-",   "c2s.ic.gov" },
		// clang-format on
	};
	for (size_t i = 0; i < sizeof(partitions) / sizeof(partitions[0]); i++)
		if (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) == 0)
			return partitions[i].suffix;
	return "amazonaws.com";
}

bool aws_region_is_valid(const char *region)
{
	size_t len = strlen(region);
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alpha(region[i]) && !ascii_is_digit(region[i]) && region[i] != '-')
			return false;
	return len > 0 && len <= AWS_REGION_MAX;
}

/* The header lines of one request, and the same cut into names and values for the signer. */
struct lines {
	const char *lines[AWS_CALL_HEADERS_MAX + 6];
	struct sigv4_header parsed[AWS_CALL_HEADERS_MAX + 6];
	size_t count;
	char host[AWS_HOST_MAX + 80];
	char date[SIGV4_TIME_LEN + 16];
	char hash[SIGV4_HASH_HEX_LEN + 32];
	struct buf token, authorization;
};

static void add(struct lines *lines, const char *line)
{
	struct sigv4_header *parsed = &lines->parsed[lines->count];
	slice_cut(slice_of_cstr(line), ':', &parsed->name, &parsed->value);
	parsed->value = slice_trim(parsed->value);
	lines->lines[lines->count++] = line;
}

static void wipe(struct buf *buf)
{
	OPENSSL_cleanse(buf->data, buf->cap);
	buf_release(buf);
}

/* Host, date, the body's hash, the session token and the caller's own: all of them get signed. */
static bool collect(
    struct lines *lines, const struct aws_call *call, const char *time, const char *payload_hash)
{
	for (size_t i = 0; call->headers && call->headers[i]; i++) {
		if (i == AWS_CALL_HEADERS_MAX)
			return false;
		add(lines, call->headers[i]);
	}
	int len = snprintf(lines->host, sizeof(lines->host), "Host: %s%s%s",
	    call->host_prefix ? call->host_prefix : "", call->host_prefix ? "." : "",
	    call->endpoint->host);
	if (len < 0 || (size_t)len >= sizeof(lines->host))
		return false;
	add(lines, lines->host);
	snprintf(lines->date, sizeof(lines->date), "X-Amz-Date: %s", time);
	add(lines, lines->date);
	if (strcmp(call->service, "s3") == 0) {
		snprintf(
		    lines->hash, sizeof(lines->hash), "X-Amz-Content-Sha256: %s", payload_hash);
		add(lines, lines->hash);
	}
	if (call->credentials && call->credentials->session_token[0]) {
		buf_reserve(&lines->token, AWS_SESSION_TOKEN_MAX + 32);
		buf_append_cstr(&lines->token, "X-Amz-Security-Token: ");
		buf_append_cstr(&lines->token, call->credentials->session_token);
		add(lines, buf_cstr(&lines->token));
	}
	return !buf_failed(&lines->token);
}

static bool sign(
    struct lines *lines, const struct aws_call *call, const char *time, const char *payload_hash)
{
	struct sigv4_request request = { .method = slice_of_cstr(call->method),
		.path = slice_of_cstr(call->path),
		.query = slice_of_cstr(call->query),
		.headers = lines->parsed,
		.header_count = lines->count,
		.payload_hash = slice_of_cstr(payload_hash),
		.is_s3 = strcmp(call->service, "s3") == 0 };
	struct sigv4_key key = { slice_of_cstr(call->credentials->access_key_id),
		slice_of_cstr(call->credentials->secret_access_key), slice_of_cstr(call->region),
		slice_of_cstr(call->service) };
	buf_append_cstr(&lines->authorization, "Authorization: ");
	if (!sigv4_authorize(&request, &key, time, &lines->authorization))
		return false;
	add(lines, buf_cstr(&lines->authorization));
	return true;
}

static bool make_lines(struct lines *lines, const struct aws_call *call, struct err *err)
{
	char time[SIGV4_TIME_LEN + 1], hash[SIGV4_HASH_HEX_LEN + 1];
	sigv4_time(call->now_unix_s, time);
	if (!sigv4_payload_hash(call->body, hash) || !collect(lines, call, time, hash) ||
	    (call->credentials && !sign(lines, call, time, hash)))
		return err_set(err, "the request cannot be signed: no memory, or too many headers");
	lines->lines[lines->count] = NULL;
	return true;
}

static bool send(const struct aws_call *call, const struct lines *lines,
    struct http_response *response, struct err *err)
{
	char url[AWS_URL_MAX];
	int len = snprintf(url, sizeof(url), "%s://%s%s%s%s%s%s",
	    call->endpoint->is_https ? "https" : "http", call->host_prefix ? call->host_prefix : "",
	    call->host_prefix ? "." : "", call->endpoint->host, call->path, call->query ? "?" : "",
	    call->query ? call->query : "");
	if (len < 0 || (size_t)len >= sizeof(url))
		return err_set(err, "the URL is longer than %zu bytes", sizeof(url) - 1);
	struct http_request request = { .method = call->method,
		.url = url,
		.headers = lines->lines,
		.body = call->body,
		.ca_file = call->ca_file,
		.session = call->session,
		.https_only = call->endpoint->is_https,
		.use_env_proxy = true,
		.total_timeout_ms = call->timeout_ms,
		.max_body_bytes = call->max_response_bytes };
	return http_perform(&request, response, err);
}

bool aws_call_perform(const struct aws_call *call, struct http_response *response, struct err *err)
{
	struct lines lines = { .count = 0 };
	buf_init(&lines.token, 0);
	buf_init(&lines.authorization, 0);
	bool ok = make_lines(&lines, call, err) && send(call, &lines, response, err);
	wipe(&lines.token);
	wipe(&lines.authorization);
	return ok;
}
