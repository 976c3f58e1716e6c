/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/aws_client.h"
#include "aws/cwlogs.h"
#include "aws/kms.h"
#include "aws/ssm.h"

#include "common/clock.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fake_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define THROTTLED "{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}"

static struct err err;

/* What a peer answers to the n-th request; the last row goes on for ever. */
struct script {
	struct fake_reply replies[8];
	size_t count;
	struct buf authorizations; /* of all requests, one line each */
	char last_body[512];
};

static void play(
    const struct fake_request *request, unsigned n, struct fake_reply *reply, void *context)
{
	struct script *script = context;
	struct slice body = slice_sub(request->body, 0, sizeof(script->last_body) - 1);
	*reply = script->replies[n < script->count ? n : script->count - 1];
	buf_append_slice(&script->authorizations, fake_header(request, "authorization"));
	buf_append_byte(&script->authorizations, '\n');
	memcpy(script->last_body, body.len ? body.ptr : "", body.len);
	script->last_body[body.len] = '\0';
}

static struct aws_client *client_of(const struct fake_http *peer, const char *service)
{
	struct aws_client_options options = { .service = service,
		.endpoint_url = fake_http_url(peer),
		.backoff_ms = 1,
		.timeout_ms = 1000 };
	struct aws_client *client = aws_client_new(&options, &err);
	if (!client)
		fail_msg("%s", err.text);
	return client;
}

