/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one request costs beside time: from frame to ACK with a verified token and the shipped
 * rules, no allocation and no lock, counted for this thread in our code and in all libraries.
 */
#include "common/clock.h"
#include "common/file.h"
#include "spoa/agent/dispatch.h"
#include "spoa/tools/signing_key.h"
#include "tests/support/spop_peer.h"

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTING false /* the sanitizers have malloc and the locks for themselves */
#else
#define COUNTING true
#endif

/* ---- counting: these definitions come before those of libc and libpthread
 * ------------------------ */

static _Thread_local unsigned long allocations, locks;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define EXPORTED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

EXPORTED void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

EXPORTED void *realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
	allocations++;
	return __libc_memalign(alignment, size);
}

EXPORTED int posix_memalign(void **out, size_t alignment, size_t size)
{
	allocations++;
	*out = __libc_memalign(alignment, size);
	return *out ? 0 : 12;
}

#define COUNTED_LOCK(name, type)                                                                   \
	EXPORTED int name(type *lock)                                                              \
	{                                                                                          \
		static int (*real)(type *);                                                        \
                                                                                                   \
		locks++;                                                                           \
		if (!real)                                                                         \
			*(void **)&real = dlsym(RTLD_NEXT, #name);                                 \
		return real(lock);                                                                 \
	}

COUNTED_LOCK(pthread_mutex_lock, pthread_mutex_t)
COUNTED_LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
COUNTED_LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)
#endif

/* ---- a dispatcher with an issuer's key and the shipped rules
 * -------------------------------------- */

struct rig {
	char folder[64], bearer[2048];
	struct snapshot *snapshot;
	struct counters *counters;
	struct dispatcher *dispatcher;
};

static void write_text(const struct rig *rig, const char *name, const char *text)
{
	char path[160];
	struct err err = { 0 };

	snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
	assert_true(file_write_atomic(path, slice_of_cstr(text), 0600, &err));
}

static void sign_token(struct rig *rig, const struct signing_key *key)
{
	json_int_t now = (json_int_t)clock_unix_s();
	json_t *claims = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I}", "iss", "https://i.test", "sub",
	    "user-1", "client_id", "c", "token_use", "access", "scope", "a/read", "iat", now, "exp",
	    now + 3600);
	struct err err = { 0 };
	struct buf token;

	buf_init(&token, 0);
	assert_true(signing_key_sign(key, NULL, "JWT", claims, &token, &err));
	snprintf(rig->bearer, sizeof(rig->bearer), "Bearer %s", buf_cstr(&token));
	buf_release(&token);
	json_decref(claims);
}

static void write_files(struct rig *rig)
{
	struct signing_key key;
	struct err err = { 0 };
	char text[2048], *jwks;
	json_t *set;

	assert_true(signing_key_generate(&key, "rsa", &err));
	set = signing_key_set(&key, 1);
	jwks = json_dumps(set, JSON_COMPACT);
	write_text(rig, "jwks.json", jwks);
	sign_token(rig, &key);
	free(jwks);
	json_decref(set);
	signing_key_release(&key);
	snprintf(text, sizeof(text),
	    "{\"revision\":\"r\",\"listen\":[\"unix:%s/agent.sock\"],"
	    "\"authorizers\":{\"staff\":{\"issuer\":\"https://"
	    "i.test\",\"audiences\":[\"c\"],\"jwks_file\":\"%s/jwks.json\"}},"
	    "\"waf\":{\"rulesets\":{\"aws\":[\"haproxy/waf/aws/*.conf\"]}},"
	    "\"routes\":{\"accounts\":{\"authorizer\":\"staff\",\"scopes\":[\"a/"
	    "read\"],\"waf_ruleset\":\"aws\"}}}",
	    rig->folder, rig->folder);
	write_text(rig, "agent.json", text);
}

