/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from HAProxy's tables and asked of it, against a socket that answers like one. */
#include "registry/live_servers.h"

#include "common/file.h"
#include "tests/support/fail_alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* --- HAProxy ---------------------------------------------------------------------------------- */

static char path[64];
static int listener = -1;
static pthread_t thread;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Under the lock. */
static const char *state, *state_later, *connections;
static unsigned later; /* looks at the state until it is the later one, once a server was set */
static char commands[2000];
static bool was_set;

#define HEAD                                                                                       \
	"1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "    \
	"srv_fqdn srv_port srvrecord\n"
#define ROW(be, srv, addr, admin, port) "4 " be " 1 " srv " " addr " 2 " admin " 1 - " port " -\n"
#define CONN_HEAD                       "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max\n"
#define CONN(name, used)                name " 2/1 127.0.0.1 1 - 5000 " used " 0\n"

static const char BOTH[] = HEAD ROW("agents", "primary", "10.9.9.9", "0", "1")
    ROW("svc_a", "primary", "10.0.0.1", "0", "80") ROW("svc_a", "spare", "127.0.0.1", "5", "1");
static const char MOVED[] = HEAD ROW("svc_a", "primary", "10.0.0.1", "1", "80")
    ROW("svc_a", "spare", "10.0.0.2", "4", "81");
static const char IDLE[] = CONN_HEAD CONN("svc_a/primary", "7") CONN("svc_a/spare", "0");

static const char *answer_to(const char *command)
{
	if (strncmp(command, "show servers conn", 17) == 0)
		return connections;
	if (strncmp(command, "show servers state", 18) == 0) {
		if (was_set && later > 0 && --later == 0)
			state = state_later;
		return state;
	}
	strncat(commands, command, sizeof(commands) - strlen(commands) - 1);
	was_set = true;
	return "\n";
}

