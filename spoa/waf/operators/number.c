/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/operators/operator_data.h"

/*
 * Blanks, a sign, digits; what follows is ignored, no digits are 0. What does not fit stays at the
 * largest or smallest number there is: a length of thirty digits is greater than any limit.
 */
static int64_t number_of(struct slice s)
{
	size_t i = 0;
	while (i < s.len && ascii_is_space(s.ptr[i]))
		i++;
	bool negative = i < s.len && s.ptr[i] == '-';
	if (negative || (i < s.len && s.ptr[i] == '+'))
		i++;
	int64_t value = 0;
	for (; i < s.len && ascii_is_digit(s.ptr[i]); i++) {
		int digit = s.ptr[i] - '0';
		if (value > (INT64_MAX - digit) / 10)
			return negative ? INT64_MIN : INT64_MAX;
		value = value * 10 + digit;
	}
	return negative ? -value : value;
}

#define COMPARE(name, sign)                                                                        \
	MATCH(name)                                                                                \
	{                                                                                          \
		(void)data, (void)run;                                                             \
		return number_of(input) sign number_of(argument) ? op_matched(out, input)          \
		                                                 : OP_NO_MATCH;                    \
	}

COMPARE(eq, ==)
COMPARE(ge, >=)
COMPARE(gt, >)
COMPARE(le, <=)
COMPARE(lt, <)
