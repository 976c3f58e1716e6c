/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, threads and listeners together, over real sockets. */
#include "spoa/agent/worker.h"

#include "spoa/agent/listener.h"
#include "spoa/spop/ack.h"
#include "spoa/spop/disconnect.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/spop_peer.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { FRAME_MAX_BYTES = 1 << 20, LARGE = 128 * 1024 };

/* A worker on a unix socket in a folder of its own, answering each NOTIFY with its payload's
 * length. */
struct rig {
	char folder[64], address[96];
	struct listener_set listeners;
	struct counters *counters;
	struct worker *worker;
	atomic_size_t connections;
	struct worker_options options;
};

/* While it is set, frames of this length may wait. */
static atomic_bool holding;
enum { HELD_PAYLOAD = 77 };

static enum spop_status on_notify(void *context, const struct frame *frame, uint32_t max_frame_size,
    bool *hold, struct wire_writer *out)
{
	unsigned char *begin = ack_begin(out, frame->stream_id, frame->frame_id);

	*hold = *hold && frame->payload.len == HELD_PAYLOAD && atomic_load(&holding);
	if (*hold) {
		frame_abandon(out, begin);
		return SPOP_OK;
	}

	(void)context;
	(void)max_frame_size;
	if (slice_eq(frame->payload, SLICE("bad"))) {
		frame_abandon(out, begin);
		return SPOP_INVALID;
	}
	ack_set(out, ACK_TXN, SLICE("len"), typed_uint32((uint32_t)frame->payload.len));
	/* An answer as long as the question, for back-pressure. */
	if (frame->payload.len <= 16384)
		ack_set(out, ACK_TXN, SLICE("echo"), typed_bytes(TYPED_BINARY, frame->payload));
	assert_true(frame_end(out, begin));
	return SPOP_OK;
}

static void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	strcpy(rig->folder, "/tmp/sallyport-worker.XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	snprintf(rig->address, sizeof(rig->address), "unix:%s/agent.sock", rig->folder);
	rig->counters = calloc(1, sizeof(*rig->counters));
	assert_non_null(rig->counters);
	rig->options = (struct worker_options){
		.name = "test",
		.handler = { .notify = on_notify, .max_frame_size = FRAME_MAX_BYTES },
		.limits = { .idle_timeout_s = 60, .frame_timeout_s = 60, .hold_s = 60 },
		.counters = rig->counters,
		.connections = &rig->connections,
		.max_connections = 4096,
	};
}

static void rig_start(struct rig *rig)
{
	const char *addresses[] = { rig->address };
	const struct listener_options options = { .mode = 0600, .threads = 1 };
	struct err err = { 0 };

	assert_true(listener_open(addresses, 1, &options, &rig->listeners, &err));
	rig->options.listeners = listener_row(&rig->listeners, 0);
	rig->options.listener_count = rig->listeners.count;
	rig->worker = worker_start(&rig->options, &err);
	assert_non_null(rig->worker);
}

static void rig_stop(struct rig *rig)
{
	worker_drain(rig->worker, 0.2);
	worker_join(rig->worker);
	listener_close(&rig->listeners);
	assert_int_equal(atomic_load(&rig->connections), 0);
	free(rig->counters);
	rmdir(rig->folder);
}

static uint64_t counted(const struct rig *rig, enum counter_id id)
{
	return counter_get(&rig->counters->plain[id]);
}

/* What another thread counts comes a moment later. */
static bool reaches(const struct rig *rig, enum counter_id id, uint64_t value)
{
	for (int i = 0; i < 500 && counted(rig, id) < value; i++)
		usleep(10000);
	return counted(rig, id) >= value;
}

static void connect_ready(struct spop_peer *peer, const struct rig *rig, uint32_t max_frame_size)
{
	assert_true(spop_peer_connect(peer, rig->address));
	assert_true(spop_peer_greet(peer, max_frame_size));
}

static struct slice notify_frame(char *memory, size_t size, uint64_t stream_id, size_t payload)
{
	struct wire_writer writer = wire_writer_of(memory, size);
	unsigned char *begin = frame_begin(&writer, FRAME_NOTIFY, stream_id, 1);
	char *filler = calloc(1, payload + 1);