static void *serve(void *unused)
{
	(void)unused;
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
		char command[600];
		size_t len = 0;
		ssize_t got;
		while (len < sizeof(command) - 1 &&
		       (got = read(fd, command + len, sizeof(command) - 1 - len)) > 0)
			len += (size_t)got;
		command[len] = 0;
		pthread_mutex_lock(&lock);
		file_write_all(fd, slice_of_cstr(answer_to(command)));
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static int start(void **unused)
{
	(void)unused;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(path, sizeof(path), "/tmp/test_live_servers.%d", (int)getpid());
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	       listen(listener, 16) != 0 || pthread_create(&thread, NULL, serve, NULL) != 0;
}

static int stop_serving(void **unused)
{
	(void)unused;
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
	return unlink(path);
}

static void says(const char *servers, const char *conn)
{
	pthread_mutex_lock(&lock);
	state = servers;
	connections = conn;
	state_later = MOVED;
	later = 0;
	was_set = false;
	commands[0] = 0;
	pthread_mutex_unlock(&lock);
}

static int set_up(void **unused)
{
	(void)unused;
	says(BOTH, IDLE);
	return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static struct server_move move;

static bool complete(const char *address)
{
	struct server_moves moves = { &move, 1, 1 };
	move = (struct server_move){ .backend = "svc_a", .port = 81 };
	snprintf(move.address, sizeof(move.address), "%s", address);
	return live_servers_complete(path, &moves);
}

static void the_free_server_takes_over(void **unused)
{
	(void)unused;
	assert_true(complete("10.0.0.2"));
	assert_string_equal(move.from, "primary");
	assert_string_equal(move.to, "spare");
	assert_string_equal(move.address, "10.0.0.2");
	says(MOVED, CONN_HEAD CONN("svc_a/primary", "0") CONN("svc_a/spare", "3"));
	assert_true(complete("::1"));
	assert_string_equal(move.from, "spare");
	assert_string_equal(move.to, "primary");
}

static void what_a_name_stood_for_is_kept(void **unused)
{
	(void)unused;
	assert_true(complete(""));
	assert_string_equal(move.address, "10.0.0.1");
}

static void a_reload_is_the_way_when_states_are_not_as_left(void **unused)
{
	(void)unused;
	static const char *const STATES[] = {
		"",
		"1\n",
		"Unknown command\n",
		/* no such backend; no spare, and no spare in maintenance */
		HEAD ROW("svc_b", "primary", "10.0.0.1", "0", "80"),
		HEAD ROW("svc_a", "primary", "10.0.0.1", "0", "80"),
		HEAD ROW("svc_a", "primary", "10.0.0.1", "1", "80"),
		/* both in use, both in maintenance */
		HEAD ROW("svc_a", "primary", "10.0.0.1", "0", "80")
		    ROW("svc_a", "spare", "127.0.0.1", "4", "1"),
		HEAD ROW("svc_a", "primary", "10.0.0.1", "1", "80")
		    ROW("svc_a", "spare", "127.0.0.1", "5", "1"),
		/* cells that are none */
		HEAD ROW("svc_a", "primary", "10.0.0.1", "x", "80")
		    ROW("svc_a", "spare", "127.0.0.1", "5", "1"),
		HEAD "4 svc_a 1 primary\n4 svc_a 1 spare\n",
		"# be_id be_name\n" ROW("svc_a", "primary", "10.0.0.1", "0", "80"),
	};
	for (size_t i = 0; i < sizeof(STATES) / sizeof(STATES[0]); i++) {
		says(STATES[i], IDLE);
		assert_false(complete("10.0.0.2"));
	}
	/* the free one works on requests of the time before, or nothing is said of them */
	says(BOTH, CONN_HEAD CONN("svc_a/primary", "0") CONN("svc_a/spare", "1"));
	assert_false(complete("10.0.0.2"));
	says(BOTH, CONN_HEAD CONN("svc_a/spare", "many"));
	assert_false(complete("10.0.0.2"));
	says(BOTH, "");
	assert_false(complete("10.0.0.2"));
	/* a name without an address */
	says(HEAD ROW("svc_a", "primary", "-", "0", "80")
	         ROW("svc_a", "spare", "127.0.0.1", "5", "1"),
	    IDLE);
	assert_false(complete(""));
}

static void the_new_one_comes_before_the_old_one_goes(void **unused)
{
	(void)unused;
	struct server_moves moves = { &move, 1, 1 };
	struct err err = { 0 };
	assert_true(complete("10.0.0.2"));
	pthread_mutex_lock(&lock);
	later = 3;
	pthread_mutex_unlock(&lock);
	assert_true(live_servers_move(path, &moves, &err));
	assert_int_equal(later, 0);
	assert_string_equal(commands,
	    "set server svc_a/spare addr 10.0.0.2 port 81; set server svc_a/spare state ready; "
	    "set server svc_a/primary state maint\n");
}

static void drift(const char *config, const char *want)
{
	struct buf lines;
	buf_init(&lines, 0);
	live_servers_drift(path, slice_of_cstr(config), &lines);
	assert_string_equal(buf_cstr(&lines), want);
	buf_release(&lines);
}

static void another_address_in_use_is_drift(void **unused)
{
	(void)unused;
#define LINE(address) "backend svc_a from services\n    server primary " address " ssl\n"
	drift(LINE("10.0.0.1:80"), "");
	drift(LINE("a.example:80"), "");
	drift(LINE("10.0.0.1:81"), "server svc_a/primary was changed at run time: 10.0.0.1 port 80 "
	                           "instead of 10.0.0.1 port 81\n");
	drift(LINE("10.0.0.3:80"), "server svc_a/primary was changed at run time: 10.0.0.1 port 80 "
	                           "instead of 10.0.0.3 port 80\n");
	drift(LINE("a.example:9"), "server svc_a/primary was changed at run time: 10.0.0.1 port 80 "
	                           "instead of a.example port 9\n");
	says(MOVED, IDLE);
	drift(LINE("10.0.0.2:81"), "");
	drift(LINE("10.0.0.1:80"), "server svc_a/spare was changed at run time: 10.0.0.2 port 81 "
	                           "instead of 10.0.0.1 port 80\n");
	says("", "");
	drift(LINE("10.0.0.1:80"), "");
}

static void failed_allocations_mean_a_reload(void **unused)
{
	(void)unused;
	bool ok = false;
	long n = 1;
	for (; !ok && n < 200; n++) {
		fail_alloc_from(n);
		ok = complete("10.0.0.2");
		fail_alloc_off();
	}
	assert_true(ok);
	assert_true(n > 3);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_free_server_takes_over),
		TEST(what_a_name_stood_for_is_kept),
		TEST(a_reload_is_the_way_when_states_are_not_as_left),
		TEST(the_new_one_comes_before_the_old_one_goes),
		TEST(another_address_in_use_is_drift),
		TEST(failed_allocations_mean_a_reload),
	};
	return cmocka_run_group_tests(tests, start, stop_serving);
}
