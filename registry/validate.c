/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/validate.h"

#include <stdlib.h>

struct check {
	const struct settings *settings;
	const struct service *service;
	const char *folder;
	struct findings *findings;
};

#define FIND(check, leaf, ...) find((check), leaf, __VA_ARGS__)

static void find(const struct check *c, const char *leaf, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void find(const struct check *c, const char *leaf, const char *fmt, ...)
{
	char path[STORE_NAME_MAX], text[FIELD_WHY_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s%s", c->folder, leaf);
	findings_add(c->findings, c->service->id, path, "%s", text);
}

static void check_url(const struct check *c, const struct url *url, const char *leaf)
{
	if (url->text && url->is_address && strspn(url->host, "0.:") == strlen(url->host))
		FIND(c, leaf, "\"%s\" is no address to connect to; give the upstream's", url->text);
	if (url->text && !url->https && !c->settings->upstream_allow_http)
		FIND(c, leaf, "\"%s\" is not https; give an https URL", url->text);
}

/* A rate and its burst, each as given or as inherited. */
static void check_bucket(const struct check *c, const char *name, uint64_t rate, uint64_t burst,
    uint64_t given_rate, uint64_t given_burst)
{
	char leaf[32];
	unsigned long long ceiling_rate = c->settings->ceiling_rate;
	unsigned long long ceiling_burst = c->settings->ceiling_burst;
	snprintf(leaf, sizeof(leaf), "%s-rate", name);
	if (given_rate > ceiling_rate)
		FIND(c, leaf, "%llu is above the gateway's ceiling %llu",
		    (unsigned long long)given_rate, ceiling_rate);
	snprintf(leaf, sizeof(leaf), "%s-burst", name);
	if (given_burst > ceiling_burst)
		FIND(c, leaf, "%llu is above the gateway's ceiling %llu",
		    (unsigned long long)given_burst, ceiling_burst);
	if (burst <= rate)
		FIND(c, leaf,
		    "burst %llu%s is not above rate %llu%s; give a burst of at least %llu",
		    (unsigned long long)burst, given_burst ? "" : " (inherited)",
		    (unsigned long long)rate, given_rate ? "" : " (inherited)",
		    (unsigned long long)rate + 1);
}

static void check_throttles(const struct check *c)
{
	const struct service *s = c->service;
	uint64_t rate = s->throttle_rate ? s->throttle_rate : c->settings->throttle_rate;
	uint64_t burst = s->throttle_burst ? s->throttle_burst : c->settings->throttle_burst;
	if (s->throttle_rate || s->throttle_burst)
		check_bucket(c, "throttle", rate, burst, s->throttle_rate, s->throttle_burst);
	if (s->client_burst && !s->client_rate)
		FIND(c, "client-burst", "needs client-rate");
	if (s->client_rate)
		check_bucket(c, "client", s->client_rate,
		    s->client_burst ? s->client_burst : s->client_rate * 2, s->client_rate,
		    s->client_burst);
}

static void check_prefix(const struct check *c)
{
	char expected[32];
	if (!c->service->version || !c->service->route_prefix)
		return;
	snprintf(expected, sizeof(expected), "/%s/", c->service->version);
	if (strncmp(c->service->route_prefix, expected, strlen(expected)) != 0)
		FIND(c, "route-prefix", "\"%s\" does not start with %s, as version \"%s\" asks for",
		    c->service->route_prefix, expected, c->service->version);
}

static void check_canary(const struct check *c)
{
	if (c->service->canary_weight && !c->service->canary_url.text)
		FIND(c, "canary-weight", "needs canary-url");
}

static void check_mtls(const struct check *c)
{
	if (c->service->mtls != MTLS_OFF && !c->settings->tls_client_ca)
		FIND(c, "mtls", "needs tls.client_ca in the gateway's settings");
}

static void check_body(const struct check *c)
{
	if (c->service->body_limit > c->settings->body_ceiling)
		FIND(c, "body-limit", "%llu is above the gateway's ceiling %llu",
		    (unsigned long long)c->service->body_limit,
		    (unsigned long long)c->settings->body_ceiling);
}

static void check_ruleset(const struct check *c)
{
	const char *name = c->service->waf_ruleset;
	if (!name)
		return;
	struct slice rest = slice_of_cstr(name), set;
	do {
		slice_cut(rest, '+', &set, &rest);
		bool known =
		    (slice_eq(set, SLICE("aws")) && c->settings->waf_aws_rules.count > 0) ||
		    (slice_eq(set, SLICE("crs")) && c->settings->waf_crs_rules.count > 0);
		if (!known)
			FIND(c, "waf-ruleset",
			    "\"%s\" is not of the gateway's rule sets; give%s%s, or both joined by +",
			    name, c->settings->waf_aws_rules.count ? " aws" : "",
			    c->settings->waf_crs_rules.count ? " crs" : "");
	} while (rest.len > 0);
}

static void check_dates(const struct check *c)
{
	if (c->service->sunset && c->service->deprecated &&
	    c->service->sunset < c->service->deprecated)
		FIND(c, "sunset", "is before deprecated");
}

void validate_service(const struct settings *settings, const struct service *service,
    const char *folder, struct findings *findings)
{
	struct check check = { settings, service, folder, findings };
	check_url(&check, &service->url, "url");
	check_url(&check, &service->canary_url, "canary-url");
	check_throttles(&check);
	check_prefix(&check);
	check_canary(&check);
	check_mtls(&check);
	check_body(&check);
	check_ruleset(&check);
	check_dates(&check);
}

/* --- routes ----------------------------------------------------------------------------------- */

static int compare_prefixes(const void *a, const void *b)
{
	const struct service *x = *(const struct service *const *)a;
	const struct service *y = *(const struct service *const *)b;
	int order = strcmp(x->route_prefix, y->route_prefix);
	return order ? order : strcmp(x->id, y->id);
}

/* Whether `inner` is below `outer`: /v1/a and /v1/a/b. */
static bool is_below(const char *outer, const char *inner)
{
	size_t len = strlen(outer);
	return strncmp(outer, inner, len) == 0 && inner[len] == '/';
}

static void report(const struct settings *settings, const struct service *blamed,
    const struct service *other, const char *what, struct findings *findings)
{
	char path[STORE_NAME_MAX];
	snprintf(
	    path, sizeof(path), "%s/api-services/%s/route-prefix", settings->prefix, blamed->id);
	findings_add(findings, blamed->id, path, "\"%s\" %s service \"%s\"%s%s%s",
	    blamed->route_prefix, what, other->id,
	    blamed->route_prefix == other->route_prefix ? "" : " (\"",
	    blamed->route_prefix == other->route_prefix ? "" : other->route_prefix,
	    blamed->route_prefix == other->route_prefix ? "" : "\")");
}

/*
 * In byte order a prefix stands before everything below it, though not next to it ("/v1/a-x" sorts
 * between "/v1/a" and "/v1/a/b"), so each is looked up among its ancestors by binary search.
 */
static const struct service *find_prefix(
    const struct service *const *sorted, size_t count, const char *prefix, size_t len)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *other = sorted[middle]->route_prefix;
		int order = strncmp(other, prefix, len);
		if (order == 0 && other[len] != 0)
			order = 1;
		if (order == 0)
			return sorted[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void check_shadowing(const struct settings *settings, const struct service *const *sorted,
    size_t count, const struct service *inner, struct findings *findings)
{
	const char *prefix = inner->route_prefix;
	for (const char *slash = strchr(prefix + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		const struct service *outer =
		    find_prefix(sorted, count, prefix, (size_t)(slash - prefix));
		if (outer && outer != inner && is_below(outer->route_prefix, prefix))
			report(settings, inner, outer, "takes paths away from", findings);
	}
}

void validate_routes(const struct settings *settings, const struct service *services, size_t count,
    struct findings *findings, struct arena *scratch)
{
	const struct service **sorted = arena_array(scratch, const struct service *, count + 1);
	size_t used = 0;
	for (size_t i = 0; sorted && i < count; i++)
		if (services[i].route_prefix)
			sorted[used++] = &services[i];
	if (used == 0)
		return;
	qsort(sorted, used, sizeof(sorted[0]), compare_prefixes);
	for (size_t i = 0; i < used; i++) {
		if (i > 0 && strcmp(sorted[i - 1]->route_prefix, sorted[i]->route_prefix) == 0)
			report(settings, sorted[i], sorted[i - 1], "is taken already by", findings);
		else
			check_shadowing(settings, sorted, used, sorted[i], findings);
	}
}
