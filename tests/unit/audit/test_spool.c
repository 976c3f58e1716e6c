/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/spool.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct log_id log_id = { { 1, 2, 3 } };
static char path[] = "/dev/shm/sallyport-test-spool.XXXXXX";
static int pair[2]; /* datagrams from [0] to [1] */

static int setup(void **state)
{
	int bytes = 8 << 20;
	(void)state;
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0)
		return -1;
	return setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) == 0 ||
	               setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0
	           ? 0
	           : -1;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static struct spool *open_spool(void)
{
	struct err err = { 0 };
	bool survives;
	struct spool *spool = spool_open(path, 0, &survives, &err);
	if (!spool)
		print_message("%s\n", err.text);
	assert_non_null(spool);
	assert_true(survives);
	return spool;
}

static void send_number(unsigned number)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "line %u", number);
	assert_int_equal(send(pair[0], text, (size_t)n, MSG_DONTWAIT), n);
}

static int receive(struct spool *spool)
{
	uint32_t overflow = 0;
	uint64_t bytes = 0;
	return spool_receive(spool, pair[1], &overflow, &bytes);
}

static unsigned take(struct spool *spool)
{
	struct slice line;
	unsigned number = 0;
	char text[64];
	if (!spool_next(spool, &line))
		return 0;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(line));
	assert_int_equal(sscanf(text, "line %u", &number), 1);
	return number;
}

static void lines_come_in_order(void **state)
{
	struct spool *spool = open_spool();
	unsigned sent = 0, taken = 0;
	bool closed;
	(void)state;
	assert_int_equal(spool_recover(spool, &log_id, 1), 0);
	assert_false(spool_wait(spool, 0, &closed));
	for (int round = 0; round < 3000; round++) {
		for (int i = 0; i < 1 + round % 50; i++)
			send_number(++sent);
		while (receive(spool) > 0)
			;
		assert_true(spool_wait(spool, 0, &closed));
		for (unsigned n; (n = take(spool)) != 0;)
			assert_int_equal(n, ++taken);
		spool_release(spool);
		assert_int_equal(spool_bytes(spool), 0);
	}
	assert_int_equal(taken, sent);
	spool_close(spool);
	assert_false(spool_wait(spool, 1000, &closed));
	assert_true(closed);
	spool_free(spool);
}

/* The longest datagrams, until there is no room; and on when there is again. */
static void a_full_spool_says_so_and_loses_nothing(void **state)
{
	static char text[60000];
	struct spool *spool = open_spool();
	unsigned sent = 0, taken = 0;
	struct slice line;
	(void)state;
	spool_recover(spool, &log_id, 1);
	for (int turn = 0; turn < 20; turn++) {
		while (!spool_is_full(spool)) {
			memcpy(text, &sent, sizeof(sent));
			if (send(pair[0], text, sizeof(text) - sent % 1000, MSG_DONTWAIT) > 0)
				sent++;
			receive(spool);
		}
		assert_int_equal(receive(spool), 0);
		while (spool_next(spool, &line)) {
			unsigned number;
			memcpy(&number, line.ptr, sizeof(number));
			assert_int_equal(number, taken);
			assert_int_equal(line.len, sizeof(text) - taken % 1000);
			taken++;
		}
		spool_release(spool);
	}
	assert_int_equal(taken, sent);
	spool_free(spool);
}

/* A process that received 10 lines, made 6 of them records 11 to 16, and had 14 committed when it
 * was killed. */
static void what_is_not_in_the_log_is_found_again(void **state)
{
	struct spool *spool = open_spool();
	(void)state;
	spool_recover(spool, &log_id, 11);
	for (unsigned i = 1; i <= 10; i++)
		send_number(i);
	receive(spool);
	for (unsigned i = 1; i <= 6; i++) {
		assert_int_equal(take(spool), i);
		spool_number(spool, 10 + i);
	}
	spool_free(spool);

	spool = open_spool();
	assert_int_equal(spool_recover(spool, &log_id, 15), 6);
	for (unsigned i = 5; i <= 10; i++)
		assert_int_equal(take(spool), i);
	assert_int_equal(take(spool), 0);
	spool_release(spool);
	spool_free(spool);
	spool = open_spool();
	assert_int_equal(spool_recover(spool, &log_id, 21), 0);
	spool_free(spool);
}

/* Numbers of another log say nothing of this one. */
static void all_lines_are_new_to_another_log(void **state)
{
	const struct log_id other = { { 9 } };
	struct spool *spool = open_spool();
	(void)state;
	spool_recover(spool, &log_id, 1);
	send_number(1);
	receive(spool);
	take(spool);
	spool_number(spool, 1);
	spool_free(spool);
	spool = open_spool();
	assert_int_equal(spool_recover(spool, &other, 100), 1);
	assert_int_equal(take(spool), 1);
	spool_free(spool);
}

static _Noreturn void receive_until_killed(void)
{
	struct err err = { 0 };
	bool survives;
	struct spool *spool = spool_open(path, 0, &survives, &err);
	if (!spool)
		_exit(1);
	spool_recover(spool, &log_id, 1);
	for (;;) {
		uint32_t overflow = 0;
		uint64_t bytes = 0;
		spool_receive(spool, pair[1], &overflow, &bytes);
	}
}

