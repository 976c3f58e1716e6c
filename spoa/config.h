/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * config: the agent's configuration file (docs/agent.md), one struct per section of config.def.
 * Parsing is pure; the structs and all they point to live in one arena.
 */
#include "common/arena.h"
#include "common/err.h"

#include <stdio.h>

/* The longest file: 100 000 routes fit. */
enum { CONFIG_FILE_MAX = 64 * 1024 * 1024 };

enum config_waf_mode { CONFIG_WAF_OFF, CONFIG_WAF_COUNT, CONFIG_WAF_BLOCK };
enum config_mtls { CONFIG_MTLS_OFF, CONFIG_MTLS_OPTIONAL, CONFIG_MTLS_REQUIRED };
enum config_scope_match { CONFIG_SCOPES_ANY, CONFIG_SCOPES_ALL };
enum config_token_use { CONFIG_TOKEN_USE_ACCESS, CONFIG_TOKEN_USE_ID, CONFIG_TOKEN_USE_ANY };
enum config_on_budget { CONFIG_BUDGET_BLOCK, CONFIG_BUDGET_PASS };

struct config_list {
	const char **items;
	size_t count;
};

/* Members of a JSON object in the order of the file; `items` is an array of the section's struct.
 */
struct config_map {
	const char **names;
	void *items;
	size_t count;
};

#define UINT(member, def, min, max, unit, doc) uint64_t member;
#define BOOL(member, def, doc)                 bool member;
#define STRING(member, def, longest, doc)      const char *member;
#define CHOICE(member, def, choices, doc)      unsigned member;
#define LIST(member, most, doc)                struct config_list member;
#define LISTS(member, most, most_items, doc)   struct config_map member; /* of struct config_list */
#define OBJECT(member, section, doc)           struct config_##section member;
#define MAP(member, section, most, doc)        struct config_map member; /* of struct config_<section> */

struct config_token_cache {
#define CONFIG_TOKEN_CACHE
#include "spoa/config.def"
#undef CONFIG_TOKEN_CACHE
};

struct config_authorizer {
#define CONFIG_AUTHORIZER
#include "spoa/config.def"
#undef CONFIG_AUTHORIZER
};

struct config_waf {
#define CONFIG_WAF
#include "spoa/config.def"
#undef CONFIG_WAF
};

struct config_route {
#define CONFIG_ROUTE
#include "spoa/config.def"
#undef CONFIG_ROUTE
};

struct config {
#define CONFIG_ROOT
#include "spoa/config.def"
#undef CONFIG_ROOT
};

#undef UINT
#undef BOOL
#undef STRING
#undef CHOICE
#undef LIST
#undef LISTS
#undef OBJECT
#undef MAP

/*
 * Parses a whole file's text. Everything that is wrong is added to `errors`, each with its JSON
 * path and position; false when there was anything. `name` is the file's, for messages.
 */
bool config_parse(struct slice text, const char *name, struct arena *arena, struct config *out,
    struct err_list *errors);

bool config_load(
    const char *path, struct arena *arena, struct config *out, struct err_list *errors);

/* The number of the item of that name, or SIZE_MAX. */
size_t config_map_find(const struct config_map *map, const char *name);
static inline const struct config_authorizer *config_authorizer_at(
    const struct config *config, size_t i)
{
	return (const struct config_authorizer *)config->authorizers.items + i;
}
static inline const struct config_route *config_route_at(const struct config *config, size_t i)
{
	return (const struct config_route *)config->routes.items + i;
}
static inline const struct config_list *config_ruleset_at(const struct config *config, size_t i)
{
	return (const struct config_list *)config->waf.rulesets.items + i;
}

/* The file mode of socket_mode, which config_parse() has checked. */
unsigned config_socket_mode(const struct config *config);

/* The members of all sections with types, defaults, bounds and meaning. */
void config_print_help(FILE *out);
