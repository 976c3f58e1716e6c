/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/aws_credentials.h"

#include "aws/aws_call.h"
#include "aws/source.h"
#include "common/log.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	REFRESH_BEFORE_S = 15 * 60,
	RETRY_MIN_S = 30, /* after a fetch that failed while the old keys still work */
	EXTENSION_MIN_S = 120,
	EXTENSION_SPREAD_S = 480,
};

struct aws_credential_chain {
	char profile[AWS_PROFILE_NAME_MAX + 1];
	bool profile_asked;
	char region[AWS_REGION_MAX + 1];
	char *ca_file;
	struct aws_credentials current; /* source NULL: none yet */
	bool expired;                   /* the service says so */
	int64_t next_fetch_unix_s;
};

static const struct {
	const char *name;
	source_fn *load;
} sources[] = {
	// clang-format off
	{ "environment",             source_environment },
	{ "role of the profile",     source_role_profile },
	{ "web identity",            source_web_identity },
	{ "shared credentials file", source_shared_file },
	{ "credential_process",      source_process },
	{ "config file",             source_config_file },
	{ "container",               source_container },
	{ "instance",                source_instance },
	// clang-format on
};

static bool is_instance(const struct aws_credentials *credentials)
{
	return credentials->source && strcmp(credentials->source, "instance") == 0;
}

void aws_credentials_wipe(struct aws_credentials *credentials)
{
	OPENSSL_cleanse(credentials, sizeof(*credentials));
}

static bool copy_text(char *dst, size_t max, const char *src, const char *what, struct err *err)
{
	size_t len = strlen(src);
	if (len > max)
		return err_set(err, "the %s is longer than %zu bytes", what, max);
	memcpy(dst, src, len + 1);
	return true;
}

struct aws_credential_chain *aws_credential_chain_new(
    const struct aws_chain_options *options, struct err *err)
{
	struct aws_credential_chain *chain = calloc(1, sizeof(*chain));
	const char *ca_file = options->ca_file ? options->ca_file : getenv("AWS_CA_BUNDLE");
	if (!chain) {
		err_set(err, "no memory for AWS credentials");
		return NULL;
	}
	chain->profile_asked = options->profile != NULL;
	chain->ca_file = ca_file && *ca_file ? strdup(ca_file) : NULL;
	if (!copy_text(chain->profile, AWS_PROFILE_NAME_MAX,
	        options->profile ? options->profile : aws_profile_default(), "profile's name",
	        err) ||
	    !copy_text(chain->region, AWS_REGION_MAX, options->region ? options->region : "",
	        "region", err) ||
	    (ca_file && *ca_file && !chain->ca_file &&
	        !err_set(err, "no memory for AWS credentials"))) {
		aws_credential_chain_free(chain);
		return NULL;
	}
	return chain;
}

void aws_credential_chain_free(struct aws_credential_chain *chain)
{
	if (!chain)
		return;
	aws_credentials_wipe(&chain->current);
	free(chain->ca_file);
	free(chain);
}

void aws_credentials_expire(struct aws_credential_chain *chain)
{
	chain->expired = true;
}

/* A profile that was named must exist; nothing needs to be called "default". */
static bool check_profile(const struct source_input *input, struct err *err)
{
	if (!input->profile_asked && strcmp(input->profile, "default") == 0)
		return true;
	return aws_profile_exists(input->files, input->profile) ||
	       err_set(err, "AWS profile '%s' is neither in '%s' nor in '%s'", input->profile,
	           input->files->credentials_path, input->files->config_path);
}

static bool walk(const struct source_input *input, struct aws_credentials *out, struct err *err)
{
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct err inner = { 0 };
		char what[64];
		snprintf(what, sizeof(what), "AWS credentials from %s", sources[i].name);
		*out = (struct aws_credentials){ .source = sources[i].name };
		if (i == 1 && !check_profile(input, err))
			return false;
		switch (sources[i].load(input, out, &inner)) {
		case SOURCE_FOUND:
			return true;
		case SOURCE_FAILED:
			return source_explain(err, what, &inner);
		case SOURCE_ABSENT:
			break;
		}
	}
	return err_set(err,
	    "no AWS credentials in the environment, the profile '%s', a container or "
	    "the instance: %s",
	    input->profile, input->why_absent);
}

