/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 32 * 1024 };

static bool fail(struct err *err, const char *path, const char *what)
{
	int why = errno;
	return err_set_at(err, (struct err_pos){ path, 0, 0 }, "%s: %s", what, strerror(why));
}

/* By way of the stack, so that `out` grows by the bytes that came and its own limit is exact. */
static bool read_fd(int fd, const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	char step[READ_STEP];
	struct err_pos pos = { path, 0, 0 };
	size_t total = 0;
	for (;;) {
		ssize_t n = read(fd, step, sizeof(step));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(err, path, "cannot read");
		if (n == 0)
			return true;
		if ((size_t)n > max_bytes - total)
			return err_set_at(err, pos, "longer than %zu bytes", max_bytes);
		total += (size_t)n;
		buf_append(out, step, (size_t)n);
		if (buf_failed(out))
			return err_set_at(err, pos, "cannot read: no memory");
	}
}

bool file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
	if (strcmp(path, "-") == 0)
		return read_fd(STDIN_FILENO, "standard input", max_bytes, out, err);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail(err, path, "cannot open");
	bool ok = read_fd(fd, path, max_bytes, out, err);
	close(fd);
	return ok;
}

bool file_write_all(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes = slice_from(bytes, (size_t)n);
	}
	return true;
}

/* The folder a path is in, into dst. */
static const char *parent_of(const char *path, char dst[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return ".";
	size_t len = slash == path ? 1 : (size_t)(slash - path);
	memcpy(dst, path, len);
	dst[len] = '\0';
	return dst;
}

static bool sync_folder(const char *path, struct err *err)
{
	char parent[PATH_MAX];
	int fd = open(parent_of(path, parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(err, path, "cannot open its folder");
	/* Some file systems cannot sync a folder and say EINVAL: there is nothing more to do then.
	 */
	bool ok = fsync(fd) == 0 || errno == EINVAL;
	if (!ok)
		fail(err, path, "cannot sync its folder");
	close(fd);
	return ok;
}

static bool write_temporary(
    int fd, const char *path, struct slice bytes, mode_t mode, struct err *err)
{
	if (fchmod(fd, mode) != 0)
		return fail(err, path, "cannot set the mode");
	if (!file_write_all(fd, bytes))
		return fail(err, path, "cannot write");
	return fsync(fd) == 0 || fail(err, path, "cannot sync");
}

bool file_write_atomic(const char *path, struct slice bytes, mode_t mode, struct err *err)
{
	char temporary[PATH_MAX];
	int n = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return fail(err, path, "cannot write");
	}
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return fail(err, path, "cannot create a file beside it");
	bool ok = write_temporary(fd, path, bytes, mode, err);
	if (close(fd) != 0 && ok)
		ok = fail(err, path, "cannot close");
	if (ok && rename(temporary, path) != 0)
		ok = fail(err, path, "cannot replace");
	if (!ok) {
		unlink(temporary);
		return false;
	}
	return sync_folder(path, err);
}

bool file_make_dirs(const char *path, mode_t mode, struct err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof(part)) {
		errno = len ? ENAMETOOLONG : ENOENT;
		return fail(err, path, "cannot create the folder");
	}
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, mode) != 0 && errno != EEXIST)
			return fail(err, path, "cannot create the folder");
		part[i] = path[i];
	}
	struct stat st;
	if (stat(path, &st) != 0)
		return fail(err, path, "cannot create the folder");
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode) || fail(err, path, "cannot create the folder");
}
