/* SPDX-License-Identifier: Apache-2.0 */
/* The whole agent in this process, over real sockets: verdicts, reload, metrics, drain. */
#include "spoa/agent/agent.h"

#include "common/file.h"
#include "spoa/spop/disconnect.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/spop_peer.h"

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUTES                                                                                                              \
	"\"authorizers\":{\"staff\":{\"issuer\":\"https://i.test\",\"audiences\":[\"c\"],\"jwks_file\":\"%s/jwks.json\"}}," \
	"\"waf\":{\"rulesets\":{\"own\":[\"%s/own.conf\"]}},"                                                               \
	"\"routes\":{\"open\":{\"authorizer\":\"none\",\"waf\":\"off\"},"                                                   \
	"\"closed\":{\"authorizer\":\"staff\",\"scopes\":[\"a/read\"],\"waf\":\"off\"},"                                    \
	"\"block\":{\"authorizer\":\"none\",\"waf_ruleset\":\"own\"},"                                                      \
	"\"excluded\":{\"authorizer\":\"none\",\"waf_ruleset\":\"own\",\"waf_exclude\":[\"1001\"]},"                        \
	"\"counted\":{\"authorizer\":\"none\",\"waf_ruleset\":\"own\",\"waf_count\":[\"1001\"]},"                           \
	"\"count\":{\"authorizer\":\"none\",\"waf\":\"count\",\"waf_ruleset\":\"own\"}}"

static const char rules[] = "SecRuleEngine On\n"
                            "SecRule ARGS \"@contains evil\" \"id:1001,phase:2,deny,status:403,log,"
                            "msg:'evil',tag:'awswaf:managed:aws:test:Evil'\"\n";

/* RFC 7515 appendix A.2's public key. */
static const char jwks[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k\",\"e\":\"AQAB\",\"n\":"
    "\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-"
    "yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-"
    "KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
    "h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}]}";

struct rig {
	char folder[64], config[96], address[96];
	unsigned threads;
	struct agent *agent;
	pthread_t thread;
};

static void write_text(const struct rig *rig, const char *name, const char *text)
{
	char path[160];
	struct err err = { 0 };

	snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
	assert_true(file_write_atomic(path, slice_of_cstr(text), 0600, &err));
}

static void write_config(const struct rig *rig, const char *revision, const char *extra)
{
	char text[4096];
	int n = snprintf(text, sizeof(text),
	    "{\"revision\":\"%s\",\"listen\":[\"%s\"],\"threads\":%u,\"drain_timeout_ms\":400,%s",
	    revision, rig->address, rig->threads, extra);

	snprintf(text + n, sizeof(text) - (size_t)n, ROUTES "}", rig->folder, rig->folder);
	write_text(rig, "agent.json", text);
}

static void *run_agent(void *argument)
{
	agent_run((struct agent *)argument);
	return NULL;
}

static void print_errors(struct err_list *errors)
{
	err_list_print(errors, stderr);
	err_list_release(errors);
}

static void rig_prepare(struct rig *rig, unsigned threads)
{
	memset(rig, 0, sizeof(*rig));
	rig->threads = threads;
	strcpy(rig->folder, "/tmp/sallyport-agent.XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	snprintf(rig->config, sizeof(rig->config), "%s/agent.json", rig->folder);
	snprintf(rig->address, sizeof(rig->address), "unix:%s/agent.sock", rig->folder);
	write_text(rig, "own.conf", rules);
	write_text(rig, "jwks.json", jwks);
	write_config(rig, "r1", "");
}

static void rig_run(struct rig *rig)
{
	struct agent_options options = { .config_path = rig->config };
	struct err_list errors;

	err_list_init(&errors, 0);
	rig->agent = agent_start(&options, &errors);
	print_errors(&errors);
	assert_non_null(rig->agent);
	assert_int_equal(pthread_create(&rig->thread, NULL, run_agent, rig->agent), 0);
}

static void rig_start(struct rig *rig, unsigned threads)
{
	rig_prepare(rig, threads);
	rig_run(rig);
}

static void rig_stop(struct rig *rig)
{
	const char *names[] = { "own.conf", "jwks.json", "agent.json" };

	agent_stop(rig->agent);
	pthread_join(rig->thread, NULL);
	agent_free(rig->agent);
	for (size_t i = 0; i < 3; i++) {
		char path[160];

		snprintf(path, sizeof(path), "%s/%s", rig->folder, names[i]);
		unlink(path);
	}
	/* Fails when the socket file was left behind. */
	assert_int_equal(rmdir(rig->folder), 0);
}

static void ask(struct spop_peer *peer, const struct spop_check *check, struct frame *ack)
{
	static char memory[512 * 1024];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));

	spop_peer_write_check(&writer, 5, 1, check);
	assert_true(spop_peer_send(peer, wire_written(&writer)));
	assert_true(spop_peer_read(peer, ack));
	assert_int_equal(ack->type, FRAME_ACK);
	assert_int_equal(ack->stream_id, 5);
}

