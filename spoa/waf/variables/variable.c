/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/variables/variable.h"

const struct variable variable_table[VAR_COUNT] = {
#define VARIABLE(id, name, kind, scan) { name, VAR_##id, VARIABLE_##kind, SCAN_##scan },
#include "spoa/waf/variables/variable.def"
};

/* clang-format off */
static const struct {
	const char *name;
	const char *reason;
} unsupported[] = {
	{ "ENV",            "the process environment is not shown to rules" },
	{ "FILES_TMPNAMES", "uploads are not written to disk" },
	{ "REMOTE_GROUP",   "there is no user database" },
	{ "SCRIPT_BASENAME", "there are no scripts behind a gateway" },
	{ "SCRIPT_FILENAME", "there are no scripts behind a gateway" },
	{ "SCRIPT_GID",     "there are no scripts behind a gateway" },
	{ "SCRIPT_GROUPNAME", "there are no scripts behind a gateway" },
	{ "SCRIPT_MODE",    "there are no scripts behind a gateway" },
	{ "SCRIPT_UID",     "there are no scripts behind a gateway" },
	{ "SCRIPT_USERNAME", "there are no scripts behind a gateway" },
};
/* clang-format on */

static int compare_nocase(struct slice a, const char *b)
{
	size_t i = 0;
	for (; i < a.len && b[i]; i++) {
		/* Names are upper case with digits and '_'; '_' sorts behind the letters. */
		int x = a.ptr[i] >= 'a' && a.ptr[i] <= 'z' ? a.ptr[i] - ('a' - 'A') : a.ptr[i];
		if (x != b[i])
			return x - b[i];
	}
	return i < a.len ? 1 : b[i] ? -1 : 0;
}

const struct variable *variable_find(struct slice name)
{
	size_t low = 0, high = VAR_COUNT;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare_nocase(name, variable_table[middle].name);
		if (order == 0)
			return &variable_table[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const char *variable_unsupported(struct slice name)
{
	for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++)
		if (compare_nocase(name, unsupported[i].name) == 0)
			return unsupported[i].reason;
	return NULL;
}
