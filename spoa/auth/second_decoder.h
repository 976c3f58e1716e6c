/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * second_decoder: libjwt reads a token whose signature is already verified, and must see the same
 * alg, iss, sub and exp. Two decoders that disagree about authenticated bytes mean
 * that a service behind the gateway may read something else than was checked.
 */
#include "spoa/auth/claims.h"

/*
 * True: it agrees, or cannot say: libjwt 1.10 refuses the header type at+jwt, and no version of
 * Debian's reads PS*, EdDSA. False: it disagrees.
 */
bool second_decoder_agrees(const struct token *token, const struct claims *claims);
