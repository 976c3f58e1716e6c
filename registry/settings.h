/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* settings: the gateway's own settings file, and what it knows about the machine it runs on. */
#include "common/err.h"
#include "registry/field.h"
#include "registry/findings.h"

enum { SETTINGS_FILE_MAX_BYTES = 1 << 20, CLUSTER_NODES_MAX = 8, SERVICES_MAX = 5000 };

enum { STORE_KIND_FILE, STORE_KIND_SSM };
enum { TLS_MIN_12, TLS_MIN_13 };

/* The name of a node without cluster.nodes: a cluster of one. */
#define NODE_ALONE "local"

struct cluster_node {
	const char *name;
	const char *address; /* host:port */
	const char *port;
	bool is_self;
};

struct settings {
#define F(member, name, type, ...) FIELD_CTYPE_##type member;
#include "registry/settings.def"
#undef F
	struct arena arena;
	const char *file;               /* the settings file */
	const char *folder;             /* its folder, absolute */
	struct text_list live_services; /* from the variable, the file or the list */
	const char *live_services_from; /* what to call their source */
	struct cluster_node nodes[CLUSTER_NODES_MAX];
	size_t node_count;
};

extern const struct field SETTINGS_FIELDS[];
extern const size_t SETTINGS_FIELD_COUNT;

/*
 * Reads the file and the environment. False when the file cannot be read or is no JSON object
 * (err), or when something in it is wrong (findings). Relative paths in it are resolved against its
 * folder.
 */
bool settings_load(
    struct settings *settings, const char *file, struct findings *findings, struct err *err);
void settings_release(struct settings *settings);
