/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* embedded: the files of haproxy/ that the program carries with it. */
#include "common/slice.h"

enum embedded_file {
	EMBEDDED_GATEWAY_CFG,
	EMBEDDED_SPOE_CONF,
	EMBEDDED_400_HTTP,
	EMBEDDED_408_HTTP
};

struct slice embedded_get(enum embedded_file file);
/* Its path in the source tree, for messages. */
const char *embedded_name(enum embedded_file file);
