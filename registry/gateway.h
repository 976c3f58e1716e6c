/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* gateway: settings, store, parameters, model and rendering of one run of a subcommand. */
#include "registry/render.h"

#include <signal.h>

struct gateway {
	struct settings settings;
	struct store *store;
	struct parameter_list parameters;
	struct model model;
	struct findings findings;
	struct haproxy_version version;
	bool has_parameters, has_model;
};

/* Reads the settings and opens the store. Findings about settings are in `findings`. */
bool gateway_open(struct gateway *gateway, const char *settings_file, struct err *err);
/* Reads the settings alone: the caller sets `store`, or leaves it NULL. */
bool gateway_open_settings(struct gateway *gateway, const char *settings_file, struct err *err);
/* The store that the settings name. `stop`: see aws_client.h; may be NULL. NULL with err set. */
struct store *gateway_store_new(
    const struct settings *settings, const volatile sig_atomic_t *stop, struct err *err);
void gateway_release(struct gateway *gateway);

/* Reads the parameters and builds the model; true also when there are findings. */
bool gateway_load(struct gateway *gateway, struct err *err);

/* The version to render for: the setting's, or what the binary says. */
bool gateway_detect_version(struct gateway *gateway, struct err *err);
