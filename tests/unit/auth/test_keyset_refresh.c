/* SPDX-License-Identifier: Apache-2.0 */
/* Key sources against an issuer that fails in every way, and against files. */
#include "spoa/auth/keyset_refresh.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/http.h"
#include "common/log.h"
#include "spoa/auth/auth.h"
#include "spoa/auth/policy.h"
#include "spoa/tools/signing_key.h"
#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct signing_key key_a, key_b;
static char *set_a, *set_b; /* JSON */

/* ---- an issuer that answers what it is told -----------------------------------------------------
 */

static struct fault_server {
	int listener;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;
	char *answer; /* whole, with its status line */
	atomic_uint drip_ms;
	unsigned requests;
	atomic_bool stop;
} server = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void reply(int fd)
{
	char request[4096];
	pthread_mutex_lock(&server.lock);
	struct slice answer = slice_of_cstr(strdup(server.answer));
	unsigned drip_ms = server.drip_ms;
	server.requests++;
	pthread_mutex_unlock(&server.lock);
	if (read(fd, request, sizeof(request)) > 0 && !drip_ms)
		file_write_all(fd, answer);
	for (size_t i = 0; drip_ms && i < answer.len && !server.stop; i++) {
		if (write(fd, answer.ptr + i, 1) != 1)
			break;
		usleep(drip_ms * 1000);
	}
	free((void *)(uintptr_t)answer.ptr);
	shutdown(fd, SHUT_WR);
	close(fd);
}

static void *server_main(void *arg)
{
	int fd;
	while ((fd = accept(server.listener, NULL, NULL)) >= 0)
		reply(fd);
	return arg;
}

static void tell(const char *status, const char *body)
{
	char *answer = NULL;
	assert_true(
	    asprintf(&answer, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
	        status, strlen(body), body) > 0);
	pthread_mutex_lock(&server.lock);
	free(server.answer);
	server.answer = answer;
	pthread_mutex_unlock(&server.lock);
}

static unsigned requests(void)
{
	pthread_mutex_lock(&server.lock);
	unsigned count = server.requests;
	pthread_mutex_unlock(&server.lock);
	return count;
}

static struct key_source *source_new(unsigned cooldown_s)
{
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/jwks", server.port);
	const struct key_source_config config = {
		.name = "staff", .url = url, .allow_http = true, .cooldown_s = cooldown_s
	};
	struct err err = { 0 };
	struct key_source *source = key_source_new(&config, &err);
	if (!source)
		fail_msg("%s", err.text);
	key_source_wait(source, 10000);
	return source;
}

static bool knows(struct key_source *source, const struct signing_key *key)
{
	struct keyset *set = key_source_get(source);
	bool known = set && keyset_find(set, slice_of_cstr(key->kid));
	keyset_unref(set);
	return known;
}

static struct key_source_stats stats_of(struct key_source *source)
{
	struct key_source_stats stats;
	key_source_stats(source, &stats);
	return stats;
}

/* ---- tests --------------------------------------------------------------------------------------
 */

static void keys_are_fetched_and_counted(void **state)
{
	(void)state;
	tell("200 OK", set_a);
	struct key_source *source = source_new(30);
	assert_true(knows(source, &key_a));
	struct key_source_stats stats = stats_of(source);
	assert_int_equal(stats.keys, 1);
	assert_int_equal(stats.attempts, 1);
	assert_int_equal(stats.failures, 0);
	assert_string_equal(stats.last_error, "");
	key_source_unref(source);
}

