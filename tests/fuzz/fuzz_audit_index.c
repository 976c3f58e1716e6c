/* SPDX-License-Identifier: Apache-2.0 */
/* An index file of any bytes. Its tag is keyed, so the entry is also tried behind a tag that fits.
 */
#include "audit/bytes.h"
#include "audit/index.h"
#include "common/siphash.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct payload_codec *codec, struct slice bytes)
{
	struct index_entry entry;
	size_t before = bytes.len;
	while (index_next(codec, &bytes, &entry)) {
		assert(bytes.len < before);
		before = bytes.len;
		index_may_have(&entry, index_hash(codec, SLICE("id"), SLICE("x")));
		index_may_have(&entry, index_hash(codec, SLICE("rules"), SLICE("942100")));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct payload_codec *codec;
	static const struct data_key key = { { 1 } };
	struct slice bytes = slice_of(data, size);

	if (!codec)
		codec = payload_codec_new(&key);
	read_all(codec, bytes);
	unsigned char *tagged = malloc(size + 8);
	if (!tagged)
		return 0;
	if (size)
		memcpy(tagged, data, size);
	put_be64(tagged + size, siphash24(payload_index_key(codec), bytes));
	read_all(codec, slice_of(tagged, size + 8));
	free(tagged);
	return 0;
}
