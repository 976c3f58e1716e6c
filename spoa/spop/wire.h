/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * wire: SPOP's primitive encodings (SPOE.txt 3.1): bytes, 32-bit big-endian, varints and strings.
 *
 * Both ends keep their first error: a reader that failed has nothing left and reads zeros and empty
 * slices, a writer that is full writes nothing more. Callers ask once, when they are through.
 */
#include "common/slice.h"

/* The longest varint: 4 bits in the first byte, 7 in each of the others. */
enum { WIRE_VARINT_MAX = 10 };

struct wire_reader {
	const unsigned char *at;
	const unsigned char *end;
	bool failed;
};

/* What is read lives as long as `bytes`. */
static inline struct wire_reader wire_reader_of(struct slice bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.ptr;

	return (struct wire_reader){ .at = at, .end = bytes.len > 0 ? at + bytes.len : at };
}

static inline size_t wire_left(const struct wire_reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

/* For a decoder that found nonsense itself. */
void wire_fail(struct wire_reader *reader);

uint8_t wire_read_u8(struct wire_reader *reader);
uint32_t wire_read_be32(struct wire_reader *reader);
/* Fails on more than 64 bits. Each number has exactly one encoding. */
uint64_t wire_read_varint(struct wire_reader *reader);
struct slice wire_read_bytes(struct wire_reader *reader, uint64_t size);
/* A varint length and that many bytes. */
struct slice wire_read_string(struct wire_reader *reader);

struct wire_writer {
	unsigned char *start;
	unsigned char *at;
	unsigned char *end;
	bool failed;
};

/* Writes into the caller's memory. */
static inline struct wire_writer wire_writer_of(void *memory, size_t size)
{
	unsigned char *at = (unsigned char *)memory;

	return (struct wire_writer){ .start = at, .at = at, .end = at + size };
}

static inline struct slice wire_written(const struct wire_writer *writer)
{
	return slice_of(writer->start, (size_t)(writer->at - writer->start));
}

void wire_write_u8(struct wire_writer *writer, uint8_t value);
void wire_write_be32(struct wire_writer *writer, uint32_t value);
void wire_write_varint(struct wire_writer *writer, uint64_t value);
void wire_write_bytes(struct wire_writer *writer, struct slice bytes);
void wire_write_string(struct wire_writer *writer, struct slice bytes);
