/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/stream.h"

#include "audit/listen.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct ev_loop *loop;
static struct spool *spool;
static struct stream *stream;
static struct sockaddr_in address;

static int setup(void **state)
{
	struct err err = { 0 };
	socklen_t len = sizeof(address);
	bool survives;
	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	spool = spool_open(NULL, 0, &survives, &err);
	int fd = listen_bind_stream("127.0.0.1:0", &err);
	if (!loop || !spool || fd < 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		return -1;
	stream = stream_new(loop, fd, spool);
	return stream ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	stream_free(stream);
	spool_free(spool);
	ev_loop_destroy(loop);
	return 0;
}

static struct stream_counters counters(void)
{
	struct stream_counters c;
	stream_counters(stream, &c);
	return c;
}

static int connect_one(void)
{
	uint64_t before = counters().connections + counters().refused;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	while (counters().connections + counters().refused == before)
		ev_run(loop, EVRUN_ONCE);
	return fd;
}

/* Sends, and runs the loop until all of it was read. */
static void send_all(int fd, struct slice bytes)
{
	uint64_t upto = counters().bytes + bytes.len;
	while (bytes.len) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			bytes = slice_from(bytes, (size_t)n);
		ev_run(loop, EVRUN_NOWAIT);
	}
	while (counters().bytes < upto)
		ev_run(loop, EVRUN_ONCE);
}

static void close_one(int fd)
{
	uint64_t before = counters().connections;
	close(fd);
	while (counters().connections == before)
		ev_run(loop, EVRUN_ONCE);
}

static void expect_line(const char *text)
{
	struct slice line;
	assert_true(spool_next(spool, &line));
	if (!slice_eq(line, slice_of_cstr(text)))
		print_message(
		    "'%.*s', expected '%s'\n", (int)line.len, line.ptr, text ? text : "nothing");
	assert_true(slice_eq(line, slice_of_cstr(text)));
}

static void expect_no_line(void)
{
	struct slice line;
	assert_false(spool_next(spool, &line));
	spool_release(spool);
}

/* Whatever pieces they come in. */
static void messages_are_told_apart(void **state)
{
	static const char text[] = "<1>one\n<2>two\r\n\n\r\n3 abc11 <134>1 - \n-<3>last\n";
	struct slice all = slice_of(text, sizeof(text) - 1);
	(void)state;
	for (size_t piece = 1; piece <= all.len; piece++) {
		int fd = connect_one();
		for (struct slice rest = all; rest.len;
		     rest = slice_from(rest, piece < rest.len ? piece : rest.len))
			send_all(fd, slice_sub(rest, 0, piece));
		expect_line("<1>one");
		expect_line("<2>two\r");
		expect_line("abc");
		expect_line("<134>1 - \n-");
		expect_line("<3>last");
		expect_no_line();
		close_one(fd);
	}
	assert_int_equal(counters().broken, 0);
}

static void what_is_cut_off_is_kept_and_counted(void **state)
{
	static const char *const texts[] = { "<1>no end", "20 too few bytes", "9" };
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int fd = connect_one();
		send_all(fd, slice_of_cstr(texts[i]));
		expect_no_line();
		close_one(fd);
		expect_line(texts[i]);
		expect_no_line();
		assert_int_equal(counters().broken, i + 1);
	}
}

static void what_is_no_length_ends_the_connection(void **state)
{
	static const char *const texts[] = { "12x <1>a", "65537 a", "999999 a", "1234567" };
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int fd = connect_one();
		send_all(fd, slice_of_cstr(texts[i]));
		assert_int_equal(counters().connections, 0);
		assert_int_equal(counters().broken, i + 1);
		expect_line(texts[i]);
		expect_no_line();
		close(fd);
	}
}