static void assert_text(const struct frame *ack, const char *name, const char *text)
{
	struct typed value = spop_peer_variable(ack, name);

	if (text)
		assert_true(slice_eq(typed_text(&value), slice_of_cstr(text)));
	else
		assert_int_equal(value.type, TYPED_NULL);
}

/* A member of the access log's record that the ACK brings. */
static void assert_member(const struct frame *ack, const char *name, const char *text)
{
	struct typed record = spop_peer_variable(ack, "record");
	char wanted[320];

	snprintf(wanted, sizeof(wanted), "\"%s\":\"%s\"", name, text ? text : "");
	if (slice_find(typed_text(&record), slice_of_cstr(wanted)) == SIZE_MAX)
		fail_msg("no %s in %.*s", wanted, (int)record.bytes.len, record.bytes.ptr);
}

static void connect_ready(const struct rig *rig, struct spop_peer *peer)
{
	assert_true(spop_peer_connect(peer, rig->address));
	assert_true(spop_peer_greet(peer, 131068));
}

struct row {
	const char *route, *query, *authorization;
	uint64_t verdict;
	const char *auth, *waf, *www, *rules, *explain, *labels;
};

static void each_request_has_its_verdict(void **state)
{
	(void)state;
	const char *label = "awswaf:managed:aws:test:Evil";
	const struct row rows[] = {
		{ "open", "a=1", NULL, 200, "off", "off", NULL, NULL, NULL, NULL },
		{ "closed", "a=1", NULL, 401, "token_missing", "off", "Bearer", NULL, NULL, NULL },
		{ "closed", "a=evil", "Bearer x", 401, "token_malformed", "off",
		    "Bearer error=\"invalid_token\", error_description=\"the token is not a JWS in compact serialisation (three base64url parts with dots between)\"",
		    NULL, NULL, NULL },
		{ "block", "a=good", NULL, 200, "off", "pass", NULL, NULL, NULL, NULL },
		{ "block", "a=evil", NULL, 403, "off", "block", NULL, "1001", "1001@ARGS:a",
		    label },
		{ "count", "%3cb%3e=evil", NULL, 200, "off", "count", NULL, "1001",
		    "1001@ARGS:%3Cb%3E", label },
		{ "excluded", "a=evil", NULL, 200, "off", "pass", NULL, NULL, NULL, NULL },
		{ "counted", "a=evil", NULL, 200, "off", "count", NULL, "1001", "1001@ARGS:a",
		    label },
		{ "counted", "a=good", NULL, 200, "off", "pass", NULL, NULL, NULL, NULL },
		{ "nowhere", "", NULL, 503, "unknown_route", "off", NULL, NULL, NULL, NULL },
		{ NULL, "", NULL, 503, "no_route", "off", NULL, NULL, NULL, NULL },
	};
	struct rig rig;
	struct spop_peer peer;

	rig_start(&rig, 1);
	connect_ready(&rig, &peer);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *headers[] = { "host", "a.test", "Authorization", rows[i].authorization,
			NULL };
		const struct spop_check check = { .id = "r",
			.route = rows[i].route,
			.method = "GET",
			.path = "/v1/x",
			.query = rows[i].query,
			.version = "1.1",
			.headers = headers };
		struct frame ack;

		if (!rows[i].authorization)
			headers[2] = NULL;
		/* The key set may come after the first request. */
		for (int tries = 0; tries < 2000; tries++) {
			ask(&peer, &check, &ack);
			if (!rows[i].authorization ||
			    spop_peer_variable(&ack, "verdict").uint != 503)
				break;
			usleep(5000);
		}
		assert_int_equal(spop_peer_variable(&ack, "verdict").uint, rows[i].verdict);
		assert_text(&ack, "www", rows[i].www);
		assert_member(&ack, "auth", rows[i].auth);
		assert_member(&ack, "waf", rows[i].waf);
		assert_member(&ack, "rules", rows[i].rules);
		assert_member(&ack, "explain", rows[i].explain);
		assert_member(&ack, "labels", rows[i].labels);
		assert_member(&ack, "sub", NULL);
	}
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void *write_slowly(void *argument)
{
	FILE *fifo = fopen((const char *)argument, "w"); /* once somebody reads */

	assert(fifo);
	usleep(300000);
	fputs(jwks, fifo);
	fclose(fifo);
	return NULL;
}

