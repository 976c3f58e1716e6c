/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCRE2 patterns, compiled at load, their machine code made when they are first matched: most
 * candidates of a combined database never are. Bytes, not UTF-8.
 */
#include "spoa/waf/operators/operator_data.h"
#include "spoa/waf/operators/scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

struct rx {
	pcre2_code *code; /* NULL when the argument has a macro */
	uint32_t groups;
	/* PCRE2 forbids matching while machine code is made: nobody matches before `ready`. */
	_Atomic bool ready;
	pthread_mutex_t making;
};

/* PCRE2 asks for its memory here, so that a failing allocation can be tested. */
static void *heap_get(size_t size, void *unused)
{
	(void)unused;
	return malloc(size);
}

static void heap_give(void *memory, void *unused)
{
	(void)unused;
	free(memory);
}

/* ---- scratch ------------------------------------------------------------------------------- */

static bool scratch_init(struct op_scratch *scratch, pcre2_general_context *heap)
{
	scratch->captures = pcre2_match_data_create(OPERATOR_CAPTURES_MAX, heap);
	scratch->context = pcre2_match_context_create(heap);
	scratch->stack = pcre2_jit_stack_create(RX_STACK_MIN_BYTES, RX_STACK_MAX_BYTES, heap);
	if (!scratch->captures || !scratch->context || !scratch->stack)
		return false;
	pcre2_set_heap_limit(scratch->context, RX_HEAP_LIMIT_KIB);
	pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
	return true;
}

struct op_scratch *op_scratch_new(void)
{
	struct op_scratch *scratch = calloc(1, sizeof(*scratch));
	pcre2_general_context *heap = pcre2_general_context_create(heap_get, heap_give, NULL);
	if (!scratch || !heap || !scratch_init(scratch, heap)) {
		op_scratch_free(scratch);
		scratch = NULL;
	}
	pcre2_general_context_free(heap);
	return scratch;
}

static void dynamic_clear(struct rx_dynamic *slot)
{
	pcre2_code_free(slot->code);
	free((void *)(uintptr_t)slot->text.ptr);
	*slot = (struct rx_dynamic){ 0 };
}

void op_scratch_free(struct op_scratch *scratch)
{
	if (!scratch)
		return;
	for (size_t i = 0; i < RX_DYNAMIC_SLOTS; i++)
		dynamic_clear(&scratch->dynamic[i]);
	pcre2_match_data_free(scratch->captures);
	pcre2_match_context_free(scratch->context);
	pcre2_jit_stack_free(scratch->stack);
	free(scratch);
}

/* ---- compiling ------------------------------------------------------------------------------ */

static pcre2_code *compile_pattern(struct slice pattern, int *error, size_t *offset)
{
	pcre2_general_context *heap = pcre2_general_context_create(heap_get, heap_give, NULL);
	pcre2_compile_context *context = heap ? pcre2_compile_context_create(heap) : NULL;
	pcre2_code *code = NULL;
	*error = PCRE2_ERROR_NOMEMORY;
	*offset = 0;
	if (context)
		code = pcre2_compile((PCRE2_SPTR)(pattern.ptr ? pattern.ptr : ""), pattern.len,
		    RX_OPTIONS, error, offset, context);
	pcre2_compile_context_free(context);
	pcre2_general_context_free(heap);
	return code;
}

COMPILE(rx)
{
	int error;
	size_t offset;
	struct rx *rx = data->rx = arena_new(arena, struct rx);
	if (!rx)
		return err_set_at(err, ctx->pos, "no memory for a pattern");
	if (!data->has_macro)
		rx->code = compile_pattern(data->argument, &error, &offset);
	if (!rx->code && !data->has_macro) {
		PCRE2_UCHAR text[256] = "";
		pcre2_get_error_message(error, text, sizeof(text));
		return err_set_at(
		    err, ctx->pos, "pattern, at its byte %zu: %s", offset + 1, (const char *)text);
	}
	if (rx->code) {
		uint32_t shortest = 0;
		pcre2_pattern_info(rx->code, PCRE2_INFO_CAPTURECOUNT, &rx->groups);
		pcre2_pattern_info(rx->code, PCRE2_INFO_MINLENGTH, &shortest);
		data->min_length = shortest;
	}
	pthread_mutex_init(&rx->making, NULL);
	return true;
}

