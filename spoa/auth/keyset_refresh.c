/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/auth/keyset_refresh.h"

#include "common/clock.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/http.h"
#include "common/json_read.h"
#include "common/log.h"

#include <openssl/rand.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum {
	TTL_DEFAULT_S = 600,
	TTL_MIN_S = 60,
	TTL_MAX_S = 86400,
	COOLDOWN_DEFAULT_S = 30,
	STALE_MAX_DEFAULT_S = 86400,
	FILE_CHECK_DEFAULT_MS = 2000,
	RETRY_MIN_S = 1, /* after a failure; doubled up to RETRY_MAX_S */
	RETRY_MAX_S = 60,
	URL_MAX_BYTES = 2048,
};

struct key_source {
	atomic_uint refs;
	struct key_source_config config; /* texts are copies */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;   /* for the thread: stop, ask, refresh */
	pthread_cond_t loaded; /* for key_source_wait() */
	_Atomic uint64_t version;

	/* Under the lock. */
	bool stop, asked, forced, fetching, first_done, expired;
	struct keyset *set;
	uint64_t last_attempt_ms; /* monotonic; 0: none */
	struct key_source_stats stats;

	/* The thread's own. */
	char etag[128];
	unsigned ttl_s, retry_s;
	struct timespec file_mtime;
	off_t file_size;
	unsigned char document[SHA256_BYTES]; /* of the set in use */
};

/* ---- one attempt: what a fetch gives
 * ------------------------------------------------------------- */

enum fetched { FETCHED_SET, FETCHED_SAME, FETCHED_NOTHING };

static bool get(const struct key_source *s, const char *url, const char *etag,
    struct http_response *response, struct err *err)
{
	char condition[160];
	const char *headers[] = { "Accept: application/json", NULL, NULL };
	if (etag[0]) {
		snprintf(condition, sizeof(condition), "If-None-Match: %s", etag);
		headers[1] = condition;
	}
	struct http_request request = {
		.url = url,
		.headers = headers,
		.ca_file = s->config.ca_file,
		.https_only = !s->config.allow_http,
		.max_body_bytes = KEYSET_DOCUMENT_MAX_BYTES,
	};
	if (!http_perform(&request, response, err))
		return false;
	if (response->status == 200 || (response->status == 304 && etag[0]))
		return true;
	return err_set(err, "'%s': status %ld", url, response->status);
}

/* OpenID Connect Discovery: jwks_uri, believed only when the document names the same issuer. */
static bool discover(const struct key_source *s, char url[URL_MAX_BYTES], struct err *err)
{
	struct http_response response;
	char document_url[URL_MAX_BYTES];
	size_t len = strlen(s->config.issuer);
	bool slash = len > 0 && s->config.issuer[len - 1] == '/';
	snprintf(document_url, sizeof(document_url), "%s%s.well-known/openid-configuration",
	    s->config.issuer, slash ? "" : "/");
	http_response_init(&response);
	json_t *root = NULL;
	if (get(s, document_url, "", &response, err))
		root = json_read_text(buf_slice(&response.body), document_url, err);
	const char *issuer = json_string_value(json_object_get(root, "issuer"));
	const char *jwks = json_string_value(json_object_get(root, "jwks_uri"));
	bool ok = root && jwks && strlen(jwks) < URL_MAX_BYTES && issuer &&
	          strcmp(issuer, s->config.issuer) == 0;
	if (ok)
		snprintf(url, URL_MAX_BYTES, "%s", jwks);
	else
		err_set(err, "'%s': no jwks_uri, or another issuer", document_url);
	json_decref(root);
	http_response_release(&response);
	return ok;
}

static void read_caching(struct key_source *s, const struct http_response *response)
{
	struct slice control = http_response_header(response, "cache-control");
	struct slice etag = http_response_header(response, "etag"), digits;
	uint64_t age;
	s->ttl_s = s->config.default_ttl_s;
	size_t at = slice_find(control, SLICE("max-age="));
	if (at != SIZE_MAX) {
		slice_cut(slice_from(control, at + 8), ',', &digits, &control);
		if (slice_to_u64(slice_trim(digits), UINT32_MAX, &age))
			s->ttl_s = age < TTL_MIN_S   ? TTL_MIN_S
			           : age > TTL_MAX_S ? TTL_MAX_S
			                             : (unsigned)age;
	}
	snprintf(s->etag, sizeof(s->etag), "%.*s", etag.len < sizeof(s->etag) ? (int)etag.len : 0,
	    etag.ptr ? etag.ptr : "");
}

