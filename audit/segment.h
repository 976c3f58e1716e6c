/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * segment: the files of a log: their names, reading one block after the other with bounded memory,
 * and the JSON payloads of segment and tombstone blocks. Every byte is hostile.
 */
#include "audit/block.h"
#include "common/err.h"

#include <limits.h>

/* ---- Names. */

enum { SEGMENT_PATH_MAX = PATH_MAX, SEGMENT_FORMAT = 2 };

/* "DIR/00000001.seg"; suffix is "seg", "key" or "idx". False: too long. */
bool segment_path(
    char dst[SEGMENT_PATH_MAX], const char *folder, uint64_t number, const char *suffix);

struct segment_list {
	uint64_t *numbers; /* ascending */
	size_t count;
};

/* The segments of a folder. Other files are not looked at. */
bool segment_list_read(struct segment_list *list, const char *folder, struct err *err);
void segment_list_release(struct segment_list *list);

/* ---- Blocks of a file. */

struct segment_reader {
	int fd;
	uint64_t size;   /* where reading ends: the file's size, or less */
	uint64_t offset; /* of the next block */
	struct buf window;
	size_t step; /* what is read at once: little at first, for those who want the start alone */
	uint64_t window_at; /* where the window stands in the file */
};

struct block {
	struct block_head head;
	const unsigned char *head_bytes; /* both until the next call */
	struct slice payload;
	uint64_t at; /* where it was found, which head.offset should be */
};

enum read_result {
	READ_BLOCK,
	READ_END,    /* nothing is left */
	READ_TORN,   /* a part of a block: the file ends within it */
	READ_BAD,    /* 160 bytes that are no head; reader->bad says why */
	READ_FAILED, /* the system's error is in errno */
};

bool segment_reader_open(struct segment_reader *reader, const char *path, struct err *err);
void segment_reader_close(struct segment_reader *reader);
/* Nothing behind `size` is read from now on. */
void segment_reader_limit(struct segment_reader *reader, uint64_t size);
void segment_reader_seek(struct segment_reader *reader, uint64_t offset);
/* *why is set with READ_BAD. */
enum read_result segment_reader_next(
    struct segment_reader *reader, struct block *block, enum block_result *why);
/* The head alone; the payload is skipped and may be incomplete. */
enum read_result segment_reader_next_head(
    struct segment_reader *reader, struct block *block, enum block_result *why);

/* ---- Payloads in the clear. */

struct segment_start {
	uint64_t resumes_segment; /* 0: the first of a log */
	uint64_t resumes_end;
	uint64_t lost; /* records that HEAD named and recovery did not find */
	struct hash key_check;
};

bool segment_start_write(const struct segment_start *start, struct buf *out);
bool segment_start_parse(struct slice payload, struct segment_start *start);

struct tombstone {
	uint64_t through; /* segments up to this one were removed */
	uint64_t end;     /* bytes of the last one that counted */
	uint64_t last_record;
	int64_t newest_ms; /* time of its last block */
	uint64_t retention_days;
};

bool tombstone_write(const struct tombstone *tombstone, struct buf *out);
bool tombstone_parse(struct slice payload, struct tombstone *tombstone);
