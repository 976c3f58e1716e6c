/* SPDX-License-Identifier: Apache-2.0 */
#include "common/siphash.h"

#include <endian.h>
#include <sys/random.h>

bool siphash_new_key(unsigned char key[SIPHASH_KEY_BYTES])
{
	return getrandom(key, SIPHASH_KEY_BYTES, 0) == SIPHASH_KEY_BYTES;
}

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static inline uint64_t load64(const unsigned char *p)
{
	uint64_t x;
	memcpy(&x, p, sizeof(x));
	return le64toh(x);
}

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline void rounds(struct state *s, unsigned count)
{
	while (count--) {
		s->v0 += s->v1;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v2 = rotate(s->v2, 32);
	}
}

static inline struct state absorb(
    const unsigned char *key, struct slice bytes, unsigned c, bool wide)
{
	const unsigned char *in = (const unsigned char *)bytes.ptr;
	uint64_t k0 = load64(key), k1 = load64(key + 8);
	struct state s = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ (wide ? 0xee : 0),
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	size_t whole = bytes.len / 8 * 8;

	for (size_t i = 0; i < whole; i += 8) {
		uint64_t m = load64(in + i);
		s.v3 ^= m;
		rounds(&s, c);
		s.v0 ^= m;
	}
	uint64_t last = (uint64_t)bytes.len << 56;
	for (size_t i = whole; i < bytes.len; i++)
		last |= (uint64_t)in[i] << (8 * (i - whole));
	s.v3 ^= last;
	rounds(&s, c);
	s.v0 ^= last;
	return s;
}

static inline uint64_t squeeze(struct state *s, unsigned d)
{
	rounds(s, d);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline uint64_t siphash(const unsigned char *key, struct slice bytes, unsigned c, unsigned d)
{
	struct state s = absorb(key, bytes, c, false);
	s.v2 ^= 0xff;
	return squeeze(&s, d);
}

uint64_t siphash13(const unsigned char key[SIPHASH_KEY_BYTES], struct slice bytes)
{
	return siphash(key, bytes, 1, 3);
}

uint64_t siphash24(const unsigned char key[SIPHASH_KEY_BYTES], struct slice bytes)
{
	return siphash(key, bytes, 2, 4);
}

void siphash13_128(const unsigned char key[SIPHASH_KEY_BYTES], struct slice bytes, uint64_t out[2])
{
	struct state s = absorb(key, bytes, 1, true);
	s.v2 ^= 0xee;
	out[0] = squeeze(&s, 3);
	s.v1 ^= 0xdd;
	out[1] = squeeze(&s, 3);
}