	memset(filler, 'x', payload);
	wire_write_bytes(&writer, slice_of(filler, payload));
	free(filler);
	assert_true(frame_end(&writer, begin));
	return wire_written(&writer);
}

static void assert_answered(struct spop_peer *peer, uint64_t stream_id, size_t payload)
{
	struct frame frame;
	struct typed len;

	assert_true(spop_peer_read(peer, &frame));
	assert_int_equal(frame.type, FRAME_ACK);
	assert_int_equal(frame.stream_id, stream_id);
	len = spop_peer_variable(&frame, "len");
	assert_int_equal(len.type, TYPED_UINT32);
	assert_int_equal(len.uint, payload);
}

static void assert_works(struct spop_peer *peer, uint64_t stream_id)
{
	char memory[128];

	assert_true(spop_peer_send(peer, notify_frame(memory, sizeof(memory), stream_id, 10)));
	assert_answered(peer, stream_id, 10);
}

static void assert_disconnect(struct spop_peer *peer, enum spop_status status)
{
	struct disconnect disconnect;
	struct frame frame;

	assert_true(spop_peer_read(peer, &frame));
	assert_int_equal(frame.type, FRAME_AGENT_DISCONNECT);
	assert_true(disconnect_decode(&frame, &disconnect));
	assert_int_equal(disconnect.status, status);
	assert_true(spop_peer_reads_end(peer));
}

static void frames_sent_at_once_are_answered_at_once(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peer;
	char memory[64 * 100];
	size_t len = 0;
	uint64_t reads;

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&peer, &rig, 16380);
	reads = counted(&rig, COUNT_reads);
	for (uint64_t id = 0; id < 50; id++)
		len += notify_frame(memory + len, sizeof(memory) - len, id, 20).len;
	assert_true(spop_peer_send(&peer, slice_of(memory, len)));
	for (uint64_t id = 0; id < 50; id++)
		assert_answered(&peer, id, 20);
	/* One send of 1.5 kB to a unix socket is one read, and one write answers it. */
	assert_int_equal(counted(&rig, COUNT_reads), reads + 1);
	assert_int_equal(counted(&rig, COUNT_writes), 2);
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void a_large_frame_arrives_in_any_pieces(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peer;
	static char memory[LARGE + 64];
	struct slice frame;

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&peer, &rig, LARGE + 60);
	frame = notify_frame(memory, sizeof(memory), 7, LARGE);
	for (size_t piece = 600; piece < 2 * frame.len; piece *= 7) {
		for (size_t at = 0; at < frame.len; at += piece)
			assert_true(spop_peer_send(&peer, slice_sub(frame, at, piece)));
		assert_answered(&peer, 7, LARGE);
		assert_works(&peer, 8);
	}
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void a_frame_byte_by_byte_is_answered(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peer;
	char memory[64];
	struct slice frame;

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&peer, &rig, 16380);
	frame = notify_frame(memory, sizeof(memory), 9, 20);
	for (size_t i = 0; i < frame.len; i++) {
		assert_true(spop_peer_send(&peer, slice_sub(frame, i, 1)));
		if (i % 8 == 0)
			usleep(1000);
	}
	assert_answered(&peer, 9, 20);
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void a_malformed_peer_does_not_disturb_its_neighbours(void **state)
{
	(void)state;
	const struct {
		struct slice bytes;
		enum spop_status status;
	} rows[] = {
		{ SLICE_INIT("\xff\xff\xff\xff"), SPOP_TOO_BIG },
		{ SLICE_INIT("\x00\x00\x00\x00"), SPOP_INVALID },
		{ SLICE_INIT("\x00\x00\x00\x07\x03\x00\x00\x00\x01\xf0\x80\x80"), SPOP_INVALID },
		{ SLICE_INIT("\x00\x00\x00\x07\x00\x00\x00\x00\x01\x00\x00"),
		    SPOP_NO_FRAGMENTATION },
		{ SLICE_INIT("\x00\x00\x00\x0a\x03\x00\x00\x00\x01\x01\x01"
		             "bad"),
		    SPOP_INVALID },
	};
	struct rig rig;
	struct spop_peer good;

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&good, &rig, 16380);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spop_peer bad;

		connect_ready(&bad, &rig, 16380);
		assert_works(&bad, 1);
		assert_true(spop_peer_send(&bad, rows[i].bytes));
		assert_disconnect(&bad, rows[i].status);
		spop_peer_close(&bad);
		assert_works(&good, i);
	}
	assert_true(reaches(&rig, COUNT_closed_protocol, sizeof(rows) / sizeof(rows[0])));
	spop_peer_close(&good);
	rig_stop(&rig);
}

