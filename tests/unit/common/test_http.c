/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http.h"

#include "tests/support/http_server.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define OK_HELLO SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

/* One server and one exchange with it. */
struct exchange {
	struct http_server server;
	struct http_response response;
	struct err err;
	char url[100];
	bool ok;
};

static void run(struct exchange *x, const struct http_server_options *options,
    struct http_request request, const char *host)
{
	memset(x, 0, sizeof(*x));
	http_response_init(&x->response);
	http_server_start(&x->server, options);
	snprintf(x->url, sizeof(x->url), "%s://%s:%u/path?q=1",
	    options->tls_name ? "https" : "http", host, options->unix_path ? 80 : x->server.port);
	request.url = x->url;
	x->ok = http_perform(&request, &x->response, &x->err);
	http_server_stop(&x->server);
	assert_int_equal(x->ok, !err_is_set(&x->err));
}

static void done(struct exchange *x)
{
	http_server_release(&x->server);
	http_response_release(&x->response);
}

static void plain(struct exchange *x, struct slice answer, struct http_request request)
{
	run(x, &(struct http_server_options){ .answer = answer }, request, "127.0.0.1");
}

static bool request_has(struct exchange *x, const char *part)
{
	return slice_find(buf_slice(&x->server.request), slice_of_cstr(part)) != SIZE_MAX;
}

static void any_status_is_a_response(void **state)
{
	(void)state;
	static const long statuses[] = { 200, 201, 204, 304, 400, 404, 500, 503 };
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct exchange x;
		char answer[100];
		snprintf(answer, sizeof(answer),
		    "HTTP/1.1 %ld X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		    statuses[i]);
		plain(&x, slice_of_cstr(answer), (struct http_request){ 0 });
		assert_true(x.ok);
		assert_int_equal(x.response.status, statuses[i]);
		assert_int_equal(x.response.body.len, 0);
		done(&x);
	}
}

static void body_and_headers_arrive(void **state)
{
	(void)state;
	struct exchange x;
	plain(&x,
	    SLICE(
	        "HTTP/1.1 200 OK\r\nX-One:  a b \r\nx-one: second\r\nEmpty:\r\nContent-Length: 3\r\n"
	        "Connection: close\r\n\r\nx\0y"),
	    (struct http_request){ 0 });
	assert_true(x.ok);
	assert_true(slice_eq(buf_slice(&x.response.body), SLICE("x\0y")));
	assert_true(slice_eq(http_response_header(&x.response, "x-one"), SLICE("a b")));
	assert_true(slice_is_empty(http_response_header(&x.response, "empty")));
	assert_true(slice_is_empty(http_response_header(&x.response, "x-on")));
	assert_true(slice_is_empty(http_response_header(&x.response, "missing")));
	done(&x);
}