/* SIGKILL at any moment between the socket and the ring: every line is there once. */
static void a_kill_while_receiving_loses_and_repeats_nothing(void **state)
{
	unsigned sent = 0, expected = 0;
	(void)state;
	for (int turn = 0; turn < 60; turn++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			receive_until_killed();
		for (int i = 0; i < 400 + turn * 7; i++) {
			char text[32];
			int n = snprintf(text, sizeof(text), "line %u", sent + 1);
			if (send(pair[0], text, (size_t)n, 0) == n)
				sent++;
		}
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		struct spool *spool = open_spool();
		spool_recover(spool, &log_id, 1);
		while (receive(spool) > 0) /* what the child left in the socket */
			;
		for (unsigned n; (n = take(spool)) != 0;)
			assert_int_equal(n, ++expected);
		spool_release(spool);
		spool_free(spool);
	}
	assert_int_equal(expected, sent);
}

/* systemd's side of FDSTORE, and what it hands to the next process. */
static void systemd_keeps_the_memory(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[64] = "", name[32], fds[CMSG_SPACE(sizeof(int))];
	struct iovec part = { text, sizeof(text) - 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = fds, .msg_controllen = sizeof(fds)
	};
	struct err err = { 0 };
	bool survives;
	int kept = -1;
	(void)state;
	int n = snprintf(name, sizeof(name), "@sallyport-test-%d", (int)getpid());
	memcpy(address.sun_path + 1, name + 1, (size_t)n - 1);
	int notify = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(notify, (struct sockaddr *)&address,
	                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
	    0);
	setenv("NOTIFY_SOCKET", name, 1);
	struct spool *spool = spool_open(NULL, 0, &survives, &err);
	unsetenv("NOTIFY_SOCKET");
	assert_non_null(spool);
	assert_true(survives);
	assert_true(recvmsg(notify, &message, MSG_DONTWAIT) > 0);
	assert_string_equal(text, "FDSTORE=1\nFDNAME=spool\n");
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (!header)
		fail_msg("no descriptor came");
	else
		memcpy(&kept, CMSG_DATA(header), sizeof(kept));
	spool_recover(spool, &log_id, 1);
	send_number(7);
	receive(spool);
	spool_free(spool);

	pid_t child = fork();
	if (child == 0) {
		char pid[16];
		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDNAMES", "sallyport-audit.socket:spool", 1);
		dup2(kept, 4);
		spool = spool_open(NULL, 0, &survives, &err);
		_exit(spool && survives && spool_recover(spool, &log_id, 1) == 1 && take(spool) == 7
		          ? 0
		          : 1);
	}
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	close(kept);
	close(notify);
}

static void without_a_keeper_it_works_and_says_so(void **state)
{
	struct err err = { 0 };
	bool survives = true;
	(void)state;
	struct spool *spool = spool_open(NULL, 0, &survives, &err);
	assert_non_null(spool);
	assert_false(survives);
	spool_recover(spool, &log_id, 1);
	send_number(7);
	assert_int_equal(receive(spool), 1);
	assert_int_equal(take(spool), 7);
	spool_free(spool);
}

static void a_spool_is_never_on_a_disk_or_shared(void **state)
{
	char file[] = "/var/tmp/sallyport-test-spool.XXXXXX";
	struct err err = { 0 };
	bool survives;
	(void)state;
	int fd = mkstemp(file);
	assert_true(fd >= 0);
	close(fd);
	if (!spool_open(file, 0, &survives, &err))
		assert_string_equal(
		    err.text, "a spool holds records in the clear: it must be on a tmpfs");
	unlink(file);
	err_clear(&err);
	assert_int_equal(chmod(path, 0640), 0);
	assert_null(spool_open(path, 0, &survives, &err));
	assert_string_equal(err.text, "a spool must be its owner's alone");
}

/* What was sent before the mark is what the writer has passed, however much comes after it. */
static void a_mark_is_passed_when_all_before_it_was_taken(void **state)
{
	struct spool *spool = open_spool();
	struct slice line;
	uint32_t overflow = 0;
	uint64_t bytes = 0;
	(void)state;
	assert_false(spool_passed_mark(spool));
	assert_int_equal(send(pair[0], "one", 3, 0), 3);
	assert_int_equal(spool_receive(spool, pair[1], &overflow, &bytes), 1);
	spool_mark(spool);
	assert_int_equal(send(pair[0], "two", 3, 0), 3);
	assert_int_equal(spool_receive(spool, pair[1], &overflow, &bytes), 1);
	spool_mark(spool); /* the one before is not passed yet: it stays */
	assert_false(spool_passed_mark(spool));
	assert_true(spool_next(spool, &line));
	assert_true(spool_passed_mark(spool));
	assert_false(spool_passed_mark(spool));
	spool_mark(spool);
	assert_false(spool_passed_mark(spool));
	assert_true(spool_next(spool, &line));
	assert_true(spool_passed_mark(spool));
	spool_free(spool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_mark_is_passed_when_all_before_it_was_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(systemd_keeps_the_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    without_a_keeper_it_works_and_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_come_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_full_spool_says_so_and_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_is_not_in_the_log_is_found_again, setup, teardown),
		cmocka_unit_test_setup_teardown(all_lines_are_new_to_another_log, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_kill_while_receiving_loses_and_repeats_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_spool_is_never_on_a_disk_or_shared, setup, teardown),
	};
	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