static void answers_before_an_error_are_not_lost(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peer;
	char memory[64 * 20];
	size_t len = 0;

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&peer, &rig, 16380);
	for (uint64_t id = 0; id < 10; id++)
		len += notify_frame(memory + len, sizeof(memory) - len, id, 20).len;
	memcpy(memory + len, "\xff\xff\xff\xff", 4);
	assert_true(spop_peer_send(&peer, slice_of(memory, len + 4)));
	for (uint64_t id = 0; id < 10; id++)
		assert_answered(&peer, id, 20);
	assert_disconnect(&peer, SPOP_TOO_BIG);
	spop_peer_close(&peer);
	rig_stop(&rig);
}

/* The peer writes and does not read: both socket buffers fill, then the agent stops reading. */
static void send_held(struct spop_peer *peer, uint64_t stream_id)
{
	char memory[256];

	assert_true(
	    spop_peer_send(peer, notify_frame(memory, sizeof(memory), stream_id, HELD_PAYLOAD)));
}

static void a_held_request_waits_with_what_came_behind_it_and_nobody_else(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer held, other;
	char memory[128];

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&held, &rig, 16380);
	connect_ready(&other, &rig, 16380);
	atomic_store(&holding, true);
	assert_works(&held, 1);
	send_held(&held, 2);
	assert_true(reaches(&rig, COUNT_held, 1));
	assert_true(spop_peer_send(&held, notify_frame(memory, sizeof(memory), 3, 10)));
	for (uint64_t id = 0; id < 20; id++) {
		assert_works(&other, id);
		usleep(2000);
	}
	assert_int_equal(recv(held.fd, memory, 1, MSG_DONTWAIT | MSG_PEEK), -1);
	atomic_store(&holding, false);
	assert_answered(&held, 2, HELD_PAYLOAD);
	assert_answered(&held, 3, 10);
	assert_works(&held, 4);
	/* Tried many times, held once. */
	assert_int_equal(counted(&rig, COUNT_held), 1);
	spop_peer_close(&held);
	spop_peer_close(&other);
	rig_stop(&rig);
}

