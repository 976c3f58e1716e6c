/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/dbcache.h"

#include "common/arena.h"
#include "common/buf.h"
#include "common/codec.h"
#include "common/digest.h"
#include "common/file.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATABASE_BYTES_MAX = 256 << 20 };

static const char magic[8] = { 'S', 'P', 'W', 'A', 'F', 'D', 'B', '4' };

/* ---- names ------------------------------------------------------------------------------------
 */

static void append_number(struct buf *buf, uint64_t number)
{
	buf_append(buf, &number, sizeof number);
}

static bool key_of(const struct expressions *e, unsigned char digest[SHA256_BYTES])
{
	struct buf text;
	hs_platform_info_t platform = { 0 };
	buf_init(&text, 0);
	buf_append_cstr(&text, hs_version());
	bool good = hs_populate_platform(&platform) == HS_SUCCESS;
	append_number(&text, platform.tune);
	append_number(&text, platform.cpu_features);
	for (unsigned i = 0; i < e->count; i++) {
		append_number(&text, e->ids[i]);
		append_number(&text, e->flags[i]);
		append_number(&text, strlen(e->texts[i]));
		buf_append_cstr(&text, e->texts[i]);
	}
	good = good && !buf_failed(&text) && digest_sha256(buf_slice(&text), digest);
	buf_release(&text);
	return good;
}

static bool folder_is_safe(const char *dir)
{
	struct stat info;
	return stat(dir, &info) == 0 && S_ISDIR(info.st_mode) &&
	       (info.st_uid == geteuid() || info.st_uid == 0) &&
	       (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* False when there is no cache to use. */
static bool path_of(const char *dir, const struct expressions *e, struct buf *path)
{
	unsigned char digest[SHA256_BYTES];
	if (!dir || !folder_is_safe(dir) || !key_of(e, digest))
		return false;
	buf_printf(path, "%s/", dir);
	hex_encode(path, slice_of(digest, sizeof digest));
	buf_append_cstr(path, ".hsdb");
	return !buf_failed(path);
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* magic, digest of the rest, a fate for each expression, the serialized database (may be missing)
 */
static bool decode(struct slice file, struct expressions *e, hs_database_t **database)
{
	unsigned char digest[SHA256_BYTES];
	struct slice payload = slice_from(file, sizeof magic + SHA256_BYTES);
	struct slice bytes = slice_from(payload, e->count);
	if (payload.len < e->count || memcmp(file.ptr, magic, sizeof magic) != 0 ||
	    !digest_sha256(payload, digest) ||
	    memcmp(file.ptr + sizeof magic, digest, sizeof digest) != 0)
		return false;
	memcpy(e->fates, payload.ptr, e->count);
	return !bytes.len || hs_deserialize_database(bytes.ptr, bytes.len, database) == HS_SUCCESS;
}

static bool read_cached(const char *path, struct expressions *e, hs_database_t **database)
{
	struct err ignored = { 0 };
	struct buf file;
	buf_init(&file, DATABASE_BYTES_MAX);
	bool good = access(path, R_OK) == 0 &&
	            file_read(path, DATABASE_BYTES_MAX, &file, &ignored) &&
	            decode(buf_slice(&file), e, database);
	buf_release(&file);
	return good;
}

/* A cache that cannot be written costs the next start some time, and is no error. */
static void write_cached(
    const char *path, const struct expressions *e, const hs_database_t *database)
{
	struct err ignored = { 0 };
	unsigned char digest[SHA256_BYTES];
	struct buf file;
	char *bytes = NULL;
	size_t len = 0;
	if (database && hs_serialize_database(database, &bytes, &len) != HS_SUCCESS)
		return;
	buf_init(&file, 0);
	buf_append(&file, magic, sizeof magic);
	buf_append(&file, digest, sizeof digest);
	buf_append(&file, e->fates, e->count);
	buf_append(&file, bytes, len);
	size_t head = sizeof magic + sizeof digest;
	if (!buf_failed(&file) && digest_sha256(slice_from(buf_slice(&file), head), digest)) {
		memcpy(file.data + sizeof magic, digest, sizeof digest);
		file_write_atomic(path, buf_slice(&file), 0644, &ignored);
	}
	buf_release(&file);
	free(bytes);
}

/* ---- compiling --------------------------------------------------------------------------------
 */

static bool is_accepted(const char *text, unsigned flags)
{
	hs_expr_info_t *info = NULL;
	hs_compile_error_t *error = NULL;
	bool good = hs_expression_info(text, flags, &info, &error) == HS_SUCCESS;
	hs_free_compile_error(error);
	free(info);
	return good;
}

static void decide_fates(struct expressions *e)
{
	for (unsigned i = 0; i < e->count; i++)
		e->fates[i] = is_accepted(e->texts[i], e->flags[i]) ? FATE_EXACT
		              : is_accepted(e->texts[i], e->flags[i] | HS_FLAG_PREFILTER)
		                  ? FATE_APPROXIMATE
		                  : FATE_REFUSED;
}

/* The expressions that are left, side by side, and where each stood before. */
struct packed {
	const char **texts;
	unsigned *flags, *ids, *from;
	unsigned count;
};

static void pack(const struct expressions *e, struct packed *out)
{
	out->count = 0;
	for (unsigned i = 0; i < e->count; i++) {
		if (e->fates[i] == FATE_REFUSED)
			continue;
		out->texts[out->count] = e->texts[i];
		out->flags[out->count] =
		    e->flags[i] | (e->fates[i] == FATE_APPROXIMATE ? HS_FLAG_PREFILTER : 0);
		out->ids[out->count] = e->ids[i];
		out->from[out->count++] = i;
	}
}

/*
 * Some patterns turn out to be too large only now. Approximations of such match nearly everything
 * and slow all others down, so they are left out.
 */
static bool compile_packed(struct expressions *e, struct packed *packed, hs_database_t **database)
{
	for (;;) {
		hs_compile_error_t *error = NULL;
		pack(e, packed);
		if (packed->count == 0)
			return true;
		if (hs_compile_multi(packed->texts, packed->flags, packed->ids, packed->count,
		        HS_MODE_BLOCK, NULL, database, &error) == HS_SUCCESS)
			return true;
		int bad = error ? error->expression : -1;
		hs_free_compile_error(error);
		if (bad < 0 || (unsigned)bad >= packed->count)
			return false;
		e->fates[packed->from[bad]] = FATE_REFUSED;
	}
}

static bool compile(struct expressions *e, hs_database_t **database)
{
	struct arena arena;
	arena_init(&arena, 0);
	struct packed packed = {
		.texts = arena_array(&arena, const char *, e->count),
		.flags = arena_array(&arena, unsigned, e->count),
		.ids = arena_array(&arena, unsigned, e->count),
		.from = arena_array(&arena, unsigned, e->count),
	};
	decide_fates(e);
	bool good = !arena_failed(&arena) && compile_packed(e, &packed, database);
	arena_release(&arena);
	return good;
}

bool dbcache_get(
    const struct dbcache *cache, struct expressions *expressions, hs_database_t **database)
{
	struct buf path;
	buf_init(&path, 4096);
	*database = NULL;
	bool cached = path_of(cache->dir, expressions, &path);
	bool good = cached && read_cached(buf_cstr(&path), expressions, database);
	if (!good) {
		if (cache->compiling)
			cache->compiling(cache->context, cached);
		good = compile(expressions, database);
		if (good && cached)
			write_cached(buf_cstr(&path), expressions, *database);
	}
	buf_release(&path);
	return good;
}
