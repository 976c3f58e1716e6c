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

enum expression_fate {
	FATE_EXACT,       /* compiled as it is */
	FATE_APPROXIMATE, /* with HS_FLAG_PREFILTER: matches at least where the pattern does */
	FATE_REFUSED,     /* not in the database */
};

struct expressions {
	const char **texts; /* NUL-terminated */
	unsigned *flags;
	unsigned *ids;
	unsigned char *fates; /* enum expression_fate, one each: what became of it */
	unsigned count;
};

struct dbcache {
	const char *dir; /* NULL: everything is compiled each time */
	/* Called before something is compiled; `kept`: there is a folder to put it. NULL is fine.
	 */
	void (*compiling)(void *context, bool kept);
	void *context;
};

/*
 * From the cache, or compiled and put there; sets the fates. False only for want of memory;
 * *database is NULL, too, when every expression was refused.
 */
bool dbcache_get(
    const struct dbcache *cache, struct expressions *expressions, hs_database_t **database);
