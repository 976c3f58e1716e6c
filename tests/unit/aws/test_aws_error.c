/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/aws_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void codes_are_found_wherever_services_put_them(void **state)
{
	(void)state;
	static const struct {
		const char *body, *header, *code, *message;
	} rows[] = {
		// clang-format off
		{ "{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}", "", "ThrottlingException", "Rate exceeded" },
		{ "{\"__type\":\"com.amazonaws.ssm#ParameterNotFound\",\"Message\":\"no\"}", "", "ParameterNotFound", "no" },
		{ "{\"__type\":\"A#B:http://x/#y\"}", "", "B", "" },
		{ "{\"code\":\"Old\",\"message\":\"m\"}", "", "Old", "m" },
		{ "{\"__type\":\"FromBody\"}", "FromHeader:http://internal/", "FromHeader", "" },
		{ "<html>busy</html>", "", "", "" },
		{ "", "", "", "" },
		{ "{\"__type\":7,\"message\":[]}", "", "", "" },
		{ "[1]", "", "", "" },
		// clang-format on
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct aws_error error;
		aws_error_parse_json(&error, 400, slice_of_cstr(rows[i].body),
		    slice_of_cstr(rows[i].header), SLICE("id-1"));
		assert_string_equal(error.code, rows[i].code);
		assert_string_equal(error.message, rows[i].message);
		assert_string_equal(error.request_id, "id-1");
		assert_int_equal(error.status, 400);
	}
}

static void xml_errors_are_read(void **state)
{
	(void)state;
	struct aws_error error;
	aws_error_parse_xml(&error, 412,
	    SLICE(
	        "<?xml version=\"1.0\"?>\n<Error><Code>PreconditionFailed</Code><Message> no\n</Message>"
	        "<RequestId>R1</RequestId></Error>"),
	    SLICE(""));
	assert_string_equal(error.code, "PreconditionFailed");
	assert_string_equal(error.message, "no");
	assert_string_equal(error.request_id, "R1");
	aws_error_parse_xml(&error, 500, SLICE("<Error><Code>Trunc"), SLICE("R2"));
	assert_string_equal(error.code, "");
	assert_string_equal(error.request_id, "R2");
}

static void xml_text_is_found_by_the_whole_name(void **state)
{
	(void)state;
	struct slice text;
	assert_true(
	    aws_xml_text(SLICE("<Codes>a</Codes><Code >b</Code><Code>c</Code>"), "Code", &text));
	assert_true(slice_eq(text, SLICE("c")));
	assert_true(aws_xml_text(SLICE("<Code></Code>"), "Code", &text));
	assert_int_equal(text.len, 0);
	assert_false(aws_xml_text(SLICE("Code>x<"), "Code", &text));
	assert_false(aws_xml_text(SLICE("<Code"), "Code", &text));
	assert_false(aws_xml_text(SLICE("<Code>x"), "Code", &text));
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	char body[4096];
	struct aws_error error;
	snprintf(body, sizeof(body), "{\"__type\":\"%0200d\",\"message\":\"%0900d\"}", 1, 1);
	aws_error_parse_json(&error, 400, slice_of_cstr(body), SLICE(""), SLICE(""));
	assert_int_equal(strlen(error.code), AWS_ERROR_CODE_MAX - 1);
	assert_int_equal(strlen(error.message), AWS_ERROR_MESSAGE_MAX - 1);
}

static void the_code_decides_before_the_status(void **state)
{
	(void)state;
	static const struct {
		long status;
		const char *code;
		enum aws_error_kind kind;
	} rows[] = {
		{ 400, "ThrottlingException", AWS_ERROR_THROTTLED },
		{ 400, "TooManyUpdates", AWS_ERROR_TRANSIENT },
		{ 400, "ParameterNotFound", AWS_ERROR_FINAL },
		{ 400, "AccessDeniedException", AWS_ERROR_FINAL },
		{ 400, "ExpiredTokenException", AWS_ERROR_EXPIRED },
		{ 403, "SignatureDoesNotMatch", AWS_ERROR_SKEWED },
		{ 503, "SlowDown", AWS_ERROR_THROTTLED },
		{ 500, "", AWS_ERROR_TRANSIENT },
		{ 502, "", AWS_ERROR_TRANSIENT },
		{ 503, "", AWS_ERROR_TRANSIENT },
		{ 504, "", AWS_ERROR_TRANSIENT },
		{ 501, "", AWS_ERROR_FINAL },
		{ 429, "", AWS_ERROR_THROTTLED },
		{ 0, "", AWS_ERROR_TRANSIENT },
		{ 404, "", AWS_ERROR_FINAL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct aws_error error = { .status = rows[i].status };
		snprintf(error.code, sizeof(error.code), "%s", rows[i].code);
		assert_int_equal(aws_error_classify(&error), rows[i].kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_found_wherever_services_put_them),
		cmocka_unit_test(xml_errors_are_read),
		cmocka_unit_test(xml_text_is_found_by_the_whole_name),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(the_code_decides_before_the_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
