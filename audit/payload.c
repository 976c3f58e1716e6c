/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/payload.h"

#include "audit/bytes.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <zstd.h>

enum { TAG_BYTES = 16, NONCE_BYTES = 12, ZSTD_LEVEL = 1 };

struct payload_codec {
	unsigned char salt_key[SHA256_BYTES];
	unsigned char index_key[SHA256_BYTES];
	struct hash key_check;
	EVP_CIPHER_CTX *encrypt; /* keyed once, a nonce per block */
	EVP_CIPHER_CTX *decrypt;
	ZSTD_CCtx *compress;
	ZSTD_DCtx *decompress;
	struct buf packed; /* compressed, before encryption or after decryption */
	struct buf plain;
};

void record_append(struct buf *plain, const struct record *record)
{
	unsigned char head[RECORD_HEAD_BYTES] = { (unsigned char)record->kind };
	assert(record->bytes.len <= RECORD_MAX_BYTES);
	put_be32(head + 1, (uint32_t)record->bytes.len);
	buf_append(plain, head, sizeof(head));
	buf_append_slice(plain, record->bytes);
}

bool record_next(struct slice *plain, struct record *record, bool *bad)
{
	unsigned char head[RECORD_HEAD_BYTES];
	*bad = false;
	if (plain->len == 0)
		return false;
	*bad = true;
	if (plain->len < sizeof(head))
		return false;
	memcpy(head, plain->ptr, sizeof(head));
	uint32_t len = get_be32(head + 1);
	if (head[0] > RECORD_EVENT || len > RECORD_MAX_BYTES || len > plain->len - sizeof(head))
		return false;
	*bad = false;
	*record =
	    (struct record){ (enum record_kind)head[0], slice_sub(*plain, sizeof(head), len) };
	*plain = slice_from(*plain, sizeof(head) + len);
	return true;
}

void data_key_wipe(struct data_key *key)
{
	OPENSSL_cleanse(key->bytes, sizeof(key->bytes));
}

static bool derive(const struct data_key *key, const char *label, unsigned char out[SHA256_BYTES])
{
	return digest_hmac_sha256(
	    slice_of(key->bytes, sizeof(key->bytes)), slice_of_cstr(label), out);
}

static bool cipher_new(EVP_CIPHER_CTX **ctx, const unsigned char key[SHA256_BYTES], int encrypt)
{
	*ctx = EVP_CIPHER_CTX_new();
	return *ctx && EVP_CipherInit_ex(*ctx, EVP_aes_256_gcm(), NULL, key, NULL, encrypt) == 1;
}

static bool codec_init(struct payload_codec *codec, const struct data_key *key)
{
	unsigned char content[SHA256_BYTES];
	buf_init(&codec->packed, ZSTD_COMPRESSBOUND(PLAIN_MAX_BYTES));
	buf_init(&codec->plain, PLAIN_MAX_BYTES);
	codec->compress = ZSTD_createCCtx();
	codec->decompress = ZSTD_createDCtx();
	bool ok = codec->compress && codec->decompress &&
	          derive(key, "sallyport-audit content", content) &&
	          derive(key, "sallyport-audit salt", codec->salt_key) &&
	          derive(key, "sallyport-audit index", codec->index_key) &&
	          derive(key, "sallyport-audit check", codec->key_check.bytes) &&
	          cipher_new(&codec->encrypt, content, 1) &&
	          cipher_new(&codec->decrypt, content, 0);
	OPENSSL_cleanse(content, sizeof(content));
	return ok;
}

struct payload_codec *payload_codec_new(const struct data_key *key)
{
	struct payload_codec *codec = calloc(1, sizeof(*codec));
	if (!codec)
		return NULL;
	if (!codec_init(codec, key)) {
		payload_codec_free(codec);
		return NULL;
	}
	return codec;
}

void payload_codec_free(struct payload_codec *codec)
{
	if (!codec)
		return;
	EVP_CIPHER_CTX_free(codec->encrypt);
	EVP_CIPHER_CTX_free(codec->decrypt);
	ZSTD_freeCCtx(codec->compress);
	ZSTD_freeDCtx(codec->decompress);
	buf_release(&codec->packed);
	buf_release(&codec->plain);
	OPENSSL_cleanse(codec, sizeof(*codec));
	free(codec);
}

struct hash payload_key_check(const struct payload_codec *codec)
{
	return codec->key_check;
}

const unsigned char *payload_index_key(const struct payload_codec *codec)
{
	return codec->index_key;
}

