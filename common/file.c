/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_CHUNK_BYTES = 16 * 1024 };

static bool fail_errno(struct err *err, const char *action, const char *path)
{
	return err_set(err, "cannot %s '%s': %s", action, path, strerror(errno));
}

static ssize_t read_retry(int fd, void *dst, size_t size)
{
	ssize_t got;

	do
		got = read(fd, dst, size);
	while (got < 0 && errno == EINTR);
	return got;
}

static bool read_all(int fd, const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	char chunk[READ_CHUNK_BYTES];
	size_t total = 0;
	ssize_t got;

	while ((got = read_retry(fd, chunk, sizeof(chunk))) > 0) {
		if ((size_t)got > max_bytes - total)
			return err_set(err, "'%s' is longer than %zu bytes", path, max_bytes);
		total += (size_t)got;
		buf_append(out, chunk, (size_t)got);
		if (buf_failed(out))
			return err_set(err, "no memory to read '%s'", path);
	}
	return got == 0 || fail_errno(err, "read", path);
}

bool file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, "standard input", max_bytes, out, err);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "open", path);
	bool ok = read_all(fd, path, max_bytes, out, err);
	close(fd);
	return ok;
}

bool file_write_all(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t wrote = write(fd, bytes.ptr, bytes.len);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return false;
		bytes = slice_from(bytes, (size_t)wrote);
	}
	return true;
}

/* Without this the rename itself could be lost in a power cut. */
static bool sync_folder_of(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = fsync(fd) == 0;
	int saved = errno;
	close(fd);
	errno = saved;
	return ok;
}

static bool fill_file(int fd, struct slice bytes, mode_t mode)
{
	return file_write_all(fd, bytes) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
}

bool file_write_atomic(const char *path, struct slice bytes, mode_t mode, struct err *err)
{
	char temporary[PATH_MAX];
	int len = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);

	if (len < 0 || (size_t)len >= sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return fail_errno(err, "write", path);
	}
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "write", path);
	bool ok = fill_file(fd, bytes, mode);
	int saved = errno;
	if (close(fd) != 0 && ok) {
		ok = false;
		saved = errno;
	}
	errno = saved;
	if (!ok || rename(temporary, path) != 0) {
		fail_errno(err, "write", path);
		unlink(temporary);
		return false;
	}
	return sync_folder_of(path) || fail_errno(err, "sync the folder of", path);
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool make_dir(const char *path, mode_t mode, struct err *err)
{
	if (mkdir(path, mode) == 0)
		return true;
	int saved = errno;
	if (saved == EEXIST && is_folder(path))
		return true;
	errno = saved;
	return fail_errno(err, "make the folder", path);
}

bool file_make_dirs(const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part)) {
		errno = len ? ENAMETOOLONG : ENOENT;
		return fail_errno(err, "make the folder", path);
	}
	memcpy(part, path, len + 1);
	for (size_t i = 1; i < len; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		if (!make_dir(part, mode, err))
			return false;
		part[i] = '/';
	}
	return make_dir(part, mode, err);
}