static void a_held_request_is_answered_when_its_time_is_over(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peer;

	rig_init(&rig);
	rig.options.limits.hold_s = 0.1;
	rig_start(&rig);
	connect_ready(&peer, &rig, 16380);
	atomic_store(&holding, true);
	for (uint64_t id = 0; id < 3; id++) {
		send_held(&peer, id);
		assert_answered(&peer, id, HELD_PAYLOAD);
	}
	atomic_store(&holding, false);
	assert_int_equal(counted(&rig, COUNT_held), 3);
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void no_more_than_so_many_requests_are_held(void **state)
{
	(void)state;
	struct rig rig;
	static struct spop_peer peers[CONN_HELD_MAX + 1];

	rig_init(&rig);
	rig_start(&rig);
	atomic_store(&holding, true);
	for (uint64_t i = 0; i < CONN_HELD_MAX; i++) {
		connect_ready(&peers[i], &rig, 16380);
		send_held(&peers[i], i);
	}
	assert_true(reaches(&rig, COUNT_held, CONN_HELD_MAX));
	connect_ready(&peers[CONN_HELD_MAX], &rig, 16380);
	send_held(&peers[CONN_HELD_MAX], 99);
	assert_answered(&peers[CONN_HELD_MAX], 99, HELD_PAYLOAD);
	/* A peer that goes meanwhile is noticed once it is read from again. */
	spop_peer_close(&peers[0]);
	atomic_store(&holding, false);
	for (uint64_t i = 1; i < CONN_HELD_MAX; i++) {
		assert_answered(&peers[i], i, HELD_PAYLOAD);
		spop_peer_close(&peers[i]);
	}
	spop_peer_close(&peers[CONN_HELD_MAX]);
	rig_stop(&rig);
}

static void a_drain_answers_what_is_held(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peer;

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&peer, &rig, 16380);
	atomic_store(&holding, true);
	send_held(&peer, 5);
	assert_true(reaches(&rig, COUNT_held, 1));
	worker_drain(rig.worker, 5);
	assert_answered(&peer, 5, HELD_PAYLOAD);
	assert_disconnect(&peer, SPOP_OK);
	atomic_store(&holding, false);
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void a_peer_that_does_not_read_is_not_read_from_and_loses_nothing(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peer;
	static char memory[16384];
	uint64_t sent = 0, bytes_in;
	struct slice frame, rest = { NULL, 0 };

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&peer, &rig, 16380);
	while (true) {
		ssize_t n;

		if (slice_is_empty(rest)) {
			frame = notify_frame(memory, sizeof(memory), sent, 16000);
			rest = frame;
			sent++;
		}
		n = send(peer.fd, rest.ptr, rest.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && counted(&rig, COUNT_blocked) > 0)
			break;
		if (n < 0)
			usleep(1000);
		else
			rest = slice_from(rest, (size_t)n);
	}
	bytes_in = counted(&rig, COUNT_bytes_in);
	usleep(50000);
	assert_int_equal(counted(&rig, COUNT_bytes_in), bytes_in);
	/* A second peer is served meanwhile. */
	{
		struct spop_peer other;

		connect_ready(&other, &rig, 16380);
		assert_works(&other, 3);
		spop_peer_close(&other);
	}
	for (uint64_t id = 0; id < sent; id++) {
		if (!slice_is_empty(rest)) {
			ssize_t n = send(peer.fd, rest.ptr, rest.len, MSG_DONTWAIT | MSG_NOSIGNAL);

			rest = slice_from(rest, n > 0 ? (size_t)n : 0);
		}
		assert_answered(&peer, id, 16000);
	}
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void a_stalled_frame_and_an_idle_connection_time_out(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer silent, stalled, idle;

	rig_init(&rig);
	rig.options.limits = (struct conn_limits){ .idle_timeout_s = 0.4, .frame_timeout_s = 0.2 };
	rig_start(&rig);
	assert_true(spop_peer_connect(&silent, rig.address));
	connect_ready(&stalled, &rig, 16380);
	connect_ready(&idle, &rig, 16380);
	assert_true(spop_peer_send(&stalled, SLICE("\x00\x00\x00\x0a\x03")));
	assert_disconnect(&silent, SPOP_TIMEOUT);
	assert_disconnect(&stalled, SPOP_TIMEOUT);
	assert_disconnect(&idle, SPOP_TIMEOUT);
	assert_true(reaches(&rig, COUNT_closed_stalled, 2));
	assert_true(reaches(&rig, COUNT_closed_idle, 1));
	spop_peer_close(&silent);
	spop_peer_close(&stalled);
	spop_peer_close(&idle);
	rig_stop(&rig);
}

static void a_connection_over_the_limit_is_refused_at_once(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peers[3];

	rig_init(&rig);
	rig.options.max_connections = 2;
	rig_start(&rig);
	connect_ready(&peers[0], &rig, 16380);
	connect_ready(&peers[1], &rig, 16380);
	assert_true(spop_peer_connect(&peers[2], rig.address));
	assert_true(spop_peer_reads_end(&peers[2]));
	spop_peer_close(&peers[2]);
	assert_int_equal(counted(&rig, COUNT_refused), 1);
	spop_peer_close(&peers[0]);
	assert_true(reaches(&rig, COUNT_closed_by_peer, 1));
	connect_ready(&peers[2], &rig, 16380);
	assert_works(&peers[2], 1);
	spop_peer_close(&peers[1]);
	spop_peer_close(&peers[2]);
	rig_stop(&rig);
}

static void draining_answers_what_has_arrived_and_says_goodbye(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer busy, idle;
	char memory[128];

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&busy, &rig, 16380);
	connect_ready(&idle, &rig, 16380);
	assert_works(&busy, 1);
	assert_true(spop_peer_send(&busy, notify_frame(memory, sizeof(memory), 2, 10)));
	worker_drain(rig.worker, 5);
	assert_answered(&busy, 2, 10);
	assert_disconnect(&busy, SPOP_OK);
	assert_disconnect(&idle, SPOP_OK);
	spop_peer_close(&busy);
	spop_peer_close(&idle);
	/* Both have closed, so this does not take the five seconds: joined well before the test's
	 * own end. */
	rig_stop(&rig);
}

