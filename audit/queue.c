/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/queue.h"

#include "audit/bytes.h"

#include <stdlib.h>
#include <time.h>

enum { LENGTH_BYTES = 4 };

struct batch *batch_new(void)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	if (batch)
		buf_init(&batch->lines, 0);
	return batch;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	buf_release(&batch->lines);
	free(batch);
}

bool batch_add(struct batch *batch, struct slice line)
{
	unsigned char length[LENGTH_BYTES];
	if (!buf_reserve(&batch->lines, LENGTH_BYTES + line.len)) {
		batch->lines.failed = false;
		return false;
	}
	put_be32(length, (uint32_t)line.len);
	buf_append(&batch->lines, length, LENGTH_BYTES);
	buf_append_slice(&batch->lines, line);
	batch->count++;
	return true;
}

bool batch_next(struct slice *lines, struct slice *line)
{
	unsigned char length[LENGTH_BYTES];
	if (lines->len < LENGTH_BYTES)
		return false;
	memcpy(length, lines->ptr, LENGTH_BYTES);
	*line = slice_sub(*lines, LENGTH_BYTES, get_be32(length));
	*lines = slice_from(*lines, LENGTH_BYTES + line->len);
	return true;
}

void queue_init(struct queue *queue, size_t limit_bytes)
{
	pthread_condattr_t attributes;
	*queue = (struct queue){ .limit_bytes = limit_bytes };
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->filled, &attributes);
	pthread_condattr_destroy(&attributes);
}

void queue_release(struct queue *queue)
{
	for (struct batch *batch = queue->first, *next; batch; batch = next) {
		next = batch->next;
		batch_free(batch);
	}
	pthread_cond_destroy(&queue->filled);
	pthread_mutex_destroy(&queue->mutex);
}

void queue_push(struct queue *queue, struct batch *batch)
{
	pthread_mutex_lock(&queue->mutex);
	batch->next = NULL;
	if (queue->last)
		queue->last->next = batch;
	else
		queue->first = batch;
	queue->last = batch;
	queue->bytes += batch->lines.cap;
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->mutex);
}

void queue_close(struct queue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	queue->closed = true;
	pthread_cond_signal(&queue->filled);
	pthread_mutex_unlock(&queue->mutex);
}

static struct timespec deadline_in(unsigned timeout_ms)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += timeout_ms / 1000;
	at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

struct batch *queue_pop(struct queue *queue, unsigned timeout_ms, bool *closed)
{
	struct timespec deadline = deadline_in(timeout_ms);
	int timed_out = 0;
	pthread_mutex_lock(&queue->mutex);
	while (!queue->first && !queue->closed && !timed_out)
		timed_out = pthread_cond_timedwait(&queue->filled, &queue->mutex, &deadline);
	struct batch *batch = queue->first;
	if (batch) {
		queue->first = batch->next;
		queue->last = queue->first ? queue->last : NULL;
		queue->bytes -= batch->lines.cap;
	}
	*closed = !batch && queue->closed;
	pthread_mutex_unlock(&queue->mutex);
	return batch;
}

size_t queue_bytes(struct queue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	size_t bytes = queue->bytes;
	pthread_mutex_unlock(&queue->mutex);
	return bytes;
}

bool queue_is_full(struct queue *queue)
{
	return queue_bytes(queue) >= queue->limit_bytes;
}