static void headers_are_those_of_the_final_response(void **state)
{
	(void)state;
	struct exchange x;
	plain(&x,
	    SLICE("HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\n"
	          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
	    (struct http_request){ 0 });
	assert_true(x.ok);
	assert_int_equal(x.response.status, 200);
	assert_true(slice_is_empty(http_response_header(&x.response, "link")));
	done(&x);
}

static void request_carries_method_headers_and_body(void **state)
{
	(void)state;
	static const char *const headers[] = { "X-A: 1", "Content-Type: application/json", NULL };
	struct exchange x;
	plain(&x, OK_HELLO, (struct http_request){ .headers = headers });
	assert_true(request_has(&x, "GET /path?q=1 HTTP/1.1\r\n"));
	assert_true(request_has(&x, "\r\nX-A: 1\r\n"));
	assert_false(request_has(&x, "Content-Length"));
	done(&x);
	plain(&x, OK_HELLO,
	    (struct http_request){ .method = "POST", .headers = headers, .body = SLICE("a\0b") });
	assert_true(request_has(&x, "POST /path?q=1 HTTP/1.1\r\n"));
	assert_true(request_has(&x, "\r\nContent-Type: application/json\r\n"));
	assert_false(request_has(&x, "Expect:"));
	assert_true(slice_ends_with(buf_slice(&x.server.request), SLICE("\r\n\r\na\0b")));
	done(&x);
	plain(&x, OK_HELLO, (struct http_request){ .method = "PUT" });
	assert_true(request_has(&x, "PUT /path"));
	assert_true(request_has(&x, "\r\nContent-Length: 0\r\n"));
	done(&x);
}

static void body_is_bounded_exactly(void **state)
{
	(void)state;
	static const struct slice answers[] = {
		SLICE_INIT(
		    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"),
		SLICE_INIT(
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
		    "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
		SLICE_INIT("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"),
	};
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct exchange x;
		plain(&x, answers[i], (struct http_request){ .max_body_bytes = 5 });
		assert_true(x.ok);
		assert_string_equal(buf_cstr(&x.response.body), "hello");
		done(&x);
		plain(&x, answers[i], (struct http_request){ .max_body_bytes = 4 });
		assert_false(x.ok);
		assert_non_null(strstr(x.err.text, "longer than 4 bytes"));
		done(&x);
	}
}

static void headers_are_bounded(void **state)
{
	(void)state;
	struct exchange x;
	struct buf answer;
	buf_init(&answer, 0);
	buf_append_cstr(&answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n");
	for (int i = 0; i < 70; i++)
		buf_printf(&answer, "X-%d: %01000d\r\n", i, 1);
	buf_append_cstr(&answer, "\r\n");
	plain(&x, buf_slice(&answer), (struct http_request){ 0 });
	assert_false(x.ok);
	assert_non_null(strstr(x.err.text, "headers are too long"));
	done(&x);
	buf_release(&answer);
}

static void redirects_are_not_followed(void **state)
{
	(void)state;
	struct exchange x;
	plain(&x,
	    SLICE("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n"
	          "Connection: close\r\n\r\n"),
	    (struct http_request){ 0 });
	assert_true(x.ok);
	assert_int_equal(x.response.status, 302);
	assert_int_equal(x.server.requests, 1);
	done(&x);
}

static void a_slow_drip_ends_at_the_total_timeout(void **state)
{
	(void)state;
	struct exchange x;
	/* 71 bytes of 100 ms each. */
	run(&x, &(struct http_server_options){ .answer = OK_HELLO, .drip_ms = 100 },
	    (struct http_request){ .total_timeout_ms = 300 }, "127.0.0.1");
	assert_false(x.ok);
	assert_non_null(strstr(x.err.text, "timed out"));
	done(&x);
}

static void a_broken_response_is_an_error(void **state)
{
	(void)state;
	static const struct slice answers[] = {
		SLICE_INIT(""),
		SLICE_INIT("no http at all\r\n\r\n"),
		SLICE_INIT("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"),
		SLICE_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
		SLICE_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
	};
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct exchange x;
		plain(&x, answers[i], (struct http_request){ 0 });
		assert_false(x.ok);
		assert_non_null(strstr(x.err.text, x.url));
		done(&x);
	}
}

static void nobody_listening_is_an_error(void **state)
{
	(void)state;
	struct exchange x;
	plain(&x, OK_HELLO, (struct http_request){ 0 });
	/* The server is gone, its port is known. */
	assert_false(http_perform(&(struct http_request){ .url = x.url }, &x.response, &x.err));
	assert_true(err_is_set(&x.err));
	assert_int_equal(x.response.status, 0);
	assert_int_equal(x.response.body.len, 0);
	done(&x);
}

static void only_http_and_https_are_spoken(void **state)
{
	(void)state;
	static const char *const urls[] = { "file:///etc/passwd", "ftp://127.0.0.1/x",
		"gopher://127.0.0.1/x", "dict://127.0.0.1/x", "127.0.0.1:1:2", "" };
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct http_response response;
		struct err err = { 0 };
		http_response_init(&response);
		assert_false(
		    http_perform(&(struct http_request){ .url = urls[i] }, &response, &err));
		assert_true(err_is_set(&err));
		assert_int_equal(response.body.len, 0);
		http_response_release(&response);
	}
}

static void https_only_sends_nothing_in_clear(void **state)
{
	(void)state;
	struct exchange x;
	plain(&x, OK_HELLO, (struct http_request){ .https_only = true });
	assert_false(x.ok);
	assert_int_equal(x.server.requests, 0);
	done(&x);
}

static void secure(struct exchange *x, const char *name, const char *ca_file, const char *host)
{
	run(x, &(struct http_server_options){ .answer = OK_HELLO, .tls_name = name },
	    (struct http_request){ .ca_file = ca_file, .https_only = true }, host);
}

static void a_certificate_of_the_given_ca_is_trusted(void **state)
{
	(void)state;
	struct exchange x;
	secure(&x, "localhost", http_server_ca_file(), "localhost");
	assert_true(x.ok);
	assert_int_equal(x.response.status, 200);
	assert_string_equal(buf_cstr(&x.response.body), "hello");
	done(&x);
	secure(&x, "127.0.0.1", http_server_ca_file(), "127.0.0.1");
	assert_true(x.ok);
	done(&x);
}

static void a_certificate_of_another_ca_is_refused(void **state)
{
	(void)state;
	struct exchange x;
	secure(&x, "localhost", NULL, "localhost");
	assert_false(x.ok);
	assert_int_equal(x.server.requests, 0);
	done(&x);
	secure(&x, "localhost", "/nonexistent/ca.pem", "localhost");
	assert_false(x.ok);
	assert_int_equal(x.server.requests, 0);
	done(&x);
}

static void a_certificate_for_another_name_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *name, *host;
	} rows[] = { { "other.example", "localhost" }, { "localhost", "127.0.0.1" },
		{ "localhost.example", "localhost" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct exchange x;
		secure(&x, rows[i].name, http_server_ca_file(), rows[i].host);
		assert_false(x.ok);
		assert_int_equal(x.server.requests, 0);
		done(&x);
	}
}

