/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/aws_credentials.h"

#include "aws/source.h"
#include "common/clock.h"
#include "common/file.h"
#include "tests/support/fake_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW    INT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define SECRET "s3cr3t/that+must=notshow"

static struct err err;
static char folder[] = "/tmp/test_aws_credentials.XXXXXX";
static char path[512];

/* ---- a clean environment for each test ---- */

static const char *const variables[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ROLE_ARN",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME", "AWS_SHARED_CREDENTIALS_FILE",
	"AWS_CONFIG_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_EC2_METADATA_DISABLED",
	"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS",
	"AWS_CA_BUNDLE" };

static const char *write_file(const char *name, const char *text)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_true(file_write_atomic(path, slice_of_cstr(text), 0600, &err));
	return path;
}

static int clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	setenv("HOME", folder, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	err_clear(&err);
	return 0;
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) && http_global_init() ? 0 : -1;
}

static struct aws_credential_chain *chain_of(const char *profile)
{
	struct aws_chain_options options = { .profile = profile };
	struct aws_credential_chain *chain = aws_credential_chain_new(&options, &err);
	assert_non_null(chain);
	return chain;
}

static void expect_keys(const char *profile, const char *source, const char *id, const char *token)
{
	struct aws_credential_chain *chain = chain_of(profile);
	const struct aws_credentials *keys = aws_credentials_get(chain, NOW, &err);
	if (!keys)
		fail_msg("%s", err.text);
	assert_string_equal(keys->source, source);
	assert_string_equal(keys->access_key_id, id);
	assert_string_equal(keys->secret_access_key, SECRET);
	assert_string_equal(keys->session_token, token);
	aws_credential_chain_free(chain);
}

static void expect_error(const char *profile, const char *text)
{
	struct aws_credential_chain *chain = chain_of(profile);
	err_clear(&err);
	assert_null(aws_credentials_get(chain, NOW, &err));
	if (!strstr(err.text, text))
		fail_msg("'%s' does not say '%s'", err.text, text);
	assert_null(strstr(err.text, SECRET));
	aws_credential_chain_free(chain);
}

/* ---- environment ---- */

static void keys_of_the_environment_come_first(void **state)
{
	(void)state;
	setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE",
	    write_file("c", "[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = x\n"),
	    1);
	expect_keys(NULL, "environment", "AKIDENV", "");
	setenv("AWS_SESSION_TOKEN", "tok", 1);
	expect_keys(NULL, "environment", "AKIDENV", "tok");
}

static void half_of_a_pair_is_an_error_and_not_skipped(void **state)
{
	(void)state;
	setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
	expect_error(NULL, "AWS credentials from environment: the secret access key is missing");
}

static void keys_with_line_breaks_are_refused_and_not_shown(void **state)
{
	(void)state;
	setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", SECRET "\r\nx-evil: 1", 1);
	expect_error(NULL, "the secret access key holds a byte that is no printable ASCII");
}

static void no_source_at_all_says_where_it_looked(void **state)
{
	(void)state;
	expect_error(NULL,
	    "no AWS credentials in the environment, the profile 'default', a container or the "
	    "instance: the metadata service is switched off");
}

/* ---- files ---- */

static void a_named_profile_wins_over_the_environment(void **state)
{
	(void)state;
	setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "x", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE",
	    write_file("c",
	        "[dev]\naws_access_key_id = AKIDFILE\naws_secret_access_key = " SECRET "\n"
	        "aws_session_token = t1\n"),
	    1);
	expect_keys("dev", "shared credentials file", "AKIDFILE", "t1");
}

static void files_are_found_below_home(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/.aws", folder);
	assert_true(file_make_dirs(path, 0700, &err));
	write_file(".aws/config",
	    "[profile home]\naws_access_key_id = AKIDCONF\naws_secret_access_key = " SECRET "\n");
	setenv("AWS_PROFILE", "home", 1);
	expect_keys(NULL, "config file", "AKIDCONF", "");
	unlink(path);
}