static int set_up(void **state)
{
	(void)state;
	setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	setenv("AWS_REGION", "eu-west-1", 1);
	setenv("AWS_CONFIG_FILE", "/dev/null", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	unsetenv("AWS_SESSION_TOKEN");
	unsetenv("AWS_PROFILE");
	unsetenv("AWS_ENDPOINT_URL");
	err_clear(&err);
	return 0;
}

/* One call against a script: its result, requests and error. */
static void expect_call(struct script *script, bool ok, unsigned requests, const char *text)
{
	struct fake_http *peer = fake_http_start(play, script);
	struct aws_client *client = client_of(peer, "ssm");
	err_clear(&err);
	bool got = aws_client_call(client, "AmazonSSM.X", SLICE("{}"), NULL, NULL, &err);
	if (got != ok || fake_http_requests(peer) != requests || !strstr(err.text, text))
		fail_msg("%d after %u requests: %s", got, fake_http_requests(peer), err.text);
	aws_client_free(client);
	fake_http_stop(peer);
	buf_release(&script->authorizations);
}

static void throttling_and_server_errors_are_tried_again(void **state)
{
	(void)state;
	struct script script = { .count = 4,
		.replies = { { .status = 400, .body = THROTTLED }, { .status = 500 },
		    { .status = 503, .body = "<html>", .headers = "content-type: text/html\r\n" },
		    { .status = 200, .body = "{}" } } };
	expect_call(&script, true, 4, "");
}

static void lost_and_slow_answers_are_tried_again(void **state)
{
	(void)state;
	struct script script = { .count = 3,
		.replies = { { .drop = true },
		    { .status = 200, .body = "{}", .delay_ms = 1500, .close = true },
		    { .status = 200, .body = "{}" } } };
	expect_call(&script, true, 3, "");
}

static void five_attempts_are_enough(void **state)
{
	(void)state;
	struct script script = { .count = 1,
		.replies = { { .status = 400,
		    .body = THROTTLED,
		    .headers = "x-amzn-requestid: 1a2b\r\n" } } };
	expect_call(&script, false, 5,
	    "AmazonSSM.X: ThrottlingException: Rate exceeded (status 400, request 1a2b)");
}

static void a_refusal_is_final(void **state)
{
	(void)state;
	struct script script = { .count = 1,
		.replies = { { .status = 400,
		    .body = "{\"__type\":\"AccessDeniedException\",\"Message\":\"no ssm:X\"}" } } };
	expect_call(&script, false, 1,
	    "AmazonSSM.X: AccessDeniedException: no ssm:X (status 400, request unknown)");
}

static void an_answer_that_is_no_json_is_an_error_that_quotes_nothing(void **state)
{
	(void)state;
	struct script script = { .count = 1,
		.replies = { { .status = 200, .body = "{\"Value\":\"hush" } } };
	expect_call(&script, false, 1, "AmazonSSM.X: the answer is no JSON object");
	assert_null(strstr(err.text, "hush"));
}

static void expired_keys_are_fetched_again_once(void **state)
{
	(void)state;
	struct script script = { .count = 2,
		.replies = { { .status = 400, .body = "{\"__type\":\"ExpiredTokenException\"}" },
		    { .status = 200, .body = "{}" } } };
	expect_call(&script, true, 2, "");
	script.count = 1;
	expect_call(&script, false, 2, "ExpiredTokenException");
}

static void a_clock_that_is_off_is_corrected_from_the_date(void **state)
{
	(void)state;
	struct script script = { .count = 2,
		.replies = { { .status = 400,
		                 .body = "{\"__type\":\"InvalidSignatureException\"}",
		                 .headers = "date: Tue, 01 Feb 2033 10:00:00 GMT\r\n" },
		    { .status = 200, .body = "{}" } } };
	struct fake_http *peer = fake_http_start(play, &script);
	struct aws_client *client = client_of(peer, "ssm");
	assert_true(aws_client_call(client, "AmazonSSM.X", SLICE("{}"), NULL, NULL, &err));
	assert_true(aws_client_call(client, "AmazonSSM.X", SLICE("{}"), NULL, NULL, &err));
	assert_int_equal(fake_http_requests(peer), 3);
	const char *text = strchr(buf_cstr(&script.authorizations), '\n');
	assert_non_null(strstr(text, "Credential=AKIDEXAMPLE/20330201/eu-west-1/ssm/"));
	assert_non_null(strstr(strchr(text + 1, '\n'), "Credential=AKIDEXAMPLE/20330201/"));
	aws_client_free(client);
	fake_http_stop(peer);
	buf_release(&script.authorizations);
}

static void a_wrong_signature_with_a_right_clock_is_final(void **state)
{
	(void)state;
	struct script script = { .count = 1,
		.replies = {
		    { .status = 400, .body = "{\"__type\":\"InvalidSignatureException\"}" } } };
	expect_call(&script, false, 1, "InvalidSignatureException");
}

static void no_keys_means_no_request(void **state)
{
	(void)state;
	struct script script = { .count = 1, .replies = { { .status = 200, .body = "{}" } } };
	unsetenv("AWS_ACCESS_KEY_ID");
	expect_call(&script, false, 0, "AmazonSSM.X: no AWS credentials in the environment");
}

static void requests_leave_at_an_even_rate(void **state)
{
	(void)state;
	struct script script = { .count = 1, .replies = { { .status = 200, .body = "{}" } } };
	struct fake_http *peer = fake_http_start(play, &script);
	struct aws_client_options options = {
		.service = "ssm", .endpoint_url = fake_http_url(peer), .max_per_second = 50
	};
	struct aws_client *client = aws_client_new(&options, &err);
	uint64_t start_ms = clock_monotonic_ms();
	for (int i = 0; i < 11; i++)
		assert_true(aws_client_call(client, "AmazonSSM.X", SLICE("{}"), NULL, NULL, &err));
	assert_true(clock_monotonic_ms() - start_ms >= 10 * 20);
	/* All over one connection. */
	assert_int_equal(fake_http_connections(peer), 1);
	aws_client_free(client);
	fake_http_stop(peer);
	buf_release(&script.authorizations);
}

static void a_stop_ends_the_waiting(void **state)
{
	(void)state;
	static volatile sig_atomic_t stop = 1;
	struct script script = { .count = 1, .replies = { { .status = 500 } } };
	struct fake_http *peer = fake_http_start(play, &script);
	struct aws_client_options options = {
		.service = "ssm", .endpoint_url = fake_http_url(peer), .stop = &stop
	};
	struct aws_client *client = aws_client_new(&options, &err);
	assert_false(aws_client_call(client, "AmazonSSM.X", SLICE("{}"), NULL, NULL, &err));
	assert_string_equal(err.text, "AmazonSSM.X: told to stop");
	aws_client_free(client);
	fake_http_stop(peer);
}

static void expect_endpoint(const char *service, const char *region, const char *endpoint)
{
	struct aws_client_options options = { .service = service, .region = region };
	struct aws_client *client = aws_client_new(&options, &err);
	if (!client)
		fail_msg("%s", err.text);
	assert_string_equal(aws_client_endpoint(client), endpoint);
	aws_client_free(client);
}

static void endpoints_follow_region_and_environment(void **state)
{
	(void)state;
	expect_endpoint("ssm", NULL, "https://ssm.eu-west-1.amazonaws.com");
	expect_endpoint("kms", "cn-north-1", "https://kms.cn-north-1.amazonaws.com.cn");
	setenv("AWS_ENDPOINT_URL", "http://all:1/", 1);
	setenv("AWS_ENDPOINT_URL_LOGS", "https://[::1]:8443", 1);
	expect_endpoint("ssm", NULL, "http://all:1");
	expect_endpoint("logs", NULL, "https://[::1]:8443");
	setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
	expect_endpoint("ssm", NULL, "https://ssm.eu-west-1.amazonaws.com");
	unsetenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
	unsetenv("AWS_ENDPOINT_URL_LOGS");
}

static void endpoints_that_are_none_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "ftp://x", "http://", "http://a/b", "http://u@a",
		"http://a?b", "http://a b", "http://a\r\nx", "ssm.eu-west-1.amazonaws.com" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct aws_client_options options = { .service = "ssm", .endpoint_url = bad[i] };
		assert_null(aws_client_new(&options, &err));
	}
	struct aws_client_options options = { .service = "ssm", .region = "a.b" };
	assert_null(aws_client_new(&options, &err));
}