static void a_drain_ends_although_a_peer_stays(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peer;

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&peer, &rig, 16380);
	rig_stop(&rig);
	assert_disconnect(&peer, SPOP_OK);
	spop_peer_close(&peer);
}

static void a_request_allocates_nothing_once_warm(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peer;
	static char memory[LARGE + 64];
	struct slice frame;
	long before = 0;

	rig_init(&rig);
	rig_start(&rig);
	connect_ready(&peer, &rig, LARGE + 60);
	frame = notify_frame(memory, sizeof(memory), 1, LARGE);
	for (int i = 0; i < 200; i++) {
		/* In two halves, so that a part has to be kept. */
		assert_true(spop_peer_send(&peer, slice_sub(frame, 0, frame.len / 2)));
		assert_true(reaches(&rig, COUNT_bytes_in, (uint64_t)i * frame.len + frame.len / 2));
		assert_true(spop_peer_send(&peer, slice_from(frame, frame.len / 2)));
		assert_answered(&peer, 1, LARGE);
		if (i == 20)
			before = fail_alloc_count();
	}
	assert_int_equal(fail_alloc_count(), before);
	spop_peer_close(&peer);
	rig_stop(&rig);
}

/* Also when they once needed one. */
static void idle_connections_keep_no_buffers(void **state)
{
	(void)state;
	enum { MANY = 500, EACH_MAX = 1024 };
	static struct spop_peer peers[MANY];
	struct rig rig;
	char memory[20000];
	size_t before = 0;

	rig_init(&rig);
	rig_start(&rig);
	for (size_t i = 0; i < MANY; i++) {
		struct slice frame = notify_frame(memory, sizeof(memory), i, 16000);

		connect_ready(&peers[i], &rig, 16380);
		assert_true(spop_peer_send(&peers[i], slice_sub(frame, 0, 9000)));
		assert_true(spop_peer_send(&peers[i], slice_from(frame, 9000)));
		assert_answered(&peers[i], i, 16000);
		buf_release(&peers[i].in);
		peers[i].taken = 0;
		if (i == 50)
			before = mallinfo2().uordblks;
	}
	assert_int_equal(atomic_load(&rig.connections), MANY);
	assert_true(mallinfo2().uordblks < before + (size_t)MANY * EACH_MAX);
	for (size_t i = 0; i < MANY; i++) {
		assert_works(&peers[i], i);
		spop_peer_close(&peers[i]);
	}
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_sent_at_once_are_answered_at_once),
		cmocka_unit_test(a_large_frame_arrives_in_any_pieces),
		cmocka_unit_test(a_frame_byte_by_byte_is_answered),
		cmocka_unit_test(a_malformed_peer_does_not_disturb_its_neighbours),
		cmocka_unit_test(answers_before_an_error_are_not_lost),
		cmocka_unit_test(a_held_request_waits_with_what_came_behind_it_and_nobody_else),
		cmocka_unit_test(a_held_request_is_answered_when_its_time_is_over),
		cmocka_unit_test(no_more_than_so_many_requests_are_held),
		cmocka_unit_test(a_drain_answers_what_is_held),
		cmocka_unit_test(a_peer_that_does_not_read_is_not_read_from_and_loses_nothing),
		cmocka_unit_test(a_stalled_frame_and_an_idle_connection_time_out),
		cmocka_unit_test(a_connection_over_the_limit_is_refused_at_once),
		cmocka_unit_test(draining_answers_what_has_arrived_and_says_goodbye),
		cmocka_unit_test(a_drain_ends_although_a_peer_stays),
		cmocka_unit_test(a_request_allocates_nothing_once_warm),
		cmocka_unit_test(idle_connections_keep_no_buffers),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
