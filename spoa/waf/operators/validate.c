/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"
#include "spoa/waf/operators/operator_data.h"
#include "spoa/waf/transforms/transform.h"

/* ---- validateByteRange ---------------------------------------------------------------------- */

/* "32-126" or "9" */
static bool add_range(struct byteset *set, struct slice text)
{
	struct slice first, last;
	uint64_t from, to;
	bool is_range = slice_cut(text, '-', &first, &last);
	if (!slice_to_u64(slice_trim(first), 255, &from))
		return false;
	to = from;
	if (is_range && !slice_to_u64(slice_trim(last), 255, &to))
		return false;
	for (uint64_t byte = from; byte <= to; byte++)
		set->words[byte >> 6] |= UINT64_C(1) << (byte & 63);
	return from <= to;
}

COMPILE(byte_range)
{
	struct byteset *set = arena_new(arena, struct byteset);
	if (!set)
		return err_set_at(err, ctx->pos, "no memory for a set of bytes");
	struct slice rest = data->argument, item;
	while (rest.len) {
		slice_cut(rest, ',', &item, &rest);
		if (!add_range(set, slice_trim(item)))
			return err_set_at(err, ctx->pos,
			    "'%.*s' is not a range of bytes like 32-126", SLICE_ARG(item));
	}
	data->bytes = set;
	return true;
}

/* Matches what is not allowed, as all validations do. */
MATCH(byte_range)
{
	(void)argument, (void)run;
	for (size_t i = 0; i < input.len; i++)
		if (!byteset_has(data->bytes, slice_at(input, i)))
			return op_matched(out, slice_sub(input, i, 1));
	return OP_NO_MATCH;
}

/* ---- validateUrlEncoding --------------------------------------------------------------------- */

MATCH(url_encoding)
{
	(void)data, (void)argument, (void)run;
	for (size_t i = 0; i < input.len; i++) {
		if (input.ptr[i] != '%')
			continue;
		bool whole = input.len - i > 2 && ascii_hex_value(input.ptr[i + 1]) >= 0 &&
		             ascii_hex_value(input.ptr[i + 2]) >= 0;
		if (!whole)
			return op_matched(out, slice_sub(input, i, 3));
		i += 2;
	}
	return OP_NO_MATCH;
}

/* ---- validateUtf8Encoding ---------------------------------------------------------------------
 */

MATCH(utf8_encoding)
{
	(void)data, (void)argument, (void)run;
	for (size_t i = 0; i < input.len;) {
		size_t length = utf8_sequence_len(slice_from(input, i));
		if (length == 0)
			return op_matched(out, slice_sub(input, i, 1));
		i += length;
	}
	return OP_NO_MATCH;
}
