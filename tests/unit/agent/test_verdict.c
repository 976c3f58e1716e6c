/* SPDX-License-Identifier: Apache-2.0 */
/* The variables of a verdict, and the trace of a request that has none. */
#include "spoa/agent/verdict.h"

#include "spoa/agent/trace.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/spop_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TRACE "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00"

static char ack_bytes[65536];

/* What a peer reads of an ACK with this verdict. False: it could not be encoded. */
static bool encode(const struct verdict *verdict, struct buf *scratch, struct frame *ack)
{
	struct wire_writer out = wire_writer_of(ack_bytes, sizeof(ack_bytes));
	unsigned char *begin = ack_begin(&out, 1, 1);
	size_t bytes;

	verdict_encode(&out, verdict, scratch);
	if (!frame_end(&out, begin))
		return false;
	assert_int_equal(
	    frame_next(wire_written(&out), sizeof(ack_bytes), ack, &bytes), FRAME_COMPLETE);
	return true;
}

static void assert_variable(const struct frame *ack, const char *name, const char *wanted)
{
	struct typed value = spop_peer_variable(ack, name);
	struct slice text = typed_text(&value);

	if (!slice_eq(text, slice_of_cstr(wanted)))
		fail_msg("%s is %.*s, not %s", name, (int)text.len, text.ptr, wanted);
}

static void every_member_stands_in_its_place(void **state)
{
	(void)state;
	const struct verdict verdict = {
		.status = 403,
		.auth = SLICE("ok"),
		.sub = SLICE("a\"b\\"),
		.client = SLICE("c"),
		.scopes = SLICE("x/read y"),
		.jti = SLICE("j"),
		.pool = SLICE("staff"),
		.traceparent = SLICE(TRACE),
		.waf = SLICE("block"),
		.has_matches = true,
		.score = 4294967295U,
		.rules = SLICE("942100,949110"),
		.labels = SLICE("l"),
		.explain = SLICE("942100@ARGS:a"),
		.us = 70,
	};
	struct buf scratch;
	struct frame ack;

	buf_init(&scratch, 0);
	assert_true(encode(&verdict, &scratch, &ack));
	assert_int_equal(spop_peer_variable(&ack, "verdict").uint, 403);
	assert_int_equal(spop_peer_variable(&ack, "www").type, TYPED_NULL);
	assert_variable(&ack, "forward",
	    TRACE "\x1fstaff\x1f"
	          "c\x1f"
	          "a\"b\\\x1fx/read y");
	assert_variable(&ack, "record",
	    "\"auth\":\"ok\",\"sub\":\"a\\\"b\\\\\",\"client\":\"c\",\"scopes\":\"x/read y\",\"jti\":\"j\","
	    "\"waf\":\"block\",\"score\":4294967295,\"rules\":\"942100,949110\",\"labels\":\"l\","
	    "\"explain\":\"942100@ARGS:a\",\"agent_us\":70");
	buf_release(&scratch);
}

static void what_has_nothing_to_say_is_there_and_empty(void **state)
{
	(void)state;
	const struct verdict verdict = verdict_unavailable(SLICE("no_route"));
	struct buf scratch;
	struct frame ack;

	buf_init(&scratch, 0);
	assert_true(encode(&verdict, &scratch, &ack));
	assert_int_equal(spop_peer_variable(&ack, "verdict").uint, 503);
	assert_int_equal(spop_peer_variable(&ack, "forward").type, TYPED_NULL);
	assert_variable(&ack, "record",
	    "\"auth\":\"no_route\",\"sub\":\"\",\"client\":\"\",\"scopes\":\"\",\"jti\":\"\",\"waf\":\"off\","
	    "\"score\":-1,\"rules\":\"\",\"labels\":\"\",\"explain\":\"\",\"agent_us\":0");
	buf_release(&scratch);
}

