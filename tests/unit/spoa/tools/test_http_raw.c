/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/tools/http_raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void what_stands_in_a_request_is_found(void **state)
{
	static const struct {
		const char *raw;
		const char *refused; /* NULL: it is taken */
		const char *path, *query, *version, *body;
		size_t headers;
	} rows[] = {
		{ "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", NULL, "/a", "b=c", "1.1", "", 1 },
		{ "GET /a HTTP/1.1\nHost: h\nX:y\n\n", NULL, "/a", "", "1.1", "", 2 },
		{ "\r\nGET / HTTP/1.0\r\n\r\n", NULL, "/", "", "1.0", "", 0 },
		{ "GET / HTTP/1.1\r\nHost: h", NULL, "/", "", "1.1", "", 1 },
		{ "GET http://h/x?y HTTP/1.1\r\n\r\n", NULL, "/x", "y", "1.1", "", 0 },
		{ "OPTIONS * HTTP/1.1\r\n\r\n", NULL, "*", "", "1.1", "", 0 },
		{ "GET /\r\n\r\n", NULL, "/", "", "0.9", "", 0 },
		{ "GET / HTTP/1.1\r\nA: 1\r\n 2\r\n\r\n", NULL, "/", "", "1.1", "", 1 },
		/* bodies: by length or by chunks; what is wrong is for rules to see, with all that
		   came */
		{ "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabc", NULL, "/", "", "1.1", "ab",
		    1 },
		{ "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", NULL, "/", "", "1.1", "abc",
		    1 },
		{ "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\nabc", NULL, "/", "", "1.1", "abc",
		    1 },
		{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
		    NULL, "/", "", "1.1", "abc", 1 },
		{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz", NULL, "/", "", "1.1",
		    "zz", 1 },
		{ "POST / HTTP/1.1\r\nHost: h\r\n\r\na=b", NULL, "/", "", "1.1", "", 1 },
		{ "GET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n\r\n", NULL, "/", "", "1.1", "", 1 },
		/* what no server takes */
		{ "", "the request line does not end", "", "", "", "", 0 },
		{ "GET / HTTP/1.1", "the request line does not end", "", "", "", "", 0 },
		{ "G@T / HTTP/1.1\r\n\r\n", "the request line does not begin with a method", "", "",
		    "", "", 0 },
		{ "GET / HTTP/x\r\n\r\n", "the request line does not end in a version of HTTP", "",
		    "", "", "", 0 },
		{ "GET a b HTTP/1.1\r\n\r\n",
		    "the request target has a blank, a control character or a fragment", "", "", "",
		    "", 0 },
		{ "GET a HTTP/1.1\r\n\r\n", "the request target is neither a path nor a URI", "",
		    "", "", "", 0 },
		{ "GET / HTTP/1.1\r\nNo colon\r\n\r\n", "a header line has no colon", "", "", "",
		    "", 0 },
		{ "GET / HTTP/1.1\r\nA b: c\r\n\r\n", "a header name is no token", "", "", "", "",
		    0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct waf_request r = { 0 };
		struct arena arena;
		arena_init(&arena, 0);
		const char *refused = http_raw_request(slice_of_cstr(rows[i].raw), &arena, &r);
		if (!refused != !rows[i].refused ||
		    (refused && strcmp(refused, rows[i].refused) != 0))
			fail_msg("%s: %s", rows[i].raw, refused ? refused : "taken");
		if (!refused && (!slice_eq(r.path, slice_of_cstr(rows[i].path)) ||
		                    !slice_eq(r.query, slice_of_cstr(rows[i].query)) ||
		                    !slice_eq(r.version, slice_of_cstr(rows[i].version)) ||
		                    !slice_eq(r.body, slice_of_cstr(rows[i].body)) ||
		                    r.header_count != rows[i].headers))
			fail_msg(
			    "%s: path '%.*s', query '%.*s', version '%.*s', body '%.*s', %zu headers",
			    rows[i].raw, SLICE_ARG(r.path), SLICE_ARG(r.query),
			    SLICE_ARG(r.version), SLICE_ARG(r.body), r.header_count);
		arena_release(&arena);
	}
}

static void what_stands_in_a_response_is_found(void **state)
{
	struct waf_response r = { 0 };
	struct arena arena;
	(void)state;
	arena_init(&arena, 0);
	assert_null(http_raw_response(
	    SLICE("HTTP/1.1 502 Bad Gateway\r\nServer: x\r\n\r\nto the end"), &arena, &r));
	assert_int_equal(r.status, 502);
	assert_int_equal(r.header_count, 1);
	assert_true(slice_eq(r.body, SLICE("to the end")));
	assert_non_null(http_raw_response(SLICE("HTTP/1.1 5 x\r\n\r\n"), &arena, &r));
	assert_non_null(http_raw_response(SLICE("nothing"), &arena, &r));
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_in_a_request_is_found),
		cmocka_unit_test(what_stands_in_a_response_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
