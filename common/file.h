/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* file: whole files in and out, bounded and atomic. Errors name the path and the system's reason.
 */
#include "common/buf.h"
#include "common/err.h"

#include <sys/types.h>

/* Appends the file's bytes to `out`; an error when it is longer than `max_bytes`. "-" is stdin. */
bool file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err);

/*
 * Replaces `path` in one step: written beside it, synced, renamed, the folder synced. A reader sees
 * the old bytes or the new ones. On an error the old file is untouched and nothing is left behind.
 */
bool file_write_atomic(const char *path, struct slice bytes, mode_t mode, struct err *err);

/* Like mkdir -p. Existing folders are fine. */
bool file_make_dirs(const char *path, mode_t mode, struct err *err);

/* All of `bytes`, over short writes and EINTR. */
bool file_write_all(int fd, struct slice bytes);
