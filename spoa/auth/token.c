/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/token.h"

#include "common/codec.h"
#include "spoa/auth/alg.h"
#include "spoa/auth/keyset.h"

enum auth_reason token_from_header(const struct slice *values, size_t count, struct slice *out)
{
	struct slice scheme, rest;
	if (count == 0)
		return AUTH_TOKEN_MISSING;
	if (count > 1)
		return AUTH_TOKEN_REPEATED;
	bool has_token = slice_cut(values[0], ' ', &scheme, &rest);
	if (!slice_eq_nocase(scheme, SLICE("bearer")))
		return slice_is_empty(values[0]) ? AUTH_TOKEN_MISSING : AUTH_SCHEME_UNSUPPORTED;
	if (!has_token || rest.len == 0)
		return AUTH_TOKEN_MISSING;
	*out = rest;
	return AUTH_OK;
}

static bool is_base64url(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

/*
 * The two dots of exactly three segments, nothing but the alphabet between them. A payload may be
 * empty (RFC 7515); as claims it is refused later.
 */
static bool find_dots(struct slice text, size_t dots[2])
{
	size_t found = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (is_base64url(text.ptr[i]))
			continue;
		if (text.ptr[i] != '.' || found == 2)
			return false;
		dots[found++] = i;
	}
	return found == 2 && dots[0] > 0 && dots[1] + 1 < text.len;
}

static enum auth_reason decode(struct slice segment, struct arena *arena, struct slice *out)
{
	char *bytes = arena_alloc(arena, BASE64_DECODED_MAX(segment.len));
	if (!bytes)
		return AUTH_INTERNAL;
	ptrdiff_t len = base64url_decode(segment, bytes);
	if (len < 0)
		return AUTH_TOKEN_NOT_CANONICAL;
	*out = slice_of(bytes, (size_t)len);
	return AUTH_OK;
}

enum auth_reason token_split(
    struct slice text, size_t max_bytes, struct arena *arena, struct token *out)
{
	size_t dots[2];
	*out = (struct token){ .text = text };
	if (text.len > max_bytes || text.len > TOKEN_MAX_BYTES)
		return AUTH_TOKEN_TOO_LONG;
	if (!find_dots(text, dots))
		return AUTH_TOKEN_MALFORMED;
	if (dots[0] > BASE64_ENCODED_LEN((size_t)TOKEN_HEADER_MAX_BYTES))
		return AUTH_HEADER_MALFORMED;
	out->signing_input = slice_sub(text, 0, dots[1]);
	struct slice segments[3] = { slice_sub(text, 0, dots[0]),
		slice_sub(text, dots[0] + 1, dots[1] - dots[0] - 1),
		slice_from(text, dots[1] + 1) };
	struct slice *decoded[3] = { &out->header, &out->payload, &out->signature };
	for (int i = 0; i < 3; i++) {
		enum auth_reason reason = decode(segments[i], arena, decoded[i]);
		if (reason != AUTH_OK)
			return reason;
	}
	return AUTH_OK;
}

/* Brackets outside strings; jansson recurses once per level, up to 2048. */
static bool is_shallow(struct slice text)
{
	unsigned depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '[') && ++depth > TOKEN_JSON_DEPTH_MAX)
			return false;
		else if (!in_string && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return true;
}

json_t *token_json_object(struct slice text)
{
	if (!is_shallow(text))
		return NULL;
	json_t *root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
	if (root && !json_is_object(root)) {
		json_decref(root);
		return NULL;
	}
	return root;
}

static enum auth_reason read_text(
    const json_t *header, const char *name, size_t max, struct arena *arena, struct slice *out)
{
	const json_t *value = json_object_get(header, name);
	if (!value)
		return AUTH_OK;
	size_t len = json_string_length(value);
	if (!json_is_string(value) || len == 0 || len > max)
		return AUTH_HEADER_MALFORMED;
	*out = arena_dup(arena, slice_of(json_string_value(value), len));
	return out->ptr ? AUTH_OK : AUTH_INTERNAL;
}

static enum auth_reason read_members(const json_t *header, struct token *token, struct arena *arena)
{
	static const char *const refused[] = { "crit", "b64", "zip", "enc" };
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (json_object_get(header, refused[i]))
			return AUTH_CRIT_REFUSED;
	const json_t *alg = json_object_get(header, "alg");
	if (!json_is_string(alg))
		return alg ? AUTH_HEADER_MALFORMED : AUTH_ALG_REFUSED;
	token->alg = alg_find(slice_of(json_string_value(alg), json_string_length(alg)));
	if (!token->alg)
		return AUTH_ALG_REFUSED;
	enum auth_reason reason = read_text(header, "kid", KEY_ID_MAX, arena, &token->kid);
	return reason != AUTH_OK ? reason : read_text(header, "typ", 64, arena, &token->typ);
}

enum auth_reason token_read_header(struct token *token, struct arena *arena)
{
	if (token->header.len > TOKEN_HEADER_MAX_BYTES)
		return AUTH_HEADER_MALFORMED;
	json_t *header = token_json_object(token->header);
	if (!header)
		return AUTH_HEADER_MALFORMED;
	enum auth_reason reason = read_members(header, token, arena);
	json_decref(header);
	return reason;
}
