/* SPDX-License-Identifier: Apache-2.0 */
#include "common/digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

/* Fetching an algorithm takes a lock and a lookup; done once, the result is shared by all threads.
 */
static EVP_MD *sha256;
static EVP_MAC *hmac;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
}

bool digest_sha256(struct slice bytes, unsigned char out[SHA256_BYTES])
{
	pthread_once(&fetched, fetch);
	return sha256 &&
	       EVP_Digest(bytes.len ? bytes.ptr : "", bytes.len, out, NULL, sha256, NULL) == 1;
}

bool digest_hmac_sha256(struct slice key, struct slice bytes, unsigned char out[SHA256_BYTES])
{
	char name[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end(),
	};
	size_t len = 0;

	pthread_once(&fetched, fetch);
	EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	if (!ctx)
		return false;
	/* A NULL key would mean "the key set before"; an empty one is a key too. */
	const unsigned char *key_bytes = (const unsigned char *)(key.len ? key.ptr : "");
	bool ok = EVP_MAC_init(ctx, key_bytes, key.len, params) == 1 &&
	          EVP_MAC_update(ctx, (const unsigned char *)bytes.ptr, bytes.len) == 1 &&
	          EVP_MAC_final(ctx, out, &len, SHA256_BYTES) == 1 && len == SHA256_BYTES;
	EVP_MAC_CTX_free(ctx);
	return ok;
}
