/* SPDX-License-Identifier: Apache-2.0 */
#include "common/slice.h"

int ascii_hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool bytes_eq_nocase(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
	return a.len == b.len && bytes_eq_nocase(a.ptr, b.ptr, a.len);
}

int slice_cmp(struct slice a, struct slice b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool slice_starts_with(struct slice s, struct slice prefix)
{
	return slice_eq(slice_sub(s, 0, prefix.len), prefix);
}

bool slice_starts_with_nocase(struct slice s, struct slice prefix)
{
	return slice_eq_nocase(slice_sub(s, 0, prefix.len), prefix);
}

bool slice_ends_with(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len && slice_eq(slice_from(s, s.len - suffix.len), suffix);
}

size_t slice_find(struct slice s, struct slice needle)
{
	if (needle.len == 0)
		return 0;
	if (s.len < needle.len)
		return SIZE_MAX;
	const char *found = memmem(s.ptr, s.len, needle.ptr, needle.len);
	return found ? (size_t)(found - s.ptr) : SIZE_MAX;
}

size_t slice_find_byte(struct slice s, char c)
{
	const char *found = s.len ? memchr(s.ptr, (unsigned char)c, s.len) : NULL;
	return found ? (size_t)(found - s.ptr) : SIZE_MAX;
}

struct slice slice_trim(struct slice s)
{
	size_t from = 0, to = s.len;
	while (from < to && ascii_is_space(s.ptr[from]))
		from++;
	while (to > from && ascii_is_space(s.ptr[to - 1]))
		to--;
	return slice_sub(s, from, to - from);
}

bool slice_cut(struct slice s, char sep, struct slice *head, struct slice *rest)
{
	size_t at = slice_find_byte(s, sep);
	if (at == SIZE_MAX) {
		*head = s;
		*rest = slice_from(s, s.len);
		return false;
	}
	*head = slice_sub(s, 0, at);
	*rest = slice_from(s, at + 1);
	return true;
}

bool slice_to_u64(struct slice s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.ptr[i]))
			return false;
		uint64_t digit = (uint64_t)(s.ptr[i] - '0');
		if (value > (max - digit) / 10 || digit > max)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool slice_eq_secret(struct slice a, struct slice b)
{
	volatile unsigned char difference = 0;
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		difference = (unsigned char)(difference | (slice_at(a, i) ^ slice_at(b, i)));
	return difference == 0;
}