/* A key set that takes its time: who is let in before it is there would be refused for want of it.
 */
static void nobody_is_answered_before_the_keys_are_there(void **state)
{
	(void)state;
	const char *const headers[] = { "authorization", "Bearer x", NULL };
	const struct spop_check check = {
		.route = "closed", .method = "GET", .path = "/", .headers = headers
	};
	struct rig rig;
	struct spop_peer peer;
	struct frame ack;
	char fifo[96];
	pthread_t writer;

	rig_prepare(&rig, 1);
	snprintf(fifo, sizeof(fifo), "%s/jwks.json", rig.folder);
	unlink(fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_slowly, fifo), 0);
	rig_run(&rig);
	connect_ready(&rig, &peer);
	ask(&peer, &check, &ack);
	assert_member(&ack, "auth", "token_malformed");
	pthread_join(writer, NULL);
	/* It is looked at again every two seconds: nobody may wait for a writer for ever. */
	write_text(&rig, "jwks.json", jwks);
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void check_tells_a_key_file_that_is_missing_or_wrong(void **state)
{
	(void)state;
	struct rig rig;
	struct err_list errors;
	char name[160];

	rig_prepare(&rig, 1);
	err_list_init(&errors, 0);
	assert_true(agent_check(rig.config, &errors));
	assert_true(err_list_is_empty(&errors));
	write_text(&rig, "jwks.json", "{\"keys\":[]}");
	assert_false(agent_check(rig.config, &errors));
	assert_non_null(strstr(errors.items[0].text, "no usable key"));
	err_list_release(&errors);
	err_list_init(&errors, 0);
	snprintf(name, sizeof(name), "%s/jwks.json", rig.folder);
	unlink(name);
	assert_false(agent_check(rig.config, &errors));
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.items[0].line, 1);
	assert_non_null(strstr(errors.items[0].text, "authorizers[\"staff\"]: "));
	assert_non_null(strstr(errors.items[0].text, "No such file"));
	err_list_release(&errors);
	write_text(&rig, "jwks.json", jwks);
	rig_run(&rig);
	rig_stop(&rig);
}

