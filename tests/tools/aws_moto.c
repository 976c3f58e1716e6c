/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AWS layer and the ssm store against moto's server, whose URL is in MOTO_URL. cmocka, so
 * CMOCKA_MESSAGE_OUTPUT=TAP gives TAP. Used by tests/e2e/60-aws.sh.
 */
#include "aws/aws_credentials.h"
#include "aws/cwlogs.h"
#include "aws/kms.h"
#include "aws/s3.h"
#include "aws/ssm.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/json_write.h"
#include "registry/store.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct err err;

#define assert_ok(call)                                                                            \
	do {                                                                                       \
		err_clear(&err);                                                                   \
		if (!(call))                                                                       \
			fail_msg("%s: %s", #call, err.text);                                       \
	} while (0)

static struct aws_client *client_of(const char *service)
{
	struct aws_client_options options = { .service = service };
	struct aws_client *client;
	assert_ok((client = aws_client_new(&options, &err)) != NULL);
	return client;
}

static struct store *store_of(void)
{
	struct store_ssm_options options = { .region = "eu-west-1" };
	struct store *store;
	assert_ok((store = store_ssm_new(&options, &err)) != NULL);
	return store;
}

/* ---- SSM ---- */

static void three_hundred_services_are_listed_over_all_pages(void **state)
{
	(void)state;
	enum { SERVICES = 300 };
	static const char *const fields[] = { "url", "version", "route-prefix", "authorizer" };
	struct aws_client *fast = client_of("ssm");
	struct store *store = store_of();
	struct parameter_list list;
	char name[128];
	for (int i = 0; i < SERVICES; i++)
		for (size_t f = 0; f < 4; f++) {
			snprintf(
			    name, sizeof(name), "/many/dev/api-services/s%03d/%s", i, fields[f]);
			assert_ok(ssm_put(
			    fast, name, slice_of_cstr(name), "String", NULL, NULL, NULL, &err));
		}
	parameter_list_init(&list);
	uint64_t start_ms = clock_monotonic_ms();
	assert_ok(store->ops->list(store, "/many/dev", &list, &err));
	uint64_t took_ms = clock_monotonic_ms() - start_ms;
	assert_int_equal(list.count, SERVICES * 4);
	/* 120 pages: below SSM's 40 requests per second whatever the peer's speed. */
	assert_true(took_ms >= 119 * 1000 / 40);
	fprintf(stderr, "# %d parameters in 120 pages: %llu ms\n", SERVICES * 4,
	    (unsigned long long)took_ms);
	parameter_list_sort(&list);
	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "/many/dev/api-services/s%03d/url", i);
		const struct parameter *p = parameter_list_find(&list, slice_of_cstr(name));
		assert_non_null(p);
		assert_true(slice_eq(p->value, p->name));
	}
	parameter_list_release(&list);
	store_free(store);
	aws_client_free(fast);
}

static void values_come_back_byte_for_byte(void **state)
{
	(void)state;
	static char big[STORE_VALUE_MAX + 1];
	memset(big, 'x', STORE_VALUE_MAX);
	const char *values[] = { "plain", "line\nbreak \"quoted\" back\\slash \x01",
		"z\xc3\xbcrich \xf0\x9f\x8f\xa6", "server evil 10.0.0.1:80\nbackend x", big };
	struct store *store = store_of();
	struct parameter_list list;
	char name[64];
	for (size_t i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "/values/v%zu", i);
		assert_ok(store->ops->put(
		    store, name, slice_of_cstr(values[i]), PARAMETER_STRING, NULL, &err));
	}
	parameter_list_init(&list);
	assert_ok(store->ops->list(store, "/values", &list, &err));
	parameter_list_sort(&list);
	assert_int_equal(list.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_true(slice_eq(list.items[i].value, slice_of_cstr(values[i])));
	parameter_list_release(&list);
	store_free(store);
}

static void a_secure_string_is_listed_in_the_clear(void **state)
{
	(void)state;
	struct store *store = store_of();
	struct parameter_list list;
	assert_ok(store->ops->put(
	    store, "/secure/key", SLICE("hush"), PARAMETER_SECURE_STRING, NULL, &err));
	parameter_list_init(&list);
	assert_ok(store->ops->list(store, "/secure", &list, &err));
	assert_int_equal(list.count, 1);
	assert_int_equal(list.items[0].type, PARAMETER_SECURE_STRING);
	assert_true(slice_eq(list.items[0].value, SLICE("hush")));
	parameter_list_release(&list);
	store_free(store);
}

