/* SPDX-License-Identifier: Apache-2.0 */
/* Roles by STS: with a web identity token (IRSA), or with the keys of another source. */
#include "aws/source.h"

#include "aws/aws_call.h"
#include "aws/aws_error.h"
#include "common/clock.h"
#include "common/file.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

enum { TOKEN_MAX = 20000, FORM_MAX = 80000, LINKS_MAX = 5, TIMEOUT_MS = 5000, SETTING_MAX = 2048 };

/* ---- the Query protocol ---- */

static void form_add(struct buf *form, const char *name, struct slice value)
{
	buf_printf(form, "%s%s=", form->len ? "&" : "", name);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		if (ascii_is_alpha(c) || ascii_is_digit(c) || (c && strchr("-_.~", c)))
			buf_append_byte(form, c);
		else
			buf_printf(form, "%%%02X", slice_at(value, i));
	}
}

static bool sts_endpoint(const char *region, struct aws_endpoint *out, struct err *err)
{
	char url[512];
	const char *own = getenv("AWS_ENDPOINT_URL_STS");
	if (!own || !*own)
		own = getenv("AWS_ENDPOINT_URL");
	if (!own || !*own) {
		snprintf(url, sizeof(url), "https://sts.%s.%s", region, aws_dns_suffix(region));
		own = url;
	}
	return aws_endpoint_parse(own, out, err);
}

static bool find_region(
    const struct source_input *input, char out[AWS_REGION_MAX + 1], struct err *err)
{
	if (!*input->region)
		return aws_region_find(input->profile, out, err);
	snprintf(out, AWS_REGION_MAX + 1, "%s", input->region);
	return true;
}

static bool parse_reply(struct slice body, struct aws_credentials *out, struct err *err)
{
	struct slice id = { 0 }, secret = { 0 }, token = { 0 }, expiration;
	aws_xml_text(body, "AccessKeyId", &id);
	aws_xml_text(body, "SecretAccessKey", &secret);
	aws_xml_text(body, "SessionToken", &token);
	if (!source_set(out, id, secret, token, err))
		return false;
	if (!aws_xml_text(body, "Expiration", &expiration) ||
	    !source_parse_time(expiration, &out->expires_unix_s))
		return err_set(err, "the answer has no Expiration");
	return true;
}

static bool judge(struct http_response *response, struct aws_credentials *out, struct err *err)
{
	struct aws_error error;
	if (response->status == 200)
		return parse_reply(buf_slice(&response->body), out, err);
	aws_error_parse_xml(&error, response->status, buf_slice(&response->body),
	    http_response_header(response, "x-amzn-requestid"));
	return err_set(err, "%s: %s (status %ld, request %s)", error.code, error.message,
	    error.status, error.request_id);
}

/* `keys` NULL: the form carries its own proof and is not signed. */
static bool ask_sts(const struct source_input *input, struct slice form,
    const struct aws_credentials *keys, struct aws_credentials *out, struct err *err)
{
	static const char *const headers[] = {
		"Content-Type: application/x-www-form-urlencoded; charset=utf-8", NULL
	};
	struct aws_endpoint endpoint;
	struct http_response response;
	char region[AWS_REGION_MAX + 1];
	if (!find_region(input, region, err) || !sts_endpoint(region, &endpoint, err))
		return false;
	struct aws_call call = { .method = "POST",
		.endpoint = &endpoint,
		.path = "/",
		.headers = headers,
		.body = form,
		.credentials = keys,
		.region = region,
		.service = "sts",
		.now_unix_s = input->now_unix_s,
		.ca_file = input->ca_file,
		.timeout_ms = TIMEOUT_MS };
	source_response_init(&response);
	bool ok = aws_call_perform(&call, &response, err) && judge(&response, out, err);
	source_response_wipe(&response);
	return ok;
}

/* ---- what is asked ---- */

static void begin_form(struct buf *form, const char *action, struct slice role,
    struct slice session, int64_t now_unix_s)
{
	char made_up[64];
	if (session.len == 0) {
		snprintf(made_up, sizeof(made_up), "sallyport-%lld", (long long)now_unix_s);
		session = slice_of_cstr(made_up);
	}
	form_add(form, "Action", slice_of_cstr(action));
	form_add(form, "Version", SLICE("2011-06-15"));
	form_add(form, "RoleArn", role);
	form_add(form, "RoleSessionName", session);
}

static void wipe(struct buf *buf)
{
	OPENSSL_cleanse(buf->data, buf->cap);
	buf_release(buf);
}

static bool with_web_identity(const struct source_input *input, struct slice role,
    struct slice session, const char *token_file, struct aws_credentials *out, struct err *err)
{
	struct buf token, form;
	buf_init(&token, TOKEN_MAX);
	buf_init(&form, FORM_MAX);
	buf_reserve(&token, TOKEN_MAX - 1);
	buf_reserve(&form, FORM_MAX - 1);
	bool ok = file_read(token_file, TOKEN_MAX - 1, &token, err);
	begin_form(&form, "AssumeRoleWithWebIdentity", role, session, input->now_unix_s);
	form_add(&form, "WebIdentityToken", slice_trim(buf_slice(&token)));
	ok = ok && (!buf_failed(&form) || err_set(err, "the web identity token is too long"));
	ok = ok && ask_sts(input, buf_slice(&form), NULL, out, err);
	wipe(&token);
	wipe(&form);
	return ok;
}

