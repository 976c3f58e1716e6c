/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * render: a model as files: haproxy.cfg, spoe.conf, maps, lists and agent.json. The same model
 * gives the same bytes. Pure. Services held back are left out.
 */
#include "common/buf.h"
#include "registry/haproxy_version.h"
#include "registry/model.h"

enum { RENDERED_FILES_MAX = 24, AGENT_JSON_VERSION = 1 };

enum rendered_kind {
	RENDERED_CONFIG, /* a change needs a reload of HAProxy */
	RENDERED_MAP,    /* a change can go through the runtime interface */
	RENDERED_AGENT,  /* the agent's */
};

struct rendered_file {
	const char *name;
	enum rendered_kind kind;
	struct buf text;
};

struct rendering {
	struct rendered_file files[RENDERED_FILES_MAX];
	size_t count;
};

/* `revision` stands in gateway.map and agent.json, nowhere else. */
bool render(struct rendering *out, const struct model *model, struct haproxy_version version,
    const char *revision, struct err *err);
void rendering_release(struct rendering *rendering);
/* NULL when there is none. */
const struct rendered_file *rendering_find(const struct rendering *rendering, const char *name);

/* The parts, each appending one file. */
bool render_maps(
    struct rendering *out, const struct model *model, const char *revision, struct err *err);
bool render_agent(struct buf *out, const struct model *model, const char *revision,
    uint64_t frame_bytes, struct err *err);
struct buf *rendering_add(struct rendering *rendering, const char *name, enum rendered_kind kind);

/* tune.bufsize for the largest body limit among the services. */
uint64_t render_bufsize(const struct model *model);