static void overwriting_counts_versions_and_removing_twice_is_fine(void **state)
{
	(void)state;
	struct store *store = store_of();
	struct parameter_list list;
	uint64_t version = 0;
	assert_ok(store->ops->put(store, "/once/a", SLICE("1"), PARAMETER_STRING, &version, &err));
	assert_int_equal(version, 1);
	assert_ok(store->ops->put(store, "/once/a", SLICE("2"), PARAMETER_STRING, &version, &err));
	assert_int_equal(version, 2);
	assert_ok(store->ops->remove(store, "/once/a", &err));
	assert_ok(store->ops->remove(store, "/once/a", &err));
	parameter_list_init(&list);
	assert_ok(store->ops->list(store, "/once", &list, &err));
	assert_int_equal(list.count, 0);
	parameter_list_release(&list);
	store_free(store);
}

static bool count_one(const struct ssm_parameter *parameter, void *context, struct err *e)
{
	(void)parameter;
	(void)e;
	++*(size_t *)context;
	return true;
}

static void names_are_read_in_tens_and_missing_ones_skipped(void **state)
{
	(void)state;
	struct aws_client *ssm = client_of("ssm");
	char text[25][32];
	const char *names[25];
	size_t count = 0;
	for (int i = 0; i < 25; i++) {
		snprintf(text[i], sizeof(text[i]), "/tens/p%d", i);
		names[i] = text[i];
		if (i % 3)
			assert_ok(
			    ssm_put(ssm, names[i], SLICE("v"), "String", NULL, NULL, NULL, &err));
	}
	assert_ok(ssm_get(ssm, names, 25, count_one, &count, NULL, &err));
	assert_int_equal(count, 16);
	aws_client_free(ssm);
}

static void a_refusal_names_parameter_code_and_request(void **state)
{
	(void)state;
	struct store *store = store_of();
	err_clear(&err);
	assert_false(
	    store->ops->put(store, "/aws/not/allowed", SLICE("v"), PARAMETER_STRING, NULL, &err));
	assert_non_null(strstr(err.text, "'/aws/not/allowed': AmazonSSM.PutParameter: "));
	assert_non_null(strstr(err.text, "status 400, request "));
	store_free(store);
}

/* ---- KMS ---- */

static void create_key(struct aws_client *kms, const char *input, char id[128])
{
	json_t *output;
	assert_ok(aws_client_call(
	    kms, "TrentService.CreateKey", slice_of_cstr(input), &output, NULL, &err));
	snprintf(id, 128, "%s",
	    json_string_value(json_object_get(json_object_get(output, "KeyMetadata"), "Arn")));
	aws_json_free(output);
}

static void a_data_key_unwraps_only_with_its_context(void **state)
{
	(void)state;
	static const struct kms_context right[] = { { "log", "a" }, { NULL, NULL } };
	static const struct kms_context wrong[] = { { "log", "b" }, { NULL, NULL } };
	struct aws_client *kms = client_of("kms");
	unsigned char key[KMS_DATA_KEY_BYTES], again[KMS_DATA_KEY_BYTES];
	struct aws_error error;
	struct buf wrapped;
	char id[128];
	create_key(kms, "{}", id);
	buf_init(&wrapped, 0);
	assert_ok(kms_generate_data_key(kms, id, right, key, &wrapped, NULL, &err));
	assert_ok(kms_decrypt_data_key(kms, id, right, buf_slice(&wrapped), again, NULL, &err));
	assert_memory_equal(key, again, sizeof(key));
	assert_ok(kms_decrypt_data_key(kms, NULL, right, buf_slice(&wrapped), again, NULL, &err));
	assert_false(
	    kms_decrypt_data_key(kms, id, wrong, buf_slice(&wrapped), again, &error, &err));
	assert_string_equal(error.code, "InvalidCiphertextException");
	buf_release(&wrapped);
	aws_client_free(kms);
}

static bool verify_here(struct slice der, struct slice message, struct slice signature)
{
	const unsigned char *p = (const unsigned char *)der.ptr;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der.len);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_non_null(key);
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	bool ok = EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
	              (const unsigned char *)message.ptr, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

