/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/alg.h"

#include <pthread.h>

// clang-format off
static const struct alg algs[ALG_COUNT] = {
	{ "ES256", ALG_ECDSA,     "EC",  "SHA256", "P-256", 32, 0 },
	{ "ES384", ALG_ECDSA,     "EC",  "SHA384", "P-384", 48, 1 },
	{ "ES512", ALG_ECDSA,     "EC",  "SHA512", "P-521", 66, 2 },
	{ "EdDSA", ALG_EDDSA,     "OKP", NULL,     NULL,     0, 3 },
	{ "PS256", ALG_RSA_PSS,   "RSA", "SHA256", NULL,     0, 4 },
	{ "PS384", ALG_RSA_PSS,   "RSA", "SHA384", NULL,     0, 5 },
	{ "PS512", ALG_RSA_PSS,   "RSA", "SHA512", NULL,     0, 6 },
	{ "RS256", ALG_RSA_PKCS1, "RSA", "SHA256", NULL,     0, 7 },
	{ "RS384", ALG_RSA_PKCS1, "RSA", "SHA384", NULL,     0, 8 },
	{ "RS512", ALG_RSA_PKCS1, "RSA", "SHA512", NULL,     0, 9 },
};
// clang-format on

static EVP_MD *digests[ALG_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	for (unsigned i = 0; i < ALG_COUNT; i++)
		if (algs[i].digest)
			digests[i] = EVP_MD_fetch(NULL, algs[i].digest, NULL);
}

const struct alg *alg_find(struct slice name)
{
	for (unsigned i = 0; i < ALG_COUNT; i++)
		if (slice_eq(name, slice_of_cstr(algs[i].name)))
			return &algs[i];
	return NULL;
}

const struct alg *alg_at(unsigned index)
{
	return index < ALG_COUNT ? &algs[index] : NULL;
}

const EVP_MD *alg_digest(const struct alg *alg)
{
	pthread_once(&once, fetch);
	return digests[alg->index];
}