RELEASE(rx)
{
	pcre2_code_free(data->rx->code);
	pthread_mutex_destroy(&data->rx->making);
}

size_t rx_group_count(const struct rx *rx)
{
	return rx->groups;
}

/* ---- matching ------------------------------------------------------------------------------- */

/* Machine code on first use. Without it (no memory, a system that forbids it) PCRE2 interprets. */
static void make_ready(struct rx *rx)
{
	if (atomic_load_explicit(&rx->ready, memory_order_acquire))
		return;
	pthread_mutex_lock(&rx->making);
	if (!atomic_load_explicit(&rx->ready, memory_order_relaxed))
		pcre2_jit_compile(rx->code, PCRE2_JIT_COMPLETE);
	atomic_store_explicit(&rx->ready, true, memory_order_release);
	pthread_mutex_unlock(&rx->making);
}

static pcre2_code *dynamic_code(struct op_scratch *scratch, struct slice pattern)
{
	for (size_t i = 0; i < RX_DYNAMIC_SLOTS; i++)
		if (scratch->dynamic[i].text.ptr && slice_eq(scratch->dynamic[i].text, pattern))
			return scratch->dynamic[i].code;
	char *text = pattern.len <= RX_DYNAMIC_MAX_BYTES ? malloc(pattern.len + 1) : NULL;
	if (!text)
		return NULL;
	int error;
	size_t offset;
	struct rx_dynamic *slot = &scratch->dynamic[scratch->next_dynamic];
	scratch->next_dynamic = (scratch->next_dynamic + 1) % RX_DYNAMIC_SLOTS;
	dynamic_clear(slot);
	if (pattern.len)
		memcpy(text, pattern.ptr, pattern.len);
	slot->text = slice_of(text, pattern.len);
	slot->code = compile_pattern(slot->text, &error, &offset);
	return slot->code;
}

/* The code to match with, or NULL: an argument made at run time is not a pattern. */
static const pcre2_code *code_for(
    const struct operator_data *data, struct slice argument, struct op_scratch *scratch)
{
	if (data->has_macro)
		return dynamic_code(scratch, argument);
	make_ready(data->rx);
	return data->rx->code;
}

/*
 * A match that begins at `from` to `last`. The limit is what the budget allows; running into it
 * uses all of it up.
 */
static enum op_result search_window(
    const pcre2_code *code, struct slice input, size_t from, size_t last, const struct op_run *run)
{
	uint64_t left = run->budget->steps_left;
	uint32_t limit = left < RX_MATCH_LIMIT ? (uint32_t)left : RX_MATCH_LIMIT;
	struct op_scratch *s = run->scratch;
	pcre2_set_match_limit(s->context, limit);
	pcre2_set_offset_limit(s->context, last);
	int rc = pcre2_match(code, (PCRE2_SPTR)(input.ptr ? input.ptr : ""), input.len, from, 0,
	    s->captures, s->context);
	if (rc >= 0)
		return OP_MATCH;
	if (rc == PCRE2_ERROR_NOMATCH)
		return OP_NO_MATCH;
	op_charge(run, limit);
	return OP_EXHAUSTED;
}

