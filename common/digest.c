/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

/* Fetched once: an implicit fetch per call costs more than hashing a short text. */
static EVP_MD *sha256;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local EVP_MD_CTX *context;
static pthread_key_t context_key;

static void context_free(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	pthread_key_create(&context_key, context_free);
}

static EVP_MD_CTX *thread_context(void)
{
	if (!context) {
		context = EVP_MD_CTX_new();
		pthread_setspecific(context_key, context);
	}
	return context;
}

bool digest_sha256_parts(const struct slice *parts, size_t count, unsigned char out[SHA256_BYTES])
{
	pthread_once(&once, fetch);
	EVP_MD_CTX *ctx = thread_context();
	if (!sha256 || !ctx || EVP_DigestInit_ex2(ctx, sha256, NULL) != 1)
		return false;
	for (size_t i = 0; i < count; i++)
		if (EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) != 1)
			return false;
	return EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

bool digest_sha256(struct slice bytes, unsigned char out[SHA256_BYTES])
{
	return digest_sha256_parts(&bytes, 1, out);
}

bool digest_hmac_sha256(struct slice key, struct slice bytes, unsigned char out[SHA256_BYTES])
{
	unsigned int len = 0;
	pthread_once(&once, fetch);
	if (!sha256 || key.len > INT32_MAX)
		return false;
	return HMAC(sha256, key.len ? key.ptr : "", (int)key.len, (const unsigned char *)bytes.ptr,
	           bytes.len, out, &len) != NULL &&
	       len == SHA256_BYTES;
}