/* ---- SSM pages ---- */

#define PAGE(items, token) "{\"Parameters\":[" items "]" token "}"
#define ITEM(name)         "{\"Name\":\"" name "\",\"Value\":\"v\",\"Type\":\"String\",\"Version\":1}"

static bool add_name(const struct ssm_parameter *parameter, void *context, struct err *e)
{
	(void)e;
	buf_append_slice(context, parameter->name);
	buf_append_byte(context, ' ');
	return true;
}

static void expect_list(struct script *script, bool ok, const char *names, const char *text)
{
	struct fake_http *peer = fake_http_start(play, script);
	struct aws_client *client = client_of(peer, "ssm");
	struct buf got;
	buf_init(&got, 0);
	err_clear(&err);
	assert_int_equal(ssm_get_by_path(client, "/p", add_name, &got, NULL, &err), ok);
	assert_string_equal(buf_cstr(&got), names);
	assert_non_null(strstr(err.text, text));
	buf_release(&got);
	aws_client_free(client);
	fake_http_stop(peer);
	buf_release(&script->authorizations);
}

static void empty_pages_with_a_token_do_not_end_the_list(void **state)
{
	(void)state;
	struct script script = { .count = 4,
		.replies = { { .status = 200, .body = PAGE("", ",\"NextToken\":\"t1\"") },
		    { .status = 200, .body = PAGE(ITEM("/p/a"), ",\"NextToken\":\"t2\"") },
		    { .status = 200, .body = PAGE("", ",\"NextToken\":\"t\\\"3\"") },
		    { .status = 200, .body = PAGE(ITEM("/p/b"), "") } } };
	expect_list(&script, true, "/p/a /p/b ", "");
	assert_string_equal(script.last_body,
	    "{\"Path\":\"/p\",\"Recursive\":true,\"WithDecryption\":true,"
	    "\"MaxResults\":10,\"NextToken\":\"t\\\"3\"}");
}

