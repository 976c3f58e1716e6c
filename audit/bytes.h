/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* bytes: big-endian integers in the audit log's files. */
#include <stdint.h>

static inline void put_be32(unsigned char *dst, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		dst[i] = (unsigned char)(value >> (24 - 8 * i));
}

static inline void put_be64(unsigned char *dst, uint64_t value)
{
	put_be32(dst, (uint32_t)(value >> 32));
	put_be32(dst + 4, (uint32_t)value);
}

static inline uint32_t get_be32(const unsigned char *src)
{
	return (uint32_t)src[0] << 24 | (uint32_t)src[1] << 16 | (uint32_t)src[2] << 8 | src[3];
}

static inline uint64_t get_be64(const unsigned char *src)
{
	return (uint64_t)get_be32(src) << 32 | get_be32(src + 4);
}
