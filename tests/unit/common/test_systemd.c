/* SPDX-License-Identifier: Apache-2.0 */
#include "common/systemd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A socket as systemd's, on an abstract name that the kernel chooses; NOTIFY_SOCKET names it. */
static int open_manager(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(sa_family_t);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char name[64] = "@";

	assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
	size = sizeof(address);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	memcpy(name + 1, address.sun_path + 1, size - offsetof(struct sockaddr_un, sun_path) - 1);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void a_notification_arrives_as_one_datagram(void **state)
{
	(void)state;
	char text[128] = "";
	int fd = open_manager();

	assert_true(systemd_notify("READY=1"));
	assert_int_equal(recv(fd, text, sizeof(text), 0), 7);
	assert_memory_equal(text, "READY=1", 7);
	close(fd);
}

static void reloading_carries_the_monotonic_time(void **state)
{
	(void)state;
	char text[128] = "";
	int fd = open_manager();

	assert_true(systemd_notify_reloading());
	assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
	assert_memory_equal(text, "RELOADING=1\nMONOTONIC_USEC=", 27);
	assert_true(strtoull(text + 27, NULL, 10) > 0);
	close(fd);
}

static void without_a_manager_nothing_happens(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_false(systemd_notify("READY=1"));
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_false(systemd_notify("READY=1"));
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	assert_false(systemd_notify("READY=1"));
	unsetenv("NOTIFY_SOCKET");
}

static void the_watchdog_is_for_the_process_it_names(void **state)
{
	(void)state;
	char pid[32];

	unsetenv("WATCHDOG_USEC");
	assert_int_equal(systemd_watchdog_us(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(systemd_watchdog_us(), 30000000);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(systemd_watchdog_us(), 30000000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(systemd_watchdog_us(), 0);
	unsetenv("WATCHDOG_PID");
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(systemd_watchdog_us(), 0);
	unsetenv("WATCHDOG_USEC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_notification_arrives_as_one_datagram),
		cmocka_unit_test(reloading_carries_the_monotonic_time),
		cmocka_unit_test(without_a_manager_nothing_happens),
		cmocka_unit_test(the_watchdog_is_for_the_process_it_names),
	};

	return cmocka_run_group_tests_name("systemd", tests, NULL, NULL);
}
