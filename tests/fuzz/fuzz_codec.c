/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a decoder accepts, its encoder gives back byte for byte: one spelling per byte string.
 */
#include "common/codec.h"

#include <assert.h>
#include <stdlib.h>

typedef ptrdiff_t decoder(struct slice src, char *dst);
typedef void encoder(struct buf *out, struct slice bytes);

static void check(decoder *decode, encoder *encode, struct slice text, size_t room)
{
	char *bytes = malloc(room);
	struct buf again;
	assert(bytes);
	ptrdiff_t len = decode(text, bytes);
	buf_init(&again, 0);
	if (len >= 0) {
		encode(&again, slice_of(bytes, (size_t)len));
		assert(slice_eq_nocase(buf_slice(&again), text));
		assert(decode == hex_decode || slice_eq(buf_slice(&again), text));
	}
	buf_reset(&again);
	encode(&again, text);
	assert(!buf_failed(&again));
	buf_release(&again);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	check(base64url_decode, base64url_encode, text, BASE64_DECODED_MAX(size));
	check(base64_decode, base64_encode, text, BASE64_DECODED_MAX(size));
	check(hex_decode, hex_encode, text, size / 2 + 1);
	return 0;
}
