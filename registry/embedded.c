/* SPDX-License-Identifier: Apache-2.0 */
/* The assembler reads the files, relative to the folder of the Makefile, which knows the
 * dependency. */
#include "registry/embedded.h"

#define EMBED(symbol, path)                                                                        \
	__asm__(".pushsection .rodata\n"                                                           \
	        "embedded_" #symbol ":\n"                                                          \
	        ".incbin \"" path "\"\n"                                                           \
	        "embedded_" #symbol "_end:\n"                                                      \
	        ".byte 0\n"                                                                        \
	        ".popsection\n");                                                                  \
	extern const char embedded_##symbol[], embedded_##symbol##_end[]

EMBED(gateway_cfg, "haproxy/gateway.cfg");
EMBED(spoe_conf, "haproxy/spoe.conf");
EMBED(http_400, "haproxy/400.http");
EMBED(http_408, "haproxy/408.http");

struct range {
	const char *name, *begin, *end;
};

static const struct range FILES[] = {
	[EMBEDDED_GATEWAY_CFG] = { "haproxy/gateway.cfg", embedded_gateway_cfg,
	    embedded_gateway_cfg_end },
	[EMBEDDED_SPOE_CONF] = { "haproxy/spoe.conf", embedded_spoe_conf, embedded_spoe_conf_end },
	[EMBEDDED_400_HTTP] = { "haproxy/400.http", embedded_http_400, embedded_http_400_end },
	[EMBEDDED_408_HTTP] = { "haproxy/408.http", embedded_http_408, embedded_http_408_end },
};

struct slice embedded_get(enum embedded_file file)
{
	return slice_of(FILES[file].begin, (size_t)(FILES[file].end - FILES[file].begin));
}

const char *embedded_name(enum embedded_file file)
{
	return FILES[file].name;
}
