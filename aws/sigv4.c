/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/sigv4.h"

#include "common/codec.h"
#include "common/digest.h"

#include <openssl/crypto.h>

#include <stdio.h>
#include <time.h>

#define ALGORITHM  "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"

enum { DATE_LEN = 8, SECRET_MAX = 256 };

void sigv4_time(int64_t unix_s, char out[SIGV4_TIME_LEN + 1])
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	gmtime_r(&t, &tm);
	strftime(out, SIGV4_TIME_LEN + 1, "%Y%m%dT%H%M%SZ", &tm);
}

bool sigv4_payload_hash(struct slice body, char out[SIGV4_HASH_HEX_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[SHA256_BYTES];
	if (!digest_sha256(body, hash))
		return false;
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[SIGV4_HASH_HEX_LEN] = '\0';
	return true;
}

/* ---- canonical URI ---- */

static bool is_unreserved(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' || c == '.' ||
	       c == '~';
}

static void append_encoded(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_unreserved(s.ptr[i]))
			buf_append_byte(out, s.ptr[i]);
		else
			buf_printf(out, "%%%02X", slice_at(s, i));
	}
}

/* Without ".", ".." and empty segments (RFC 3986 section 5.2.4), each segment encoded once more. */
static bool append_path(struct buf *out, struct slice path)
{
	struct slice kept[SIGV4_SEGMENTS_MAX], segment, rest = path;
	size_t count = 0;
	while (rest.len) {
		slice_cut(rest, '/', &segment, &rest);
		if (segment.len == 0 || slice_eq(segment, SLICE(".")))
			continue;
		if (slice_eq(segment, SLICE(".."))) {
			count -= count > 0;
			continue;
		}
		if (count == SIGV4_SEGMENTS_MAX)
			return false;
		kept[count++] = segment;
	}
	for (size_t i = 0; i < count; i++) {
		buf_append_byte(out, '/');
		append_encoded(out, kept[i]);
	}
	if (count == 0 || slice_ends_with(path, SLICE("/")))
		buf_append_byte(out, '/');
	return true;
}

static bool append_uri(struct buf *out, const struct sigv4_request *request)
{
	if (!request->is_s3)
		return append_path(out, request->path);
	buf_append_slice(out, request->path.len ? request->path : SLICE("/"));
	return true;
}

/* ---- canonical query ---- */

struct pair {
	struct slice name, value;
};

static int pair_cmp(const struct pair *a, const struct pair *b)
{
	int by_name = slice_cmp(a->name, b->name);
	return by_name ? by_name : slice_cmp(a->value, b->value);
}

static bool append_query(struct buf *out, struct slice query)
{
	struct pair sorted[SIGV4_QUERY_MAX], pair;
	struct slice text;
	size_t count = 0, at;
	while (query.len) {
		slice_cut(query, '&', &text, &query);
		if (text.len == 0)
			continue;
		if (count == SIGV4_QUERY_MAX)
			return false;
		slice_cut(text, '=', &pair.name, &pair.value);
		for (at = count++; at > 0 && pair_cmp(&sorted[at - 1], &pair) > 0; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = pair;
	}
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_append_byte(out, '&');
		buf_append_slice(out, sorted[i].name);
		buf_append_byte(out, '=');
		buf_append_slice(out, sorted[i].value);
	}
	return true;
}

/* ---- canonical headers ---- */