static void a_signature_verifies_here_and_there(void **state)
{
	(void)state;
	struct aws_client *kms = client_of("kms");
	struct buf signature, der;
	struct slice message = SLICE("a checkpoint");
	char id[128], spec[64];
	bool valid;
	create_key(kms, "{\"KeySpec\":\"ECC_NIST_P256\",\"KeyUsage\":\"SIGN_VERIFY\"}", id);
	buf_init(&signature, 0);
	buf_init(&der, 0);
	assert_ok(kms_sign(kms, id, "ECDSA_SHA_256", message, false, &signature, NULL, &err));
	assert_ok(kms_get_public_key(kms, id, &der, spec, NULL, &err));
	assert_string_equal(spec, "ECC_NIST_P256");
	assert_true(verify_here(buf_slice(&der), message, buf_slice(&signature)));
	assert_ok(kms_verify(
	    kms, id, "ECDSA_SHA_256", message, false, buf_slice(&signature), &valid, NULL, &err));
	assert_true(valid);
	assert_ok(kms_verify(kms, id, "ECDSA_SHA_256", SLICE("another"), false,
	    buf_slice(&signature), &valid, NULL, &err));
	assert_false(valid);
	buf_release(&signature);
	buf_release(&der);
	aws_client_free(kms);
}

/* ---- CloudWatch Logs ---- */

static void events_arrive_in_a_group_with_retention(void **state)
{
	(void)state;
	struct aws_client *logs = client_of("logs");
	struct cwlogs_group_options options = { .retention_days = 90, .deletion_protection = true };
	int64_t now_ms = clock_unix_ms();
	struct cwlogs_event events[] = { { now_ms - 10, SLICE("{\"n\":1}") },
		{ now_ms, SLICE("{\"n\":2,\"t\":\"\xc3\xbc\"}") } };
	struct cwlogs_rejected rejected;
	struct buf arn;
	json_t *output;
	bool is_open;
	for (int i = 0; i < 2; i++) {
		assert_ok(
		    cwlogs_ensure_group(logs, "/sallyport/t", &options, &is_open, NULL, &err));
		assert_ok(cwlogs_ensure_stream(logs, "/sallyport/t", "s", NULL, &err));
	}
	assert_ok(cwlogs_put_events(logs, "/sallyport/t", "s", events, 2, &rejected, NULL, &err));
	assert_int_equal(rejected.too_old_end, 0);
	assert_int_equal(rejected.too_new_start, 2);
	buf_init(&arn, 0);
	assert_ok(cwlogs_group_arn(logs, "/sallyport/t", &arn, NULL, &err));
	assert_true(slice_ends_with(buf_slice(&arn), SLICE(":log-group:/sallyport/t")));
	buf_release(&arn);
	assert_false(cwlogs_group_arn(logs, "/sallyport/none", &arn, NULL, &err));
	assert_ok(aws_client_call(logs, "Logs_20140328.GetLogEvents",
	    SLICE(
	        "{\"logGroupName\":\"/sallyport/t\",\"logStreamName\":\"s\",\"startFromHead\":true}"),
	    &output, NULL, &err));
	json_t *got = json_object_get(output, "events");
	assert_int_equal(json_array_size(got), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(got, 1), "message")),
	    "{\"n\":2,\"t\":\"\xc3\xbc\"}");
	aws_json_free(output);
	aws_client_free(logs);
}

static void a_missing_group_is_told_by_its_code(void **state)
{
	(void)state;
	struct aws_client *logs = client_of("logs");
	struct cwlogs_event event = { clock_unix_ms(), SLICE("x") };
	struct aws_error error;
	assert_false(cwlogs_put_events(logs, "/none", "s", &event, 1, NULL, &error, &err));
	assert_string_equal(error.code, "ResourceNotFoundException");
	aws_client_free(logs);
}

/* ---- S3 ---- */

static void an_anchor_is_locked_and_not_overwritten(void **state)
{
	(void)state;
	static const char *const lock[] = { "x-amz-bucket-object-lock-enabled: true",
		"Content-Type: application/xml", NULL };
	struct aws_client *s3 = client_of("s3");
	struct http_response response;
	struct aws_error error;
	struct aws_request create = { .method = "PUT",
		.path = "/anchors",
		.headers = lock,
		.body = SLICE(
		    "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>eu-west-1"
		    "</LocationConstraint></CreateBucketConfiguration>") };
	struct aws_request head = { .method = "HEAD", .path = "/anchors/log/1%202%2B.json" };
	struct s3_object object = { .bucket = "anchors",
		.key = "log/1 2+.json",
		.content_type = "application/json",
		.body = SLICE("{\"n\":1}"),
		.lock = S3_LOCK_COMPLIANCE,
		.retain_until_unix_s = clock_unix_s() + 86400,
		.only_if_absent = true };
	http_response_init(&response);
	assert_ok(aws_client_send(s3, "create", &create, &response, NULL, &err));
	assert_ok(s3_put_object(s3, &object, NULL, &err));
	assert_ok(aws_client_send(s3, "head", &head, &response, NULL, &err));
	assert_true(slice_eq(
	    http_response_header(&response, "x-amz-object-lock-mode"), SLICE("COMPLIANCE")));
	assert_false(s3_put_object(s3, &object, &error, &err));
	assert_string_equal(error.code, "PreconditionFailed");
	http_response_release(&response);
	aws_client_free(s3);
}

