/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * jws: whether the signature of a JWS in compact serialisation (RFC 7515) is good, whatever it
 * signs. For tools and test vectors: the agent asks auth_check(), which also reads the claims.
 */
#include "spoa/auth/signature.h"
#include "spoa/auth/token.h"

/*
 * `allowed` bounds the algorithm beside what the key can do. A kid must name a key of the set; a
 * token or a key without kid will do when the set has one key only. AUTH_OK, or one of the reasons
 * that token.h names, ALG_REFUSED, KID_MISSING, KID_UNKNOWN, KEY_UNSUITABLE, SIGNATURE_INVALID,
 * INTERNAL.
 */
enum auth_reason jws_verify(struct verifier *verifier, const struct keyset *keys, alg_set allowed,
    struct slice text, struct arena *arena);
