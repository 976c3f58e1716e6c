/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/keyring.h"

#include "common/codec.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WRAPPERS_MAX = 64,
	KEY_ID_MAX = 2048,
	WRAPPED_FILE_BYTES = DATA_KEY_BYTES + 8, /* RFC 3394 adds one block */
	FILE_KEY_ID_BYTES = 8,
};

struct wrapper {
	const struct wrapper_ops *ops;
	void *state;
	char *id;
};

struct keyring {
	struct wrapper wrappers[WRAPPERS_MAX];
	size_t count;
};

struct keyring *keyring_new(void)
{
	return calloc(1, sizeof(struct keyring));
}

void keyring_free(struct keyring *keyring)
{
	if (!keyring)
		return;
	for (size_t i = 0; i < keyring->count; i++) {
		keyring->wrappers[i].ops->free(keyring->wrappers[i].state);
		free(keyring->wrappers[i].id);
	}
	free(keyring);
}

bool keyring_is_empty(const struct keyring *keyring)
{
	return keyring->count == 0;
}

bool keyring_add(struct keyring *keyring, const struct wrapper_ops *ops, void *state,
    const char *id, struct err *err)
{
	char *copy = strdup(id);
	if (!copy || keyring->count == WRAPPERS_MAX) {
		ops->free(state);
		free(copy);
		return err_set(err, copy ? "too many wrapping keys" : "no memory");
	}
	keyring->wrappers[keyring->count++] = (struct wrapper){ ops, state, copy };
	return true;
}

/* ---- Key files. */

struct file_key {
	unsigned char bytes[DATA_KEY_BYTES];
};

/* AES key wrap, RFC 3394. dst has room for WRAPPED_FILE_BYTES; the number of bytes, or -1. */
static int key_wrap(
    const struct file_key *key, const unsigned char *src, int len, unsigned char *dst, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = -1, tail = 0;
	if (ctx)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (!ctx ||
	    EVP_CipherInit_ex(ctx, EVP_aes_256_wrap(), NULL, key->bytes, NULL, encrypt) != 1 ||
	    EVP_CipherUpdate(ctx, dst, &n, src, len) != 1 ||
	    EVP_CipherFinal_ex(ctx, dst + n, &tail) != 1)
		n = -1;
	EVP_CIPHER_CTX_free(ctx);
	return n < 0 ? -1 : n + tail;
}

static bool file_seal(void *state, const struct key_context *context, const struct data_key *key,
    struct buf *wrapped, struct err *err)
{
	unsigned char bytes[WRAPPED_FILE_BYTES + 16];
	(void)context;
	if (key_wrap(state, key->bytes, DATA_KEY_BYTES, bytes, 1) != WRAPPED_FILE_BYTES)
		return err_set(err, "cannot wrap a data key");
	buf_append(wrapped, bytes, WRAPPED_FILE_BYTES);
	return !buf_failed(wrapped) || err_set(err, "no memory");
}

static bool file_generate(void *state, const struct key_context *context, struct data_key *key,
    struct buf *wrapped, struct err *err)
{
	if (RAND_priv_bytes(key->bytes, DATA_KEY_BYTES) != 1)
		return err_set(err, "no random bytes for a data key");
	return file_seal(state, context, key, wrapped, err);
}

static bool file_open(void *state, const struct key_context *context, struct slice wrapped,
    struct data_key *key, struct err *err)
{
	unsigned char bytes[WRAPPED_FILE_BYTES + 16];
	(void)context;
	if (wrapped.len != WRAPPED_FILE_BYTES ||
	    key_wrap(state, (const unsigned char *)wrapped.ptr, WRAPPED_FILE_BYTES, bytes, 0) !=
	        DATA_KEY_BYTES)
		return err_set(err, "the wrapped data key was changed");
	memcpy(key->bytes, bytes, DATA_KEY_BYTES);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return true;
}

static void file_free(void *state)
{
	OPENSSL_cleanse(state, sizeof(struct file_key));
	free(state);
}

static const struct wrapper_ops file_ops = {
	"A256KW",
	file_generate,
	file_seal,
	file_open,
	file_free,
};

static bool file_key_parse(struct slice text, struct file_key *key)
{
	text = slice_trim(text);
	return text.len == 2 * DATA_KEY_BYTES &&
	       hex_decode(text, (char *)key->bytes) == DATA_KEY_BYTES;
}

/* Names the key without telling anything of it. */
static void file_key_id(const struct file_key *key, char id[HASH_TEXT_MAX])
{
	const struct slice parts[] = { SLICE("sallyport-audit wrapping key"),
		slice_of(key->bytes, sizeof(key->bytes)) };
	struct hash hash = hash_of_parts(parts, 2);
	hash_format(&hash, id);
	id[2 * FILE_KEY_ID_BYTES] = '\0';
}

static bool is_private(const char *path, struct err *err)
{
	struct stat st;
	struct err_pos pos = { path, 0, 0 };
	if (stat(path, &st) != 0)
		return err_set_at(err, pos, "cannot open");
	return (st.st_mode & 077) == 0 ||
	       err_set_at(err, pos, "others may read this key: chmod 600");
}

bool keyring_add_file(struct keyring *keyring, const char *path, struct err *err)
{
	char id[HASH_TEXT_MAX];
	struct buf text;
	struct file_key *key = malloc(sizeof(*key));
	buf_init(&text, 0);
	bool ok = (key || err_set(err, "no memory")) && is_private(path, err) &&
	          file_read(path, 256, &text, err) &&
	          (file_key_parse(buf_slice(&text), key) ||
	              err_set_at(err, (struct err_pos){ path, 0, 0 },
	                  "a wrapping key is 64 hexadecimal digits"));
	if (text.data)
		OPENSSL_cleanse(text.data, text.cap);
	buf_release(&text);
	if (!ok) {
		free(key);
		return false;
	}
	file_key_id(key, id);
	return keyring_add(keyring, &file_ops, key, id, err);
}

