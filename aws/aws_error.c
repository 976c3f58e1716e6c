/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/aws_error.h"

#include "common/json_read.h"

static void copy(char *dst, size_t size, struct slice src)
{
	struct slice s = slice_sub(src, 0, size - 1);
	if (s.len)
		memcpy(dst, s.ptr, s.len);
	dst[s.len] = '\0';
}

/* "com.amazonaws.ssm#ParameterNotFound:http://..." is the code ParameterNotFound. */
static void set_code(struct aws_error *error, struct slice type)
{
	struct slice code, rest;
	slice_cut(type, ':', &code, &rest);
	if (slice_find_byte(code, '#') != SIZE_MAX)
		slice_cut(code, '#', &rest, &code);
	copy(error->code, sizeof(error->code), slice_trim(code));
}

static struct slice member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return slice_of(json_string_value(value), json_string_length(value));
}

void aws_error_parse_json(struct aws_error *error, long status, struct slice body,
    struct slice error_type, struct slice request_id)
{
	*error = (struct aws_error){ .status = status };
	copy(error->request_id, sizeof(error->request_id), request_id);
	json_t *reply = json_read_text(body, NULL, NULL);
	struct slice type = member(reply, "__type");
	struct slice text = member(reply, "message");
	if (text.len == 0)
		text = member(reply, "Message");
	if (type.len == 0)
		type = member(reply, "code");
	set_code(error, error_type.len ? error_type : type);
	copy(error->message, sizeof(error->message), text);
	json_decref(reply);
}

bool aws_xml_text(struct slice document, const char *element, struct slice *out)
{
	size_t name_len = strlen(element);
	for (struct slice rest = document; rest.len;) {
		struct slice before;
		if (!slice_cut(rest, '<', &before, &rest))
			break;
		if (rest.len <= name_len || memcmp(rest.ptr, element, name_len) != 0 ||
		    rest.ptr[name_len] != '>')
			continue;
		size_t end = slice_find_byte(slice_from(rest, name_len + 1), '<');
		if (end == SIZE_MAX)
			return false;
		*out = slice_trim(slice_sub(rest, name_len + 1, end));
		return true;
	}
	return false;
}

void aws_error_parse_xml(
    struct aws_error *error, long status, struct slice body, struct slice request_id)
{
	struct slice text;
	*error = (struct aws_error){ .status = status };
	if (aws_xml_text(body, "Code", &text))
		copy(error->code, sizeof(error->code), text);
	if (aws_xml_text(body, "Message", &text))
		copy(error->message, sizeof(error->message), text);
	if (request_id.len == 0)
		aws_xml_text(body, "RequestId", &request_id);
	copy(error->request_id, sizeof(error->request_id), request_id);
}

/* The lists of botocore's retry handler; codes decide before the status does. */
static const struct {
	const char *code;
	enum aws_error_kind kind;
} kinds[] = {
	// clang-format off
	{ "BandwidthLimitExceeded",                 AWS_ERROR_THROTTLED },
	{ "EC2ThrottledException",                  AWS_ERROR_THROTTLED },
	{ "LimitExceededException",                 AWS_ERROR_THROTTLED },
	{ "PriorRequestNotComplete",                AWS_ERROR_THROTTLED },
	{ "ProvisionedThroughputExceededException", AWS_ERROR_THROTTLED },
	{ "RequestLimitExceeded",                   AWS_ERROR_THROTTLED },
	{ "RequestThrottled",                       AWS_ERROR_THROTTLED },
	{ "RequestThrottledException",              AWS_ERROR_THROTTLED },
	{ "SlowDown",                               AWS_ERROR_THROTTLED },
	{ "ThrottledException",                     AWS_ERROR_THROTTLED },
	{ "Throttling",                             AWS_ERROR_THROTTLED },
	{ "ThrottlingException",                    AWS_ERROR_THROTTLED },
	{ "TooManyRequestsException",               AWS_ERROR_THROTTLED },
	{ "TransactionInProgressException",         AWS_ERROR_THROTTLED },
	{ "IDPCommunicationError",                  AWS_ERROR_TRANSIENT },
	{ "InternalServerError",                    AWS_ERROR_TRANSIENT },
	{ "RequestTimeout",                         AWS_ERROR_TRANSIENT },
	{ "RequestTimeoutException",                AWS_ERROR_TRANSIENT },
	{ "ServiceUnavailableException",            AWS_ERROR_TRANSIENT },
	{ "TooManyUpdates",                         AWS_ERROR_TRANSIENT },
	{ "ExpiredToken",                           AWS_ERROR_EXPIRED },
	{ "ExpiredTokenException",                  AWS_ERROR_EXPIRED },
	{ "TokenRefreshRequired",                   AWS_ERROR_EXPIRED },
	{ "AuthFailure",                            AWS_ERROR_SKEWED },
	{ "InvalidSignatureException",              AWS_ERROR_SKEWED },
	{ "RequestExpired",                         AWS_ERROR_SKEWED },
	{ "RequestInTheFuture",                     AWS_ERROR_SKEWED },
	{ "RequestTimeTooSkewed",                   AWS_ERROR_SKEWED },
	{ "SignatureDoesNotMatch",                  AWS_ERROR_SKEWED },
	// clang-format on
};

enum aws_error_kind aws_error_classify(const struct aws_error *error)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (aws_error_is(error, kinds[i].code))
			return kinds[i].kind;
	switch (error->status) {
	case 429:
		return AWS_ERROR_THROTTLED;
	case 0:
	case 500:
	case 502:
	case 503:
	case 504:
		return AWS_ERROR_TRANSIENT;
	default:
		return AWS_ERROR_FINAL;
	}
}

bool aws_error_is(const struct aws_error *error, const char *code)
{
	return strcmp(error->code, code) == 0;
}
