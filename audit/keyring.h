/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * keyring: the keys that wrap data keys. The first wraps, all unwrap: rotation is putting a new key
 * in front. A key file holds 32 bytes as 64 hexadecimal digits; kms_wrap.h adds KMS.
 */
#include "audit/payload.h"
#include "common/err.h"

enum { KEY_FILE_MAX_BYTES = 32 * 1024 /* a wrapped data key, as JSON */ };

/* What a data key is bound to. */
struct key_context {
	struct log_id log;
	uint64_t segment;
};

/* One way to wrap. May block. */
struct wrapper_ops {
	const char *wrap; /* "A256KW", "kms": what the key file says */
	/* Makes a new data key and appends its wrapped bytes. */
	bool (*generate)(void *state, const struct key_context *context, struct data_key *key,
	    struct buf *wrapped, struct err *err);
	/* Wraps a data key that exists. */
	bool (*seal)(void *state, const struct key_context *context, const struct data_key *key,
	    struct buf *wrapped, struct err *err);
	bool (*open)(void *state, const struct key_context *context, struct slice wrapped,
	    struct data_key *key, struct err *err);
	void (*free)(void *state);
};

struct keyring;

struct keyring *keyring_new(void);
void keyring_free(struct keyring *keyring);
/* Takes `state` over, also when it fails. `id` names the key in key files and is copied. */
bool keyring_add(struct keyring *keyring, const struct wrapper_ops *ops, void *state,
    const char *id, struct err *err);
bool keyring_add_file(struct keyring *keyring, const char *path, struct err *err);
bool keyring_is_empty(const struct keyring *keyring);

/* A new data key; the text of its key file is appended. The caller wipes the key. */
bool keyring_generate(struct keyring *keyring, const struct key_context *context,
    struct data_key *key, struct buf *text, struct err *err);
/* The data key out of the text of a key file named `name`. */
bool keyring_open(struct keyring *keyring, const struct key_context *context, struct slice text,
    const char *name, struct data_key *key, struct err *err);
/*
 * The text with the data key wrapped by the first key of the ring is appended; with *changed false
 * when that key wraps it already.
 */
bool keyring_rewrap(struct keyring *keyring, const struct key_context *context, struct slice text,
    const char *name, struct buf *out, bool *changed, struct err *err);

/* Writes a new key file (0600); an existing one is an error. */
bool keyring_generate_file(const char *path, struct err *err);
