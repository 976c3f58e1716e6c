/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/request.h"

#include "spoa/spop/frame.h"
#include "tests/support/spop_peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct notify begin(struct slice message)
{
	struct notify notify = notify_of(message);
	struct slice name;

	assert_true(notify_next_message(&notify, &name));
	return notify;
}

static enum request_result decode(struct slice message, struct request *out)
{
	struct notify notify = begin(message);

	return request_decode(&notify, out);
}

static void every_argument_arrives(void **state)
{
	(void)state;
	const char *const headers[] = { "host", "a.test", NULL };
	const struct spop_check check = {
		.id = "r-1",
		.route = "accounts",
		.method = "POST",
		.path = "/v1/a",
		.query = "x=1",
		.version = "1.1",
		.headers = headers,
		.body = SLICE_INIT("{}"),
		.cut = true,
	};
	char memory[1024];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
	struct request request;
	struct frame frame;
	size_t bytes;

	spop_peer_write_check(&writer, 1, 1, &check);
	assert_int_equal(frame_next(wire_written(&writer), 4096, &frame, &bytes), FRAME_COMPLETE);
	assert_int_equal(decode(frame.payload, &request), REQUEST_OK);
	assert_true(slice_eq(request.id, SLICE("r-1")));
	assert_true(slice_eq(request.route, SLICE("accounts")));
	assert_true(slice_eq(request.src, SLICE("127.0.0.1")));
	assert_true(slice_eq(request.method, SLICE("POST")));
	assert_true(slice_eq(request.path, SLICE("/v1/a")));
	assert_true(slice_eq(request.query, SLICE("x=1")));
	assert_true(slice_eq(request.version, SLICE("1.1")));
	assert_true(slice_eq(request.headers, SLICE("\x04host\x06"
	                                            "a.test\0\0")));
	assert_true(slice_eq(request.body, SLICE("{}")));
	assert_true(request.cut);
	assert_int_equal(request.cert.len, 0);
}

static void null_is_like_missing(void **state)
{
	(void)state;
	struct request request;

	assert_int_equal(decode(SLICE("\x05"
	                              "check\x03\x02id\x00\x04path\x00\x03src\x00"),
	                     &request),
	    REQUEST_OK);
	assert_int_equal(request.id.len, 0);
	assert_int_equal(request.src.len, 0);
	assert_int_equal(request.route.len, 0);
}

static void order_does_not_matter_and_unknown_arguments_are_skipped(void **state)
{
	(void)state;
	struct request request;

	assert_int_equal(
	    decode(SLICE("\x05"
	                 "check\x03\x04path\x08\x01/\x03new\x04\x05\x05route\x08\x01r"),
	        &request),
	    REQUEST_OK);
	assert_true(slice_eq(request.path, SLICE("/")));
	assert_true(slice_eq(request.route, SLICE("r")));
}

static void an_argument_of_another_type_is_reported(void **state)
{
	(void)state;
	const struct slice messages[] = {
		SLICE_INIT("\x05"
		           "check\x01\x04path\x04\x05"),
		SLICE_INIT("\x05"
		           "check\x01\x03"
		           "cut\x08\x01"
		           "1"),
		SLICE_INIT("\x05"
		           "check\x01\x03src\x08\x09"
		           "127.0.0.1"),
		SLICE_INIT("\x05"
		           "check\x01\x04"
		           "cert\x09\x03"
		           "abc"),
		SLICE_INIT("\x05"
		           "check\x01\x06status\x08\x03"
		           "200"),
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct request request;

		assert_int_equal(decode(messages[i], &request), REQUEST_BAD_TYPE);
	}
}

static void a_truncated_message_is_malformed(void **state)
{
	(void)state;
	struct slice whole = SLICE("\x05"
	                           "check\x02\x04path\x08\x01/\x05route\x08\x01r");

	for (size_t len = 7; len < whole.len; len++) {
		struct request request;

		assert_int_equal(decode(slice_sub(whole, 0, len), &request), REQUEST_MALFORMED);
	}
}

static void ipv6_addresses_are_text(void **state)
{
	(void)state;
	struct request request;

	assert_int_equal(
	    decode(SLICE("\x05"
	                 "check\x01\x03src\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"),
	        &request),
	    REQUEST_OK);
	assert_true(slice_eq(request.src, SLICE("2001:db8::1")));
}

static void headers_are_taken_apart(void **state)
{
	(void)state;
	struct waf_header headers[2];
	size_t count;

	assert_int_equal(headers_decode(SLICE("\x01"
	                                      "a\x01"
	                                      "1\x01"
	                                      "b\x00\x00\x00"),
	                     headers, 2, &count),
	    HEADERS_OK);
	assert_int_equal(count, 2);
	assert_true(slice_eq(headers[0].value, SLICE("1")));
	assert_true(slice_eq(headers[1].name, SLICE("b")));
	assert_int_equal(headers[1].value.len, 0);
	assert_int_equal(headers_decode(SLICE(""), headers, 2, &count), HEADERS_OK);
	assert_int_equal(count, 0);
	assert_int_equal(headers_decode(SLICE("\0\0"), headers, 2, &count), HEADERS_OK);
	assert_int_equal(count, 0);
}

static void one_header_more_than_the_limit_is_too_many(void **state)
{
	(void)state;
	struct waf_header headers[2];
	size_t count;

	assert_int_equal(headers_decode(SLICE("\x01"
	                                      "a\x00\x01"
	                                      "b\x00\x01"
	                                      "c\x00\x00\x00"),
	                     headers, 2, &count),
	    HEADERS_TOO_MANY);
}

static void headers_without_their_end_or_with_more_behind_it_are_malformed(void **state)
{
	(void)state;
	struct slice whole = SLICE("\x01"
	                           "a\x01"
	                           "1\x01"
	                           "b\x00\x00\x00");
	struct waf_header headers[4];
	size_t count;

	for (size_t len = 1; len < whole.len; len++)
		assert_int_equal(headers_decode(slice_sub(whole, 0, len), headers, 4, &count),
		    HEADERS_MALFORMED);
	assert_int_equal(
	    headers_decode(SLICE("\x00\x00\x00"), headers, 4, &count), HEADERS_MALFORMED);
	assert_int_equal(headers_decode(SLICE("\x00\x01x"), headers, 4, &count), HEADERS_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_argument_arrives),
		cmocka_unit_test(null_is_like_missing),
		cmocka_unit_test(order_does_not_matter_and_unknown_arguments_are_skipped),
		cmocka_unit_test(an_argument_of_another_type_is_reported),
		cmocka_unit_test(a_truncated_message_is_malformed),
		cmocka_unit_test(ipv6_addresses_are_text),
		cmocka_unit_test(headers_are_taken_apart),
		cmocka_unit_test(one_header_more_than_the_limit_is_too_many),
		cmocka_unit_test(headers_without_their_end_or_with_more_behind_it_are_malformed),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
