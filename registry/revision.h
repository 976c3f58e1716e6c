/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * revision: what was rendered, on disk.
 *
 *     OUTPUT_DIR/lock                       held while anything here changes
 *     OUTPUT_DIR/current -> revisions/NAME  what HAProxy is started and reloaded with
 *     OUTPUT_DIR/agent.json                 what the agent is started and reloaded with
 *     OUTPUT_DIR/revisions/NAME/            haproxy.cfg, maps, agent.json, state.json,
 * revision.json
 *
 * NAME is a number that grows, '-', and six digits of the content's SHA-256. Folders are written
 * beside and renamed, current is a symbolic link replaced in one step: a crash at any point leaves
 * the old revision or the new one.
 */
#include "registry/haproxy_cli.h"
#include "registry/render.h"

struct revision {
	char name[REVISION_NAME_MAX];
	uint64_t number;
	char content[65];   /* SHA-256 of its rendered files, in hexadecimal */
	int64_t created_ms; /* Unix time */
	char by[64];        /* who applied it */
	char note[256];
};

struct revision_list {
	struct revision *items; /* by number */
	size_t count;
};

/* The lock's descriptor, or -1 with err set: another process holds it. Closing it releases it. */
int revision_lock(const char *output_dir, struct err *err);

/* SHA-256 over names and bytes of all files, by name, in hexadecimal. */
bool revision_content(const struct rendering *rendering, char out[65]);

/* Reads the rendered files of a revision back; their names live in `arena`. */
bool revision_load(const char *output_dir, const char *name, struct rendering *out,
    struct arena *arena, struct err *err);

bool revision_list_load(const char *output_dir, struct revision_list *list, struct err *err);
void revision_list_release(struct revision_list *list);
const struct revision *revision_list_find(const struct revision_list *list, const char *name);

/* What current points to; "" when there is none. */
bool revision_current(const char *output_dir, char name[REVISION_NAME_MAX], struct err *err);

/* Writes all files, state.json and revision.json as a new revision folder. Not current yet. */
bool revision_write(const char *output_dir, const struct rendering *rendering, struct slice state,
    const struct revision *revision, struct err *err);
bool revision_remove(const char *output_dir, const char *name, struct err *err);
/* Makes it current. */
bool revision_switch(const char *output_dir, const char *name, struct err *err);
/* Removes the oldest beyond `keep`, never `current` and the one before it. */
bool revision_prune(const char *output_dir, uint64_t keep, struct err *err);

/* OUTPUT_DIR/revisions/NAME/FILE into `path`. */
enum { REVISION_PATH_MAX = 1400 };
const char *revision_path(
    char path[REVISION_PATH_MAX], const char *output_dir, const char *name, const char *file);
/* Reads one of its files. */
bool revision_read(
    const char *output_dir, const char *name, const char *file, struct buf *out, struct err *err);
