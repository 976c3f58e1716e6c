/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/kms.h"

#include "common/codec.h"
#include "common/json_write.h"

#include <openssl/crypto.h>
#include <stdio.h>

static void wipe(struct buf *buf)
{
	OPENSSL_cleanse(buf->data, buf->cap);
	buf_release(buf);
}

static void put(struct jw *w, const char *key, const char *value)
{
	jw_key(w, key);
	jw_cstr(w, value);
}

static void put_bytes(struct jw *w, const char *key, struct slice bytes)
{
	struct buf text;
	buf_init(&text, 0);
	base64_encode(&text, bytes);
	jw_key(w, key);
	jw_string(w, buf_slice(&text));
	if (buf_failed(&text))
		w->out->failed = true;
	buf_release(&text);
}

static void put_context(struct jw *w, const struct kms_context *context)
{
	if (!context || !context->name)
		return;
	jw_key(w, "EncryptionContext");
	jw_object_begin(w);
	for (; context->name; context++)
		put(w, context->name, context->value);
	jw_object_end(w);
}

static bool call(struct aws_client *client, const char *target, struct buf *input, json_t **output,
    struct aws_error *error, struct err *err)
{
	bool ok = buf_failed(input)
	              ? err_set(err, "%s: no memory", target)
	              : aws_client_call(client, target, buf_slice(input), output, error, err);
	buf_release(input);
	return ok;
}

/* Appends the bytes of a base64 member, at most `max`. */
static bool get_bytes(const json_t *output, const char *target, const char *name, size_t max,
    struct buf *out, struct err *err)
{
	const json_t *value = json_object_get(output, name);
	struct slice text = slice_of(json_string_value(value), json_string_length(value));
	if (text.len == 0 || text.len > BASE64_ENCODED_LEN(max))
		return err_set(err, "%s: the answer has no %s, or one too long", target, name);
	if (!buf_reserve(out, BASE64_DECODED_MAX(text.len)))
		return err_set(err, "%s: no memory", target);
	ptrdiff_t len = base64_decode(text, out->data + out->len);
	if (len < 0 || (size_t)len > max)
		return err_set(err, "%s: the answer's %s is not valid", target, name);
	out->len += (size_t)len;
	return true;
}

static bool get_key(const json_t *output, const char *target, unsigned char key[KMS_DATA_KEY_BYTES],
    struct err *err)
{
	struct buf bytes;
	buf_init(&bytes, 0);
	bool ok = get_bytes(output, target, "Plaintext", KMS_DATA_KEY_BYTES, &bytes, err);
	if (ok && bytes.len != KMS_DATA_KEY_BYTES)
		ok = err_set(err, "%s: the key is not %d bytes long", target, KMS_DATA_KEY_BYTES);
	if (ok)
		memcpy(key, bytes.data, KMS_DATA_KEY_BYTES);
	wipe(&bytes);
	return ok;
}

static void begin_signature(struct jw *w, struct buf *input, const char *key_id,
    const char *algorithm, struct slice message, bool is_digest)
{
	buf_init(input, 0);
	jw_init(w, input, 0);
	jw_object_begin(w);
	put(w, "KeyId", key_id);
	put(w, "SigningAlgorithm", algorithm);
	put(w, "MessageType", is_digest ? "DIGEST" : "RAW");
	put_bytes(w, "Message", message);
}

static bool check_message(const char *target, struct slice message, struct err *err)
{
	return message.len <= KMS_MESSAGE_MAX ||
	       err_set(err, "%s: the message is longer than %d bytes", target, KMS_MESSAGE_MAX);
}

bool kms_sign(struct aws_client *client, const char *key_id, const char *algorithm,
    struct slice message, bool is_digest, struct buf *signature, struct aws_error *error,
    struct err *err)
{
	static const char target[] = "TrentService.Sign";
	struct buf input;
	struct jw w;
	json_t *output;
	if (!check_message(target, message, err))
		return false;
	begin_signature(&w, &input, key_id, algorithm, message, is_digest);
	jw_object_end(&w);
	if (!call(client, target, &input, &output, error, err))
		return false;
	bool ok = get_bytes(output, target, "Signature", KMS_SIGNATURE_MAX, signature, err);
	aws_json_free(output);
	return ok;
}