/* The same bytes as before keep the set, and with it the cached tokens. */
static enum fetched take_document(
    struct key_source *s, struct slice text, const char *name, struct keyset **out, struct err *err)
{
	unsigned char document[SHA256_BYTES];
	if (!digest_sha256(text, document)) {
		err_set(err, "'%s': no memory", name);
		return FETCHED_NOTHING;
	}
	if (s->set && memcmp(document, s->document, sizeof(document)) == 0)
		return FETCHED_SAME;
	*out = keyset_parse(text, name, err);
	if (!*out)
		return FETCHED_NOTHING;
	memcpy(s->document, document, sizeof(document));
	return FETCHED_SET;
}

static enum fetched fetch_url(struct key_source *s, struct keyset **out, struct err *err)
{
	struct http_response response;
	char url[URL_MAX_BYTES];
	enum fetched result = FETCHED_NOTHING;
	if (s->config.url)
		snprintf(url, sizeof(url), "%s", s->config.url);
	else if (!discover(s, url, err))
		return FETCHED_NOTHING;
	http_response_init(&response);
	if (get(s, url, s->etag, &response, err)) {
		result = response.status == 304
		             ? FETCHED_SAME
		             : take_document(s, buf_slice(&response.body), url, out, err);
		if (result != FETCHED_NOTHING)
			read_caching(s, &response);
	}
	http_response_release(&response);
	return result;
}

static enum fetched fetch_file(struct key_source *s, struct keyset **out, struct err *err)
{
	struct stat st = { 0 };
	struct buf text;
	bool known = stat(s->config.file, &st) == 0;
	if (known && s->set && st.st_size == s->file_size &&
	    st.st_mtim.tv_sec == s->file_mtime.tv_sec &&
	    st.st_mtim.tv_nsec == s->file_mtime.tv_nsec)
		return FETCHED_SAME;
	buf_init(&text, 0);
	enum fetched result = FETCHED_NOTHING;
	if (file_read(s->config.file, KEYSET_DOCUMENT_MAX_BYTES, &text, err))
		result = take_document(s, buf_slice(&text), s->config.file, out, err);
	buf_release(&text);
	if (result == FETCHED_NOTHING)
		return result;
	s->file_mtime = st.st_mtim;
	s->file_size = st.st_size;
	return result;
}

/* ---- what an attempt changes
 * ---------------------------------------------------------------------- */

static void bump(struct key_source *s)
{
	atomic_fetch_add_explicit(&s->version, 1, memory_order_release);
}

static void succeed(struct key_source *s, struct keyset *fresh)
{
	if (fresh) {
		keyset_unref(s->set);
		s->set = fresh;
		s->stats.generation = fresh->generation;
		s->stats.keys = fresh->count;
		log_info("key set of '%s': %zu keys", s->config.name, fresh->count);
		if (fresh->dropped)
			log_warning("key set of '%s': %zu keys dropped, the first: %s",
			    s->config.name, fresh->dropped, fresh->first_dropped);
	}
	if (fresh || s->expired)
		bump(s);
	s->expired = false;
	s->retry_s = 0;
	s->stats.loaded_unix_s = clock_unix_s();
	s->stats.last_error[0] = '\0';
}

static void fail(struct key_source *s, const struct err *err)
{
	char text[sizeof(s->stats.last_error)];
	err_format(err, text, sizeof(text));
	bool news = strcmp(text, s->stats.last_error) != 0;
	snprintf(s->stats.last_error, sizeof(s->stats.last_error), "%s", text);
	s->stats.failures++;
	s->retry_s = s->retry_s == 0                ? RETRY_MIN_S
	             : s->retry_s * 2 > RETRY_MAX_S ? RETRY_MAX_S
	                                            : s->retry_s * 2;
	/* A file that stays broken is looked at every two seconds. */
	if (news)
		log_warning("key set of '%s' was not refreshed%s: %s", s->config.name,
		    s->set ? ", the old one stays" : "", text);
}

