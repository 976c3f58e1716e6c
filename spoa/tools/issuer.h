/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * issuer: a development issuer for the pools staff and customers, on loopback: `sallyport-jwt
 * serve`. It gives tokens to anybody who asks. Below /{pool}:
 *
 *   GET  /.well-known/openid-configuration
 *   GET  /.well-known/jwks.json
 *   POST /oauth2/token    form: grant_type=client_credentials, client_id, scope, sub, lifetime,
 * token_use, group POST /rotate          a new key signs from now on; the last ISSUER_KEYS_MAX - 1
 * stay in the set
 */
#include "common/err.h"

enum { ISSUER_KEYS_MAX = 4 };

struct issuer_config {
	const char *listen; /* ADDRESS:PORT, a loopback address; port 0 takes a free one */
	const char *
	    base; /* the pools' issuers are base/staff and base/customers; NULL: from the address */
	const char *tls_cert, *tls_key; /* PEM; both NULL: HTTP */
	const char *keys;               /* folder of {pool}.pem, made when they are not there */
};

/* Serves until the process ends. False with err set: it cannot start. */
bool issuer_run(const struct issuer_config *config, struct err *err);