static void a_profile_that_is_nowhere_is_an_error(void **state)
{
	(void)state;
	expect_error("nobody", "AWS profile 'nobody' is neither in ");
}

static void a_broken_file_is_named_with_its_line(void **state)
{
	(void)state;
	setenv("AWS_SHARED_CREDENTIALS_FILE", write_file("c", "[a]\n" SECRET "\n"), 1);
	struct aws_credential_chain *chain = chain_of(NULL);
	assert_null(aws_credentials_get(chain, NOW, &err));
	assert_null(strstr(err.text, SECRET));
	aws_credential_chain_free(chain);
}

static void single_sign_on_is_refused_with_a_way_out(void **state)
{
	(void)state;
	setenv("AWS_CONFIG_FILE", write_file("f", "[profile s]\nsso_session = x\n"), 1);
	expect_error("s", "sign-in by sso is not supported: let credential_process call");
}

static void profiles_that_name_each_other_end(void **state)
{
	(void)state;
	setenv("AWS_CONFIG_FILE",
	    write_file("f", "[profile a]\nrole_arn = r\nsource_profile = b\n"
	                    "[profile b]\nrole_arn = r\nsource_profile = a\n"),
	    1);
	expect_error("a", "more than 5 source_profile links");
}

/* ---- credential_process ---- */

static void use_process(const char *command)
{
	char text[1024];
	snprintf(text, sizeof(text), "[profile p]\ncredential_process = %s\n", command);
	setenv("AWS_CONFIG_FILE", write_file("f", text), 1);
}

static void a_process_prints_the_keys(void **state)
{
	(void)state;
	char command[600];
	write_file("keys.json",
	    "{\"Version\":1,\"AccessKeyId\":\"AKIDPROC\",\"SecretAccessKey\":\"" SECRET
	    "\",\"SessionToken\":\"t\",\"Expiration\":\"2027-01-15T10:00:00Z\"}");
	snprintf(command, sizeof(command), "cat \"%s\" ''", path);
	use_process(command);
	expect_error("p", "credential_process 'cat': failed (status 1)");
	command[strlen(command) - 3] = '\0';
	use_process(command);
	expect_keys("p", "credential_process", "AKIDPROC", "t");
}

static void a_process_that_fails_is_an_error(void **state)
{
	(void)state;
	use_process("/nonexistent/program x");
	expect_error("p", "credential_process '/nonexistent/program': No such file or directory");
	use_process("false");
	expect_error("p", "credential_process 'false': failed (status 1)");
	use_process("echo \"open");
	expect_error("p", "credential_process: an open quote");
	use_process("echo " SECRET);
	expect_error("p", "credential_process: the answer is no JSON object");
	use_process("yes");
	expect_error("p", "credential_process 'yes': no end within 60 s, or more than 65534 bytes");
}

/* ---- web identity and roles: STS ---- */

#define STS_REPLY                                                                                  \
	"<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"        \
	"<SessionToken>sts-token</SessionToken><SecretAccessKey>" SECRET "</SecretAccessKey>"      \
	"<Expiration>2027-01-15T09:00:00Z</Expiration><AccessKeyId>ASIAWEB</AccessKeyId>"          \
	"</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"

static void sts(
    const struct fake_request *request, unsigned n, struct fake_reply *reply, void *context)
{
	(void)n;
	(void)context;
	bool is_web =
	    slice_find(request->body, SLICE("Action=AssumeRoleWithWebIdentity&")) != SIZE_MAX;
	bool is_signed = fake_header(request, "authorization").len != 0;
	bool has_token = slice_find(request->body,
	                     SLICE("&WebIdentityToken=header.payload.sig-_%2B")) != SIZE_MAX;
	bool good = is_web ? has_token && !is_signed
	                   : is_signed && slice_find(request->body,
	                                      SLICE("&ExternalId=a%20b%26c")) != SIZE_MAX;
	reply->status = good ? 200 : 403;
	reply->body =
	    good ? STS_REPLY
	         : "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message>"
	           "</Error><RequestId>r-7</RequestId></ErrorResponse>";
}