bool kms_verify(struct aws_client *client, const char *key_id, const char *algorithm,
    struct slice message, bool is_digest, struct slice signature, bool *valid,
    struct aws_error *error, struct err *err)
{
	static const char target[] = "TrentService.Verify";
	struct buf input;
	struct jw w;
	struct aws_error own;
	struct err refusal = { 0 };
	json_t *output;
	if (!error)
		error = &own;
	if (!check_message(target, message, err))
		return false;
	begin_signature(&w, &input, key_id, algorithm, message, is_digest);
	put_bytes(&w, "Signature", signature);
	jw_object_end(&w);
	*valid = false;
	if (call(client, target, &input, &output, error, &refusal)) {
		*valid = json_is_true(json_object_get(output, "SignatureValid"));
		aws_json_free(output);
		return true;
	}
	return aws_error_is(error, "KMSInvalidSignatureException") ||
	       err_set(err, "%s", refusal.text);
}

static void begin_key(struct jw *w, struct buf *input, const char *key_id)
{
	buf_init(input, 0);
	jw_init(w, input, 0);
	jw_object_begin(w);
	if (key_id)
		put(w, "KeyId", key_id);
}

bool kms_get_public_key(struct aws_client *client, const char *key_id, struct buf *der,
    char key_spec[64], struct aws_error *error, struct err *err)
{
	static const char target[] = "TrentService.GetPublicKey";
	struct buf input;
	struct jw w;
	json_t *output;
	begin_key(&w, &input, key_id);
	jw_object_end(&w);
	if (!call(client, target, &input, &output, error, err))
		return false;
	const char *spec = json_string_value(json_object_get(output, "KeySpec"));
	if (!spec) /* the member's name until 2021 */
		spec = json_string_value(json_object_get(output, "CustomerMasterKeySpec"));
	if (key_spec)
		snprintf(key_spec, 64, "%s", spec ? spec : "");
	bool ok = get_bytes(output, target, "PublicKey", KMS_PUBLIC_KEY_MAX, der, err);
	aws_json_free(output);
	return ok;
}

bool kms_generate_data_key(struct aws_client *client, const char *key_id,
    const struct kms_context *context, unsigned char key[KMS_DATA_KEY_BYTES], struct buf *wrapped,
    struct aws_error *error, struct err *err)
{
	static const char target[] = "TrentService.GenerateDataKey";
	struct buf input;
	struct jw w;
	json_t *output;
	begin_key(&w, &input, key_id);
	put(&w, "KeySpec", "AES_256");
	put_context(&w, context);
	jw_object_end(&w);
	if (!call(client, target, &input, &output, error, err))
		return false;
	bool ok = get_bytes(output, target, "CiphertextBlob", KMS_CIPHERTEXT_MAX, wrapped, err) &&
	          get_key(output, target, key, err);
	aws_json_free(output);
	return ok;
}

bool kms_decrypt_data_key(struct aws_client *client, const char *key_id,
    const struct kms_context *context, struct slice wrapped, unsigned char key[KMS_DATA_KEY_BYTES],
    struct aws_error *error, struct err *err)
{
	static const char target[] = "TrentService.Decrypt";
	struct buf input;
	struct jw w;
	json_t *output;
	if (wrapped.len > KMS_CIPHERTEXT_MAX)
		return err_set(err, "%s: more than %d bytes", target, KMS_CIPHERTEXT_MAX);
	begin_key(&w, &input, key_id);
	put_bytes(&w, "CiphertextBlob", wrapped);
	put_context(&w, context);
	jw_object_end(&w);
	if (!call(client, target, &input, &output, error, err))
		return false;
	bool ok = get_key(output, target, key, err);
	aws_json_free(output);
	return ok;
}