bool keyring_generate_file(const char *path, struct err *err)
{
	unsigned char key[DATA_KEY_BYTES];
	struct buf text;
	if (access(path, F_OK) == 0)
		return err_set_at(err, (struct err_pos){ path, 0, 0 }, "exists already");
	if (RAND_priv_bytes(key, sizeof(key)) != 1)
		return err_set(err, "no random bytes for a key");
	buf_init(&text, 0);
	hex_encode(&text, slice_of(key, sizeof(key)));
	buf_append_byte(&text, '\n');
	bool ok = !buf_failed(&text) ? file_write_atomic(path, buf_slice(&text), 0600, err)
	                             : err_set(err, "no memory");
	OPENSSL_cleanse(key, sizeof(key));
	if (text.data)
		OPENSSL_cleanse(text.data, text.cap);
	buf_release(&text);
	return ok;
}

/* ---- The text beside a segment. */

static bool text_write(const struct wrapper *wrapper, const struct key_context *context,
    struct slice wrapped, struct buf *out, struct err *err)
{
	struct buf encoded;
	struct jw w;
	buf_init(&encoded, 0);
	base64_encode(&encoded, wrapped);
	jw_init(&w, out, 0);
	jw_object_begin(&w);
	jw_key(&w, "format");
	jw_uint(&w, 1);
	jw_key(&w, "segment");
	jw_uint(&w, context->segment);
	jw_key(&w, "wrap");
	jw_cstr(&w, wrapper->ops->wrap);
	jw_key(&w, "key");
	jw_cstr(&w, wrapper->id);
	jw_key(&w, "wrapped");
	jw_string(&w, buf_slice(&encoded));
	jw_object_end(&w);
	buf_append_byte(out, '\n');
	bool ok = !buf_failed(out) && !buf_failed(&encoded);
	buf_release(&encoded);
	return ok || err_set(err, "no memory");
}

struct key_text {
	const char *wrap, *id;
	char wrapped[BASE64_DECODED_MAX(KEY_FILE_MAX_BYTES)];
	ptrdiff_t wrapped_len;
};

static bool text_parse(const json_t *json, const char *name, struct key_text *text, struct err *err)
{
	const char *wrapped = json_string_value(json_object_get(json, "wrapped"));
	text->wrap = json_string_value(json_object_get(json, "wrap"));
	text->id = json_string_value(json_object_get(json, "key"));
	text->wrapped_len = -1;
	if (wrapped && strlen(wrapped) <= KEY_FILE_MAX_BYTES)
		text->wrapped_len = base64_decode(slice_of_cstr(wrapped), text->wrapped);
	if (!text->wrap || !text->id || strlen(text->id) > KEY_ID_MAX || text->wrapped_len <= 0)
		return err_set_at(err, (struct err_pos){ name, 0, 0 }, "not a wrapped data key");
	return true;
}

static struct wrapper *find(struct keyring *keyring, const struct key_text *text)
{
	for (size_t i = 0; i < keyring->count; i++)
		if (strcmp(keyring->wrappers[i].ops->wrap, text->wrap) == 0 &&
		    strcmp(keyring->wrappers[i].id, text->id) == 0)
			return &keyring->wrappers[i];
	return NULL;
}

/* *used, when given, becomes the wrapper that fitted. */
static bool open_text(struct keyring *keyring, const struct key_context *context,
    struct slice bytes, const char *name, struct data_key *key, struct wrapper **used,
    struct err *err)
{
	struct key_text text;
	json_t *json = json_read_text(bytes, name, err);
	if (!json)
		return false;
	struct wrapper *wrapper = text_parse(json, name, &text, err) ? find(keyring, &text) : NULL;
	bool ok = false;
	if (wrapper)
		ok = wrapper->ops->open(wrapper->state, context,
		    slice_of(text.wrapped, (size_t)text.wrapped_len), key, err);
	else
		err_set_at(err, (struct err_pos){ name, 0, 0 },
		    "wrapped by key '%s' (%s), which was not given", text.id ? text.id : "",
		    text.wrap ? text.wrap : "");
	json_decref(json);
	if (used)
		*used = wrapper;
	return ok;
}

bool keyring_open(struct keyring *keyring, const struct key_context *context, struct slice text,
    const char *name, struct data_key *key, struct err *err)
{
	return open_text(keyring, context, text, name, key, NULL, err);
}

bool keyring_generate(struct keyring *keyring, const struct key_context *context,
    struct data_key *key, struct buf *text, struct err *err)
{
	struct wrapper *first = &keyring->wrappers[0];
	struct buf wrapped;
	if (keyring_is_empty(keyring))
		return err_set(err, "no wrapping key");
	buf_init(&wrapped, 0);
	bool ok = first->ops->generate(first->state, context, key, &wrapped, err) &&
	          text_write(first, context, buf_slice(&wrapped), text, err);
	buf_release(&wrapped);
	return ok;
}

bool keyring_rewrap(struct keyring *keyring, const struct key_context *context, struct slice text,
    const char *name, struct buf *out, bool *changed, struct err *err)
{
	struct wrapper *first = &keyring->wrappers[0], *used;
	struct data_key key;
	struct buf wrapped;
	*changed = false;
	if (!open_text(keyring, context, text, name, &key, &used, err))
		return false;
	*changed = used != first;
	buf_init(&wrapped, 0);
	bool ok = !*changed || (first->ops->seal(first->state, context, &key, &wrapped, err) &&
	                           text_write(first, context, buf_slice(&wrapped), out, err));
	data_key_wipe(&key);
	buf_release(&wrapped);
	return ok;
}
