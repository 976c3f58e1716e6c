/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/session.h"

#include "spoa/spop/ack.h"
#include "spoa/spop/disconnect.h"
#include "tests/support/spop_peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { AGENT_MAX = 65536 };

struct bench {
	struct session session;
	struct session_handler handler;
	char in_memory[4096], out_memory[2 * SESSION_ROOM];
	struct wire_writer in, out;
	unsigned notified;
	enum spop_status answer;
	bool holds; /* whatever may be held back */
};

static enum spop_status on_notify(void *context, const struct frame *frame, uint32_t max_frame_size,
    bool *hold, struct wire_writer *out)
{
	struct bench *b = (struct bench *)context;
	unsigned char *begin;

	(void)max_frame_size;
	b->notified++;
	if (*hold && b->holds)
		return SPOP_OK;
	*hold = false;
	if (b->answer != SPOP_OK)
		return b->answer;
	begin = ack_begin(out, frame->stream_id, frame->frame_id);
	assert_true(frame_end(out, begin));
	return SPOP_OK;
}

static void bench_init(struct bench *b)
{
	*b = (struct bench){ .handler = { .notify = on_notify, .max_frame_size = AGENT_MAX } };
	b->handler.context = b;
	session_init(&b->session);
	b->in = wire_writer_of(b->in_memory, sizeof(b->in_memory));
	b->out = wire_writer_of(b->out_memory, sizeof(b->out_memory));
}

/* All of what was written to `in`; the last step's result. */
static enum session_step run(struct bench *b)
{
	struct slice input = wire_written(&b->in);
	enum session_step step;
	size_t bytes;

	do {
		step = session_step(&b->session, &b->handler, input, &b->out, &bytes);
		if (step == SESSION_STEPPED)
			input = slice_from(input, bytes);
	} while (step == SESSION_STEPPED);
	return step;
}

static void write_frame(struct bench *b, unsigned type, uint64_t stream_id, struct slice payload)
{
	unsigned char *begin = frame_begin(&b->in, (enum frame_type)type, stream_id, 1);

	wire_write_bytes(&b->in, payload);
	assert_true(frame_end(&b->in, begin));
}

static struct frame nth_answer(struct bench *b, size_t n)
{
	struct slice rest = wire_written(&b->out);
	struct frame frame = { 0 };
	size_t bytes;

	for (size_t i = 0; i <= n; i++) {
		assert_int_equal(frame_next(rest, AGENT_MAX, &frame, &bytes), FRAME_COMPLETE);
		rest = slice_from(rest, bytes);
	}
	return frame;
}

static void assert_disconnected(struct bench *b, size_t n, enum spop_status status)
{
	struct frame frame = nth_answer(b, n);
	struct disconnect disconnect;

	assert_int_equal(frame.type, FRAME_AGENT_DISCONNECT);
	assert_true(disconnect_decode(&frame, &disconnect));
	assert_int_equal(disconnect.status, status);
	assert_int_equal(b->session.state, SESSION_ENDED);
	assert_int_equal(b->session.status, status);
}

static void a_hello_is_answered_with_the_agreed_frame_size(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	spop_peer_write_hello(&b.in, 16380, "pipelining,async", false);
	assert_int_equal(run(&b), SESSION_STARVED);
	assert_int_equal(nth_answer(&b, 0).type, FRAME_AGENT_HELLO);
	assert_int_equal(b.session.state, SESSION_READY);
	assert_int_equal(b.session.max_frame_size, 16380);
}

static void pipelined_notifies_are_answered_in_order(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	spop_peer_write_hello(&b.in, 16380, "pipelining", false);
	for (uint64_t id = 0; id < 20; id++)
		write_frame(&b, FRAME_NOTIFY, id, SLICE(""));
	assert_int_equal(run(&b), SESSION_STARVED);
	assert_int_equal(b.notified, 20);
	for (size_t i = 0; i < 20; i++) {
		struct frame frame = nth_answer(&b, i + 1);

		assert_int_equal(frame.type, FRAME_ACK);
		assert_int_equal(frame.stream_id, i);
		assert_int_equal(frame.frame_id, 1);
	}
}

