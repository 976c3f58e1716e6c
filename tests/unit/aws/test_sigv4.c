/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * Published vectors. Names as in the AWS Signature Version 4 test suite (GET and POST of
 * example.amazonaws.com, 2015-08-30), the IAM example of the AWS General Reference, and the S3
 * examples of "Signature Calculations for the Authorization Header". All keys are AWS's examples.
 */
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define FORM_HASH  "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"
#define HOST       "Host", "example.amazonaws.com"
#define DATE       "X-Amz-Date", "20150830T123600Z"
#define STS_TOKEN                                                                                  \
	"AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXm"  \
	"xfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburED"   \
	"y0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL6"   \
	"4lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

enum account { SUITE, IAM, S3 };

static const struct sigv4_key keys[] = {
	[SUITE] = { SLICE_INIT("AKIDEXAMPLE"),
	    SLICE_INIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), SLICE_INIT("us-east-1"),
	    SLICE_INIT("service") },
	[IAM] = { SLICE_INIT("AKIDEXAMPLE"), SLICE_INIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
	    SLICE_INIT("us-east-1"), SLICE_INIT("iam") },
	[S3] = { SLICE_INIT("AKIAIOSFODNN7EXAMPLE"),
	    SLICE_INIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), SLICE_INIT("us-east-1"),
	    SLICE_INIT("s3") },
};

struct vector {
	const char *name;
	enum account account;
	const char *method, *path, *query, *hash;
	const char *headers[14]; /* name, value, ... */
	const char *signature;
};