static int rig_start(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct err_list errors;
	char path[160];

	assert_non_null(rig);
	strcpy(rig->folder, "/tmp/sallyport-steady.XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	write_files(rig);
	snprintf(path, sizeof(path), "%s/agent.json", rig->folder);
	err_list_init(&errors, 0);
	rig->snapshot = snapshot_load(path, NULL, &errors);
	err_list_print(&errors, stderr);
	err_list_release(&errors);
	assert_non_null(rig->snapshot);
	rig->counters = calloc(1, sizeof(*rig->counters));
	rig->dispatcher = dispatcher_new(rig->snapshot, rig->counters);
	assert_non_null(rig->dispatcher);
	*state = rig;
	return 0;
}

static int rig_stop(void **state)
{
	struct rig *rig = (struct rig *)*state;
	const char *names[] = { "jwks.json", "agent.json" };

	dispatcher_free(rig->dispatcher);
	snapshot_unref(rig->snapshot);
	for (size_t i = 0; i < 2; i++) {
		char path[160];

		snprintf(path, sizeof(path), "%s/%s", rig->folder, names[i]);
		unlink(path);
	}
	rmdir(rig->folder);
	free(rig->counters);
	free(rig);
	return 0;
}

/* Judges `check` once; the verdict. */
static uint64_t judge(struct rig *rig, const struct spop_check *check)
{
	static char in_memory[65536], out_memory[SESSION_ROOM];
	struct wire_writer in = wire_writer_of(in_memory, sizeof(in_memory));
	struct wire_writer out = wire_writer_of(out_memory, sizeof(out_memory));
	struct frame notify, ack;
	bool hold = false;
	size_t bytes;

	spop_peer_write_check(&in, 5, 1, check);
	assert_int_equal(frame_next(wire_written(&in), 65536, &notify, &bytes), FRAME_COMPLETE);
	assert_int_equal(dispatcher_notify(rig->dispatcher, &notify, 65536, &hold, &out), SPOP_OK);
	assert_int_equal(frame_next(wire_written(&out), 65536, &ack, &bytes), FRAME_COMPLETE);
	return spop_peer_variable(&ack, "verdict").uint;
}

static const char json[] = "{\"from\":\"DE89370400440532013000\",\"amount\":{\"value\":\"125.00\"},"
                           "\"notify\":[\"email\"],\"instant\":false}";
static const char form[] = "name=Jane+Doe&street=Main+Street+5&note=thank+you%21";

static void a_request_neither_allocates_nor_locks_once_warm(void **state)
{
	struct rig *rig = (struct rig *)*state;
	const char *const get[] = { "host", "api.test", "user-agent", "app/1.0", "accept",
		"application/json", "authorization", rig->bearer, NULL };
	const char *const post_json[] = { "host", "api.test", "user-agent", "app/1.0",
		"content-type", "application/json", "authorization", rig->bearer, NULL };
	const char *const post_form[] = { "host", "api.test", "user-agent", "app/1.0",
		"content-type", "application/x-www-form-urlencoded", "authorization", rig->bearer,
		NULL };
	const char *const anonymous[] = { "host", "api.test", "user-agent", "app/1.0", NULL };
	const struct {
		struct spop_check check;
		uint64_t verdict;
	} rows[] = {
		{ { "r", "accounts", "GET", "/v1/accounts/1", "from=2026-10-01&limit=50", "1.1",
		      get, { NULL, 0 }, false },
		    200 },
		{ { "r", "accounts", "POST", "/v1/accounts", "", "2.0", post_json,
		      { json, sizeof(json) - 1 }, false },
		    200 },
		{ { "r", "accounts", "POST", "/v1/accounts", "", "1.1", post_form,
		      { form, sizeof(form) - 1 }, false },
		    200 },
		{ { "r", "accounts", "GET", "/v1/accounts/1", "file=../../../etc/passwd", "1.1",
		      get, { NULL, 0 }, false },
		    403 },
		{ { "r", "accounts", "GET", "/v1/accounts/1", "", "1.1", anonymous, { NULL, 0 },
		      false },
		    401 },
	};
	enum { ROWS = sizeof(rows) / sizeof(rows[0]), WARM = 20, ROUNDS = 200 };

	for (size_t row = 0; row < ROWS; row++) {
		unsigned long allocated = 0, locked = 0;

		for (int i = 0; i < WARM + ROUNDS; i++) {
			if (i == WARM) {
				allocated = allocations;
				locked = locks;
			}
			assert_int_equal(judge(rig, &rows[row].check), rows[row].verdict);
		}
		assert_int_equal(allocations - allocated, 0);
		assert_int_equal(locks - locked, 0);
	}
	assert_true(counter_get(&rig->counters->plain[COUNT_auth_cache_hits]) > 3 * ROUNDS);
}

/* Else the test above would see nothing. */
static void what_is_counted_is_counted(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	unsigned long allocated = allocations, locked = locks;

	(void)state;
	if (!COUNTING)
		skip();
	json_decref(json_string("a library's allocation"));
	assert_true(allocations > allocated);
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	assert_int_equal(locks, locked + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_counted_is_counted),
		cmocka_unit_test_setup_teardown(
		    a_request_neither_allocates_nor_locks_once_warm, rig_start, rig_stop),
	};

	return cmocka_run_group_tests_name("steady", tests, NULL, NULL);
}