static void a_frame_is_held_back_only_while_it_may_be(void **state)
{
	(void)state;
	struct bench b;
	struct slice input;
	size_t bytes;

	bench_init(&b);
	b.holds = true;
	spop_peer_write_hello(&b.in, 16380, "pipelining", false);
	assert_int_equal(run(&b), SESSION_STARVED);
	b.in = wire_writer_of(b.in_memory, sizeof(b.in_memory));
	b.out = wire_writer_of(b.out_memory, sizeof(b.out_memory));
	write_frame(&b, FRAME_NOTIFY, 7, SLICE(""));
	input = wire_written(&b.in);
	b.session.may_hold = true;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
		    session_step(&b.session, &b.handler, input, &b.out, &bytes), SESSION_HELD);
		assert_int_equal(wire_written(&b.out).len, 0);
	}
	b.session.may_hold = false;
	assert_int_equal(
	    session_step(&b.session, &b.handler, input, &b.out, &bytes), SESSION_STEPPED);
	assert_int_equal(bytes, input.len);
	assert_int_equal(b.notified, 4);
	assert_int_equal(nth_answer(&b, 0).stream_id, 7);
}

static void a_health_check_is_answered_and_ends(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	spop_peer_write_hello(&b.in, 16380, "", true);
	assert_int_equal(run(&b), SESSION_DONE);
	assert_int_equal(nth_answer(&b, 0).type, FRAME_AGENT_HELLO);
	assert_true(b.session.healthcheck);
	assert_int_equal(b.session.status, SPOP_OK);
}

static void a_disconnect_is_answered_by_one(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	spop_peer_write_hello(&b.in, 16380, "", false);
	write_frame(&b, FRAME_HAPROXY_DISCONNECT, 0, SLICE(""));
	write_frame(&b, FRAME_NOTIFY, 1, SLICE(""));
	assert_int_equal(run(&b), SESSION_DONE);
	assert_disconnected(&b, 1, SPOP_OK);
	assert_int_equal(b.notified, 0);
}

static void unknown_frame_types_are_skipped(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	spop_peer_write_hello(&b.in, 16380, "", false);
	write_frame(&b, 42, 0, SLICE("whatever"));
	write_frame(&b, FRAME_NOTIFY, 1, SLICE(""));
	assert_int_equal(run(&b), SESSION_STARVED);
	assert_int_equal(b.notified, 1);
}

static void frames_that_only_agents_send_are_invalid(void **state)
{
	(void)state;
	const unsigned types[] = { FRAME_HAPROXY_HELLO, FRAME_AGENT_HELLO, FRAME_AGENT_DISCONNECT,
		FRAME_ACK };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct bench b;

		bench_init(&b);
		spop_peer_write_hello(&b.in, 16380, "", false);
		write_frame(&b, types[i], 0, SLICE(""));
		assert_int_equal(run(&b), SESSION_DONE);
		assert_disconnected(&b, 1, SPOP_INVALID);
	}
}

static void nothing_may_come_before_the_hello(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	write_frame(&b, FRAME_NOTIFY, 1, SLICE(""));
	assert_int_equal(run(&b), SESSION_DONE);
	assert_disconnected(&b, 0, SPOP_INVALID);
	assert_int_equal(b.notified, 0);
}

static void a_hello_with_a_small_frame_size_is_refused(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	spop_peer_write_hello(&b.in, 255, "", false);
	assert_int_equal(run(&b), SESSION_DONE);
	assert_disconnected(&b, 0, SPOP_BAD_FRAME_SIZE);
}

static void fragments_are_refused_with_their_own_status(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	spop_peer_write_hello(&b.in, 16380, "", false);
	wire_write_bytes(&b.in, SLICE("\x00\x00\x00\x07\x03\x00\x00\x00\x00\x01\x01"));
	assert_int_equal(run(&b), SESSION_DONE);
	assert_disconnected(&b, 1, SPOP_NO_FRAGMENTATION);
	bench_init(&b);
	spop_peer_write_hello(&b.in, 16380, "", false);
	write_frame(&b, FRAME_UNSET, 1, SLICE(""));
	assert_int_equal(run(&b), SESSION_DONE);
	assert_disconnected(&b, 1, SPOP_NO_FRAGMENTATION);
}

