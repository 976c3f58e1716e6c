/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * deploy: brings a rendering to the running gateway, or one of the revisions on disk, and takes
 * it back when anything fails. The caller holds the lock.
 *
 * Order: the new revision is written and checked by haproxy -c and sallyport-spoa --check; the
 * agent learns it, so that no request arrives by a route it does not know; current is switched;
 * HAProxy reloads, or takes the new maps at run time; the workers that answer must name the
 * revision.
 */
#include "registry/revision.h"
#include "registry/servers.h"

enum deploy_way {
	WAY_NOTHING, /* the same content runs already */
	WAY_AGENT,   /* the agent alone */
	WAY_RUNTIME, /* maps and servers' addresses by the runtime interface, no reload */
	WAY_RELOAD,
	WAY_OFFLINE, /* HAProxy does not run: files only */
};

struct deployment {
	const struct settings *settings;
	char from[REVISION_NAME_MAX];    /* current; "" when there is none */
	char running[REVISION_NAME_MAX]; /* what HAProxy says it runs; "" when it does not run */
	enum deploy_way way;
	struct server_moves moves; /* servers whose address changes at run time */
	bool agent_changed;
	bool haproxy_runs;
	bool agent_runs;
};

const char *deploy_way_text(enum deploy_way way);

/* What it would take to go from what runs to `rendering`, which was made under `name`. */
bool deploy_decide(struct deployment *deployment, const struct settings *settings,
    const struct rendering *rendering, const char *name, struct err *err);
void deployment_release(struct deployment *deployment);

/* A reload, whatever was decided. */
void deploy_force_reload(struct deployment *deployment);

/* Tests end the process here, at the step that SALLYPORT_TEST_KILL_AT names. */
void deploy_step(const char *name);

/* haproxy -c on a revision's folder; the error names the parameter whose block is refused. */
bool deploy_check(const struct settings *settings, const char *name, struct err *err);

/*
 * Makes the checked revision folder `name` the running one. On failure all is put back as it was
 * and `err` says what failed; when putting back fails as well, that stands in `err` too.
 */
bool deploy(const struct deployment *deployment, const char *name, struct err *err);

/*
 * Differences between what runs and what was last applied, one line each: another revision runs, a
 * file was edited, a map or a server's address was changed at run time. Appends nothing when there
 * are none.
 */
bool deploy_drift(const struct settings *settings, struct buf *lines, struct err *err);
