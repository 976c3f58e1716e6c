/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* scratch: what the operators of one thread keep between matches, and PCRE2's bounds. */
#include "spoa/waf/operators/operator.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
	/* The manual's flags: . takes newlines too, $ is the very end. */
	RX_OPTIONS = (int)(PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_USE_OFFSET_LIMIT),
	/* Backtracks of one match, whatever is left of the budget. About 10 ms. */
	RX_MATCH_LIMIT = 500000,
	/* Longer values are searched in pieces of so many places where a match may begin. */
	RX_LONG_BYTES = 1024,
	RX_WINDOW_MIN = 64,
	RX_WINDOW_MAX = 512,
	RX_WINDOW_SLOW_NS = 1000, /* per place: then pieces become smaller */
	/* What a step of the budget is worth of such a search: the default budget is 200 ms. */
	RX_NS_PER_STEP = 100,
	RX_HEAP_LIMIT_KIB = 4096,
	RX_STACK_MIN_BYTES = 32 << 10,
	RX_STACK_MAX_BYTES = 1 << 20,
	RX_DYNAMIC_SLOTS = 8,
	RX_DYNAMIC_MAX_BYTES = 4096,
	SQLI_FINGERPRINT_BYTES = 16, /* libinjection writes at most nine */
};

/* A pattern that came into being at run time, by a macro in the argument. */
struct rx_dynamic {
	struct slice text; /* on the heap */
	pcre2_code *code;  /* NULL: not a pattern */
};

struct op_scratch {
	pcre2_match_data *captures;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	struct rx_dynamic dynamic[RX_DYNAMIC_SLOTS]; /* replaced in turn */
	unsigned next_dynamic;
	char fingerprint[SQLI_FINGERPRINT_BYTES]; /* of the last @detectSQLi that matched */
};