static struct fake_http *start_sts(void)
{
	struct fake_http *peer = fake_http_start(sts, NULL);
	setenv("AWS_ENDPOINT_URL_STS", fake_http_url(peer), 1);
	setenv("AWS_REGION", "eu-west-1", 1);
	return peer;
}

static void a_web_identity_token_is_exchanged_unsigned(void **state)
{
	(void)state;
	struct fake_http *peer = start_sts();
	setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", write_file("token", "header.payload.sig-_+\n"), 1);
	expect_keys(NULL, "web identity", "ASIAWEB", "sts-token");
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", write_file("token", "another"), 1);
	expect_error(NULL, "from web identity: AccessDenied: not you (status 403, request r-7)");
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent", 1);
	expect_error(NULL, "from web identity: /nonexistent: ");
	fake_http_stop(peer);
}

static void a_role_of_a_profile_is_assumed_with_its_sources_keys(void **state)
{
	(void)state;
	struct fake_http *peer = start_sts();
	setenv("AWS_CONFIG_FILE",
	    write_file("f", "[profile r]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n"
	                    "external_id = a b&c\n"
	                    "[profile base]\naws_access_key_id = A\naws_secret_access_key = s\n"
	                    "[profile bare]\nrole_arn = x\n"
	                    "[profile odd]\nrole_arn = x\ncredential_source = Moon\n"
	                    "[profile mfa]\nrole_arn = x\nsource_profile = base\nmfa_serial = y\n"),
	    1);
	expect_keys("r", "role of the profile", "ASIAWEB", "sts-token");
	expect_error("bare", "role_arn without source_profile");
	expect_error("odd", "unknown credential_source 'Moon'");
	expect_error("mfa", "mfa_serial is not supported");
	fake_http_stop(peer);
}

/* ---- container ---- */

#define KEYS_JSON(id, expiration)                                                                  \
	"{\"Code\":\"Success\",\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"" SECRET           \
	"\",\"Token\":\"tok\",\"Expiration\":\"" expiration "\"}"

static void container(
    const struct fake_request *request, unsigned n, struct fake_reply *reply, void *context)
{
	const char *want = context;
	bool good = slice_eq(request->path, SLICE("/v2/keys?x=1")) &&
	            slice_eq(fake_header(request, "authorization"), slice_of_cstr(want));
	reply->status = n == 0 ? 500 : good ? 200 : 403;
	reply->body = reply->status == 200 ? KEYS_JSON("ASIATASK", "2027-01-15T12:00:00Z") : "{}";
}

static struct fake_http *start_container(char *authorization)
{
	struct fake_http *peer = fake_http_start(container, authorization);
	char url[128];
	snprintf(url, sizeof(url), "%s/v2/keys?x=1", fake_http_url(peer));
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
	return peer;
}

static void a_container_endpoint_is_asked_with_the_tokens_of_its_file(void **state)
{
	(void)state;
	char first[] = "Bearer one";
	struct fake_http *peer = start_container(first);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "ignored", 1);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", write_file("auth", "Bearer one\n"), 1);
	expect_keys(NULL, "container", "ASIATASK", "tok");
	fake_http_stop(peer);
}

static void a_container_token_with_a_line_break_is_refused(void **state)
{
	(void)state;
	setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/", 1);
	setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\r\nx: y", 1);
	expect_error(NULL, "the container authorization token holds a line break");
}

