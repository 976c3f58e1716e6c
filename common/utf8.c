/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"

/* RFC 3629 section 4: the lead byte decides the length and the range of the second byte. */
static const struct {
	unsigned char lead_from, lead_to, second_from, second_to, len;
} rows[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_sequence_len(struct slice s)
{
	if (s.len == 0)
		return 0;
	unsigned char lead = slice_at(s, 0);
	if (lead < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (lead < rows[i].lead_from || lead > rows[i].lead_to)
			continue;
		size_t len = rows[i].len;
		if (s.len < len || slice_at(s, 1) < rows[i].second_from ||
		    slice_at(s, 1) > rows[i].second_to)
			return 0;
		for (size_t k = 2; k < len; k++)
			if (!is_tail(slice_at(s, k)))
				return 0;
		return len;
	}
	return 0;
}

bool utf8_is_valid(struct slice s)
{
	for (size_t i = 0; i < s.len;) {
		size_t len = utf8_sequence_len(slice_from(s, i));
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}
