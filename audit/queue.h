/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * queue: batches of received lines on their way from the receiving thread to the writing one.
 * Bounded in bytes: when it is full the receiver stops reading, and the socket's buffer is what
 * waits.
 */
#include "common/buf.h"

#include <pthread.h>

struct batch {
	struct batch *next;
	struct buf lines; /* each: 4 bytes length, big endian, then the bytes */
	size_t count;
	uint64_t drops; /* what the kernel had dropped on the socket when the last one was read */
};

struct batch *batch_new(void);
void batch_free(struct batch *batch);
/* False: no memory. */
bool batch_add(struct batch *batch, struct slice line);
/* Takes the first line off *lines; false at the end. */
bool batch_next(struct slice *lines, struct slice *line);

struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	struct batch *first, *last;
	size_t bytes;
	size_t limit_bytes;
	bool closed;
};

void queue_init(struct queue *queue, size_t limit_bytes);
/* Frees what is left. */
void queue_release(struct queue *queue);

/* Takes the batch over. */
void queue_push(struct queue *queue, struct batch *batch);
/* No more will come; the popping side gets what is left. */
void queue_close(struct queue *queue);
/*
 * The oldest batch, waiting for one at most timeout_ms. NULL: none in time, or *closed: none will
 * come.
 */
struct batch *queue_pop(struct queue *queue, unsigned timeout_ms, bool *closed);

size_t queue_bytes(struct queue *queue);
bool queue_is_full(struct queue *queue);