static void container_addresses_are_checked(void **state)
{
	(void)state;
	static const struct {
		const char *relative, *full, *url;
	} rows[] = {
		{ "/v2/x", NULL, "http://169.254.170.2/v2/x" },
		{ "/v2/x", "http://evil/", "http://169.254.170.2/v2/x" },
		{ "@evil/", NULL, NULL },
		{ NULL, "http://localhost:80/x", "http://localhost:80/x" },
		{ NULL, "http://127.9.9.9/x", "http://127.9.9.9/x" },
		{ NULL, "http://169.254.170.23/v1", "http://169.254.170.23/v1" },
		{ NULL, "http://[fd00:ec2::23]/v1", "http://[fd00:ec2::23]/v1" },
		{ NULL, "http://[::1]:8/v1", "http://[::1]:8/v1" },
		{ NULL, "https://anywhere.example/x", "https://anywhere.example/x" },
		{ NULL, "http://10.0.0.1/x", NULL },
		{ NULL, "http://127.0.0.1.evil.example/x", NULL },
		{ NULL, "http://localhost@evil.example/x", NULL },
		{ NULL, "http://169.254.169.254/x", NULL },
		{ NULL, "ftp://localhost/x", NULL },
	};
	char url[256];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool ok =
		    source_container_url(rows[i].relative, rows[i].full, url, sizeof(url), NULL);
		assert_int_equal(ok, rows[i].url != NULL);
		if (ok)
			assert_string_equal(url, rows[i].url);
	}
}

/* ---- instance ---- */

struct imds {
	bool refuse_v2;
	bool down;
	const char *role;
	const char *keys;
	unsigned unsigned_reads;
};

static void imds(
    const struct fake_request *request, unsigned n, struct fake_reply *reply, void *context)
{
	struct imds *imds = context;
	bool has_session =
	    slice_eq(fake_header(request, "x-aws-ec2-metadata-token"), SLICE("session=="));
	(void)n;
	reply->status = 404;
	if (imds->down) {
		reply->status = 500;
	} else if (slice_eq(request->path, SLICE("/latest/api/token"))) {
		bool asked = slice_eq(request->method, SLICE("PUT")) &&
		             fake_header(request, "x-aws-ec2-metadata-token-ttl-seconds").len != 0;
		reply->status = asked && !imds->refuse_v2 ? 200 : 403;
		reply->body = "session==";
	} else if (!has_session) {
		imds->unsigned_reads++;
		reply->status = 401;
	} else if (slice_eq(request->path, SLICE("/latest/meta-data/iam/security-credentials/"))) {
		reply->status = imds->role ? 200 : 404;
		reply->body = imds->role;
	} else if (slice_eq(request->path,
	               SLICE("/latest/meta-data/iam/security-credentials/my-role"))) {
		reply->status = 200;
		reply->body = imds->keys;
	} else if (slice_eq(request->path, SLICE("/latest/meta-data/placement/region"))) {
		reply->status = 200;
		reply->body = "ap-south-2";
	}
}

static struct fake_http *start_imds(struct imds *behaviour)
{
	struct fake_http *peer = fake_http_start(imds, behaviour);
	unsetenv("AWS_EC2_METADATA_DISABLED");
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", fake_http_url(peer), 1);
	return peer;
}

static void an_instance_gives_keys_and_region_by_version_two(void **state)
{
	(void)state;
	struct imds behaviour = { .role = "my-role\nother\n",
		.keys = KEYS_JSON("ASIAEC2", "2027-01-15T12:00:00Z") };
	struct fake_http *peer = start_imds(&behaviour);
	char region[AWS_REGION_MAX + 1];
	expect_keys(NULL, "instance", "ASIAEC2", "tok");
	assert_true(aws_region_find(NULL, region, &err));
	assert_string_equal(region, "ap-south-2");
	fake_http_stop(peer);
}

static void version_one_of_the_metadata_service_is_never_asked(void **state)
{
	(void)state;
	struct imds behaviour = { .refuse_v2 = true, .role = "my-role" };
	struct fake_http *peer = start_imds(&behaviour);
	expect_error(NULL, "/latest/api/token': status 403");
	assert_int_equal(fake_http_requests(peer), 1);
	assert_int_equal(behaviour.unsigned_reads, 0);
	fake_http_stop(peer);
}

