/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* codec: base64 (RFC 4648 section 4), base64url without padding (section 5) and hexadecimal. */
#include "common/buf.h"

/* Bytes that `len` characters decode to at most. */
#define BASE64_DECODED_MAX(len) ((len) / 4 * 3 + 3)
#define BASE64_ENCODED_LEN(len) (((len) + 2) / 3 * 4)

/*
 * Strict base64url: no padding, no other byte than the alphabet's, unused bits zero, no length of
 * 4n+1; one byte string has exactly one accepted spelling. `dst` needs BASE64_DECODED_MAX(src.len)
 * bytes and may not overlap src. The number of bytes written, or -1.
 */
ptrdiff_t base64url_decode(struct slice src, char *dst);
/* Strict base64 with its padding; otherwise the same. */
ptrdiff_t base64_decode(struct slice src, char *dst);

void base64url_encode(struct buf *out, struct slice bytes);
void base64_encode(struct buf *out, struct slice bytes);

/* Lower case. */
void hex_encode(struct buf *out, struct slice bytes);
/* Both cases accepted; dst needs src.len / 2 bytes. The number of bytes written, or -1. */
ptrdiff_t hex_decode(struct slice src, char *dst);