static void an_answer_keeps_the_members_of_its_request(void **state)
{
	(void)state;
	struct verdict verdict = {
		.status = 200,
		.waf = SLICE("pass"),
		.request_record = SLICE(
		    "\"auth\":\"ok\",\"sub\":\"\\\",\\\"waf\\\":\",\"jti\":\"\",\"waf\":\"count\",\"score\":5"),
	};
	struct buf scratch;
	struct frame ack;

	buf_init(&scratch, 0);
	assert_true(encode(&verdict, &scratch, &ack));
	assert_variable(&ack, "record",
	    "\"auth\":\"ok\",\"sub\":\"\\\",\\\"waf\\\":\",\"jti\":\"\",\"waf\":\"pass\",\"score\":-1,\"rules\":\"\","
	    "\"labels\":\"\",\"explain\":\"\",\"agent_us\":0");
	/* Without a verdict on the answer it says why, and whose request it was. */
	verdict.auth = SLICE("malformed_headers");
	assert_true(encode(&verdict, &scratch, &ack));
	assert_variable(&ack, "record",
	    "\"auth\":\"malformed_headers\",\"sub\":\"\\\",\\\"waf\\\":\",\"jti\":\"\",\"waf\":\"pass\",\"score\":-1,\"rules\":\"\","
	    "\"labels\":\"\",\"explain\":\"\",\"agent_us\":0");
	verdict.auth = slice_of(NULL, 0);
	/* One that is none is not taken over. */
	verdict.request_record = SLICE("x");
	assert_true(encode(&verdict, &scratch, &ack));
	assert_variable(&ack, "record",
	    "\"auth\":\"\",\"sub\":\"\",\"client\":\"\",\"scopes\":\"\",\"jti\":\"\",\"waf\":\"pass\",\"score\":-1,"
	    "\"rules\":\"\",\"labels\":\"\",\"explain\":\"\",\"agent_us\":0");
	buf_release(&scratch);
}

static void a_separator_in_a_claim_is_no_verdict(void **state)
{
	(void)state;
	const struct verdict verdict = {
		.status = 200,
		.sub = SLICE("a\x1f"
		             "admin"),
		.traceparent = SLICE(TRACE),
	};
	struct buf scratch;
	struct frame ack;

	buf_init(&scratch, 0);
	assert_false(encode(&verdict, &scratch, &ack));
	buf_release(&scratch);
}

static void a_record_that_is_not_whole_is_no_verdict(void **state)
{
	(void)state;
	static char long_claim[VERDICT_RECORD_MIN];
	struct verdict verdict = verdict_unavailable(SLICE("ack_too_big"));
	struct buf scratch;
	struct frame ack;

	memset(long_claim, 'a', sizeof(long_claim));
	buf_init(&scratch, 0);
	assert_true(buf_reserve(&scratch, VERDICT_RECORD_MIN));
	fail_alloc_from(1);
	/* The room that was reserved is enough for the one that must always be possible. */
	assert_true(encode(&verdict, &scratch, &ack));
	verdict.sub = verdict.scopes = slice_of(long_claim, sizeof(long_claim));
	assert_false(encode(&verdict, &scratch, &ack));
	fail_alloc_off();
	buf_release(&scratch);
}

static bool is_trace(const char *text)
{
	static const char shape[] = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-00";

	for (size_t i = 0; i < TRACE_PARENT_LEN; i++)
		if (shape[i] == 'h' ? !memchr("0123456789abcdef", text[i], 16)
		                    : text[i] != shape[i])
			return false;
	return true;
}

static void traces_have_the_shape_of_w3c_and_differ(void **state)
{
	(void)state;
	unsigned char maker[SIPHASH_KEY_BYTES], other[SIPHASH_KEY_BYTES];
	char a[TRACE_PARENT_LEN], b[TRACE_PARENT_LEN];

	assert_true(siphash_new_key(maker));
	assert_true(siphash_new_key(other));
	trace_start(maker, SLICE("request-1"), a);
	assert_true(is_trace(a));
	trace_start(maker, SLICE("request-1"), b);
	assert_memory_equal(a, b, sizeof(a));
	trace_start(maker, SLICE("request-2"), b);
	assert_true(is_trace(b));
	assert_memory_not_equal(a + 3, b + 3, 32);
	assert_memory_not_equal(a + 36, b + 36, 16);
	trace_start(other, SLICE("request-1"), b);
	assert_memory_not_equal(a + 3, b + 3, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_stands_in_its_place),
		cmocka_unit_test(what_has_nothing_to_say_is_there_and_empty),
		cmocka_unit_test(an_answer_keeps_the_members_of_its_request),
		cmocka_unit_test(a_separator_in_a_claim_is_no_verdict),
		cmocka_unit_test(a_record_that_is_not_whole_is_no_verdict),
		cmocka_unit_test(traces_have_the_shape_of_w3c_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
