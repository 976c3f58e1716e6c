/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* digest: SHA-256 and HMAC-SHA-256 by OpenSSL, algorithms fetched once per process. */
#include "common/slice.h"

enum { SHA256_BYTES = 32 };

/* False only when OpenSSL fails; allocates nothing. */
bool digest_sha256(struct slice bytes, unsigned char out[SHA256_BYTES]);
/* Of several runs of bytes as if they stood behind each other. */
bool digest_sha256_parts(const struct slice *parts, size_t count, unsigned char out[SHA256_BYTES]);
bool digest_hmac_sha256(struct slice key, struct slice bytes, unsigned char out[SHA256_BYTES]);
