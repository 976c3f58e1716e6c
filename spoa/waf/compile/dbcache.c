/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/compile/dbcache.h"

#include "common/buf.h"
#include "common/codec.h"
#include "common/digest.h"
#include "common/file.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATABASE_BYTES_MAX = 256 << 20 };

static const char magic[8] = "SPWAFDB1";

/* ---- names ------------------------------------------------------------------------------------ */

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
	    (info.st_uid == geteuid() || info.st_uid == 0) && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
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

/* ---- files ------------------------------------------------------------------------------------ */

static hs_database_t *decode(struct slice file)
{
	unsigned char digest[SHA256_BYTES];
	hs_database_t *database = NULL;
	struct slice payload = slice_from(file, sizeof magic + SHA256_BYTES);
	if (file.len <= sizeof magic + SHA256_BYTES || memcmp(file.ptr, magic, sizeof magic) != 0 ||
	    !digest_sha256(payload, digest) ||
	    memcmp(file.ptr + sizeof magic, digest, sizeof digest) != 0)
		return NULL;
	if (hs_deserialize_database(payload.ptr, payload.len, &database) != HS_SUCCESS)
		return NULL;
	return database;
}

static hs_database_t *read_cached(const char *path)
{
	struct err ignored = { 0 };
	struct buf file;
	hs_database_t *database = NULL;
	buf_init(&file, DATABASE_BYTES_MAX);
	if (access(path, R_OK) == 0 && file_read(path, DATABASE_BYTES_MAX, &file, &ignored))
		database = decode(buf_slice(&file));
	buf_release(&file);
	return database;
}

/* A cache that cannot be written costs the next start some time, and is no error. */
static void write_cached(const char *path, const hs_database_t *database)
{
	struct err ignored = { 0 };
	unsigned char digest[SHA256_BYTES];
	struct buf file;
	char *bytes = NULL;
	size_t len = 0;
	if (hs_serialize_database(database, &bytes, &len) != HS_SUCCESS)
		return;
	buf_init(&file, 0);
	if (digest_sha256(slice_of(bytes, len), digest)) {
		buf_append(&file, magic, sizeof magic);
		buf_append(&file, digest, sizeof digest);
		buf_append(&file, bytes, len);
		if (!buf_failed(&file))
			file_write_atomic(path, buf_slice(&file), 0644, &ignored);
	}
	buf_release(&file);
	free(bytes);
}

static hs_database_t *compile(const struct expressions *e, int *bad)
{
	hs_database_t *database = NULL;
	hs_compile_error_t *error = NULL;
	*bad = -1;
	if (hs_compile_multi(e->texts, e->flags, e->ids, e->count, HS_MODE_BLOCK, NULL, &database,
	        &error) == HS_SUCCESS)
		return database;
	if (error)
		*bad = error->expression;
	hs_free_compile_error(error);
	return NULL;
}

hs_database_t *dbcache_get(const char *dir, const struct expressions *expressions, int *bad)
{
	struct buf path;
	buf_init(&path, 4096);
	bool cached = path_of(dir, expressions, &path);
	hs_database_t *database = cached ? read_cached(buf_cstr(&path)) : NULL;
	*bad = -1;
	if (!database) {
		database = compile(expressions, bad);
		if (database && cached)
			write_cached(buf_cstr(&path), database);
	}
	buf_release(&path);
	return database;
}