static int name_cmp(struct slice a, struct slice b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		int difference = ascii_lower(a.ptr[i]) - ascii_lower(b.ptr[i]);
		if (difference)
			return difference;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

/* By lower-case name; headers of one name stay in their order. */
static bool sort_headers(
    const struct sigv4_request *request, const struct sigv4_header *sorted[SIGV4_HEADERS_MAX])
{
	if (request->header_count > SIGV4_HEADERS_MAX)
		return false;
	for (size_t i = 0; i < request->header_count; i++) {
		const struct sigv4_header *header = &request->headers[i];
		size_t at = i;
		for (; at > 0 && name_cmp(sorted[at - 1]->name, header->name) > 0; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = header;
	}
	return true;
}

static void append_lower(struct buf *out, struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		buf_append_byte(out, ascii_lower(name.ptr[i]));
}

/* Trimmed, and every run of blanks made one. */
static void append_value(struct buf *out, struct slice value)
{
	value = slice_trim(value);
	for (size_t i = 0; i < value.len; i++) {
		if (!ascii_is_space(value.ptr[i]))
			buf_append_byte(out, value.ptr[i]);
		else if (!ascii_is_space(value.ptr[i - 1]))
			buf_append_byte(out, ' ');
	}
}

static bool repeats(const struct sigv4_header *const *sorted, size_t i)
{
	return i > 0 && name_cmp(sorted[i - 1]->name, sorted[i]->name) == 0;
}

static bool append_headers(struct buf *out, const struct sigv4_request *request)
{
	const struct sigv4_header *sorted[SIGV4_HEADERS_MAX];
	if (!sort_headers(request, sorted))
		return false;
	for (size_t i = 0; i < request->header_count; i++) {
		if (repeats(sorted, i)) {
			buf_append_byte(out, ',');
		} else {
			buf_append_cstr(out, i ? "\n" : "");
			append_lower(out, sorted[i]->name);
			buf_append_byte(out, ':');
		}
		append_value(out, sorted[i]->value);
	}
	buf_append_byte(out, '\n');
	return true;
}

static bool append_signed_names(struct buf *out, const struct sigv4_request *request)
{
	const struct sigv4_header *sorted[SIGV4_HEADERS_MAX];
	if (!sort_headers(request, sorted))
		return false;
	for (size_t i = 0; i < request->header_count; i++) {
		if (repeats(sorted, i))
			continue;
		buf_append_cstr(out, i ? ";" : "");
		append_lower(out, sorted[i]->name);
	}
	return true;
}

bool sigv4_canonical_request(const struct sigv4_request *request, struct buf *out)
{
	buf_append_slice(out, request->method);
	buf_append_byte(out, '\n');
	bool ok = append_uri(out, request);
	buf_append_byte(out, '\n');
	ok = ok && append_query(out, request->query);
	buf_append_byte(out, '\n');
	ok = ok && append_headers(out, request);
	buf_append_byte(out, '\n');
	ok = ok && append_signed_names(out, request);
	buf_append_byte(out, '\n');
	buf_append_slice(out, request->payload_hash);
	return ok && !buf_failed(out);
}

/* ---- signature ---- */

/* "20150830/us-east-1/ssm/aws4_request" */
static void append_scope(struct buf *out, const struct sigv4_key *key, const char *time)
{
	buf_append(out, time, DATE_LEN);
	buf_append_byte(out, '/');
	buf_append_slice(out, key->region);
	buf_append_byte(out, '/');
	buf_append_slice(out, key->service);
	buf_append_cstr(out, "/" TERMINATOR);
}

static bool string_to_sign(const struct sigv4_request *request, const struct sigv4_key *key,
    const char *time, struct buf *out)
{
	struct buf canonical;
	char hash[SIGV4_HASH_HEX_LEN + 1];
	buf_init(&canonical, 0);
	bool ok = sigv4_canonical_request(request, &canonical) &&
	          sigv4_payload_hash(buf_slice(&canonical), hash);
	buf_release(&canonical);
	if (!ok)
		return false;
	buf_append_cstr(out, ALGORITHM "\n");
	buf_append_cstr(out, time);
	buf_append_byte(out, '\n');
	append_scope(out, key, time);
	buf_append_byte(out, '\n');
	buf_append_cstr(out, hash);
	return !buf_failed(out);
}

static bool derive_key(
    const struct sigv4_key *key, const char *time, unsigned char out[SHA256_BYTES])
{
	char secret[4 + SECRET_MAX] = "AWS4";
	if (key->secret_access_key.len > SECRET_MAX)
		return false;
	memcpy(secret + 4, key->secret_access_key.ptr, key->secret_access_key.len);
	struct slice seed = slice_of(secret, 4 + key->secret_access_key.len);
	struct slice stage = slice_of(out, SHA256_BYTES);
	bool ok = digest_hmac_sha256(seed, slice_of(time, DATE_LEN), out) &&
	          digest_hmac_sha256(stage, key->region, out) &&
	          digest_hmac_sha256(stage, key->service, out) &&
	          digest_hmac_sha256(stage, SLICE(TERMINATOR), out);
	OPENSSL_cleanse(secret, sizeof(secret));
	return ok;
}

bool sigv4_authorize(const struct sigv4_request *request, const struct sigv4_key *key,
    const char time[SIGV4_TIME_LEN + 1], struct buf *out)
{
	unsigned char derived[SHA256_BYTES], signature[SHA256_BYTES];
	struct buf text;
	buf_init(&text, 0);
	bool ok =
	    string_to_sign(request, key, time, &text) && derive_key(key, time, derived) &&
	    digest_hmac_sha256(slice_of(derived, sizeof(derived)), buf_slice(&text), signature);
	OPENSSL_cleanse(derived, sizeof(derived));
	buf_release(&text);
	if (!ok)
		return false;
	buf_append_cstr(out, ALGORITHM " Credential=");
	buf_append_slice(out, key->access_key_id);
	buf_append_byte(out, '/');
	append_scope(out, key, time);
	buf_append_cstr(out, ", SignedHeaders=");
	append_signed_names(out, request);
	buf_append_cstr(out, ", Signature=");
	hex_encode(out, slice_of(signature, sizeof(signature)));
	return !buf_failed(out);
}