/* Keys that nobody confirmed for too long are not used any more. */
static void expire(struct key_source *s)
{
	if (!s->set || s->expired ||
	    clock_unix_s() - s->stats.loaded_unix_s < (int64_t)s->config.stale_max_s)
		return;
	s->expired = true;
	bump(s);
	log_error("key set of '%s' is older than %u s and is not used any more", s->config.name,
	    s->config.stale_max_s);
}

/* With the lock held, which is given up while the network is waited for. */
static void attempt(struct key_source *s)
{
	struct keyset *fresh = NULL;
	struct err err = { 0 };
	s->asked = s->forced = false;
	s->fetching = true;
	s->last_attempt_ms = clock_monotonic_ms();
	s->stats.attempts++;
	pthread_mutex_unlock(&s->lock);
	enum fetched result =
	    s->config.file ? fetch_file(s, &fresh, &err) : fetch_url(s, &fresh, &err);
	pthread_mutex_lock(&s->lock);
	if (result == FETCHED_NOTHING)
		fail(s, &err);
	else
		succeed(s, fresh);
	s->fetching = false;
	s->first_done = true;
	pthread_cond_broadcast(&s->loaded);
}

/* ---- the thread
 * ------------------------------------------------------------------------------------ */

/* At 80 % of the ttl, 10 % earlier or later, so that many gateways do not come at once. */
static uint64_t pause_ms(const struct key_source *s)
{
	unsigned char byte = 128;
	if (s->config.file)
		return s->config.file_check_ms;
	if (s->retry_s)
		return s->retry_s * 1000ull;
	RAND_bytes(&byte, 1);
	return s->ttl_s * (700ull + byte * 200ull / 255);
}

