/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * dbcache: compiled Vectorscan databases on disk. A file's name is the digest of everything that
 * the database depends on: expressions, flags, ids, the library's version and the processor's
 * features. Its bytes carry a digest of their own; a file that does not verify is compiled anew.
 *
 * The folder is used only when it belongs to this user or to root and nobody else may write to it:
 * a database is as good as code.
 */
#include "common/err.h"

#include <hs/hs.h>

struct expressions {
	const char **texts; /* NUL-terminated */
	unsigned *flags;
	unsigned *ids;
	unsigned count;
};

/*
 * From the cache, or compiled and put there. `dir` may be NULL. On failure NULL; *bad is then the
 * index of the expression that Vectorscan refuses, or -1 when it was something else.
 */
hs_database_t *dbcache_get(const char *dir, const struct expressions *expressions, int *bad);
