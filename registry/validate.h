/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* validate: rules that span several fields, or several services. Each field's own rule is its row.
 */
#include "registry/model.h"

/* `folder` is the full name of the service's parameters up to the last slash. Before defaults. */
void validate_service(const struct settings *settings, const struct service *service,
    const char *folder, struct findings *findings);

/* Route prefixes that are the same, or hide one another across versions. */
void validate_routes(const struct settings *settings, const struct service *services, size_t count,
    struct findings *findings, struct arena *scratch);