static void the_agreed_frame_size_is_a_limit(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	spop_peer_write_hello(&b.in, 300, "", false);
	wire_write_be32(&b.in, 300);
	assert_int_equal(run(&b), SESSION_STARVED);
	bench_init(&b);
	spop_peer_write_hello(&b.in, 300, "", false);
	wire_write_be32(&b.in, 301);
	assert_int_equal(run(&b), SESSION_DONE);
	assert_disconnected(&b, 1, SPOP_TOO_BIG);
}

static void before_the_hello_only_a_small_frame_is_taken(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	wire_write_be32(&b.in, SPOP_HANDSHAKE_MAX);
	assert_int_equal(run(&b), SESSION_STARVED);
	bench_init(&b);
	wire_write_be32(&b.in, SPOP_HANDSHAKE_MAX + 1);
	assert_int_equal(run(&b), SESSION_DONE);
	assert_disconnected(&b, 0, SPOP_TOO_BIG);
}

static void another_protocol_is_refused(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	wire_write_bytes(&b.in, SLICE("GET / HTTP/1.1\r\n\r\n"));
	assert_int_equal(run(&b), SESSION_DONE);
	assert_disconnected(&b, 0, SPOP_TOO_BIG);
}

static void a_handler_that_refuses_ends_the_session_with_its_status(void **state)
{
	(void)state;
	struct bench b;

	bench_init(&b);
	b.answer = SPOP_INVALID;
	spop_peer_write_hello(&b.in, 16380, "", false);
	write_frame(&b, FRAME_NOTIFY, 1, SLICE("x"));
	assert_int_equal(run(&b), SESSION_DONE);
	assert_disconnected(&b, 1, SPOP_INVALID);
}

static void every_truncation_waits_for_more(void **state)
{
	(void)state;
	struct bench b;
	size_t whole;

	bench_init(&b);
	spop_peer_write_hello(&b.in, 16380, "", false);
	whole = wire_written(&b.in).len;
	for (size_t len = 0; len < whole; len++) {
		struct session session;
		size_t bytes;

		session_init(&session);
		assert_int_equal(
		    session_step(&session, &b.handler, slice_of(b.in_memory, len), &b.out, &bytes),
		    SESSION_STARVED);
		assert_true(bytes > len && bytes <= whole);
		assert_int_equal(wire_written(&b.out).len, 0);
	}
}

static void ending_twice_says_goodbye_once(void **state)
{
	(void)state;
	struct bench b;
	size_t len;

	bench_init(&b);
	session_end(&b.session, SPOP_TIMEOUT, &b.out);
	len = wire_written(&b.out).len;
	session_end(&b.session, SPOP_OK, &b.out);
	assert_int_equal(wire_written(&b.out).len, len);
	assert_disconnected(&b, 0, SPOP_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_is_answered_with_the_agreed_frame_size),
		cmocka_unit_test(pipelined_notifies_are_answered_in_order),
		cmocka_unit_test(a_frame_is_held_back_only_while_it_may_be),
		cmocka_unit_test(a_health_check_is_answered_and_ends),
		cmocka_unit_test(a_disconnect_is_answered_by_one),
		cmocka_unit_test(unknown_frame_types_are_skipped),
		cmocka_unit_test(frames_that_only_agents_send_are_invalid),
		cmocka_unit_test(nothing_may_come_before_the_hello),
		cmocka_unit_test(a_hello_with_a_small_frame_size_is_refused),
		cmocka_unit_test(fragments_are_refused_with_their_own_status),
		cmocka_unit_test(the_agreed_frame_size_is_a_limit),
		cmocka_unit_test(before_the_hello_only_a_small_frame_is_taken),
		cmocka_unit_test(another_protocol_is_refused),
		cmocka_unit_test(a_handler_that_refuses_ends_the_session_with_its_status),
		cmocka_unit_test(every_truncation_waits_for_more),
		cmocka_unit_test(ending_twice_says_goodbye_once),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