static void a_list_that_breaks_off_is_an_error(void **state)
{
	(void)state;
	struct script script = { .count = 2,
		.replies = { { .status = 200, .body = PAGE(ITEM("/p/a"), ",\"NextToken\":\"t1\"") },
		    { .status = 400, .body = "{\"__type\":\"InvalidNextToken\"}" } } };
	expect_list(&script, false, "/p/a ", "AmazonSSM.GetParametersByPath: InvalidNextToken");
}

static void parameters_without_a_value_are_an_error(void **state)
{
	(void)state;
	static const char *const bodies[] = { PAGE("{\"Name\":\"/p/a\",\"Type\":\"String\"}", ""),
		PAGE("{\"Value\":\"x\",\"Type\":\"String\"}", ""), PAGE("7", ""),
		PAGE("{\"Name\":\"/p/a\",\"Value\":\"x\"}", "") };
	for (size_t i = 0; i < 4; i++) {
		struct script script = { .count = 1,
			.replies = { { .status = 200, .body = bodies[i] } } };
		expect_list(&script, false, "", "a parameter without Name, Value or Type");
	}
	struct script script = { .count = 1, .replies = { { .status = 200, .body = "{}" } } };
	expect_list(&script, false, "", "the answer has no Parameters");
}

/* ---- CloudWatch Logs and KMS against answers that moto does not give ---- */

static void dropped_events_are_reported(void **state)
{
	(void)state;
	struct script script = { .count = 1,
		.replies = { { .status = 200,
		    .body = "{\"rejectedLogEventsInfo\":{\"tooOldLogEventEndIndex\":1,"
		            "\"expiredLogEventEndIndex\":2,\"tooNewLogEventStartIndex\":99}}" } } };
	struct fake_http *peer = fake_http_start(play, &script);
	struct aws_client *client = client_of(peer, "logs");
	struct cwlogs_event events[3] = { { 1, SLICE("a") }, { 2, SLICE("b") }, { 3, SLICE("c") } };
	struct cwlogs_rejected rejected;
	assert_true(cwlogs_put_events(client, "g", "s", events, 3, &rejected, NULL, &err));
	assert_int_equal(rejected.too_old_end, 2);
	assert_int_equal(rejected.too_new_start, 3);
	aws_client_free(client);
	fake_http_stop(peer);
	buf_release(&script.authorizations);
}