/* What this thread has worked; 0 where that cannot be known. */
static uint64_t cpu_ns(void)
{
	struct timespec now;
	return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0
	           ? (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec
	           : 0;
}

static size_t next_window(size_t window, uint64_t spent_ns)
{
	if (spent_ns > RX_WINDOW_SLOW_NS * window)
		return window / 2 < RX_WINDOW_MIN ? RX_WINDOW_MIN : window / 2;
	return window * 2 > RX_WINDOW_MAX ? RX_WINDOW_MAX : window * 2;
}

/*
 * PCRE2 counts its matching anew for each place a match may begin at, and does not count the steps
 * of a repeated character: with a pattern like \|[|a-z]+/ a long value of nothing but | costs its
 * length squared, seconds for 60 KB, below any limit. So a long value is searched in pieces by
 * where a match begins, and what the thread worked for each is charged.
 */
static enum op_result search_long(
    const pcre2_code *code, struct slice input, size_t from, const struct op_run *run)
{
	enum op_result result = OP_NO_MATCH;
	uint64_t before = cpu_ns();
	size_t window = RX_WINDOW_MIN;
	while (result == OP_NO_MATCH && from <= input.len) {
		result = search_window(code, input, from, from + window - 1, run);
		uint64_t after = cpu_ns();
		if (!op_charge(run, (after - before) / RX_NS_PER_STEP))
			return OP_EXHAUSTED;
		from += window;
		window = next_window(window, after - before);
		before = after;
	}
	return result;
}

static enum op_result search(
    const pcre2_code *code, struct slice input, size_t from, const struct op_run *run)
{
	return input.len > RX_LONG_BYTES ? search_long(code, input, from, run)
	                                 : search_window(code, input, from, PCRE2_UNSET, run);
}

static struct slice group(const struct op_scratch *scratch, struct slice input, size_t n)
{
	const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(scratch->captures);
	PCRE2_SIZE start = offsets[2 * n], end = offsets[2 * n + 1];
	/* \K can put the start behind the end. */
	return start == PCRE2_UNSET || end < start ? slice_sub(input, 0, 0)
	                                           : slice_sub(input, start, end - start);
}

static void take_groups(const struct op_scratch *scratch, const pcre2_code *code,
    struct slice input, struct op_match *out)
{
	uint32_t groups = 0;
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	out->count = groups + 1 < OPERATOR_CAPTURES_MAX ? groups + 1 : OPERATOR_CAPTURES_MAX;
	for (unsigned i = 0; i < out->count; i++)
		out->capture[i] = group(scratch, input, i);
	out->matched = out->capture[0];
}

MATCH(rx)
{
	const pcre2_code *code = code_for(data, argument, run->scratch);
	if (!code)
		return OP_EXHAUSTED;
	enum op_result result = search(code, input, 0, run);
	if (result == OP_MATCH && out)
		take_groups(run->scratch, code, input, out);
	return result;
}

/* Where to look for the next match: behind this one, at least one byte on. */
static size_t search_on(const struct op_scratch *scratch, size_t from)
{
	const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(scratch->captures);
	return offsets[1] > from ? offsets[1] : from + 1;
}

/* Captures are those of the last match, as each overwrites the one before. */
MATCH(rx_global)
{
	const pcre2_code *code = code_for(data, argument, run->scratch);
	if (!code)
		return OP_EXHAUSTED;
	enum op_result found = OP_NO_MATCH;
	for (size_t from = 0; from <= input.len; from = search_on(run->scratch, from)) {
		enum op_result result =
		    op_charge(run, 1) ? search(code, input, from, run) : OP_EXHAUSTED;
		if (result == OP_EXHAUSTED)
			return result;
		if (result == OP_NO_MATCH)
			break;
		found = OP_MATCH;
		if (out)
			take_groups(run->scratch, code, input, out);
	}
	return found;
}

/* ISO/IEC 7812-1 annex B: the check digit of a card number; bytes that are no digits do not count.
 */
static bool luhn_holds(struct slice text)
{
	unsigned sum = 0, digits = 0;
	for (size_t i = text.len; i-- > 0;) {
		if (!ascii_is_digit(text.ptr[i]))
			continue;
		unsigned digit = (unsigned)(text.ptr[i] - '0') << (digits & 1);
		sum += digit > 9 ? digit - 9 : digit;
		digits++;
	}
	return digits > 0 && sum % 10 == 0;
}

/* A candidate that fails may hold a shorter one that does not: the next search begins one byte on.
 */
MATCH(verify_cc)
{
	const pcre2_code *code = code_for(data, argument, run->scratch);
	for (size_t from = 0; from <= input.len;) {
		enum op_result result =
		    op_charge(run, 1) ? search(code, input, from, run) : OP_EXHAUSTED;
		if (result != OP_MATCH)
			return result;
		struct slice number = group(run->scratch, input, 0);
		if (luhn_holds(number))
			return op_captured(out, number);
		from = pcre2_get_ovector_pointer(run->scratch->captures)[0] + 1;
	}
	return OP_NO_MATCH;
}
