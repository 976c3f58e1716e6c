/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/command.h"

#include "audit/kms_keys.h"

#include <unistd.h>

struct command_keys command_keys;

const char *command_folder(void)
{
	return command_keys.folder ? command_keys.folder : COMMAND_DEFAULT_FOLDER;
}

int command_fail(const struct err *err)
{
	char text[ERR_TEXT_MAX + ERR_FILE_MAX];
	fprintf(stderr, "sallyport-audit: %s\n", err_format(err, text, sizeof(text)));
	return CLI_ERROR;
}

static const char *signing_key(void)
{
	return command_keys.signing_key ? command_keys.signing_key : COMMAND_DEFAULT_SIGNING_KEY;
}

struct signer *command_open_signer(struct err *err)
{
	return command_keys.signing_kms_key ? kms_signer_open(command_keys.signing_kms_key, err)
	                                    : signer_open_file(signing_key(), err);
}

static bool add_public_keys(struct verifier *verifier, struct err *err)
{
	for (size_t i = 0; i < command_keys.public_keys.count; i++)
		if (!verifier_add_file(verifier, command_keys.public_keys.items[i], err))
			return false;
	return true;
}

static bool add_signing_key(struct verifier *verifier, struct err *err)
{
	return command_keys.signing_kms_key
	           ? kms_verifier_add(verifier, command_keys.signing_kms_key, err)
	           : verifier_add_private_file(verifier, signing_key(), err);
}

static struct verifier *finish(struct verifier *verifier, bool ok, struct err *err)
{
	if (ok && verifier)
		return verifier;
	err_set(err, "no memory for public keys");
	verifier_free(verifier);
	return NULL;
}

struct verifier *command_open_verifier(struct err *err)
{
	struct verifier *verifier = verifier_new();
	bool ok = verifier && add_public_keys(verifier, err);
	if (ok && command_keys.public_keys.count == 0)
		ok = verifier_add_file(verifier, COMMAND_DEFAULT_PUBLIC_KEY, err);
	return finish(verifier, ok, err);
}

struct verifier *command_open_writer_verifier(struct err *err)
{
	struct verifier *verifier = verifier_new();
	bool ok = verifier && add_public_keys(verifier, err) && add_signing_key(verifier, err);
	return finish(verifier, ok, err);
}

static bool add_wrapping_keys(struct keyring *keyring, struct err *err)
{
	if (command_keys.kms_key && !kms_keyring_add(keyring, command_keys.kms_key, err))
		return false;
	for (size_t i = 0; i < command_keys.wrapping_keys.count; i++)
		if (!keyring_add_file(keyring, command_keys.wrapping_keys.items[i], err))
			return false;
	return !keyring_is_empty(keyring) ||
	       keyring_add_file(keyring, COMMAND_DEFAULT_WRAPPING_KEY, err);
}

struct keyring *command_open_keyring(struct err *err)
{
	struct keyring *keyring = keyring_new();
	if (keyring && add_wrapping_keys(keyring, err))
		return keyring;
	err_set(err, "no memory for keys");
	keyring_free(keyring);
	return NULL;
}