static void batches_beyond_the_limits_are_not_sent(void **state)
{
	(void)state;
	struct script script = { .count = 1, .replies = { { .status = 200, .body = "{}" } } };
	struct fake_http *peer = fake_http_start(play, &script);
	struct aws_client *client = client_of(peer, "logs");
	static struct cwlogs_event many[CWLOGS_BATCH_MAX_EVENTS + 1];
	char *big = calloc(1, CWLOGS_EVENT_MAX_BYTES + 1);
	memset(big, 'x', CWLOGS_EVENT_MAX_BYTES + 1);
	for (size_t i = 0; i < CWLOGS_BATCH_MAX_EVENTS + 1; i++)
		many[i] = (struct cwlogs_event){ 1, SLICE("x") };
	struct cwlogs_event full[2] = { { 1, slice_of(big, CWLOGS_EVENT_MAX_BYTES) },
		{ 1, SLICE("x") } };
	struct cwlogs_event longer = { 1, slice_of(big, CWLOGS_EVENT_MAX_BYTES + 1) };
	struct cwlogs_event unordered[2] = { { 2, SLICE("x") }, { 1, SLICE("x") } };
	struct cwlogs_event span[2] = { { 0, SLICE("x") },
		{ CWLOGS_BATCH_MAX_SPAN_MS, SLICE("x") } };
	struct {
		struct cwlogs_event *events;
		size_t count;
		bool ok;
	} rows[] = {
		{ many, CWLOGS_BATCH_MAX_EVENTS, true },
		{ many, CWLOGS_BATCH_MAX_EVENTS + 1, false },
		{ many, 0, false },
		{ full, 1, true },
		{ full, 2, false },
		{ &longer, 1, false },
		{ unordered, 2, false },
		{ span, 2, true },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(cwlogs_put_events(client, "g", "s", rows[i].events, rows[i].count,
		                     NULL, NULL, &err),
		    rows[i].ok);
	span[1].timestamp_ms++;
	assert_false(cwlogs_put_events(client, "g", "s", span, 2, NULL, NULL, &err));
	assert_int_equal(fake_http_requests(peer), 3);
	free(big);
	aws_client_free(client);
	fake_http_stop(peer);
	buf_release(&script.authorizations);
}

static void a_data_key_of_another_length_is_refused(void **state)
{
	(void)state;
	struct script script = { .count = 1,
		.replies = { { .status = 200,
		    .body = "{\"Plaintext\":\"c2hvcnQ=\",\"CiphertextBlob\":\"YQ==\"}" } } };
	struct fake_http *peer = fake_http_start(play, &script);
	struct aws_client *client = client_of(peer, "kms");
	unsigned char key[KMS_DATA_KEY_BYTES];
	struct buf wrapped;
	buf_init(&wrapped, 0);
	assert_false(kms_generate_data_key(client, "k", NULL, key, &wrapped, NULL, &err));
	assert_string_equal(err.text, "TrentService.GenerateDataKey: the key is not 32 bytes long");
	buf_release(&wrapped);
	aws_client_free(client);
	fake_http_stop(peer);
	buf_release(&script.authorizations);
}

/* ---- memory ---- */

static bool list_once(const struct fake_http *peer)
{
	struct aws_client_options options = {
		.service = "ssm", .endpoint_url = fake_http_url(peer), .max_attempts = 1
	};
	struct buf got;
	buf_init(&got, 0);
	struct aws_client *client = aws_client_new(&options, &err);
	bool ok = client && ssm_get_by_path(client, "/p", add_name, &got, NULL, &err) &&
	          !buf_failed(&got);
	aws_client_free(client);
	buf_release(&got);
	return ok;
}

static void every_failed_allocation_is_an_error(void **state)
{
	(void)state;
	struct script script = { .count = 1,
		.replies = { { .status = 200, .body = PAGE(ITEM("/p/a"), "") } } };
	buf_reserve(&script.authorizations, 1 << 20);
	struct fake_http *peer = fake_http_start(play, &script);
	long n = 0;
	bool ok;
	fail_alloc_hook_jansson();
	do {
		err_clear(&err);
		fail_alloc_at(++n);
		ok = list_once(peer);
		assert_true(ok == !err_is_set(&err) || fail_alloc_happened());
	} while (fail_alloc_happened());
	fail_alloc_off();
	assert_true(ok);
	assert_true(n > 10);
	fake_http_stop(peer);
	buf_release(&script.authorizations);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(throttling_and_server_errors_are_tried_again),
		TEST(lost_and_slow_answers_are_tried_again),
		TEST(five_attempts_are_enough),
		TEST(a_refusal_is_final),
		TEST(an_answer_that_is_no_json_is_an_error_that_quotes_nothing),
		TEST(expired_keys_are_fetched_again_once),
		TEST(a_clock_that_is_off_is_corrected_from_the_date),
		TEST(a_wrong_signature_with_a_right_clock_is_final),
		TEST(no_keys_means_no_request),
		TEST(requests_leave_at_an_even_rate),
		TEST(a_stop_ends_the_waiting),
		TEST(endpoints_follow_region_and_environment),
		TEST(endpoints_that_are_none_are_refused),
		TEST(empty_pages_with_a_token_do_not_end_the_list),
		TEST(a_list_that_breaks_off_is_an_error),
		TEST(parameters_without_a_value_are_an_error),
		TEST(dropped_events_are_reported),
		TEST(batches_beyond_the_limits_are_not_sent),
		TEST(a_data_key_of_another_length_is_refused),
		TEST(every_failed_allocation_is_an_error),
	};
	if (!http_global_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