/* Each of these answers leaves the good set in place. */
static void a_failing_issuer_keeps_its_last_good_keys(void **state)
{
	static const struct {
		const char *status, *body;
	} rows[] = {
		{ "500 Internal Server Error", "oops" },
		{ "200 OK", "<html>maintenance</html>" },
		{ "200 OK", "" },
		{ "200 OK", "{}" },
		{ "200 OK", "{\"keys\":[]}" },
		{ "200 OK", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"x\"}]}" },
		{ "302 Found\r\nLocation: http://127.0.0.1:1/jwks", "" },
		{ "204 No Content", "" },
	};
	(void)state;
	tell("200 OK", set_a);
	struct key_source *source = source_new(30);
	uint64_t version = key_source_version(source);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t failures = stats_of(source).failures;
		tell(rows[i].status, rows[i].body);
		key_source_refresh_now(source);
		for (int k = 0; k < 1000 && stats_of(source).failures == failures; k++)
			usleep(10000);
		assert_int_equal(stats_of(source).failures, failures + 1);
		assert_true(stats_of(source).last_error[0]);
		assert_true(knows(source, &key_a));
	}
	assert_int_equal(key_source_version(source), version);
	key_source_unref(source);
}

static void a_huge_document_is_refused(void **state)
{
	char *huge = malloc(KEYSET_DOCUMENT_MAX_BYTES + 2);
	(void)state;
	memset(huge, ' ', KEYSET_DOCUMENT_MAX_BYTES + 1);
	huge[KEYSET_DOCUMENT_MAX_BYTES + 1] = '\0';
	memcpy(huge, set_a, strlen(set_a));
	tell("200 OK", huge);
	struct key_source *source = source_new(30);
	assert_false(knows(source, &key_a));
	key_source_unref(source);
	huge[KEYSET_DOCUMENT_MAX_BYTES] = '\0';
	tell("200 OK", huge);
	source = source_new(30);
	assert_true(knows(source, &key_a));
	key_source_unref(source);
	free(huge);
}

/* A byte each 100 ms: given up after the total time, not after the whole document. */
static void a_slow_drip_is_given_up(void **state)
{
	(void)state;
	tell("200 OK", set_a);
	server.drip_ms = 100;
	uint64_t start_ms = clock_monotonic_ms();
	struct key_source *source = source_new(30);
	assert_false(knows(source, &key_a));
	assert_true(clock_monotonic_ms() - start_ms < 10000);
	server.drip_ms = 0;
	key_source_unref(source);
}

static void rotation_changes_version_and_drops_vanished_keys(void **state)
{
	(void)state;
	tell("200 OK", set_a);
	struct key_source *source = source_new(30);
	uint64_t version = key_source_version(source), generation = stats_of(source).generation;
	tell("200 OK", set_b);
	key_source_refresh_now(source);
	for (int i = 0; i < 1000 && key_source_version(source) == version; i++)
		usleep(10000);
	assert_false(knows(source, &key_a));
	assert_true(knows(source, &key_b));
	assert_int_not_equal(stats_of(source).generation, generation);
	key_source_unref(source);
}

static void the_same_document_keeps_the_set(void **state)
{
	(void)state;
	tell("200 OK", set_a);
	struct key_source *source = source_new(30);
	uint64_t version = key_source_version(source), generation = stats_of(source).generation;
	unsigned before = requests();
	key_source_refresh_now(source);
	for (int i = 0; i < 1000 && requests() == before; i++)
		usleep(10000);
	assert_int_equal(requests(), before + 1);
	usleep(50000);
	assert_int_equal(key_source_version(source), version);
	assert_int_equal(stats_of(source).generation, generation);
	assert_int_equal(stats_of(source).failures, 0);
	key_source_unref(source);
}

/* An attacker's random kids cost one fetch in a cool-down. */
static void a_thousand_unknown_kids_are_one_fetch(void **state)
{
	(void)state;
	tell("200 OK", set_a);
	struct key_source *source = source_new(2);
	unsigned before = requests();
	/* Nobody is told to wait before the cool-down is over. */
	for (int i = 0; i < 1000; i++)
		assert_false(key_source_ask(source));
	usleep(200000);
	assert_int_equal(requests(), before);
	tell("200 OK", set_b);
	for (int i = 0; i < 1000 && !knows(source, &key_b); i++)
		usleep(10000);
	assert_true(knows(source, &key_b));
	assert_int_equal(requests(), before + 1);
	key_source_unref(source);
}

