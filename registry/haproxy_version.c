/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/haproxy_version.h"

static const struct haproxy_version SINCE[FEATURE_COUNT] = {
	[FEATURE_STICK_COUNTERS] = { 2, 8 },
	[FEATURE_EARLY_ERRORFILES] = { 3, 2 },
	[FEATURE_PAUSE] = { 3, 2 },
	[FEATURE_RULE_PAUSES] = { 3, 2 },
	[FEATURE_HOT_MEMORY] = { 3, 0 },
	[FEATURE_SPOP_MODE] = { 3, 1 },
	[FEATURE_RELOAD_ANSWERS] = { 2, 7 },
};

static bool is_before(struct haproxy_version a, struct haproxy_version b)
{
	return a.major != b.major ? a.major < b.major : a.minor < b.minor;
}

static struct slice digits(struct slice *text)
{
	size_t len = 0;
	while (len < text->len && ascii_is_digit(text->ptr[len]))
		len++;
	struct slice number = slice_sub(*text, 0, len);
	*text = slice_from(*text, len);
	return number;
}

bool haproxy_version_parse(struct slice text, struct haproxy_version *out, struct err *err)
{
	struct slice banner = SLICE("version ");
	size_t at = slice_find(text, banner);
	struct slice rest = at == SIZE_MAX ? text : slice_from(text, at + banner.len);
	uint64_t major, minor;
	bool ok = slice_to_u64(digits(&rest), 99, &major) && rest.len > 1 && rest.ptr[0] == '.';
	rest = slice_from(rest, 1);
	if (!ok || !slice_to_u64(digits(&rest), 99, &minor))
		return err_set(
		    err, "no HAProxy version in '%.*s'", SLICE_ARG(slice_sub(text, 0, 80)));
	*out = (struct haproxy_version){ (unsigned)major, (unsigned)minor };
	if (is_before(*out, (struct haproxy_version){ 2, 6 }))
		return err_set(err, "HAProxy %u.%u is too old; 2.6 and later are supported",
		    out->major, out->minor);
	return true;
}

bool haproxy_has(struct haproxy_version version, enum haproxy_feature feature)
{
	return !is_before(version, SINCE[feature]);
}
