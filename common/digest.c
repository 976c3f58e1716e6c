/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

/* EVP frees and allocates its state at each beginning (OpenSSL 3.0 to 3.5); this interface hashes
 * in the caller's memory, which a request needs: once for each token. It is deprecated, and
 * documented. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <pthread.h>

_Static_assert((int)SHA256_BYTES == (int)SHA256_DIGEST_LENGTH, "one size");

/* Fetched once: an implicit fetch per call costs more than hashing a short text. */
static EVP_MD *sha256;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

bool digest_sha256_parts(const struct slice *parts, size_t count, unsigned char out[SHA256_BYTES])
{
	SHA256_CTX ctx;

	if (SHA256_Init(&ctx) != 1)
		return false;
	for (size_t i = 0; i < count; i++)
		if (SHA256_Update(&ctx, parts[i].ptr, parts[i].len) != 1)
			return false;
	return SHA256_Final(out, &ctx) == 1;
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
