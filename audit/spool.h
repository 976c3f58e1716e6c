/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * spool: received lines on their way from the receiving thread to the writing one, in shared memory
 * that outlives the process: what was read from the socket and is not yet safe in the log is found
 * again by the next process, and nothing twice. Bounded: when it is full the receiver stops
 * reading, and the socket's buffer is what waits.
 *
 * The memory is a memfd that 'sallyport-audit hold' keeps, or a file on a tmpfs. It holds records
 * in the clear, so it is never a file on a disk. It does not outlive a power loss; what it holds
 * was not acknowledged.
 *
 * One thread receives, one writes.
 */
#include "audit/block.h"
#include "common/err.h"

#include <pthread.h>

enum {
	SPOOL_LINE_MAX_BYTES = 65536,
	SPOOL_ROUND = 64, /* lines received with one call */
};

struct spool;

/*
 * What backs the memory: a descriptor handed over under the name "spool"
 * (sd_listen_fds_with_names(3)), else the file `path` on a tmpfs, else (NULL) a memfd, which
 * systemd is asked to keep (FDSTORE, sd_notify(3)). *survives: somebody keeps it. NULL with err
 * set.
 */
struct spool *spool_open(const char *path, size_t size_bytes, bool *survives, struct err *err);
void spool_free(struct spool *spool);
/* A new memfd for spool_open() in a child. -1 with errno set. */
int spool_memfd(void);

/*
 * Before the threads: what an earlier process left that is not in the log, which goes on with
 * record `next_record`. The number of lines that the writer will get first.
 */
uint64_t spool_recover(struct spool *spool, const struct log_id *log, uint64_t next_record);

/* ---- The receiving thread. */

/*
 * Reads up to SPOOL_ROUND datagrams. The number; 0: nothing to read, or no room, which
 * spool_is_full() tells. *overflow becomes the kernel's counter of dropped datagrams (SO_RXQ_OVFL),
 * when it says one.
 */
int spool_receive(struct spool *spool, int fd, uint32_t *overflow, uint64_t *bytes);
bool spool_is_full(const struct spool *spool);
/*
 * A line that came otherwise, of at most SPOOL_LINE_MAX_BYTES. False: no room. The writer hears of
 * it with spool_wake().
 */
bool spool_put(struct spool *spool, struct slice line);
void spool_wake(struct spool *spool);
/*
 * Once a second, after the socket was found empty: what is in the spool now is all that was sent
 * before. Nothing while the writer has not passed the mark before.
 */
void spool_mark(struct spool *spool);
/* No more will come; the writer gets what is left. */
void spool_close(struct spool *spool);

/* ---- The writing thread. */

/* Waits until there are lines, at most timeout_ms. False: none in time, or *closed: none will come.
 */
bool spool_wait(struct spool *spool, unsigned timeout_ms, bool *closed);
/* The next line, which becomes record `number`. False: none now. */
bool spool_next(struct spool *spool, struct slice *line);
/* The line that spool_next() gave last is this record now. */
void spool_number(struct spool *spool, uint64_t number);
/* True once for each mark: all lines before it were taken. */
bool spool_passed_mark(struct spool *spool);
/* All lines taken so far are safe: their room is free. */
void spool_release(struct spool *spool);

/* Any thread: bytes that are not free. */
uint64_t spool_bytes(const struct spool *spool);
