/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* typed: SPOP's typed data (SPOE.txt 3.1): a type, four flag bits and a value. */
#include "spoa/spop/wire.h"

enum typed_type {
	TYPED_NULL = 0,
	TYPED_BOOL = 1,
	TYPED_INT32 = 2,
	TYPED_UINT32 = 3,
	TYPED_INT64 = 4,
	TYPED_UINT64 = 5,
	TYPED_IPV4 = 6,
	TYPED_IPV6 = 7,
	TYPED_STRING = 8,
	TYPED_BINARY = 9,
};

struct typed {
	enum typed_type type;
	union {
		bool boolean;
		int64_t sint;       /* INT32, INT64 */
		uint64_t uint;      /* UINT32, UINT64 */
		struct slice bytes; /* IPV4: 4 bytes, IPV6: 16, STRING, BINARY */
	};
};

/* NULL, and a failed reader, for a reserved type or a number outside its type. */
struct typed typed_read(struct wire_reader *reader);
void typed_write(struct wire_writer *writer, const struct typed *value);

static inline struct typed typed_bool(bool value)
{
	return (struct typed){ .type = TYPED_BOOL, .boolean = value };
}

static inline struct typed typed_uint32(uint32_t value)
{
	return (struct typed){ .type = TYPED_UINT32, .uint = value };
}

static inline struct typed typed_bytes(enum typed_type type, struct slice bytes)
{
	return (struct typed){ .type = type, .bytes = bytes };
}

static inline struct typed typed_string(struct slice text)
{
	return typed_bytes(TYPED_STRING, text);
}

/* The bytes of a STRING or BINARY; empty for any other type. */
struct slice typed_text(const struct typed *value);