struct salt payload_salt(const struct payload_codec *codec, uint64_t number)
{
	unsigned char text[8];
	struct salt salt;
	put_be64(text, number);
	const struct slice parts[] = { slice_of(codec->salt_key, sizeof(codec->salt_key)),
		slice_of(text, sizeof(text)) };
	struct hash hash = hash_of_parts(parts, 2);
	memcpy(salt.bytes, hash.bytes, SALT_BYTES);
	return salt;
}

size_t payload_leaves(const struct payload_codec *codec, uint64_t first, struct slice plain,
    struct hash leaves[BLOCK_RECORDS_MAX])
{
	struct record record;
	size_t count = 0;
	bool bad;
	while (record_next(&plain, &record, &bad)) {
		if (count == BLOCK_RECORDS_MAX)
			return 0;
		struct salt salt = payload_salt(codec, first + count);
		leaves[count] =
		    merkle_leaf(first + count, &salt, (unsigned char)record.kind, record.bytes);
		count++;
	}
	return bad ? 0 : count;
}

static void nonce_of(uint64_t offset, unsigned char nonce[NONCE_BYTES])
{
	memset(nonce, 0, NONCE_BYTES);
	put_be64(nonce + 4, offset);
}

/* Nothing here can fail but for a bug: the contexts are keyed, the sizes are bounded. */
static void encrypt(struct payload_codec *codec, const struct block_head *head, struct slice packed,
    unsigned char *dst)
{
	unsigned char nonce[NONCE_BYTES], head_bytes[BLOCK_HEAD_BYTES];
	EVP_CIPHER_CTX *ctx = codec->encrypt;
	int n;
	nonce_of(head->offset, nonce);
	block_encode(head, head_bytes);
	bool ok = EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, nonce) == 1 &&
	          EVP_EncryptUpdate(ctx, NULL, &n, head_bytes, BLOCK_AAD_BYTES) == 1 &&
	          EVP_EncryptUpdate(
	              ctx, dst, &n, (const unsigned char *)packed.ptr, (int)packed.len) == 1 &&
	          EVP_EncryptFinal_ex(ctx, dst + n, &n) == 1 &&
	          EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, dst + packed.len) == 1;
	assert(ok);
	(void)ok;
}

static bool compress(struct payload_codec *codec, struct slice plain)
{
	buf_reset(&codec->packed);
	if (!buf_reserve(&codec->packed, ZSTD_compressBound(plain.len)))
		return false;
	size_t n = ZSTD_compressCCtx(codec->compress, codec->packed.data,
	    ZSTD_compressBound(plain.len), plain.ptr, plain.len, ZSTD_LEVEL);
	codec->packed.len = ZSTD_isError(n) ? 0 : n;
	return !ZSTD_isError(n);
}

/* The leaves of all records in front, then room for the ciphertext. */
static bool reserve(struct buf *out, const struct hash *leaves, size_t count, size_t packed)
{
	if (!buf_reserve(out, count * sizeof(*leaves) + packed + TAG_BYTES))
		return false;
	buf_append(out, leaves, count * sizeof(*leaves));
	return true;
}

bool payload_seal(
    struct payload_codec *codec, struct block_head *head, struct slice plain, struct buf *out)
{
	struct hash leaves[BLOCK_RECORDS_MAX];
	size_t count = payload_leaves(codec, head->first, plain, leaves);
	assert(count == head->count && plain.len <= PLAIN_MAX_BYTES);
	size_t at = out->len;
	if (!compress(codec, plain) || !reserve(out, leaves, count, codec->packed.len))
		return false;
	head->root = merkle_root(leaves, count);
	head->payload_len = (uint32_t)(out->len - at + codec->packed.len + TAG_BYTES);
	encrypt(codec, head, buf_slice(&codec->packed), (unsigned char *)out->data + out->len);
	out->len = at + head->payload_len;
	head->seal = hash_of(slice_of(out->data + at, head->payload_len));
	return true;
}

bool payload_stored_leaves(
    const struct block_head *head, struct slice payload, struct hash leaves[BLOCK_RECORDS_MAX])
{
	size_t bytes = head->count * sizeof(*leaves);
	if (head->count > BLOCK_RECORDS_MAX || payload.len < bytes)
		return false;
	memcpy(leaves, payload.ptr, bytes);
	return true;
}