static bool fetch(struct aws_credential_chain *chain, int64_t now_unix_s,
    struct aws_credentials *out, struct err *err)
{
	struct aws_profile_files files;
	char why_absent[ERR_TEXT_MAX] = "";
	bool ok = aws_profile_files_load(&files, err);
	struct source_input input = { .profile = chain->profile,
		.profile_asked = chain->profile_asked,
		.region = chain->region,
		.ca_file = chain->ca_file,
		.files = &files,
		.now_unix_s = now_unix_s,
		.why_absent = why_absent };
	ok = ok && walk(&input, out, err);
	aws_profile_files_release(&files);
	return ok;
}

static int64_t spread(int64_t range_s)
{
	uint32_t random = 0;
	RAND_bytes((unsigned char *)&random, sizeof(random));
	return (int64_t)(random % (uint32_t)range_s);
}

/* 15 minutes before the end; short-lived keys at half their life; keys that came expired soon
 * again. */
static int64_t next_fetch(const struct aws_credentials *credentials, int64_t now_unix_s)
{
	int64_t left_s = credentials->expires_unix_s - now_unix_s;
	if (credentials->expires_unix_s == 0)
		return INT64_MAX;
	if (left_s > 2 * REFRESH_BEFORE_S)
		return credentials->expires_unix_s - REFRESH_BEFORE_S;
	return now_unix_s +
	       (left_s > 0 ? left_s / 2 : EXTENSION_MIN_S + spread(EXTENSION_SPREAD_S));
}

static bool adopt(struct aws_credential_chain *chain, const struct aws_credentials *fresh,
    int64_t now_unix_s, struct err *err)
{
	bool is_over = fresh->expires_unix_s != 0 && fresh->expires_unix_s <= now_unix_s;
	if (is_over && !is_instance(fresh))
		return err_set(err, "AWS credentials from %s: expired already", fresh->source);
	if (is_over)
		log_warning("AWS instance credentials have expired and are used on: the metadata "
		            "service has no others");
	chain->current = *fresh;
	chain->expired = false;
	chain->next_fetch_unix_s = next_fetch(fresh, now_unix_s);
	return true;
}

/* A failed fetch costs nothing as long as the keys that are there still work. */
static bool can_go_on(struct aws_credential_chain *chain, int64_t now_unix_s, const struct err *why)
{
	if (!chain->current.source || chain->expired)
		return false;
	if (now_unix_s >= chain->current.expires_unix_s && !is_instance(&chain->current))
		return false;
	log_warning("AWS credentials are not refreshed yet: %s", why->text);
	chain->next_fetch_unix_s = now_unix_s + RETRY_MIN_S + spread(RETRY_MIN_S);
	return true;
}

const struct aws_credentials *aws_credentials_get(
    struct aws_credential_chain *chain, int64_t now_unix_s, struct err *err)
{
	struct aws_credentials fresh;
	struct err why = { 0 };
	bool is_over = chain->current.expires_unix_s != 0 &&
	               now_unix_s >= chain->current.expires_unix_s && !is_instance(&chain->current);
	if (chain->current.source && !chain->expired && !is_over &&
	    now_unix_s < chain->next_fetch_unix_s)
		return &chain->current;
	bool ok = fetch(chain, now_unix_s, &fresh, &why) && adopt(chain, &fresh, now_unix_s, &why);
	aws_credentials_wipe(&fresh);
	if (ok || can_go_on(chain, now_unix_s, &why))
		return &chain->current;
	err_set(err, "%s", why.text);
	return NULL;
}

/* ---- region ---- */

static bool region_from(const char *text, char out[AWS_REGION_MAX + 1])
{
	if (!text || !aws_region_is_valid(text))
		return false;
	snprintf(out, AWS_REGION_MAX + 1, "%s", text);
	return true;
}

bool aws_region_find(const char *profile, char out[AWS_REGION_MAX + 1], struct err *err)
{
	static const char *const variables[] = { "AWS_REGION", "AWS_DEFAULT_REGION" };
	struct err inner = { 0 };
	char text[AWS_REGION_MAX + 1];
	for (size_t i = 0; i < 2; i++) {
		const char *value = getenv(variables[i]);
		if (value && *value)
			return region_from(value, out) ||
			       err_set(err, "%s: '%s' is no region", variables[i], value);
	}
	if (!profile)
		profile = aws_profile_default();
	if (aws_profile_setting(profile, "region", text, sizeof(text)))
		return region_from(text, out) ||
		       err_set(err, "AWS profile '%s': '%s' is no region", profile, text);
	if (source_imds_get("meta-data/placement/region", text, sizeof(text), &inner) &&
	    region_from(text, out))
		return true;
	return err_set(err, "no AWS region in AWS_REGION, the profile '%s' or the instance: %s",
	    profile, inner.text);
}