static struct timespec deadline_in(uint64_t ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

/* When the thread is to wake up by itself; earlier when it was asked, but not before the cool-down
 * is over. */
static uint64_t cooled_ms(const struct key_source *s)
{
	return s->last_attempt_ms + s->config.cooldown_s * 1000ull;
}

static uint64_t wake_at_ms(const struct key_source *s, uint64_t regular_ms)
{
	return s->asked && cooled_ms(s) < regular_ms ? cooled_ms(s) : regular_ms;
}

static void rest(struct key_source *s, uint64_t ms)
{
	uint64_t regular_ms = clock_monotonic_ms() + ms, now_ms;
	while (!s->stop && !s->forced) {
		uint64_t until_ms = wake_at_ms(s, regular_ms);
		now_ms = clock_monotonic_ms();
		if (now_ms >= until_ms)
			return;
		struct timespec deadline = deadline_in(until_ms - now_ms);
		pthread_cond_timedwait(&s->wake, &s->lock, &deadline);
	}
}

static void *source_main(void *arg)
{
	struct key_source *s = arg;
	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		attempt(s);
		expire(s);
		rest(s, pause_ms(s));
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- the contract
 * ----------------------------------------------------------------------------------- */

static bool copy_text(const char **text)
{
	if (!*text)
		return true;
	*text = strdup(*text);
	return *text != NULL;
}

static void config_release(struct key_source_config *c)
{
	const char *texts[] = { c->name, c->issuer, c->url, c->file, c->ca_file };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free((void *)(uintptr_t)texts[i]);
}

static bool config_copy(struct key_source_config *c)
{
	bool ok = copy_text(&c->name);
	ok = copy_text(&c->issuer) && ok;
	ok = copy_text(&c->url) && ok;
	ok = copy_text(&c->file) && ok;
	ok = copy_text(&c->ca_file) && ok;
	if (!ok)
		config_release(c);
	return ok;
}

static struct key_source_config with_defaults(struct key_source_config c)
{
	c.default_ttl_s = c.default_ttl_s ? c.default_ttl_s : TTL_DEFAULT_S;
	c.cooldown_s = c.cooldown_s ? c.cooldown_s : COOLDOWN_DEFAULT_S;
	c.stale_max_s = c.stale_max_s ? c.stale_max_s : STALE_MAX_DEFAULT_S;
	c.file_check_ms = c.file_check_ms ? c.file_check_ms : FILE_CHECK_DEFAULT_MS;
	return c;
}

static void source_free(struct key_source *s)
{
	pthread_cond_destroy(&s->wake);
	pthread_cond_destroy(&s->loaded);
	pthread_mutex_destroy(&s->lock);
	keyset_unref(s->set);
	config_release(&s->config);
	free(s);
}

/* Signals are the main thread's. */
static bool start_thread(struct key_source *s)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = pthread_create(&s->thread, NULL, source_main, s) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

struct key_source *key_source_new(const struct key_source_config *config, struct err *err)
{
	pthread_condattr_t monotonic;
	if ((!config->url && !config->file && !config->issuer) || (config->url && config->file)) {
		err_set(err, "key set of '%s': one of a URL, a file and an issuer is needed",
		    config->name);
		return NULL;
	}
	struct key_source *s = calloc(1, sizeof(*s));
	struct key_source_config copy = with_defaults(*config);
	if (!s || !config_copy(&copy)) {
		free(s);
		err_set(err, "key set of '%s': no memory", config->name);
		return NULL;
	}
	s->config = copy;
	s->ttl_s = copy.default_ttl_s;
	atomic_init(&s->refs, 1);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &monotonic);
	pthread_cond_init(&s->loaded, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (start_thread(s))
		return s;
	source_free(s);
	err_set(err, "key set of '%s': no thread can be started", config->name);
	return NULL;
}

struct key_source *key_source_ref(struct key_source *source)
{
	atomic_fetch_add_explicit(&source->refs, 1, memory_order_relaxed);
	return source;
}

void key_source_unref(struct key_source *source)
{
	if (!source || atomic_fetch_sub_explicit(&source->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_lock(&source->lock);
	source->stop = true;
	pthread_cond_signal(&source->wake);
	pthread_mutex_unlock(&source->lock);
	pthread_join(source->thread, NULL);
	source_free(source);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool key_source_matches(const struct key_source *source, const struct key_source_config *config)
{
	const struct key_source_config *a = &source->config, b = with_defaults(*config);
	return same_text(a->name, b.name) && same_text(a->issuer, b.issuer) &&
	       same_text(a->url, b.url) && same_text(a->file, b.file) &&
	       same_text(a->ca_file, b.ca_file) && a->allow_http == b.allow_http &&
	       a->default_ttl_s == b.default_ttl_s && a->cooldown_s == b.cooldown_s &&
	       a->stale_max_s == b.stale_max_s && a->file_check_ms == b.file_check_ms;
}

bool key_source_wait(struct key_source *source, unsigned timeout_ms)
{
	struct timespec deadline = deadline_in(timeout_ms);
	pthread_mutex_lock(&source->lock);
	while (!source->first_done)
		if (pthread_cond_timedwait(&source->loaded, &source->lock, &deadline) != 0)
			break;
	bool there = source->set != NULL;
	pthread_mutex_unlock(&source->lock);
	return there;
}

uint64_t key_source_version(const struct key_source *source)
{
	return atomic_load_explicit(&source->version, memory_order_acquire);
}

struct keyset *key_source_get(struct key_source *source)
{
	pthread_mutex_lock(&source->lock);
	struct keyset *set = source->set && !source->expired ? keyset_ref(source->set) : NULL;
	pthread_mutex_unlock(&source->lock);
	return set;
}

bool key_source_ask(struct key_source *source)
{
	pthread_mutex_lock(&source->lock);
	bool soon = source->fetching || clock_monotonic_ms() >= cooled_ms(source);
	if (!source->asked) {
		source->asked = true;
		source->stats.asked++;
		pthread_cond_signal(&source->wake);
	}
	pthread_mutex_unlock(&source->lock);
	return soon;
}

void key_source_refresh_now(struct key_source *source)
{
	pthread_mutex_lock(&source->lock);
	source->forced = true;
	pthread_cond_signal(&source->wake);
	pthread_mutex_unlock(&source->lock);
}

void key_source_stats(struct key_source *source, struct key_source_stats *out)
{
	pthread_mutex_lock(&source->lock);
	*out = source->stats;
	pthread_mutex_unlock(&source->lock);
}