static void the_longest_messages_fit_and_longer_lines_are_cut(void **state)
{
	char *text = malloc(3 * SPOOL_LINE_MAX_BYTES);
	struct slice line;
	int fd = connect_one();
	(void)state;
	memset(text, 'x', 3 * SPOOL_LINE_MAX_BYTES);
	memcpy(text, "65536 ", 6);
	send_all(fd, slice_of(text, 6 + SPOOL_LINE_MAX_BYTES));
	assert_true(spool_next(spool, &line));
	assert_int_equal(line.len, SPOOL_LINE_MAX_BYTES);
	memcpy(text, "xxxxxx", 6);
	for (size_t longer = 0; longer < 20; longer++) {
		size_t len = SPOOL_LINE_MAX_BYTES + longer;
		text[len] = '\n';
		send_all(fd, slice_of(text, len + 1));
		text[len] = 'x';
		assert_true(spool_next(spool, &line));
		assert_int_equal(line.len, SPOOL_LINE_MAX_BYTES);
	}
	send_all(fd, slice_of(text, 3 * SPOOL_LINE_MAX_BYTES));
	send_all(fd, SLICE("rest\nnext\n"));
	assert_true(spool_next(spool, &line));
	assert_int_equal(line.len, SPOOL_LINE_MAX_BYTES);
	expect_line("next");
	expect_no_line();
	close_one(fd);
	assert_int_equal(counters().broken, 0);
	free(text);
}

/* When the spool has no room, the sender waits; then all of it comes, in order. */
static void a_full_spool_makes_senders_wait(void **state)
{
	enum { LINES = 800 };
	static char text[SPOOL_LINE_MAX_BYTES];
	struct slice line, rest = { 0 };
	int fd = connect_one(), sent = 0, got = 0;
	bool waited = false;
	(void)state;
	memset(text, 'x', sizeof(text));
	while (got < LINES) {
		if (!rest.len && sent < LINES) {
			snprintf(text, 16, "%06d", ++sent);
			text[6] = 'x';
			text[sizeof(text) - 1] = '\n';
			rest = slice_of(text, sizeof(text));
		}
		ssize_t n =
		    rest.len ? send(fd, rest.ptr, rest.len, MSG_DONTWAIT | MSG_NOSIGNAL) : -1;
		if (n > 0)
			rest = slice_from(rest, (size_t)n);
		ev_run(loop, EVRUN_NOWAIT);
		/* Lines are taken only when nothing goes in any more. */
		if (n > 0 || (!spool_is_full(spool) && sent < LINES))
			continue;
		waited |= spool_is_full(spool);
		while (spool_next(spool, &line)) {
			char number[8] = { 0 };
			memcpy(number, line.ptr, 6);
			assert_int_equal(atoi(number), ++got);
			assert_int_equal(line.len, sizeof(text) - 1);
		}
		spool_release(spool);
	}
	assert_true(waited);
	close_one(fd);
	assert_int_equal(counters().lines, LINES);
	assert_int_equal(counters().broken, 0);
}

static void there_is_a_limit_to_connections(void **state)
{
	int fds[STREAM_CONNECTIONS_MAX];
	char byte;
	(void)state;
	for (int i = 0; i < STREAM_CONNECTIONS_MAX; i++)
		fds[i] = connect_one();
	int one_more = connect_one();
	assert_int_equal(counters().refused, 1);
	assert_int_equal(recv(one_more, &byte, 1, 0), 0);
	close(one_more);
	send_all(fds[STREAM_CONNECTIONS_MAX - 1], SLICE("line\n"));
	expect_line("line");
	close_one(fds[0]);
	fds[0] = connect_one();
	assert_int_equal(counters().refused, 1);
	for (int i = 0; i < STREAM_CONNECTIONS_MAX; i++)
		close_one(fds[i]);
}

/* A next process finds what is in the spool once, also between datagrams and streams. */
static void what_was_put_is_found_once_after_a_kill(void **state)
{
	static const struct log_id log = { { 1 } };
	uint32_t overflow = 0;
	uint64_t bytes = 0;
	int pair[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	assert_int_equal(spool_recover(spool, &log, 1), 0);
	assert_int_equal(send(pair[0], "datagram", 8, 0), 8);
	assert_int_equal(spool_receive(spool, pair[1], &overflow, &bytes), 1);
	assert_true(spool_put(spool, SLICE("stream")));
	assert_int_equal(spool_recover(spool, &log, 1), 2);
	expect_line("datagram");
	expect_line("stream");
	expect_no_line();
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages_are_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_is_cut_off_is_kept_and_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_is_no_length_ends_the_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    the_longest_messages_fit_and_longer_lines_are_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_spool_makes_senders_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_a_limit_to_connections, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_was_put_is_found_once_after_a_kill, setup, teardown),
	};
	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