static void a_unix_socket_is_used_when_given(void **state)
{
	(void)state;
	struct exchange x;
	char folder[] = "/tmp/test-http-XXXXXX", path[64];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	run(&x, &(struct http_server_options){ .answer = OK_HELLO, .unix_path = path },
	    (struct http_request){ .unix_socket = path }, "service.invalid");
	rmdir(folder);
	assert_true(x.ok);
	assert_true(request_has(&x, "\r\nHost: service.invalid\r\n"));
	done(&x);
}

static void a_proxy_of_the_environment_is_used_on_request_alone(void **state)
{
	(void)state;
	struct exchange x;
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	plain(&x, OK_HELLO, (struct http_request){ 0 });
	assert_true(x.ok);
	done(&x);
	plain(&x, OK_HELLO, (struct http_request){ .use_env_proxy = true });
	assert_false(x.ok);
	assert_int_equal(x.server.requests, 0);
	done(&x);
	unsetenv("http_proxy");
}

static int global_init(void **state)
{
	(void)state;
	return http_global_init() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_status_is_a_response),
		cmocka_unit_test(body_and_headers_arrive),
		cmocka_unit_test(headers_are_those_of_the_final_response),
		cmocka_unit_test(request_carries_method_headers_and_body),
		cmocka_unit_test(body_is_bounded_exactly),
		cmocka_unit_test(headers_are_bounded),
		cmocka_unit_test(redirects_are_not_followed),
		cmocka_unit_test(a_slow_drip_ends_at_the_total_timeout),
		cmocka_unit_test(a_broken_response_is_an_error),
		cmocka_unit_test(nobody_listening_is_an_error),
		cmocka_unit_test(only_http_and_https_are_spoken),
		cmocka_unit_test(https_only_sends_nothing_in_clear),
		cmocka_unit_test(a_certificate_of_the_given_ca_is_trusted),
		cmocka_unit_test(a_certificate_of_another_ca_is_refused),
		cmocka_unit_test(a_certificate_for_another_name_is_refused),
		cmocka_unit_test(a_unix_socket_is_used_when_given),
		cmocka_unit_test(a_proxy_of_the_environment_is_used_on_request_alone),
	};
	return cmocka_run_group_tests(tests, global_init, NULL);
}
