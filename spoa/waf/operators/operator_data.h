/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the operators' files share with operator.c and nobody else. */
#include "spoa/waf/operators/operator.h"

struct operator_data {
	const struct operator* op;
	struct slice argument; /* as written, in the arena */
	bool has_macro;
	size_t min_length; /* of an input that can match */
	union {            /* what compile() made; the family's own type */
		struct rx *rx;
		struct phrases *phrases;
		struct ip_set *ips;
		const struct byteset *bytes;
		struct libinjection *injection;
	};
};

#define COMPILE(name)                                                                              \
	bool name##_compile(struct operator_data *data, const struct operator_context *ctx,        \
	    struct arena *arena, struct err *err)
#define MATCH(name)                                                                                \
	enum op_result name##_match(const struct operator_data *data, struct slice argument,       \
	    struct slice input, const struct op_run *run, struct op_match *out)
#define RELEASE(name) void name##_release(struct operator_data *data)

/* rx.c */
COMPILE(rx);
MATCH(rx);
MATCH(rx_global);
MATCH(verify_cc);
RELEASE(rx);
size_t rx_group_count(const struct rx *rx);

/* phrases.c */
COMPILE(phrases);
COMPILE(phrases_file);
MATCH(phrases);

/* string.c */
MATCH(contains);
MATCH(contains_word);
MATCH(begins_with);
MATCH(ends_with);
MATCH(within);
MATCH(streq);

/* number.c */
MATCH(eq);
MATCH(ge);
MATCH(gt);
MATCH(le);
MATCH(lt);

/* ip.c */
COMPILE(ip);
COMPILE(ip_file);
MATCH(ip);

/* validate.c */
COMPILE(byte_range);
MATCH(byte_range);
MATCH(url_encoding);
MATCH(utf8_encoding);

/* injection.c */
COMPILE(injection);
MATCH(detect_sqli);
MATCH(detect_xss);
RELEASE(injection);

/* ---- helpers ------------------------------------------------------------------------------- */

static inline bool op_charge(const struct op_run *run, uint64_t steps)
{
	bool enough = run->budget->steps_left >= steps;
	run->budget->steps_left = enough ? run->budget->steps_left - steps : 0;
	return enough;
}

/* `part` is what decided. */
static inline enum op_result op_matched(struct op_match *out, struct slice part)
{
	if (out)
		out->matched = part;
	return OP_MATCH;
}

/* The same for operators whose finding the capture action keeps, as TX.0. */
static inline enum op_result op_captured(struct op_match *out, struct slice part)
{
	if (out) {
		out->count = 1;
		out->capture[0] = part;
	}
	return op_matched(out, part);
}

/* "name" beside the rule file, or as it stands when absolute. NULL: no memory. */
char *operator_file_path(
    struct slice name, const struct operator_context *ctx, struct arena *arena);

/*
 * The lines of the files named in `names` (blanks between them), without those that are empty or
 * begin with #. `each` gets them one by one with their position; false from it ends the reading.
 */
bool operator_read_lines(struct slice names, const struct operator_context *ctx,
    struct arena *arena,
    bool (*each)(void *to, struct slice line, struct err_pos pos, struct err *err), void *to,
    struct err *err);
