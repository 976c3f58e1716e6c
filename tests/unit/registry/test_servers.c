/* SPDX-License-Identifier: Apache-2.0 */
/* Which differences of two configurations are addresses alone. */
#include "registry/servers.h"

#include "common/buf.h"
#include "tests/support/fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define TLS " ssl verify required ca-file 'ca.pem' verifyhost n sni str(n) check-sni n"
#define CONFIG(a, b)                                                                               \
	"backend agents from spop\n    server agent1 127.0.0.1:9000 check\n\n"                     \
	"# /bank/dev/api-services/a/{url}\nbackend svc_a from services\n"                          \
	"    timeout server 5ms\n    server primary " a TLS "\n"                                   \
	"    server spare 127.0.0.1:1" TLS " disabled\n"                                           \
	"\nbackend svc_b_canary from services\n    server primary " b "\n"

static struct slice base(void)
{
	return SLICE(CONFIG("a.internal:8443", "10.0.0.1:80"));
}

static void other_ports_and_other_addresses_are_moves(void **state)
{
	(void)state;
	struct server_moves moves;
	assert_true(server_moves_only(
	    base(), SLICE(CONFIG("a.internal:9443", "[2001:db8::1]:81")), &moves));
	assert_int_equal(moves.count, 2);
	assert_string_equal(moves.items[0].backend, "svc_a");
	assert_string_equal(moves.items[0].address, "");
	assert_int_equal(moves.items[0].port, 9443);
	assert_string_equal(moves.items[1].backend, "svc_b_canary");
	assert_string_equal(moves.items[1].address, "2001:db8::1");
	assert_int_equal(moves.items[1].port, 81);
	server_moves_release(&moves);
	assert_true(
	    server_moves_only(base(), SLICE(CONFIG("a.internal:8443", "10.0.0.1:81")), &moves));
	assert_int_equal(moves.count, 1);
	assert_string_equal(moves.items[0].address, "10.0.0.1");
	server_moves_release(&moves);
	assert_true(server_moves_only(base(), base(), &moves));
	assert_int_equal(moves.count, 0);
}

static void anything_else_is_not(void **state)
{
	(void)state;
	static const struct slice OTHERS[] = {
		SLICE_INIT(""),
		SLICE_INIT(CONFIG("b.internal:8443", "10.0.0.1:80")), /* another name */
		SLICE_INIT(CONFIG("10.0.0.9:8443", "10.0.0.1:80")), /* a name becomes an address */
		SLICE_INIT(CONFIG("a.internal:8443", "b:80")),      /* and the reverse */
		SLICE_INIT(CONFIG("a.internal:8443 check", "10.0.0.1:80")), /* other words */
		SLICE_INIT(CONFIG("a.internal:9443", "10.0.0.1:80") "\n"),  /* a line more */
		SLICE_INIT(CONFIG("a.internal:99999", "10.0.0.1:80")),      /* no port */
		SLICE_INIT(CONFIG("a.internal", "10.0.0.1:80")),
	};
	struct server_moves moves;
	for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
		assert_false(server_moves_only(base(), OTHERS[i], &moves));
		assert_int_equal(moves.count, 0);
		assert_false(server_moves_only(OTHERS[i], base(), &moves));
	}
}

/* Servers of other sections are named by settings, and rules may hang on them. */
static void only_the_servers_of_services_move(void **state)
{
	(void)state;
	struct server_moves moves;
	static const char *const SECTIONS[] = { "backend agents from spop", "peers cluster",
		"backend svc_a from services\npeers cluster", "frontend svc_a from http" };
	for (size_t i = 0; i < 4; i++) {
		char from[200], to[200];
		snprintf(from, sizeof(from), "%s\n    server primary 10.0.0.1:1\n", SECTIONS[i]);
		snprintf(to, sizeof(to), "%s\n    server primary 10.0.0.1:2\n", SECTIONS[i]);
		assert_false(server_moves_only(slice_of_cstr(from), slice_of_cstr(to), &moves));
	}
}

static void server_lines_are_found(void **state)
{
	(void)state;
	struct server_cursor cursor = { .rest = base() };
	struct server_line line;
	assert_true(server_next(&cursor, &line));
	assert_true(slice_eq(line.backend, SLICE("svc_a")));
	assert_true(slice_eq(line.host, SLICE("a.internal")));
	assert_int_equal(line.port, 8443);
	assert_false(line.is_address);
	assert_true(slice_starts_with(line.rest, SLICE("ssl verify")));
	assert_true(server_next(&cursor, &line));
	assert_true(line.is_address);
	assert_int_equal(line.rest.len, 0);
	assert_false(server_next(&cursor, &line));
}

static void addresses_are_compared_by_what_they_are(void **state)
{
	(void)state;
	assert_true(server_same_address(SLICE("::1"), SLICE("0:0:0:0:0:0:0:1")));
	assert_true(server_same_address(SLICE("10.0.0.1"), SLICE("10.0.0.1")));
	assert_false(server_same_address(SLICE("10.0.0.1"), SLICE("10.0.0.2")));
	assert_false(server_same_address(SLICE("0.0.0.0"), SLICE("::")));
	assert_false(server_same_address(SLICE("-"), SLICE("-")));
	assert_false(server_same_address(SLICE(""), SLICE("")));
}

static void every_truncation_and_failed_allocation_is_survived(void **state)
{
	(void)state;
	struct slice to = SLICE(CONFIG("a.internal:9443", "10.0.0.2:80"));
	struct server_moves moves;
	for (size_t len = 0; len < to.len; len++) {
		bool ok = server_moves_only(base(), slice_sub(to, 0, len), &moves);
		/* A port that is cut short is a port. */
		assert_int_equal(ok, len >= to.len - sizeof("0\n") + 1);
		server_moves_release(&moves);
	}
	fail_alloc_from(1);
	bool ok = server_moves_only(base(), to, &moves);
	fail_alloc_off();
	assert_false(ok);
	assert_null(moves.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_ports_and_other_addresses_are_moves),
		cmocka_unit_test(anything_else_is_not),
		cmocka_unit_test(only_the_servers_of_services_move),
		cmocka_unit_test(server_lines_are_found),
		cmocka_unit_test(addresses_are_compared_by_what_they_are),
		cmocka_unit_test(every_truncation_and_failed_allocation_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
