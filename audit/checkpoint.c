/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

bool checkpoint_parse(struct slice bytes, struct checkpoint *checkpoint)
{
	if (bytes.len <= BLOCK_HEAD_BYTES || bytes.len > CHECKPOINT_MAX_BYTES)
		return false;
	memcpy(checkpoint->bytes, bytes.ptr, bytes.len);
	checkpoint->len = bytes.len;
	return block_decode(checkpoint->bytes, &checkpoint->head) == BLOCK_OK &&
	       block_is_signed(checkpoint->head.kind) &&
	       checkpoint->head.payload_len == bytes.len - BLOCK_HEAD_BYTES;
}

enum signature_result checkpoint_check(
    const struct checkpoint *checkpoint, const struct verifier *verifier)
{
	struct slice bytes = checkpoint_slice(checkpoint);
	return verifier_check(verifier, &checkpoint->head.seal,
	    slice_sub(bytes, 0, BLOCK_HEAD_BYTES), slice_from(bytes, BLOCK_HEAD_BYTES));
}

static bool head_path(char dst[PATH_MAX], const char *folder)
{
	int n = snprintf(dst, PATH_MAX, "%s/HEAD", folder);
	return n > 0 && n < PATH_MAX;
}

enum head_file head_file_read(const char *folder, struct checkpoint *checkpoint)
{
	char path[PATH_MAX], bytes[CHECKPOINT_MAX_BYTES + 1];
	if (!head_path(path, folder))
		return HEAD_FILE_MISSING;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? HEAD_FILE_MISSING : HEAD_FILE_BAD;
	ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
	close(fd);
	return n > 0 && checkpoint_parse(slice_of(bytes, (size_t)n), checkpoint) ? HEAD_FILE_OK
	                                                                         : HEAD_FILE_BAD;
}

bool head_file_write(const char *folder, const struct checkpoint *checkpoint)
{
	char path[PATH_MAX];
	struct stat st;
	if (!head_path(path, folder))
		return false;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	/* Within one page, so that a reader sees the old bytes or the new ones. */
	bool ok = pwrite(fd, checkpoint->bytes, checkpoint->len, 0) == (ssize_t)checkpoint->len;
	/* Signatures of another kind of key may have been longer. */
	if (ok && fstat(fd, &st) == 0 && (size_t)st.st_size != checkpoint->len)
		ok = ftruncate(fd, (off_t)checkpoint->len) == 0;
	close(fd);
	return ok;
}
