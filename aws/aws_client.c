/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/aws_client.h"

#include "aws/aws_call.h"
#include "aws/aws_credentials.h"
#include "aws/aws_profile.h"
#include "common/clock.h"
#include "common/log.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	ATTEMPTS = 5,
	BACKOFF_MS = 200,
	BACKOFF_MAX_MS = 20000,
	TIMEOUT_MS = 10000,
	SKEW_MIN_S = 4 * 60, /* AWS takes a request up to 5 minutes off */
	TARGET_MAX = 128,
};

struct aws_client {
	char service[16];
	char region[AWS_REGION_MAX + 1];
	struct aws_endpoint endpoint;
	char endpoint_url[AWS_ENDPOINT_MAX];
	bool has_own_endpoint;
	char *ca_file;
	struct aws_credential_chain *credentials;
	struct http_session *session;
	unsigned interval_ms; /* between two requests */
	unsigned max_attempts, backoff_ms, timeout_ms;
	const volatile sig_atomic_t *stop;
	uint64_t next_send_ms;
	int64_t clock_offset_s; /* the service's clock minus ours */
};

/* ---- set-up ---- */

static const struct {
	const char *service, *variable;
} endpoint_variables[] = {
	// clang-format off
	{ "kms",  "AWS_ENDPOINT_URL_KMS" },
	{ "logs", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS" },
	{ "logs", "AWS_ENDPOINT_URL_LOGS" },
	{ "s3",   "AWS_ENDPOINT_URL_S3" },
	{ "ssm",  "AWS_ENDPOINT_URL_SSM" },
	{ "sts",  "AWS_ENDPOINT_URL_STS" },
	// clang-format on
};

static const char *endpoint_from_environment(const char *service)
{
	for (size_t i = 0; i < sizeof(endpoint_variables) / sizeof(endpoint_variables[0]); i++) {
		const char *url = getenv(endpoint_variables[i].variable);
		if (strcmp(endpoint_variables[i].service, service) == 0 && url && *url)
			return url;
	}
	const char *url = getenv("AWS_ENDPOINT_URL");
	return url && *url ? url : NULL;
}

/* Given, by environment, by profile, or AWS's own: "https://ssm.eu-west-1.amazonaws.com". */
static bool find_endpoint(
    struct aws_client *client, const struct aws_client_options *options, struct err *err)
{
	const char *ignore = getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
	bool configured = !ignore || !slice_eq_nocase(slice_of_cstr(ignore), SLICE("true"));
	const char *profile = options->profile ? options->profile : aws_profile_default();
	char url[AWS_ENDPOINT_MAX];
	const char *chosen = options->endpoint_url;
	if (!chosen && configured)
		chosen = endpoint_from_environment(options->service);
	if (!chosen && configured && aws_profile_setting(profile, "endpoint_url", url, sizeof(url)))
		chosen = url;
	client->has_own_endpoint = chosen != NULL;
	if (!chosen) {
		snprintf(url, sizeof(url), "https://%s.%s.%s", client->service, client->region,
		    aws_dns_suffix(client->region));
		chosen = url;
	}
	if (!aws_endpoint_parse(chosen, &client->endpoint, err))
		return false;
	snprintf(client->endpoint_url, sizeof(client->endpoint_url), "%s://%s",
	    client->endpoint.is_https ? "https" : "http", client->endpoint.host);
	return true;
}

static bool find_region(
    struct aws_client *client, const struct aws_client_options *options, struct err *err)
{
	if (!options->region)
		return aws_region_find(options->profile, client->region, err);
	if (!aws_region_is_valid(options->region))
		return err_set(err, "'%s' is no AWS region", options->region);
	snprintf(client->region, sizeof(client->region), "%s", options->region);
	return true;
}

static bool init(
    struct aws_client *client, const struct aws_client_options *options, struct err *err)
{
	const char *ca_file = options->ca_file ? options->ca_file : getenv("AWS_CA_BUNDLE");
	snprintf(client->service, sizeof(client->service), "%s", options->service);
	client->interval_ms = options->max_per_second ? 1000 / options->max_per_second : 0;
	client->max_attempts = options->max_attempts ? options->max_attempts : ATTEMPTS;
	client->backoff_ms = options->backoff_ms ? options->backoff_ms : BACKOFF_MS;
	client->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
	client->stop = options->stop;
	client->session = http_session_new();
	client->ca_file = ca_file && *ca_file ? strdup(ca_file) : NULL;
	if (!client->session || (ca_file && *ca_file && !client->ca_file))
		return err_set(err, "no memory for an AWS client");
	if (!find_region(client, options, err) || !find_endpoint(client, options, err))
		return false;
	struct aws_chain_options chain = {
		.profile = options->profile, .region = client->region, .ca_file = client->ca_file
	};
	client->credentials = aws_credential_chain_new(&chain, err);
	return client->credentials != NULL;
}

struct aws_client *aws_client_new(const struct aws_client_options *options, struct err *err)
{
	struct aws_client *client = calloc(1, sizeof(*client));
	if (!client)
		err_set(err, "no memory for an AWS client");
	if (client && !init(client, options, err)) {
		aws_client_free(client);
		return NULL;
	}
	return client;
}

void aws_client_free(struct aws_client *client)
{
	if (!client)
		return;
	aws_credential_chain_free(client->credentials);
	http_session_free(client->session);
	free(client->ca_file);
	free(client);
}

const char *aws_client_region(const struct aws_client *client)
{
	return client->region;
}

const char *aws_client_endpoint(const struct aws_client *client)
{
	return client->endpoint_url;
}

bool aws_client_has_own_endpoint(const struct aws_client *client)
{
	return client->has_own_endpoint;
}

/* ---- waiting ---- */

static bool stopped(const struct aws_client *client)
{
	return client->stop && *client->stop;
}

/* False when told to stop. */
static bool wait_until(const struct aws_client *client, uint64_t until_ms)
{
	for (;;) {
		uint64_t now_ms = clock_monotonic_ms();
		if (stopped(client))
			return false;
		if (now_ms >= until_ms)
			return true;
		uint64_t left_ms = until_ms - now_ms;
		struct timespec pause = { .tv_sec = (time_t)(left_ms / 1000),
			.tv_nsec = (long)(left_ms % 1000) * 1000000 };
		nanosleep(&pause, NULL);
	}
}

/* Requests leave at even distances, so that many pages stay within the service's rate. */
static bool wait_for_turn(struct aws_client *client)
{
	if (!wait_until(client, client->next_send_ms))
		return false;
	client->next_send_ms = clock_monotonic_ms() + client->interval_ms;
	return true;
}

/* Full jitter: anything from nothing to the n-th bound. */
static bool back_off(const struct aws_client *client, unsigned attempt)
{
	uint64_t bound_ms = client->backoff_ms;
	uint32_t random = 0;
	for (unsigned i = 0; i < attempt && bound_ms < BACKOFF_MAX_MS; i++)
		bound_ms *= 2;
	if (bound_ms > BACKOFF_MAX_MS)
		bound_ms = BACKOFF_MAX_MS;
	RAND_bytes((unsigned char *)&random, sizeof(random));
	return wait_until(client, clock_monotonic_ms() + random % (bound_ms + 1));
}

/* ---- one attempt ---- */

/* False: no answer came; err says why. */
static bool attempt(struct aws_client *client, const struct aws_request *request,
    const struct aws_credentials *credentials, struct http_response *response, struct err *err)
{
	struct aws_call call = { .method = request->method,
		.endpoint = &client->endpoint,
		.host_prefix = request->host_prefix,
		.path = request->path,
		.query = request->query,
		.headers = request->headers,
		.body = request->body,
		.credentials = credentials,
		.region = client->region,
		.service = client->service,
		.now_unix_s = clock_unix_s() + client->clock_offset_s,
		.ca_file = client->ca_file,
		.session = client->session,
		.timeout_ms = client->timeout_ms,
		.max_response_bytes = AWS_RESPONSE_MAX_BYTES };
	return aws_call_perform(&call, response, err);
}

static void read_error(
    const struct aws_client *client, const struct http_response *response, struct aws_error *error)
{
	struct slice id = http_response_header(response, "x-amzn-requestid");
	if (id.len == 0)
		id = http_response_header(response, "x-amz-request-id");
	if (strcmp(client->service, "s3") == 0)
		aws_error_parse_xml(error, response->status, buf_slice(&response->body), id);
	else
		aws_error_parse_json(error, response->status, buf_slice(&response->body),
		    http_response_header(response, "x-amzn-errortype"), id);
}

/* True when our clock was off and is now put right. */
static bool correct_clock(struct aws_client *client, const struct http_response *response)
{
	char text[64];
	struct tm tm = { 0 };
	struct slice date = http_response_header(response, "date");
	if (date.len == 0 || date.len >= sizeof(text))
		return false;
	memcpy(text, date.ptr, date.len);
	text[date.len] = '\0';
	if (!strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		return false;
	int64_t offset_s = (int64_t)timegm(&tm) - clock_unix_s();
	int64_t change_s = offset_s - client->clock_offset_s;
	if (change_s < SKEW_MIN_S && change_s > -SKEW_MIN_S)
		return false;
	log_warning(
	    "the clock differs from that of AWS %s by %lld s: requests are signed with theirs",
	    client->service, (long long)offset_s);
	client->clock_offset_s = offset_s;
	return true;
}

/* What may be tried once for each call. */
struct remedies {
	bool refreshed, clock_set;
};

/* True: try again, after the wait that this makes. */
static bool may_retry(struct aws_client *client, const struct aws_error *error,
    const struct http_response *response, struct remedies *used, unsigned n)
{
	switch (aws_error_classify(error)) {
	case AWS_ERROR_THROTTLED:
	case AWS_ERROR_TRANSIENT:
		return n + 1 < client->max_attempts && back_off(client, n);
	case AWS_ERROR_EXPIRED:
		if (used->refreshed)
			return false;
		aws_credentials_expire(client->credentials);
		return used->refreshed = true;
	case AWS_ERROR_SKEWED:
		if (used->clock_set || !correct_clock(client, response))
			return false;
		return used->clock_set = true;
	case AWS_ERROR_FINAL:
		break;
	}
	return false;
}

static bool explain(
    const char *what, const struct aws_error *error, const struct err *no_answer, struct err *err)
{
	if (error->status == 0)
		return err_set(err, "%s: %s", what, no_answer->text);
	return err_set(err, "%s: %s%s%s (status %ld, request %s)", what,
	    error->code[0] ? error->code : "error", error->message[0] ? ": " : "", error->message,
	    error->status, error->request_id[0] ? error->request_id : "unknown");
}

bool aws_client_send(struct aws_client *client, const char *what, const struct aws_request *request,
    struct http_response *response, struct aws_error *error, struct err *err)
{
	struct aws_error own;
	struct remedies used = { false, false };
	struct err no_answer;
	if (!error)
		error = &own;
	for (unsigned n = 0;; n++) {
		*error = (struct aws_error){ .status = 0 };
		err_clear(&no_answer);
		if (!wait_for_turn(client)) {
			err_set(&no_answer, "told to stop");
			break;
		}
		/* The sources of keys have retries of their own. */
		const struct aws_credentials *credentials =
		    aws_credentials_get(client->credentials, clock_unix_s(), &no_answer);
		if (!credentials)
			break;
		bool answered = attempt(client, request, credentials, response, &no_answer);
		if (answered && response->status >= 200 && response->status < 300)
			return true;
		if (answered)
			read_error(client, response, error);
		if (!may_retry(client, error, response, &used, n))
			break;
	}
	return explain(what, error, &no_answer, err);
}

/* ---- JSON 1.1 ---- */

void aws_json_free(json_t *value)
{
	const char *key;
	json_t *item;
	size_t i;
	if (json_is_string(value))
		OPENSSL_cleanse(
		    (char *)(uintptr_t)json_string_value(value), json_string_length(value));
	json_object_foreach(value, key, item) aws_json_free(json_incref(item));
	json_array_foreach(value, i, item) aws_json_free(json_incref(item));
	json_decref(value);
}

static bool parse_output(const char *target, struct slice body, json_t **output, struct err *err)
{
	/* Some operations answer with nothing at all. The parser's own error would quote the body.
	 */
	json_t *reply = body.len ? json_read_text(body, NULL, NULL) : json_object();
	if (!json_is_object(reply)) {
		aws_json_free(reply);
		return err_set(err, "%s: the answer is no JSON object", target);
	}
	if (output)
		*output = reply;
	else
		aws_json_free(reply);
	return true;
}

bool aws_client_call(struct aws_client *client, const char *target, struct slice input,
    json_t **output, struct aws_error *error, struct err *err)
{
	char line[TARGET_MAX];
	const char *headers[] = { "Content-Type: application/x-amz-json-1.1", line, NULL };
	struct aws_request request = {
		.method = "POST", .path = "/", .headers = headers, .body = input
	};
	struct http_response response;
	snprintf(line, sizeof(line), "X-Amz-Target: %s", target);
	http_response_init(&response);
	bool ok = aws_client_send(client, target, &request, &response, error, err) &&
	          parse_output(target, buf_slice(&response.body), output, err);
	OPENSSL_cleanse(response.body.data, response.body.cap);
	http_response_release(&response);
	return ok;
}