static enum payload_result decrypt(struct payload_codec *codec, const struct block_head *head,
    const unsigned char *head_bytes, struct slice payload)
{
	unsigned char nonce[NONCE_BYTES], tag[TAG_BYTES];
	EVP_CIPHER_CTX *ctx = codec->decrypt;
	size_t len = payload.len - TAG_BYTES;
	int n;
	buf_reset(&codec->packed);
	if (len > ZSTD_COMPRESSBOUND(PLAIN_MAX_BYTES))
		return PAYLOAD_MALFORMED;
	if (!buf_reserve(&codec->packed, len + 1))
		return PAYLOAD_NO_MEMORY;
	nonce_of(head->offset, nonce);
	memcpy(tag, payload.ptr + len, TAG_BYTES);
	unsigned char *dst = (unsigned char *)codec->packed.data;
	if (EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, head_bytes, BLOCK_AAD_BYTES) != 1 ||
	    EVP_DecryptUpdate(ctx, dst, &n, (const unsigned char *)payload.ptr, (int)len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) != 1)
		return PAYLOAD_FORGED;
	codec->packed.len = len; /* for payload_salvage(), whatever the tag says */
	return EVP_DecryptFinal_ex(ctx, dst + n, &n) == 1 ? PAYLOAD_OK : PAYLOAD_FORGED;
}

static enum payload_result decompress(struct payload_codec *codec)
{
	struct buf *packed = &codec->packed, *plain = &codec->plain;
	unsigned long long size = ZSTD_getFrameContentSize(packed->data, packed->len);
	buf_reset(plain);
	if (size == 0 || size > PLAIN_MAX_BYTES) /* the two error values are large ones */
		return PAYLOAD_MALFORMED;
	if (!buf_reserve(plain, (size_t)size))
		return PAYLOAD_NO_MEMORY;
	size_t n = ZSTD_decompressDCtx(
	    codec->decompress, plain->data, (size_t)size, packed->data, packed->len);
	if (n != size)
		return PAYLOAD_MALFORMED;
	plain->len = n;
	return PAYLOAD_OK;
}

/* The ciphertext and its tag. */
static struct slice sealed_part(const struct block_head *head, struct slice payload)
{
	return slice_from(payload, head->count * sizeof(struct hash));
}

enum payload_result payload_decode(struct payload_codec *codec, const struct block_head *head,
    const unsigned char head_bytes[BLOCK_HEAD_BYTES], struct slice payload, struct slice *plain)
{
	payload = sealed_part(head, payload);
	if (payload.len <= TAG_BYTES)
		return PAYLOAD_MALFORMED;
	enum payload_result result = decrypt(codec, head, head_bytes, payload);
	if (result == PAYLOAD_OK)
		result = decompress(codec);
	*plain = buf_slice(&codec->plain);
	return result;
}

enum payload_result payload_open(struct payload_codec *codec, const struct block_head *head,
    const unsigned char head_bytes[BLOCK_HEAD_BYTES], struct slice payload, struct slice *plain)
{
	struct hash leaves[BLOCK_RECORDS_MAX];
	enum payload_result result = payload_decode(codec, head, head_bytes, payload, plain);
	if (result != PAYLOAD_OK)
		return result;
	size_t count = payload_leaves(codec, head->first, *plain, leaves);
	if (count == 0)
		return PAYLOAD_MALFORMED;
	if (count != head->count || memcmp(leaves, payload.ptr, count * sizeof(leaves[0])) != 0)
		return PAYLOAD_CHANGED;
	struct hash root = merkle_root(leaves, count);
	return hash_eq(&root, &head->root) ? PAYLOAD_OK : PAYLOAD_CHANGED;
}

/* Up to where the frame is damaged. */
static void decompress_some(struct payload_codec *codec)
{
	ZSTD_inBuffer in = { codec->packed.data, codec->packed.len, 0 };
	ZSTD_outBuffer out = { codec->plain.data, PLAIN_MAX_BYTES, 0 };
	size_t rest = 1;
	ZSTD_DCtx_reset(codec->decompress, ZSTD_reset_session_only);
	while (rest > 0 && !ZSTD_isError(rest) && in.pos < in.size && out.pos < out.size)
		rest = ZSTD_decompressStream(codec->decompress, &out, &in);
	ZSTD_DCtx_reset(codec->decompress, ZSTD_reset_session_only);
	codec->plain.len = out.pos;
}

bool payload_salvage(struct payload_codec *codec, const struct block_head *head,
    const unsigned char head_bytes[BLOCK_HEAD_BYTES], struct slice payload, struct slice *plain,
    bool *has_tag)
{
	payload = sealed_part(head, payload);
	buf_reset(&codec->plain);
	if (payload.len <= TAG_BYTES || !buf_reserve(&codec->plain, PLAIN_MAX_BYTES))
		return false;
	enum payload_result result = decrypt(codec, head, head_bytes, payload);
	if (result != PAYLOAD_OK && result != PAYLOAD_FORGED)
		return false;
	*has_tag = result == PAYLOAD_OK;
	decompress_some(codec);
	*plain = buf_slice(&codec->plain);
	return true;
}