static void a_role_that_is_no_name_is_refused(void **state)
{
	(void)state;
	struct imds behaviour = { .role = "../../user-data" };
	struct fake_http *peer = start_imds(&behaviour);
	expect_error(NULL, "the name of the instance's role is not valid");
	behaviour.role = "my-role";
	behaviour.keys = "{\"Code\":\"Failed\",\"SecretAccessKey\":\"" SECRET "\"}";
	expect_error(NULL, "from instance: the access key id is missing");
	behaviour.keys = "{\"AccessKeyId\": \"" SECRET;
	expect_error(NULL, "from instance: the answer is no JSON object");
	fake_http_stop(peer);
}

/* ---- refresh ---- */

static void keys_are_fetched_again_before_they_expire(void **state)
{
	(void)state;
	struct imds behaviour = { .role = "my-role",
		.keys = KEYS_JSON("ASIAFIRST", "2027-01-15T12:00:00Z") };
	struct fake_http *peer = start_imds(&behaviour);
	struct aws_credential_chain *chain = chain_of(NULL);
	int64_t expires = NOW + 4 * 3600;
	assert_string_equal(aws_credentials_get(chain, NOW, &err)->access_key_id, "ASIAFIRST");
	unsigned asked = fake_http_requests(peer);
	behaviour.keys = KEYS_JSON("ASIASECOND", "2027-01-15T18:00:00Z");
	assert_string_equal(
	    aws_credentials_get(chain, expires - 901, &err)->access_key_id, "ASIAFIRST");
	assert_int_equal(fake_http_requests(peer), asked);
	assert_string_equal(
	    aws_credentials_get(chain, expires - 900, &err)->access_key_id, "ASIASECOND");
	aws_credential_chain_free(chain);
	fake_http_stop(peer);
}

static void an_outage_is_bridged_with_the_old_keys(void **state)
{
	(void)state;
	struct imds behaviour = { .role = "my-role",
		.keys = KEYS_JSON("ASIAFIRST", "2027-01-15T12:00:00Z") };
	struct fake_http *peer = start_imds(&behaviour);
	struct aws_credential_chain *chain = chain_of(NULL);
	int64_t expires = NOW + 4 * 3600;
	assert_non_null(aws_credentials_get(chain, NOW, &err));
	behaviour.down = true;
	assert_string_equal(
	    aws_credentials_get(chain, expires - 600, &err)->access_key_id, "ASIAFIRST");
	unsigned asked = fake_http_requests(peer);
	/* Not for each request anew. */
	assert_non_null(aws_credentials_get(chain, expires - 590, &err));
	assert_int_equal(fake_http_requests(peer), asked);
	/* Beyond the expiry too: EC2 honours them during its own outages. */
	assert_string_equal(
	    aws_credentials_get(chain, expires + 60, &err)->access_key_id, "ASIAFIRST");
	/* But not when the service has refused them. */
	aws_credentials_expire(chain);
	assert_null(aws_credentials_get(chain, expires + 61, &err));
	behaviour.down = false;
	behaviour.keys = KEYS_JSON("ASIASECOND", "2027-01-15T18:00:00Z");
	assert_string_equal(
	    aws_credentials_get(chain, expires + 62, &err)->access_key_id, "ASIASECOND");
	aws_credential_chain_free(chain);
	fake_http_stop(peer);
}

/* ---- JSON and time ---- */