static bool with_keys(const struct source_input *input, struct slice role, struct slice session,
    const struct aws_credentials *keys, struct aws_credentials *out, struct err *err)
{
	struct buf form;
	struct slice external, seconds;
	buf_init(&form, FORM_MAX);
	begin_form(&form, "AssumeRole", role, session, input->now_unix_s);
	if (aws_profile_find(input->files, input->profile, "external_id", &external))
		form_add(&form, "ExternalId", external);
	if (aws_profile_find(input->files, input->profile, "duration_seconds", &seconds))
		form_add(&form, "DurationSeconds", seconds);
	bool ok = (!buf_failed(&form) || err_set(err, "the request to STS is too long")) &&
	          ask_sts(input, buf_slice(&form), keys, out, err);
	wipe(&form);
	return ok;
}

/* ---- web identity by environment ---- */

static enum source_result found(bool ok, const char *what, const struct err *inner, struct err *err)
{
	if (!ok)
		source_explain(err, what, inner);
	return ok ? SOURCE_FOUND : SOURCE_FAILED;
}

enum source_result source_web_identity(
    const struct source_input *input, struct aws_credentials *out, struct err *err)
{
	const char *role = getenv("AWS_ROLE_ARN"), *file = getenv("AWS_WEB_IDENTITY_TOKEN_FILE");
	if (!role || !*role || !file || !*file)
		return SOURCE_ABSENT;
	bool ok = with_web_identity(input, slice_of_cstr(role),
	    slice_of_cstr(getenv("AWS_ROLE_SESSION_NAME")), file, out, err);
	return ok ? SOURCE_FOUND : SOURCE_FAILED;
}

/* ---- a role named by the profile ---- */

static bool setting(const struct source_input *input, const char *name, char out[SETTING_MAX])
{
	struct slice value;
	if (!aws_profile_find(input->files, input->profile, name, &value) || value.len == 0 ||
	    value.len >= SETTING_MAX)
		return false;
	memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
	return true;
}

static enum source_result try_all(source_fn *const *sources, const struct source_input *input,
    struct aws_credentials *out, struct err *err)
{
	enum source_result result = SOURCE_ABSENT;
	for (; *sources && result == SOURCE_ABSENT; sources++)
		result = (*sources)(input, out, err);
	return result;
}

/* The keys of another profile, which may name a role itself; or its own, when it names itself. */
static bool keys_of_profile(const struct source_input *input, const char *name,
    struct aws_credentials *out, struct err *err)
{
	static source_fn *const all[] = { source_role_profile, source_shared_file, source_process,
		source_config_file, NULL };
	bool is_self = strcmp(name, input->profile) == 0;
	struct source_input other = *input;
	other.profile = name;
	other.depth++;
	if (other.depth > LINKS_MAX)
		return err_set(err, "more than %d source_profile links", LINKS_MAX);
	enum source_result result = try_all(is_self ? all + 1 : all, &other, out, err);
	if (result == SOURCE_ABSENT)
		err_set(err, "source_profile '%s' has no credentials", name);
	return result == SOURCE_FOUND;
}

static bool keys_of_source(const struct source_input *input, const char *name,
    struct aws_credentials *out, struct err *err)
{
	static const struct {
		const char *name;
		source_fn *load;
	} sources[] = { { "Environment", source_environment },
		{ "Ec2InstanceMetadata", source_instance }, { "EcsContainer", source_container } };
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (strcmp(name, sources[i].name) != 0)
			continue;
		struct source_input any = *input;
		any.profile_asked = false;
		if (sources[i].load(&any, out, err) == SOURCE_FOUND)
			return true;
		return err_set(err, "credential_source '%s' has no credentials", name);
	}
	return err_set(err, "unknown credential_source '%s'", name);
}

static bool assume(const struct source_input *input, const char *role, struct aws_credentials *out,
    struct err *err)
{
	char value[SETTING_MAX], session[SETTING_MAX] = "";
	struct aws_credentials keys = { .source = NULL };
	setting(input, "role_session_name", session);
	if (setting(input, "web_identity_token_file", value))
		return with_web_identity(
		    input, slice_of_cstr(role), slice_of_cstr(session), value, out, err);
	if (setting(input, "mfa_serial", value))
		return err_set(err, "mfa_serial is not supported: a service cannot type a code");
	bool ok;
	if (setting(input, "source_profile", value))
		ok = keys_of_profile(input, value, &keys, err);
	else if (setting(input, "credential_source", value))
		ok = keys_of_source(input, value, &keys, err);
	else
		ok = err_set(err, "role_arn without source_profile, credential_source or "
		                  "web_identity_token_file");
	ok = ok && with_keys(input, slice_of_cstr(role), slice_of_cstr(session), &keys, out, err);
	aws_credentials_wipe(&keys);
	return ok;
}

enum source_result source_role_profile(
    const struct source_input *input, struct aws_credentials *out, struct err *err)
{
	char role[SETTING_MAX], sso[SETTING_MAX], what[AWS_PROFILE_NAME_MAX + 16];
	struct err inner = { 0 };
	snprintf(what, sizeof(what), "profile '%s'", input->profile);
	if (setting(input, "role_arn", role))
		return found(assume(input, role, out, &inner), what, &inner, err);
	if (!setting(input, "sso_session", sso) && !setting(input, "sso_start_url", sso))
		return SOURCE_ABSENT;
	err_set(&inner,
	    "sign-in by sso is not supported: let credential_process call 'aws configure "
	    "export-credentials'");
	return found(false, what, &inner, err);
}
