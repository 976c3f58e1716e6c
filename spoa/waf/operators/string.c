/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/operators/operator_data.h"

MATCH(contains)
{
	(void)data, (void)run;
	size_t at = slice_find(input, argument);
	return at == SIZE_MAX ? OP_NO_MATCH : op_matched(out, slice_sub(input, at, argument.len));
}

/* Letters and digits make words. */
static bool is_word_byte(struct slice s, size_t i)
{
	return i < s.len && (ascii_is_alpha(s.ptr[i]) || ascii_is_digit(s.ptr[i]));
}

MATCH(contains_word)
{
	(void)data, (void)run;
	for (size_t from = 0; from <= input.len;) {
		size_t at = slice_find(slice_from(input, from), argument);
		if (at == SIZE_MAX)
			break;
		at += from;
		bool open_left = at == 0 || !is_word_byte(input, at - 1);
		if (open_left && !is_word_byte(input, at + argument.len))
			return op_matched(out, slice_sub(input, at, argument.len));
		from = at + 1;
	}
	return OP_NO_MATCH;
}

MATCH(begins_with)
{
	(void)data, (void)run;
	return slice_starts_with(input, argument)
	           ? op_matched(out, slice_sub(input, 0, argument.len))
	           : OP_NO_MATCH;
}

MATCH(ends_with)
{
	(void)data, (void)run;
	if (!slice_ends_with(input, argument))
		return OP_NO_MATCH;
	return op_matched(out, slice_from(input, input.len - argument.len));
}

/* The other way round: the input stands in the argument. An empty one always does. */
MATCH(within)
{
	(void)data, (void)run;
	return slice_find(argument, input) == SIZE_MAX ? OP_NO_MATCH : op_matched(out, input);
}

MATCH(streq)
{
	(void)data, (void)run;
	return slice_eq(input, argument) ? op_matched(out, input) : OP_NO_MATCH;
}