// clang-format off
static const struct vector vectors[] = {
	{ "get-vanilla", SUITE, "GET", "/", "", EMPTY_HASH, { HOST, DATE },
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "post-vanilla", SUITE, "POST", "/", "", EMPTY_HASH, { HOST, DATE },
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "get-vanilla-empty-query-key", SUITE, "GET", "/", "Param1=value1", EMPTY_HASH, { HOST, DATE },
	  "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },
	{ "get-vanilla-query-order-key-case", SUITE, "GET", "/", "Param2=value2&Param1=value1", EMPTY_HASH,
	  { HOST, DATE }, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "get-unreserved", SUITE, "GET",
	  "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", EMPTY_HASH, { HOST, DATE },
	  "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
	{ "get-utf8", SUITE, "GET", "/\xe1\x88\xb4", "", EMPTY_HASH, { HOST, DATE },
	  "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
	{ "get-space-normalized", SUITE, "GET", "/example space/", "", EMPTY_HASH, { HOST, DATE },
	  "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
	{ "get-slashes-normalized", SUITE, "GET", "//example//", "", EMPTY_HASH, { HOST, DATE },
	  "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84" },
	{ "get-relative-relative-normalized", SUITE, "GET", "/example1/example2/../..", "", EMPTY_HASH,
	  { HOST, DATE }, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-header-key-duplicate", SUITE, "GET", "/", "", EMPTY_HASH,
	  { HOST, "My-Header1", "value2", "My-Header1", "value2", "My-Header1", "value1", DATE },
	  "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
	{ "get-header-value-order", SUITE, "GET", "/", "", EMPTY_HASH,
	  { HOST, "My-Header1", "value4", "My-Header1", "value1", "My-Header1", "value3", "My-Header1", "value2", DATE },
	  "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
	{ "get-header-value-trim", SUITE, "GET", "/", "", EMPTY_HASH,
	  { HOST, "My-Header1", " value1", "My-Header2", " \"a   b   c\"", DATE },
	  "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
	{ "get-vanilla-with-session-token", SUITE, "GET", "/", "", EMPTY_HASH,
	  { HOST, DATE, "X-Amz-Security-Token", "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267" },
	  "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8" },
	{ "post-sts-header-before", SUITE, "POST", "/", "", EMPTY_HASH,
	  { HOST, "X-Amz-Security-Token", STS_TOKEN, DATE },
	  "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead" },
	{ "post-x-www-form-urlencoded", SUITE, "POST", "/", "", FORM_HASH,
	  { "Content-Type", "application/x-www-form-urlencoded", HOST, "Content-Length", "13",
	    "x-amz-content-sha256", FORM_HASH, DATE },
	  "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b" },
	{ "IAM ListUsers", IAM, "GET", "/", "Action=ListUsers&Version=2010-05-08", EMPTY_HASH,
	  { "Content-Type", "application/x-www-form-urlencoded; charset=utf-8", "Host", "iam.amazonaws.com", DATE },
	  "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7" },
	{ "S3 GET Object", S3, "GET", "/test.txt", "", EMPTY_HASH,
	  { "Host", "examplebucket.s3.amazonaws.com", "Range", "bytes=0-9", "x-amz-content-sha256", EMPTY_HASH,
	    "x-amz-date", "20130524T000000Z" },
	  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
	{ "S3 PUT Object", S3, "PUT", "/test%24file.text", "",
	  "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
	  { "Date", "Fri, 24 May 2013 00:00:00 GMT", "Host", "examplebucket.s3.amazonaws.com",
	    "x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
	    "x-amz-date", "20130524T000000Z", "x-amz-storage-class", "REDUCED_REDUNDANCY" },
	  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
	{ "S3 GET Bucket Lifecycle", S3, "GET", "/", "lifecycle", EMPTY_HASH,
	  { "Host", "examplebucket.s3.amazonaws.com", "x-amz-content-sha256", EMPTY_HASH,
	    "x-amz-date", "20130524T000000Z" },
	  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
	{ "S3 List Objects", S3, "GET", "/", "max-keys=2&prefix=J", EMPTY_HASH,
	  { "Host", "examplebucket.s3.amazonaws.com", "x-amz-content-sha256", EMPTY_HASH,
	    "x-amz-date", "20130524T000000Z" },
	  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};
// clang-format on

static struct sigv4_request request_of(const struct vector *v, struct sigv4_header headers[8])
{
	size_t count = 0;
	for (; v->headers[2 * count]; count++)
		headers[count] = (struct sigv4_header){ slice_of_cstr(v->headers[2 * count]),
			slice_of_cstr(v->headers[2 * count + 1]) };
	return (struct sigv4_request){ .method = slice_of_cstr(v->method),
		.path = slice_of_cstr(v->path),
		.query = slice_of_cstr(v->query),
		.headers = headers,
		.header_count = count,
		.payload_hash = slice_of_cstr(v->hash),
		.is_s3 = v->account == S3 };
}

static void published_vectors_are_reproduced(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct sigv4_header headers[8];
		struct sigv4_request request = request_of(v, headers);
		struct buf out;
		buf_init(&out, 0);
		assert_true(sigv4_authorize(&request, &keys[v->account],
		    v->account == S3 ? "20130524T000000Z" : "20150830T123600Z", &out));
		if (!slice_ends_with(buf_slice(&out), slice_of_cstr(v->signature)))
			fail_msg("%s: %s", v->name, buf_cstr(&out));
		buf_release(&out);
	}
}

static void the_header_names_key_scope_and_signed_headers(void **state)
{
	(void)state;
	struct sigv4_header headers[8];
	struct sigv4_request request = request_of(&vectors[0], headers);
	struct buf out;
	buf_init(&out, 0);
	assert_true(sigv4_authorize(&request, &keys[SUITE], "20150830T123600Z", &out));
	assert_string_equal(buf_cstr(&out),
	    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
	    "SignedHeaders=host;x-amz-date, "
	    "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
	buf_release(&out);
}

static void the_canonical_request_has_each_part_on_its_line(void **state)
{
	(void)state;
	static const struct sigv4_header headers[] = {
		{ SLICE_INIT("X-Amz-Date"), SLICE_INIT("20150830T123600Z") },
		{ SLICE_INIT("Accept"), SLICE_INIT("  a \t b  ") },
		{ SLICE_INIT("accept"), SLICE_INIT("c") },
		{ SLICE_INIT("Host"), SLICE_INIT("h:1") },
	};
	struct sigv4_request request = { .method = SLICE("PUT"),
		.path = SLICE("/a%20b/./c/../d/"),
		.query = SLICE("b=2&a=2&&a=1&c"),
		.headers = headers,
		.header_count = 4,
		.payload_hash = SLICE("HASH") };
	struct buf out;
	buf_init(&out, 0);
	assert_true(sigv4_canonical_request(&request, &out));
	assert_string_equal(buf_cstr(&out),
	    "PUT\n/a%2520b/d/\na=1&a=2&b=2&c=\naccept:a b,c\nhost:h:1\n"
	    "x-amz-date:20150830T123600Z\n\naccept;host;x-amz-date\nHASH");
	buf_release(&out);
}

static void more_than_the_limits_is_refused(void **state)
{
	(void)state;
	struct sigv4_header headers[SIGV4_HEADERS_MAX + 1];
	char text[4 * (SIGV4_QUERY_MAX + 1) + 1];
	struct buf out;
	buf_init(&out, 0);
	for (size_t i = 0; i < SIGV4_HEADERS_MAX + 1; i++)
		headers[i] = (struct sigv4_header){ SLICE("a"), SLICE("b") };
	for (size_t i = 0; i < SIGV4_QUERY_MAX + 1; i++)
		memcpy(text + 4 * i, "/b=&", 5);
	struct sigv4_request request = {
		.path = SLICE("/"), .headers = headers, .header_count = SIGV4_HEADERS_MAX
	};
	assert_true(sigv4_canonical_request(&request, &out));
	request.header_count++;
	assert_false(sigv4_canonical_request(&request, &out));
	request.header_count = 1;
	request.query = slice_of(text, 4 * SIGV4_QUERY_MAX);
	assert_true(sigv4_canonical_request(&request, &out));
	request.query.len = 4 * (SIGV4_QUERY_MAX + 1);
	assert_false(sigv4_canonical_request(&request, &out));
	request.query.len = 0;
	request.path = slice_of(text, 4 * SIGV4_SEGMENTS_MAX);
	assert_true(sigv4_canonical_request(&request, &out));
	request.path.len += 4;
	assert_false(sigv4_canonical_request(&request, &out));
	buf_release(&out);
}

static void time_is_written_in_utc(void **state)
{
	(void)state;
	char text[SIGV4_TIME_LEN + 1];
	sigv4_time(1440938160, text);
	assert_string_equal(text, "20150830T123600Z");
	sigv4_time(0, text);
	assert_string_equal(text, "19700101T000000Z");
	sigv4_time(1709164800, text);
	assert_string_equal(text, "20240229T000000Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_are_reproduced),
		cmocka_unit_test(the_header_names_key_scope_and_signed_headers),
		cmocka_unit_test(the_canonical_request_has_each_part_on_its_line),
		cmocka_unit_test(more_than_the_limits_is_refused),
		cmocka_unit_test(time_is_written_in_utc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