static void once_cool_who_asks_may_wait_for_the_answer(void **state)
{
	(void)state;
	tell("200 OK", set_a);
	struct key_source *source = source_new(1);
	uint64_t version = key_source_version(source);
	usleep(1100000);
	tell("200 OK", set_b);
	assert_true(key_source_ask(source));
	for (int i = 0; i < 1000 && key_source_version(source) == version; i++)
		usleep(10000);
	assert_true(knows(source, &key_b));
	assert_false(key_source_ask(source));
	key_source_unref(source);
}

static void stale_keys_are_dropped_in_the_end(void **state)
{
	char url[64];
	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/jwks", server.port);
	const struct key_source_config config = {
		.name = "staff", .url = url, .allow_http = true, .cooldown_s = 1, .stale_max_s = 1
	};
	tell("200 OK", set_a);
	struct key_source *source = key_source_new(&config, NULL);
	assert_true(key_source_wait(source, 5000));
	tell("500 Internal Server Error", "");
	for (int i = 0; i < 1500 && knows(source, &key_a); i++) {
		key_source_refresh_now(source);
		usleep(10000);
	}
	assert_false(knows(source, &key_a));
	tell("200 OK", set_a);
	for (int i = 0; i < 1500 && !knows(source, &key_a); i++) {
		key_source_refresh_now(source);
		usleep(10000);
	}
	assert_true(knows(source, &key_a));
	key_source_unref(source);
}

static void plain_http_is_refused_unless_allowed(void **state)
{
	char url[64];
	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/jwks", server.port);
	const struct key_source_config config = { .name = "staff", .url = url };
	unsigned before = requests();
	struct key_source *source = key_source_new(&config, NULL);
	if (source)
		assert_false(key_source_wait(source, 5000));
	key_source_unref(source);
	assert_int_equal(requests(), before);
}

/* Somebody in between who has a certificate, but not one of the issuer's CA with the issuer's name,
 * gives us no key. */