static void times_are_read_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t unix_s; /* -1: refused */
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2027-01-15T08:00:00Z", NOW },
		{ "2027-01-15T08:00:00.123456Z", NOW },
		{ "2027-01-15T10:00:00+02:00", NOW },
		{ "2027-01-15T03:30:00-0430", NOW },
		{ "2027-01-15T08:00:00", -1 },
		{ "2027-01-15 08:00:00Z", -1 },
		{ "2027-13-15T08:00:00Z", -1 },
		{ "2027-01-00T08:00:00Z", -1 },
		{ "2027-01-15T24:00:00Z", -1 },
		{ "2027-01-15T08:00:00Zz", -1 },
		{ "2027-1-15T08:00:00Z", -1 },
		{ "1800000000", -1 },
		{ "", -1 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t got = -1;
		bool ok = source_parse_time(slice_of_cstr(rows[i].text), &got);
		assert_int_equal(ok, rows[i].unix_s != -1);
		assert_int_equal(got, rows[i].unix_s);
	}
}

static void every_truncation_of_the_json_is_refused(void **state)
{
	(void)state;
	static const char text[] = KEYS_JSON("ASIA", "2027-01-15T12:00:00Z");
	static struct aws_credentials out;
	assert_true(source_parse_json(slice_of_cstr(text), "Token", &out, &err));
	assert_int_equal(out.expires_unix_s, NOW + 4 * 3600);
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		err_clear(&err);
		assert_false(source_parse_json(slice_of(text, len), "Token", &out, &err));
		assert_null(strstr(err.text, SECRET));
	}
}

static void regions_come_from_the_environment_then_the_profile(void **state)
{
	(void)state;
	char region[AWS_REGION_MAX + 1];
	setenv("AWS_CONFIG_FILE",
	    write_file("f", "[default]\nregion = eu-north-1\n[profile bad]\nregion = a.b/c\n"), 1);
	assert_true(aws_region_find(NULL, region, &err));
	assert_string_equal(region, "eu-north-1");
	assert_false(aws_region_find("bad", region, &err));
	setenv("AWS_DEFAULT_REGION", "eu-west-2", 1);
	assert_true(aws_region_find(NULL, region, &err));
	assert_string_equal(region, "eu-west-2");
	setenv("AWS_REGION", "eu-west-3", 1);
	assert_true(aws_region_find(NULL, region, &err));
	assert_string_equal(region, "eu-west-3");
	setenv("AWS_REGION", "evil.example/", 1);
	err_clear(&err);
	assert_false(aws_region_find(NULL, region, &err));
	assert_string_equal(err.text, "AWS_REGION: 'evil.example/' is no region");
}

#define TEST(name) cmocka_unit_test_setup(name, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_of_the_environment_come_first),
		TEST(half_of_a_pair_is_an_error_and_not_skipped),
		TEST(keys_with_line_breaks_are_refused_and_not_shown),
		TEST(no_source_at_all_says_where_it_looked),
		TEST(a_named_profile_wins_over_the_environment),
		TEST(files_are_found_below_home),
		TEST(a_profile_that_is_nowhere_is_an_error),
		TEST(a_broken_file_is_named_with_its_line),
		TEST(single_sign_on_is_refused_with_a_way_out),
		TEST(profiles_that_name_each_other_end),
		TEST(a_process_prints_the_keys),
		TEST(a_process_that_fails_is_an_error),
		TEST(a_web_identity_token_is_exchanged_unsigned),
		TEST(a_role_of_a_profile_is_assumed_with_its_sources_keys),
		TEST(a_container_endpoint_is_asked_with_the_tokens_of_its_file),
		TEST(a_container_token_with_a_line_break_is_refused),
		TEST(container_addresses_are_checked),
		TEST(an_instance_gives_keys_and_region_by_version_two),
		TEST(version_one_of_the_metadata_service_is_never_asked),
		TEST(a_role_that_is_no_name_is_refused),
		TEST(keys_are_fetched_again_before_they_expire),
		TEST(an_outage_is_bridged_with_the_old_keys),
		TEST(times_are_read_or_refused),
		TEST(every_truncation_of_the_json_is_refused),
		TEST(regions_come_from_the_environment_then_the_profile),
	};
	return cmocka_run_group_tests(tests, make_folder, NULL);
}