/* What was not looked at is said in the labels, and what was refused for it in the explanation. */
static void a_body_that_was_not_seen_as_a_whole_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		bool cut;
		uint64_t verdict;
		const char *waf, *explain, *labels;
	} rows[] = {
		{ "{\"a\":1}", false, 200, "pass", NULL, NULL },
		{ "{\"a\":", false, 403, "block",
		    "uninspected@the%20body%20ends%20in%20the%20middle",
		    "sallyport:waf:uninspected" },
		{ "{\"a\":", true, 200, "pass", NULL, "sallyport:waf:oversize" },
		{ "{\"a\":\"evil\",", true, 403, "block", "1001@ARGS:json.a",
		    "sallyport:waf:oversize,awswaf:managed:aws:test:Evil" },
	};
	const char *headers[] = { "host", "a.test", "content-type", "application/json", NULL };
	struct rig rig;
	struct spop_peer peer;

	rig_start(&rig, 1);
	connect_ready(&rig, &peer);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct spop_check check = { .id = "r",
			.route = "block",
			.method = "POST",
			.path = "/v1/x",
			.version = "1.1",
			.headers = headers,
			.body = slice_of_cstr(rows[i].body),
			.cut = rows[i].cut };
		struct frame ack;

		ask(&peer, &check, &ack);
		assert_int_equal(spop_peer_variable(&ack, "verdict").uint, rows[i].verdict);
		assert_member(&ack, "waf", rows[i].waf);
		assert_member(&ack, "explain", rows[i].explain);
		assert_member(&ack, "labels", rows[i].labels);
	}
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void a_request_with_too_many_headers_is_not_let_through(void **state)
{
	(void)state;
	static const char *headers[2 * 201 + 1];
	struct spop_check check = { .route = "open", .headers = headers };
	struct rig rig;
	struct spop_peer peer;
	struct frame ack;

	for (size_t i = 0; i < 2 * 200; i++)
		headers[i] = "x";
	rig_start(&rig, 1);
	connect_ready(&rig, &peer);
	ask(&peer, &check, &ack);
	assert_int_equal(spop_peer_variable(&ack, "verdict").uint, 200);
	headers[400] = headers[401] = "x";
	ask(&peer, &check, &ack);
	assert_int_equal(spop_peer_variable(&ack, "verdict").uint, 503);
	assert_member(&ack, "auth", "too_many_headers");
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void a_request_allocates_nothing_once_warm(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); /* each allocation from an arena is a malloc of its own there */
#endif
	const char *routes[] = { "open", "closed", "block" };
	const char *const headers[] = { "host", "a.test", "user-agent", "x", "authorization",
		"Bearer a.b.c", NULL };
	struct rig rig;
	struct spop_peer peer;
	long before = 0;

	rig_start(&rig, 1);
	connect_ready(&rig, &peer);
	for (int i = 0; i < 300; i++) {
		const struct spop_check check = { .id = "r",
			.route = routes[i % 3],
			.method = "GET",
			.path = "/v1/x",
			.query = "a=1&b=2",
			.version = "1.1",
			.headers = headers };
		struct frame ack;

		ask(&peer, &check, &ack);
		if (i == 30)
			before = fail_alloc_count();
	}
	assert_int_equal(fail_alloc_count(), before);
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static bool reloads_reach(const struct rig *rig, uint64_t ok, uint64_t failed)
{
	for (int i = 0; i < 500; i++) {
		struct agent_reloads counts = agent_reload_counts(rig->agent);

		if (counts.ok >= ok && counts.failed >= failed)
			return true;
		usleep(10000);
	}
	return false;
}

static void a_reload_changes_the_rules_on_open_connections(void **state)
{
	(void)state;
	const struct spop_check check = {
		.route = "block", .query = "a=worse", .method = "GET", .path = "/"
	};
	struct rig rig;
	struct spop_peer peer;
	struct frame ack;

	rig_start(&rig, 2);
	connect_ready(&rig, &peer);
	ask(&peer, &check, &ack);
	assert_int_equal(spop_peer_variable(&ack, "verdict").uint, 200);
	write_text(&rig, "own.conf",
	    "SecRuleEngine On\nSecRule ARGS \"@contains worse\" \"id:1001,phase:2,deny\"\n");
	agent_reload(rig.agent);
	assert_true(reloads_reach(&rig, 1, 0));
	for (int i = 0; i < 500; i++) {
		ask(&peer, &check, &ack);
		if (spop_peer_variable(&ack, "verdict").uint == 403)
			break;
		usleep(1000);
	}
	assert_int_equal(spop_peer_variable(&ack, "verdict").uint, 403);
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void a_reload_that_fails_changes_nothing(void **state)
{
	(void)state;
	const struct spop_check check = {
		.route = "block", .query = "a=evil", .method = "GET", .path = "/"
	};
	struct rig rig;
	struct spop_peer peer;
	struct frame ack;

	rig_start(&rig, 1);
	connect_ready(&rig, &peer);
	write_text(&rig, "own.conf", "SecRule ARGS \"@nonsense\" \"id:1\"\n");
	agent_reload(rig.agent);
	assert_true(reloads_reach(&rig, 0, 1));
	write_text(&rig, "agent.json", "{");
	agent_reload(rig.agent);
	assert_true(reloads_reach(&rig, 0, 2));
	ask(&peer, &check, &ack);
	assert_int_equal(spop_peer_variable(&ack, "verdict").uint, 403);
	spop_peer_close(&peer);
	rig_stop(&rig);
}

/* Two peers ask while the agent reloads again and again: for the thread sanitizer as well. */
struct asker {
	const struct rig *rig;
	atomic_bool *stop;
	uint64_t asked, passed;
};

static void *keep_asking(void *argument)
{
	struct asker *asker = (struct asker *)argument;
	const struct spop_check check = {
		.route = "count", .query = "a=evil", .method = "GET", .path = "/"
	};
	char memory[512];
	struct wire_writer writer = wire_writer_of(memory, sizeof(memory));
	struct spop_peer peer;
	struct frame ack;

	spop_peer_write_check(&writer, 1, 1, &check);
	if (!spop_peer_connect(&peer, asker->rig->address) || !spop_peer_greet(&peer, 16380))
		return NULL;
	while (!atomic_load(asker->stop)) {
		asker->asked++;
		if (!spop_peer_send(&peer, wire_written(&writer)) || !spop_peer_read(&peer, &ack))
			break;
		asker->passed += spop_peer_variable(&ack, "verdict").uint == 200;
	}
	spop_peer_close(&peer);
	return NULL;
}

static void reloads_under_load_lose_no_request(void **state)
{
	(void)state;
	atomic_bool stop = false;
	struct asker askers[2];
	pthread_t threads[2];
	struct rig rig;

	rig_start(&rig, 2);
	for (size_t i = 0; i < 2; i++) {
		askers[i] = (struct asker){ .rig = &rig, .stop = &stop };
		assert_int_equal(pthread_create(&threads[i], NULL, keep_asking, &askers[i]), 0);
	}
	for (uint64_t n = 1; n <= 20; n++) {
		write_config(&rig, "again",
		    n % 2 ? "\"max_headers\":50,\"token_cache\":{\"entries\":64}," : "");
		agent_reload(rig.agent);
		assert_true(reloads_reach(&rig, n, 0));
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_true(askers[i].asked > 0);
		assert_int_equal(askers[i].asked, askers[i].passed);
	}
	rig_stop(&rig);
}

static void stopping_says_goodbye(void **state)
{
	(void)state;
	struct rig rig;
	struct spop_peer peer;
	struct frame frame;
	struct disconnect disconnect;

	rig_start(&rig, 1);
	connect_ready(&rig, &peer);
	agent_stop(rig.agent);
	assert_true(spop_peer_read(&peer, &frame));
	assert_int_equal(frame.type, FRAME_AGENT_DISCONNECT);
	assert_true(disconnect_decode(&frame, &disconnect));
	assert_int_equal(disconnect.status, SPOP_OK);
	assert_true(spop_peer_reads_end(&peer));
	spop_peer_close(&peer);
	rig_stop(&rig);
}

static void a_second_agent_on_the_same_socket_is_refused(void **state)
{
	(void)state;
	struct rig rig;
	struct agent_options options;
	struct err_list errors;

	rig_start(&rig, 1);
	options = (struct agent_options){ .config_path = rig.config };
	err_list_init(&errors, 0);
	assert_null(agent_start(&options, &errors));
	assert_int_equal(errors.count, 1);
	assert_non_null(strstr(errors.items[0].text, "another process does"));
	err_list_release(&errors);
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_has_its_verdict),
		cmocka_unit_test(nobody_is_answered_before_the_keys_are_there),
		cmocka_unit_test(check_tells_a_key_file_that_is_missing_or_wrong),
		cmocka_unit_test(a_body_that_was_not_seen_as_a_whole_is_told),
		cmocka_unit_test(a_request_with_too_many_headers_is_not_let_through),
		cmocka_unit_test(a_request_allocates_nothing_once_warm),
		cmocka_unit_test(a_reload_changes_the_rules_on_open_connections),
		cmocka_unit_test(a_reload_that_fails_changes_nothing),
		cmocka_unit_test(reloads_under_load_lose_no_request),
		cmocka_unit_test(stopping_says_goodbye),
		cmocka_unit_test(a_second_agent_on_the_same_socket_is_refused),
	};

	return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
