/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/s3.h"

#include "common/codec.h"
#include "common/digest.h"

#include <stdio.h>
#include <time.h>

enum {
	PATH_MAX_BYTES = 1 + S3_BUCKET_MAX + 1 + 3 * S3_KEY_MAX + 1,
	LINE_MAX_BYTES = 256,
	LINES_MAX = 8
};

struct lines {
	char text[LINES_MAX][LINE_MAX_BYTES];
	const char *all[LINES_MAX + 1];
	size_t count;
};

static void add(struct lines *lines, const char *name, const char *value)
{
	snprintf(lines->text[lines->count], LINE_MAX_BYTES, "%s: %s", name, value);
	lines->all[lines->count] = lines->text[lines->count];
	lines->all[++lines->count] = NULL;
}

/* Letters, digits, dashes; a dot would break the certificate of the host name. */
static bool bucket_is_valid(const char *bucket)
{
	size_t len = strlen(bucket);
	for (size_t i = 0; i < len; i++)
		if (!(bucket[i] >= 'a' && bucket[i] <= 'z') && !ascii_is_digit(bucket[i]) &&
		    bucket[i] != '-')
			return false;
	return len >= 3 && len <= S3_BUCKET_MAX;
}

static bool check(const struct s3_object *object, struct err *err)
{
	size_t len = strlen(object->key);
	if (!bucket_is_valid(object->bucket))
		return err_set(err, "'%s' is no name of an S3 bucket: 3 to %d of a-z, 0-9 and '-'",
		    object->bucket, S3_BUCKET_MAX);
	if (len == 0 || len > S3_KEY_MAX)
		return err_set(err, "an S3 key is 1 to %d bytes long", S3_KEY_MAX);
	return true;
}

static void make_path(char out[PATH_MAX_BYTES], const struct s3_object *object, bool with_bucket)
{
	char *p = out;
	*p++ = '/';
	if (with_bucket)
		p += sprintf(p, "%s/", object->bucket);
	for (const char *key = object->key; *key; key++) {
		if (ascii_is_alpha(*key) || ascii_is_digit(*key) || strchr("-_.~/", *key))
			*p++ = *key;
		else
			p += sprintf(p, "%%%02X", (unsigned)(unsigned char)*key);
	}
	*p = '\0';
}

static bool add_checksum(struct lines *lines, struct slice body, struct err *err)
{
	unsigned char hash[SHA256_BYTES];
	struct buf text;
	buf_init(&text, 0);
	bool ok = digest_sha256(body, hash);
	base64_encode(&text, slice_of(hash, sizeof(hash)));
	/* The first line says what the second holds; a locked object needs both. */
	add(lines, "x-amz-sdk-checksum-algorithm", "SHA256");
	add(lines, "x-amz-checksum-sha256", buf_cstr(&text));
	ok = ok && !buf_failed(&text);
	buf_release(&text);
	return ok || err_set(err, "s3.PutObject: no memory");
}

static void add_lock(struct lines *lines, const struct s3_object *object)
{
	char until[32];
	time_t t = (time_t)object->retain_until_unix_s;
	struct tm tm;
	gmtime_r(&t, &tm);
	strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm);
	add(lines, "x-amz-object-lock-mode",
	    object->lock == S3_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE");
	add(lines, "x-amz-object-lock-retain-until-date", until);
}

bool s3_put_object(struct aws_client *client, const struct s3_object *object,
    struct aws_error *error, struct err *err)
{
	char path[PATH_MAX_BYTES];
	struct lines lines = { .count = 0 };
	struct http_response response;
	bool in_path = aws_client_has_own_endpoint(client);
	if (!check(object, err))
		return false;
	make_path(path, object, in_path);
	add(&lines, "Content-Type",
	    object->content_type ? object->content_type : "application/octet-stream");
	if (!add_checksum(&lines, object->body, err))
		return false;
	if (object->lock != S3_LOCK_NONE)
		add_lock(&lines, object);
	if (object->only_if_absent)
		add(&lines, "If-None-Match", "*");
	struct aws_request request = { .method = "PUT",
		.host_prefix = in_path ? NULL : object->bucket,
		.path = path,
		.headers = lines.all,
		.body = object->body };
	http_response_init(&response);
	bool ok = aws_client_send(client, "s3.PutObject", &request, &response, error, err);
	http_response_release(&response);
	return ok;
}
