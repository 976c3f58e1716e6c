/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/trace.h"

enum { ID_DIGITS = 16 };

/* All zeros are no id (3.2.2.3, 3.2.2.4). */
static uint64_t next_id(const unsigned char *key, struct slice seed)
{
	uint64_t id = siphash24(key, seed);

	return id ? id : 1;
}

static char *put_hex(char *at, uint64_t id)
{
	for (unsigned shift = ID_DIGITS * 4; shift > 0; shift -= 4)
		*at++ = "0123456789abcdef"[id >> (shift - 4) & 15];
	return at;
}

static char *put(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	return at;
}

void trace_start(
    const unsigned char key[SIPHASH_KEY_BYTES], struct slice request_id, char out[TRACE_PARENT_LEN])
{
	uint64_t high = next_id(key, request_id);
	uint64_t low = next_id(key, slice_of(&high, sizeof(high)));
	uint64_t parent = next_id(key, slice_of(&low, sizeof(low)));
	char *at = put(out, "00-");

	at = put_hex(put_hex(at, high), low);
	put(put_hex(put(at, "-"), parent), "-00");
}
