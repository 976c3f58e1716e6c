/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/tools/waf_rulesets.h"

#include "common/file.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATHS_MAX = 8 };

static const char *first_existing(const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (paths[i] && access(paths[i], R_OK) == 0)
			return paths[i];
	return NULL;
}

/* A folder of the source tree, when the program runs out of its build folder. */
static const char *in_source_tree(struct arena *arena, const char *folder)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
	if (len <= 0)
		return NULL;
	path[len] = '\0';
	return arena_printf(arena, "%s/../../%s", dirname(path), folder);
}

static bool add(struct rule_paths *out, const char *path, const char *what, struct err_list *errors)
{
	if (!path)
		return err_list_add(
		    errors, (struct err_pos){ 0 }, "%s not found on this machine", what);
	out->items[out->count++] = path;
	return true;
}

static bool add_aws(struct rule_paths *out, struct arena *arena, struct err_list *errors)
{
	const char *paths[] = {
		in_source_tree(arena, "haproxy/waf/aws"),
		"/usr/local/share/sallyport/waf/aws",
		"/usr/share/sallyport/waf/aws",
	};
	return add(out, first_existing(paths, 3), "the aws rules are", errors);
}

static bool add_crs(struct rule_paths *out, struct arena *arena, struct err_list *errors)
{
	const char *apis[] = {
		in_source_tree(arena, "haproxy/waf/crs"),
		"/usr/local/share/sallyport/waf/crs",
		"/usr/share/sallyport/waf/crs",
	};
	static const char *const setups[] = {
		"/etc/sallyport/crs-setup.conf",
		"/etc/modsecurity/crs/crs-setup.conf",
	};
	static const char *const rules[] = { "/usr/share/modsecurity-crs/rules" };
	return add(out, first_existing(apis, 3), "what an API needs of crs is", errors) &&
	       add(out, first_existing(setups, 2), "crs-setup.conf (package modsecurity-crs) is",
	           errors) &&
	       add(out, first_existing(rules, 1), "the crs rules (package modsecurity-crs) are",
	           errors);
}

bool rulesets_paths(const char *ruleset, const struct cli_list *rules, struct arena *arena,
    struct rule_paths *out, struct err_list *errors)
{
	if (rules->count && !ruleset) {
		*out = (struct rule_paths){ rules->items, rules->count };
		return true;
	}
	struct slice name = slice_of_cstr(ruleset ? ruleset : "aws+crs");
	bool aws = slice_eq(name, SLICE("aws")) || slice_eq(name, SLICE("aws+crs"));
	bool crs = slice_eq(name, SLICE("crs")) || slice_eq(name, SLICE("aws+crs"));
	if (!aws && !crs)
		return err_list_add(errors, (struct err_pos){ 0 },
		    "unknown rule set '%s': aws, crs or aws+crs", ruleset);
	*out = (struct rule_paths){ arena_array(arena, const char *, PATHS_MAX + rules->count), 0 };
	if (!out->items)
		return err_list_add(errors, (struct err_pos){ 0 }, "out of memory");
	bool good = (!aws || add_aws(out, arena, errors)) && (!crs || add_crs(out, arena, errors));
	for (size_t i = 0; i < rules->count; i++)
		out->items[out->count++] = rules->items[i];
	return good;
}

static bool usable(const char *path)
{
	struct err err = { 0 };
	return path && file_make_dirs(path, 0700, &err) && access(path, W_OK | X_OK) == 0;
}

const char *rulesets_cache_dir(const char *wanted, struct arena *arena)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	if (wanted)
		return usable(wanted) ? wanted : NULL;
	if (access("/var/cache/sallyport/waf", W_OK | X_OK) == 0)
		return "/var/cache/sallyport/waf";
	const char *own = base && base[0] == '/' ? arena_printf(arena, "%s/sallyport-waf", base)
	                  : home ? arena_printf(arena, "%s/.cache/sallyport-waf", home)
	                         : NULL;
	return usable(own) ? own : NULL;
}
