/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * keyset_refresh: where an authorizer's key set comes from, and how it stays fresh.
 *
 * A key_source has a thread of its own that reads a file or fetches an https URL; request threads
 * only take the current set and may ask for a refresh. The set in use is replaced only by one that
 * parses and has a usable key: an issuer that fails keeps its last good keys until they are
 * `stale_max_s` old.
 *
 * An unknown kid asks for one refresh; further asks are ignored until `cooldown_s` after the last
 * attempt, whether it succeeded or not. While the refresh is under way the request that asked may
 * wait for it; else it gets 401.
 */
#include "spoa/auth/keyset.h"

struct key_source_config {
	const char *name;   /* the authorizer's, for the log */
	const char *issuer; /* for discovery, when neither url nor file is given */
	const char *url;    /* NULL: not a URL */
	const char *file;   /* NULL: not a file */
	const char *ca_file;
	bool allow_http;        /* for tests on loopback */
	unsigned default_ttl_s; /* without Cache-Control max-age; 0: 600 */
	unsigned cooldown_s;    /* 0: 30 */
	unsigned stale_max_s;   /* 0: 86400 */
	unsigned file_check_ms; /* how often a file's mtime is looked at; 0: 2000 */
};

struct key_source_stats {
	uint64_t generation; /* of the set in use; 0: none yet */
	size_t keys;
	int64_t loaded_unix_s;              /* when the set in use was last confirmed; 0: never */
	uint64_t attempts, failures, asked; /* asked: refreshes for an unknown kid */
	char last_error[256];               /* of the last failed attempt; empty after a success */
};

struct key_source;

/* Starts the thread. NULL with err set: bad configuration, no memory, no thread. One reference for
 * the caller. */
struct key_source *key_source_new(const struct key_source_config *config, struct err *err);
struct key_source *key_source_ref(struct key_source *source);
/* The last one stops the thread and waits for it: up to the time of one fetch. May be NULL. */
void key_source_unref(struct key_source *source);

/* Whether a source with this configuration would do the same: it can be kept over a reload. */
bool key_source_matches(const struct key_source *source, const struct key_source_config *config);

/* Waits until the first attempt is over, at most `timeout_ms`. True: a set is there. */
bool key_source_wait(struct key_source *source, unsigned timeout_ms);

/* Changes whenever key_source_get() would give another set; one relaxed load. */
uint64_t key_source_version(const struct key_source *source);
/* A reference to the current set; NULL when none was ever loaded, or the last one is too old. */
struct keyset *key_source_get(struct key_source *source);
/*
 * For an unknown kid. Never blocks for long. True: a refresh is under way or begins at once, so
 * that the set may be another one in a moment; false: none before the cool-down is over.
 */
bool key_source_ask(struct key_source *source);
/* A refresh whatever the cool-down (an operator's SIGHUP). */
void key_source_refresh_now(struct key_source *source);

void key_source_stats(struct key_source *source, struct key_source_stats *out);
