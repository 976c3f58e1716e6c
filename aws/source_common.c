/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/source.h"

#include "aws/aws_client.h"

#include <openssl/crypto.h>
#include <time.h>

enum { REPLY_MAX_BYTES = 64 * 1024 };

bool source_explain(struct err *err, const char *what, const struct err *inner)
{
	char text[ERR_TEXT_MAX];
	return err_set(err, "%s: %s", what, err_format(inner, text, sizeof(text)));
}

static bool set_text(char *dst, size_t max, struct slice value, const char *what, struct err *err)
{
	if (value.len > max)
		return err_set(err, "the %s is longer than %zu bytes", what, max);
	if (value.len && memchr(value.ptr, '\0', value.len))
		return err_set(err, "the %s holds a NUL byte", what);
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < '!' || value.ptr[i] > '~')
			return err_set(err, "the %s holds a byte that is no printable ASCII", what);
	if (value.len)
		memcpy(dst, value.ptr, value.len);
	dst[value.len] = '\0';
	return true;
}

bool source_set(struct aws_credentials *out, struct slice id, struct slice secret,
    struct slice token, struct err *err)
{
	if (id.len == 0)
		return err_set(err, "the access key id is missing");
	if (secret.len == 0)
		return err_set(err, "the secret access key is missing");
	return set_text(out->access_key_id, AWS_ACCESS_KEY_ID_MAX, id, "access key id", err) &&
	       set_text(
	           out->secret_access_key, AWS_SECRET_KEY_MAX, secret, "secret access key", err) &&
	       set_text(out->session_token, AWS_SESSION_TOKEN_MAX, token, "session token", err);
}

static bool digits(struct slice *rest, size_t count, int *out)
{
	uint64_t value;
	if (!slice_to_u64(slice_sub(*rest, 0, count), 9999, &value) || rest->len < count)
		return false;
	*rest = slice_from(*rest, count);
	*out = (int)value;
	return true;
}

static bool literal(struct slice *rest, char c)
{
	if (rest->len == 0 || rest->ptr[0] != c)
		return false;
	*rest = slice_from(*rest, 1);
	return true;
}

/* "Z" or +hh:mm, -hhmm; seconds to take away. */
static bool parse_zone(struct slice rest, int *offset_s)
{
	int sign, hours, minutes;
	*offset_s = 0;
	if (slice_eq(rest, SLICE("Z")))
		return true;
	sign = literal(&rest, '+') ? 1 : literal(&rest, '-') ? -1 : 0;
	if (!sign || !digits(&rest, 2, &hours))
		return false;
	literal(&rest, ':');
	*offset_s = 0;
	if (!digits(&rest, 2, &minutes) || rest.len || hours > 23 || minutes > 59)
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool tm_in_range(const struct tm *tm)
{
	return tm->tm_year >= 1970 && tm->tm_mon >= 1 && tm->tm_mon <= 12 && tm->tm_mday >= 1 &&
	       tm->tm_mday <= 31 && tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

bool source_parse_time(struct slice text, int64_t *unix_s)
{
	struct tm tm = { 0 };
	int offset_s;
	if (!digits(&text, 4, &tm.tm_year) || !literal(&text, '-') ||
	    !digits(&text, 2, &tm.tm_mon) || !literal(&text, '-') ||
	    !digits(&text, 2, &tm.tm_mday) || !literal(&text, 'T') ||
	    !digits(&text, 2, &tm.tm_hour) || !literal(&text, ':') ||
	    !digits(&text, 2, &tm.tm_min) || !literal(&text, ':') || !digits(&text, 2, &tm.tm_sec))
		return false;
	if (literal(&text, '.'))
		while (text.len && ascii_is_digit(text.ptr[0]))
			text = slice_from(text, 1);
	if (!parse_zone(text, &offset_s) || !tm_in_range(&tm))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*unix_s = (int64_t)timegm(&tm) - offset_s;
	return true;
}

static struct slice member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return slice_of(json_string_value(value), json_string_length(value));
}

bool source_parse_json(
    struct slice text, const char *token_member, struct aws_credentials *out, struct err *err)
{
	/* The parser's own message would quote the text. */
	json_t *reply = json_read_text(text, NULL, NULL);
	if (!json_is_object(reply)) {
		aws_json_free(reply);
		return err_set(err, "the answer is no JSON object");
	}
	struct slice expiration = member(reply, "Expiration");
	struct slice id = member(reply, "AccessKeyId"), secret = member(reply, "SecretAccessKey");
	bool ok = source_set(out, id, secret, member(reply, token_member), err);
	out->expires_unix_s = 0;
	if (ok && expiration.len && !source_parse_time(expiration, &out->expires_unix_s))
		ok = err_set(err, "the answer's Expiration is no time");
	aws_json_free(reply);
	return ok;
}

void source_response_init(struct http_response *response)
{
	http_response_init(response);
	response->body.limit_bytes = REPLY_MAX_BYTES;
	buf_reserve(&response->body, REPLY_MAX_BYTES - 1);
}

void source_response_wipe(struct http_response *response)
{
	OPENSSL_cleanse(response->body.data, response->body.cap);
	OPENSSL_cleanse(response->headers.data, response->headers.cap);
	http_response_release(response);
}

bool source_fetch(const char *method, const char *url, const char *const *headers,
    unsigned timeout_ms, struct http_response *response, struct err *err)
{
	struct http_request request = { .method = method,
		.url = url,
		.headers = headers,
		.connect_timeout_ms = timeout_ms,
		.total_timeout_ms = timeout_ms,
		.max_body_bytes = REPLY_MAX_BYTES };
	return http_perform(&request, response, err);
}
