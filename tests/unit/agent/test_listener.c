/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/listener.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct folder {
	char path[64], address[96];
	const char *file;
};

static void folder_init(struct folder *f)
{
	strcpy(f->path, "/tmp/sallyport-listener.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	snprintf(f->address, sizeof(f->address), "unix:%s/s", f->path);
	f->file = f->address + 5;
}

static const struct listener_options one_thread = { .mode = 0640, .threads = 1 };

static bool open_one(const char *address, const struct listener_options *options,
    struct listener_set *set, struct err *err)
{
	const char *addresses[] = { address };

	err_clear(err);
	return listener_open(addresses, 1, options, set, err);
}

static void addresses_are_checked(void **state)
{
	(void)state;
	const char *good[] = { "unix:/run/x", "tcp:127.0.0.1:0", "tcp:[::1]:65535",
		"tcp:0.0.0.0:80" };
	const char *bad[] = { "", "unix:", "unix:relative", "tcp:", "tcp:127.0.0.1",
		"tcp:127.0.0.1:65536", "tcp::80", "tcp:localhost:80", "tcp:127.0.0.1:x",
		"127.0.0.1:80", "udp:127.0.0.1:1", "tcp:127.0.0.1:-1" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(listener_check(good[i], NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };

		assert_false(listener_check(bad[i], &err));
		assert_true(err_is_set(&err));
	}
}

static void a_socket_path_has_a_length_limit(void **state)
{
	(void)state;
	char text[200] = "unix:/";
	size_t longest = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	memset(text + 6, 'x', longest - 1);
	assert_true(listener_check(text, NULL));
	text[5 + longest] = 'x';
	assert_false(listener_check(text, NULL));
}

static void a_socket_file_has_its_mode_and_goes_when_closed(void **state)
{
	(void)state;
	struct listener_set set;
	struct folder f;
	struct stat status;
	struct err err;

	folder_init(&f);
	assert_true(open_one(f.address, &one_thread, &set, &err));
	assert_int_equal(stat(f.file, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 0777, 0640);
	listener_close(&set);
	assert_int_not_equal(stat(f.file, &status), 0);
	assert_int_equal(rmdir(f.path), 0);
}

static void a_socket_file_that_nobody_listens_on_is_replaced(void **state)
{
	(void)state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct listener_set set;
	struct folder f;
	struct err err;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	folder_init(&f);
	strcpy(address.sun_path, f.file);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_true(open_one(f.address, &one_thread, &set, &err));
	listener_close(&set);
	assert_int_equal(rmdir(f.path), 0);
}

static void a_socket_in_use_and_another_file_are_left_alone(void **state)
{
	(void)state;
	struct listener_set set, second;
	struct folder f;
	struct stat status;
	struct err err;
	FILE *file;

	folder_init(&f);
	assert_true(open_one(f.address, &one_thread, &set, &err));
	assert_false(open_one(f.address, &one_thread, &second, &err));
	assert_non_null(strstr(err.text, "another process does"));
	assert_int_equal(stat(f.file, &status), 0);
	listener_close(&set);
	file = fopen(f.file, "w");
	fclose(file);
	assert_false(open_one(f.address, &one_thread, &second, &err));
	assert_non_null(strstr(err.text, "it is there and no socket"));
	assert_int_equal(stat(f.file, &status), 0);
	unlink(f.file);
	assert_int_equal(rmdir(f.path), 0);
}

static void an_unknown_group_is_an_error_and_leaves_nothing(void **state)
{
	(void)state;
	const struct listener_options options = {
		.mode = 0660, .group = "no-such-group-here", .threads = 1
	};
	struct listener_set set;
	struct folder f;
	struct err err;

	folder_init(&f);
	assert_false(open_one(f.address, &options, &set, &err));
	assert_non_null(strstr(err.text, "no group 'no-such-group-here'"));
	assert_int_equal(rmdir(f.path), 0);
}

static void threads_share_a_unix_socket_and_have_tcp_sockets_of_their_own(void **state)
{
	(void)state;
	const struct listener_options options = { .mode = 0600, .threads = 3 };
	struct listener_set set;
	struct folder f;
	struct err err;
	const char *addresses[2];

	folder_init(&f);
	addresses[0] = f.address;
	/* Each thread's socket gets a port of its own with port 0, which is enough here. */
	addresses[1] = "tcp:127.0.0.1:0";
	err_clear(&err);
	assert_true(listener_open(addresses, 2, &options, &set, &err));
	assert_int_equal(set.count, 2);
	assert_int_equal(listener_row(&set, 0)[0], listener_row(&set, 2)[0]);
	assert_int_not_equal(listener_row(&set, 0)[1], listener_row(&set, 1)[1]);
	assert_int_not_equal(listener_row(&set, 1)[1], listener_row(&set, 2)[1]);
	listener_close(&set);
	assert_int_equal(rmdir(f.path), 0);
}

static void sockets_for_another_process_are_not_taken(void **state)
{
	(void)state;
	int fds[LISTENER_MAX];
	char pid[32];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid() + 1);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	assert_int_equal(listener_inherited(fds), 0);
	assert_null(getenv("LISTEN_FDS"));
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	assert_int_equal(listener_inherited(fds), 2);
	assert_int_equal(fds[0], 3);
	assert_int_equal(fds[1], 4);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "17", 1);
	assert_int_equal(listener_inherited(fds), 0);
}

static void a_descriptor_that_does_not_listen_is_not_adopted(void **state)
{
	(void)state;
	struct listener_set set;
	struct err err = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_false(listener_adopt(&fd, 1, 1, &set, &err));
	assert_non_null(strstr(err.text, "is no listening socket"));
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void a_retired_socket_refuses_new_peers_and_still_gives_the_waiting_ones(void **state)
{
	(void)state;
	struct folder f;
	struct listener_set set;
	struct err err = { 0 };
	int peer, accepted;

	folder_init(&f);
	assert_true(open_one(f.address, &one_thread, &set, &err));
	peer = connect_to(f.file);
	assert_true(peer >= 0);
	listener_retire(&set);
	assert_int_equal(connect_to(f.file), -1);
	assert_int_equal(errno, ECONNREFUSED);
	accepted = accept(listener_row(&set, 0)[0], NULL, NULL);
	assert_true(accepted >= 0);
	assert_int_equal(write(peer, "x", 1), 1);
	assert_true(accept(listener_row(&set, 0)[0], NULL, NULL) < 0);
	close(accepted);
	close(peer);
	listener_close(&set);
	rmdir(f.path);
}

static void an_adopted_socket_is_not_retired(void **state)
{
	(void)state;
	struct folder f;
	struct listener_set opened, adopted;
	struct err err = { 0 };
	int fd, peer;

	folder_init(&f);
	assert_true(open_one(f.address, &one_thread, &opened, &err));
	fd = dup(listener_row(&opened, 0)[0]);
	assert_true(listener_adopt(&fd, 1, 1, &adopted, &err));
	listener_retire(&adopted);
	peer = connect_to(f.file);
	assert_true(peer >= 0);
	close(peer);
	listener_close(&adopted);
	listener_close(&opened);
	rmdir(f.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_checked),
		cmocka_unit_test(a_socket_path_has_a_length_limit),
		cmocka_unit_test(a_socket_file_has_its_mode_and_goes_when_closed),
		cmocka_unit_test(a_socket_file_that_nobody_listens_on_is_replaced),
		cmocka_unit_test(a_socket_in_use_and_another_file_are_left_alone),
		cmocka_unit_test(an_unknown_group_is_an_error_and_leaves_nothing),
		cmocka_unit_test(threads_share_a_unix_socket_and_have_tcp_sockets_of_their_own),
		cmocka_unit_test(sockets_for_another_process_are_not_taken),
		cmocka_unit_test(a_descriptor_that_does_not_listen_is_not_adopted),
		cmocka_unit_test(
		    a_retired_socket_refuses_new_peers_and_still_gives_the_waiting_ones),
		cmocka_unit_test(an_adopted_socket_is_not_retired),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
