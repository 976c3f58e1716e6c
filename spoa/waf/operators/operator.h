/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * operator: the operators of SecLang (@rx, @pm, …). Reference: ModSecurity v3 reference manual,
 * "Operators"; where it is silent, what OWASP CRS expects. Negation (!@rx) is the caller's.
 *
 * compile() may fail, at load time, with a reason; match() is pure, works on any bytes, allocates
 * nothing but what stands in its scratch, and charges its work to a budget.
 */
#include "common/arena.h"
#include "common/err.h"

/* What a prefilter may know about an operator, to put it into a combined database. */
enum operator_kind {
	OPERATOR_RX, /* operator_pattern() is a PCRE2 pattern, matched with DOTALL | DOLLAR_ENDONLY
	              */
	OPERATOR_PHRASES, /* operator_phrases(): any of them, anywhere, ASCII letter case ignored */
	OPERATOR_STRING, /* compares with its argument: contains, streq, within, … case-sensitive */
	OPERATOR_NUMBER, /* eq ge gt le lt: both sides as decimal integers */
	OPERATOR_OTHER,
};

/* ---- running ----------------------------------------------------------------------------------
 */

enum { OPERATOR_CAPTURES_MAX = 10 };

/* What matched. Slices point into the input, into data of the operator, or into the scratch. */
struct op_match {
	unsigned count; /* captures set: TX.0 … TX.(count-1); those not in the match are empty */
	struct slice capture[OPERATOR_CAPTURES_MAX];
	struct slice
	    matched; /* the part of the input that decided; all of it when there is no such part */
};

/* Work left for a transaction. A step is about one byte looked at, or one backtrack of a regex. */
struct op_budget {
	uint64_t steps_left;
};

enum op_result {
	OP_NO_MATCH,
	OP_MATCH,
	OP_EXHAUSTED, /* the budget, PCRE2's limits or memory ran out: no answer */
};

/* Per thread: PCRE2's match data and stack, and a small cache of patterns made at run time. */
struct op_scratch;
struct op_scratch *op_scratch_new(void); /* NULL: no memory */
void op_scratch_free(struct op_scratch *scratch);

struct op_run {
	struct op_scratch *scratch;
	struct op_budget *budget;
};

/* ---- the table --------------------------------------------------------------------------------
 */

struct operator_context {
	const char *rule_file; /* relative *FromFile names start from its folder; NULL: from the
	                          current one */
	struct err_pos pos;    /* of the argument, for errors */
};

/* An operator with its argument. Opaque; lives in the arena until release(). */
struct operator_data;

struct operator
{
	const char *name; /* without the @ */
	enum operator_kind kind;
	bool needs_argument;
	bool
	    captures; /* match() fills op_match.capture: the capture action has something to keep */
	/*
	 * The argument may hold macros (%{tx.x}). Then the caller passes has_macro to
	 * operator_compile(), expands at run time, and hands the text to operator_match().
	 */
	bool expands;
	bool (*compile)(struct operator_data * data, const struct operator_context *ctx,
	    struct arena *arena, struct err *err);
	enum op_result (*match)(const struct operator_data *data, struct slice argument,
	    struct slice input, const struct op_run *run, struct op_match *out);
	void (*release)(struct operator_data * data); /* NULL: nothing beside the arena */
	const char *manual;                           /* heading in the reference manual */
};

/* Letter case of the name is ignored. NULL when there is no such operator. */
const struct operator* operator_find(struct slice name);

/*
 * NULL, or why a name of the reference manual is not in the table: "needs a network look-up", … So
 * that the error for @rbl differs from the one for @strmtach.
 */
const char *operator_unsupported(struct slice name);

/* All rows, in byte order of their lower-case names. */
const struct operator* operator_table(size_t *count);

/*
 * Compiles `argument` for `op`. With has_macro the argument's text is known at run time only; an
 * operator that cannot do that (`expands` is false) refuses. NULL with err set otherwise;
 * everything lives in the arena, and operator_release() must come before the arena's end.
 */
struct operator_data *operator_compile(const struct operator* op, struct slice argument,
    bool has_macro, const struct operator_context *ctx, struct arena *arena, struct err *err);
void operator_release(struct operator_data *data); /* NULL is fine */

const struct operator* operator_of(const struct operator_data *data);

/*
 * `expanded` is the argument after macro expansion; ignored unless compiled with has_macro. `out`
 * may be NULL when nobody wants captures or the matched part. Safe from several threads at once
 * with a scratch each.
 */
enum op_result operator_match(const struct operator_data *data, struct slice expanded,
    struct slice input, const struct op_run *run, struct op_match *out);

/* ---- for a prefilter --------------------------------------------------------------------------
 */

/* The argument as written. For OPERATOR_RX the pattern. */
struct slice operator_argument(const struct operator_data *data);
bool operator_has_macro(const struct operator_data *data);

/* The phrases of an OPERATOR_PHRASES (|hex| notation and files already read), lower case. */
const struct slice *operator_phrases(const struct operator_data *data, size_t *count);

/*
 * True when an input shorter than *min_bytes cannot match; for OPERATOR_RX from PCRE2's study, for
 * phrases the shortest one.
 */
size_t operator_min_length(const struct operator_data *data);

/* Number of capture groups of an OPERATOR_RX, the whole match not counted. */
unsigned operator_group_count(const struct operator_data *data);