static void a_server_in_between_gives_no_key(void **state)
{
	const struct {
		const char *tls_name, *ca_file, *host;
		bool trusted;
	} rows[] = {
		{ "localhost", http_server_ca_file(), "localhost", true },
		{ "localhost", NULL, "localhost", false }, /* the system's CAs */
		{ "issuer.example", http_server_ca_file(), "localhost", false },
		{ NULL, http_server_ca_file(), "localhost", false }, /* no TLS at all */
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_server tls;
		char url[64], *answer = NULL;
		assert_true(
		    asprintf(&answer,
		        "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		        strlen(set_a), set_a) > 0);
		http_server_start(&tls, &(struct http_server_options){ .tls_name = rows[i].tls_name,
		                            .answer = slice_of_cstr(answer) });
		snprintf(url, sizeof(url), "https://%s:%u/jwks", rows[i].host, tls.port);
		const struct key_source_config config = {
			.name = "staff", .url = url, .ca_file = rows[i].ca_file
		};
		struct err err = { 0 };
		struct key_source *source = key_source_new(&config, &err);
		assert_non_null(source);
		for (int k = 0; k < 1000 && !rows[i].trusted && stats_of(source).failures == 0; k++)
			usleep(10000);
		assert_true(
		    key_source_wait(source, rows[i].trusted ? 10000 : 0) == rows[i].trusted);
		assert_true(knows(source, &key_a) == rows[i].trusted);
		assert_true(!stats_of(source).last_error[0] == rows[i].trusted);
		key_source_unref(source);
		http_server_stop(&tls);
		assert_int_equal(tls.requests, rows[i].trusted ? 1 : 0);
		http_server_release(&tls);
		free(answer);
	}
}

/* A discovery document is believed only for the issuer it was asked of; no URL of another is
 * fetched. */
static void discovery_for_another_issuer_gives_no_key(void **state)
{
	char issuer[64];
	(void)state;
	snprintf(issuer, sizeof(issuer), "http://127.0.0.1:%u", server.port);
	char documents[5][256];
	snprintf(
	    documents[0], 256, "{\"issuer\":\"%s/\",\"jwks_uri\":\"%s/jwks\"}", issuer, issuer);
	snprintf(
	    documents[1], 256, "{\"issuer\":\"https://other\",\"jwks_uri\":\"%s/jwks\"}", issuer);
	snprintf(documents[2], 256, "{\"jwks_uri\":\"%s/jwks\"}", issuer);
	snprintf(documents[3], 256, "{\"issuer\":\"%s\"}", issuer);
	snprintf(
	    documents[4], 256, "{\"issuer\":\"%s\",\"jwks_uri\":[\"%s/jwks\"]}", issuer, issuer);
	for (size_t i = 0; i < 5; i++) {
		const struct key_source_config config = {
			.name = "staff", .issuer = issuer, .allow_http = true
		};
		tell("200 OK", documents[i]);
		unsigned before = requests();
		struct key_source *source = key_source_new(&config, NULL);
		assert_non_null(source);
		for (int k = 0; k < 1000 && stats_of(source).failures == 0; k++)
			usleep(10000);
		assert_string_not_equal(stats_of(source).last_error, "");
		assert_null(key_source_get(source));
		key_source_unref(source);
		assert_int_equal(requests(), before + 1);
	}
}

static void files_are_read_again_when_they_change(void **state)
{
	char path[] = "/tmp/jwks-XXXXXX";
	(void)state;
	int fd = mkstemp(path);
	assert_true(file_write_all(fd, slice_of_cstr(set_a)));
	close(fd);
	const struct key_source_config config = {
		.name = "staff", .file = path, .file_check_ms = 20
	};
	struct key_source *source = key_source_new(&config, NULL);
	assert_true(key_source_wait(source, 5000));
	assert_true(knows(source, &key_a));
	assert_true(file_write_atomic(path, SLICE("{"), 0600, NULL));
	for (int i = 0; i < 500 && stats_of(source).failures == 0; i++)
		usleep(10000);
	assert_true(knows(source, &key_a));
	assert_true(file_write_atomic(path, slice_of_cstr(set_b), 0600, NULL));
	for (int i = 0; i < 500 && !knows(source, &key_b); i++)
		usleep(10000);
	assert_true(knows(source, &key_b));
	key_source_unref(source);
	unlink(path);
}

/* jku and x5u in a signed header point to the server; nobody may call. */
static void urls_in_a_token_are_never_fetched(void **state)
{
	static const char *const members[] = { "jku", "x5u", "jwk", "x5c" };
	const char *const audiences[] = { "app" };
	struct arena arena;
	(void)state;
	tell("200 OK", set_b);
	json_t *json = signing_key_set(&key_a, 1);
	struct keyset *set = keyset_from_json(json, NULL);
	const struct authorizer_config config = { .name = "staff",
		.issuer = "https://issuer",
		.audiences = audiences,
		.audience_count = 1,
		.algorithms = (const char *const[]){ "ES256" },
		.algorithm_count = 1,
		.kid_optional = true };
	struct authorizer *authorizer = authorizer_new(&config, NULL, set, NULL);
	struct policy *policy = policy_new(authorizer, NULL, 0, false, MTLS_OFF, NULL);
	struct auth_state *auth = auth_state_new(0, 0, 0);
	unsigned before = requests();
	arena_init(&arena, 0);
	for (size_t i = 0; i < 4; i++) {
		struct buf text;
		struct auth_result out;
		buf_init(&text, 0);
		buf_append_cstr(&text, "Bearer ");
		const char *header =
		    arena_printf(&arena, "{\"alg\":\"ES256\",\"%s\":\"http://127.0.0.1:%u/jwks\"}",
		        members[i], server.port);
		assert_true(signing_key_sign_raw(
		    &key_b, key_b.alg, slice_of_cstr(header), SLICE("{}"), &text, NULL));
		struct slice value = buf_slice(&text);
		const struct auth_input in = { .authorization = &value, .authorization_count = 1 };
		auth_check(auth, policy, &in, &arena, &out);
		assert_int_equal(out.reason, AUTH_SIGNATURE_INVALID);
		buf_release(&text);
	}
	usleep(50000);
	assert_int_equal(requests(), before);
	arena_release(&arena);
	auth_state_free(auth);
	policy_free(policy);
	authorizer_unref(authorizer);
	keyset_unref(set);
	json_decref(json);
}

/* Readers on other threads while sets are replaced; for ThreadSanitizer. */
static void *reader_main(void *arg)
{
	struct key_source *source = arg;
	for (int i = 0; i < 20000; i++) {
		uint64_t version = key_source_version(source);
		struct keyset *set = key_source_get(source);
		assert(!set || set->count == 1);
		keyset_unref(set);
		if (version % 3 == 0)
			key_source_ask(source);
	}
	return NULL;
}

static void sets_can_be_read_while_they_are_replaced(void **state)
{
	pthread_t readers[4];
	(void)state;
	tell("200 OK", set_a);
	struct key_source *source = source_new(1);
	for (int i = 0; i < 4; i++)
		pthread_create(&readers[i], NULL, reader_main, source);
	for (int i = 0; i < 20; i++) {
		tell("200 OK", i % 2 ? set_a : set_b);
		key_source_refresh_now(source);
		usleep(5000);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(readers[i], NULL);
	key_source_unref(source);
}

static char *set_text(const struct signing_key *key)
{
	json_t *set = signing_key_set(key, 1);
	char *text = json_dumps(set, JSON_COMPACT);
	json_decref(set);
	return text;
}

static int setup(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_ERROR);
	http_global_init();
	if (!signing_key_generate(&key_a, "ec", NULL) || !signing_key_generate(&key_b, "ec", NULL))
		return -1;
	set_a = set_text(&key_a);
	set_b = set_text(&key_b);
	server.listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(server.listener, (struct sockaddr *)&in, sizeof(in)) != 0 ||
	    listen(server.listener, 16) != 0 ||
	    getsockname(server.listener, (struct sockaddr *)&in, &len) != 0)
		return -1;
	server.port = ntohs(in.sin_port);
	tell("200 OK", set_a);
	return pthread_create(&server.thread, NULL, server_main, NULL);
}

static int teardown(void **state)
{
	(void)state;
	server.stop = true;
	shutdown(server.listener, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.listener);
	free(server.answer);
	free(set_a);
	free(set_b);
	signing_key_release(&key_a);
	signing_key_release(&key_b);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_fetched_and_counted),
		cmocka_unit_test(a_failing_issuer_keeps_its_last_good_keys),
		cmocka_unit_test(a_huge_document_is_refused),
		cmocka_unit_test(a_slow_drip_is_given_up),
		cmocka_unit_test(rotation_changes_version_and_drops_vanished_keys),
		cmocka_unit_test(the_same_document_keeps_the_set),
		cmocka_unit_test(a_thousand_unknown_kids_are_one_fetch),
		cmocka_unit_test(once_cool_who_asks_may_wait_for_the_answer),
		cmocka_unit_test(stale_keys_are_dropped_in_the_end),
		cmocka_unit_test(plain_http_is_refused_unless_allowed),
		cmocka_unit_test(a_server_in_between_gives_no_key),
		cmocka_unit_test(discovery_for_another_issuer_gives_no_key),
		cmocka_unit_test(files_are_read_again_when_they_change),
		cmocka_unit_test(urls_in_a_token_are_never_fetched),
		cmocka_unit_test(sets_can_be_read_while_they_are_replaced),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