/* ---- roles ---- */

static char folder[] = "/tmp/aws_moto.XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_ok(file_write_atomic(path, slice_of_cstr(text), 0600, &err));
}

static void expect_role(const char *profile, const char *source)
{
	struct aws_chain_options options = { .profile = profile, .region = "eu-west-1" };
	struct aws_credential_chain *chain;
	const struct aws_credentials *keys;
	assert_ok((chain = aws_credential_chain_new(&options, &err)) != NULL);
	assert_ok((keys = aws_credentials_get(chain, clock_unix_s(), &err)) != NULL);
	assert_string_equal(keys->source, source);
	assert_true(strncmp(keys->access_key_id, "ASIA", 4) == 0);
	assert_true(keys->session_token[0] != '\0');
	assert_true(keys->expires_unix_s > clock_unix_s() + 600);
	aws_credential_chain_free(chain);
}

static void roles_are_assumed_by_profile_and_by_web_identity(void **state)
{
	(void)state;
	char path[256], text[1024];
	assert_non_null(mkdtemp(folder));
	write_file("token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.x\n");
	write_file(
	    "credentials", "[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = s\n");
	snprintf(text, sizeof(text),
	    "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/gateway\nsource_profile = base\n"
	    "external_id = a b&c\n"
	    "[profile chained]\nrole_arn = arn:aws:iam::123456789012:role/other\nsource_profile = role\n"
	    "[profile web]\nrole_arn = arn:aws:iam::123456789012:role/web\n"
	    "web_identity_token_file = %s/token\n"
	    "[profile env]\nrole_arn = arn:aws:iam::123456789012:role/env\n"
	    "credential_source = Environment\n",
	    folder);
	write_file("config", text);
	snprintf(path, sizeof(path), "%s/credentials", folder);
	setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
	snprintf(path, sizeof(path), "%s/config", folder);
	setenv("AWS_CONFIG_FILE", path, 1);
	expect_role("role", "role of the profile");
	expect_role("chained", "role of the profile");
	expect_role("web", "role of the profile");
	expect_role("env", "role of the profile");
	unsetenv("AWS_ACCESS_KEY_ID");
	snprintf(path, sizeof(path), "%s/token", folder);
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
	setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/irsa", 1);
	expect_role(NULL, "web identity");
}

static void set_up(const char *url)
{
	setenv("AWS_ENDPOINT_URL", url, 1);
	setenv("AWS_REGION", "eu-west-1", 1);
	setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
	setenv("AWS_CONFIG_FILE", "/dev/null", 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	unsetenv("AWS_SESSION_TOKEN");
	unsetenv("AWS_PROFILE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_hundred_services_are_listed_over_all_pages),
		cmocka_unit_test(values_come_back_byte_for_byte),
		cmocka_unit_test(a_secure_string_is_listed_in_the_clear),
		cmocka_unit_test(overwriting_counts_versions_and_removing_twice_is_fine),
		cmocka_unit_test(names_are_read_in_tens_and_missing_ones_skipped),
		cmocka_unit_test(a_refusal_names_parameter_code_and_request),
		cmocka_unit_test(a_data_key_unwraps_only_with_its_context),
		cmocka_unit_test(a_signature_verifies_here_and_there),
		cmocka_unit_test(events_arrive_in_a_group_with_retention),
		cmocka_unit_test(a_missing_group_is_told_by_its_code),
		cmocka_unit_test(an_anchor_is_locked_and_not_overwritten),
		cmocka_unit_test(roles_are_assumed_by_profile_and_by_web_identity),
	};
	if (!getenv("MOTO_URL") || !http_global_init()) {
		fprintf(stderr, "usage: MOTO_URL=http://127.0.0.1:5000 aws_moto\n");
		return 64;
	}
	set_up(getenv("MOTO_URL"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
