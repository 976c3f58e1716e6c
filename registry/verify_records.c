/* SPDX-License-Identifier: Apache-2.0 */
/* The access-log record of a marked request, and the time the gateway takes. */
#include "common/clock.h"
#include "common/json_read.h"
#include "registry/verify.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

enum { TAIL_BYTES = 8 << 20, WAIT_MS = 5000, STEP_MS = 100 };

/* The end of the access log. */
static bool read_tail(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
	off_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
	buf_reset(out);
	bool ok = size >= 0 && buf_reserve(out, TAIL_BYTES);
	while (ok && out->len < TAIL_BYTES) {
		ssize_t got =
		    pread(fd, out->data + out->len, TAIL_BYTES - out->len, from + (off_t)out->len);
		if (got <= 0)
			break;
		out->len += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

/* The line that holds `needle`; empty when there is none. */
static struct slice line_with(struct slice text, struct slice needle)
{
	size_t at = slice_find(text, needle), begin = at, end = at;
	if (at == SIZE_MAX)
		return (struct slice){ 0 };
	while (begin > 0 && text.ptr[begin - 1] != '\n')
		begin--;
	while (end < text.len && text.ptr[end] != '\n')
		end++;
	return slice_sub(text, begin, end - begin);
}

/* Waits for the record of the last answer. A new reference, or NULL. */
static json_t *find_record(struct verification *v, struct buf *text)
{
	struct slice id = http_response_header(&v->reply, "x-request-id");
	const char *needle = arena_printf(&v->arena, "\"%.*s\"", SLICE_ARG(id));
	for (unsigned waited = 0; needle && id.len && waited <= WAIT_MS; waited += STEP_MS) {
		if (!read_tail(v->options->access_log, text))
			return NULL;
		struct slice line = line_with(buf_slice(text), slice_of_cstr(needle));
		if (line.len)
			return json_read_text(line, NULL, NULL);
		usleep(STEP_MS * 1000);
	}
	return NULL;
}

static bool member_is(const json_t *record, const char *name, const char *value)
{
	const char *text = json_string_value(json_object_get(record, name));
	return text && value && strcmp(text, value) == 0;
}

static const struct service *a_service(const struct verification *v)
{
	const struct model *model = &v->gateway->model;
	for (size_t i = 0; i < model->service_count; i++)
		if (!model->services[i].held_back && model->services[i].mtls != MTLS_REQUIRED)
			return &model->services[i];
	return NULL;
}

static const char *make_mark(struct verification *v)
{
	uint64_t random = 0;
	RAND_bytes((unsigned char *)&random, sizeof(random));
	return arena_printf(&v->arena, "verify-%016llx", (unsigned long long)random);
}

static void judge_record(struct verification *v, const json_t *record, struct slice text,
    const struct service *service, const char *mark)
{
	const json_t *status = json_object_get(record, "status");
	const char *token = v->tokens[service->authorizer];
	const char *path = json_string_value(json_object_get(record, "path"));
	verify_check(
	    v, record != NULL, "no record within 5 s", "a marked request is in the access log");
	if (!record)
		return;
	verify_check(
	    v, json_integer_value(status) == v->reply.status, NULL, "its record has the status");
	verify_check(
	    v, member_is(record, "service", service->id), NULL, "its record names the service");
	verify_check(v, path && strstr(path, mark), path, "its record has the path");
	verify_check(v, !token || slice_find(text, slice_of_cstr(strrchr(token, '.'))) == SIZE_MAX,
	    "the signature of the token is in the log", "the access log holds no token");
}

static void check_record(struct verification *v, const struct service *service)
{
	struct buf text;
	const char *mark = make_mark(v);
	if (!v->options->access_log) {
		verify_skip(v, "needs --access-log FILE", "a marked request is in the access log");
		return;
	}
	const char *path = arena_printf(&v->arena, "%s/%s", service->route_prefix, mark);
	if (!path || !mark)
		return;
	verify_ask(
	    v, &(struct verify_request){ .path = path, .token = v->tokens[service->authorizer] });
	buf_init(&text, 0);
	json_t *record = find_record(v, &text);
	judge_record(v, record, buf_slice(&text), service, mark);
	json_decref(record);
	buf_release(&text);
}

static int compare_us(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Refused requests: all that the gateway does but the upstream. The network's share is in it. */
static void check_overhead(struct verification *v, const struct service *service)
{
	uint64_t us[VERIFY_SAMPLES];
	size_t count = VERIFY_SAMPLES, limit = (size_t)v->gateway->settings.unauthorized_limit / 2;
	char detail[64];
	struct verify_request request = { .path = service->route_prefix };
	bool ok = true;
	if (count > limit)
		count = limit;
	if (service->methods.count)
		request.method = service->methods.items[0];
	verify_ask(v, &request);
	for (size_t i = 0; i < count; i++) {
		uint64_t start = clock_monotonic_us();
		ok = verify_ask(v, &request) == 401 && ok;
		us[i] = clock_monotonic_us() - start;
	}
	qsort(us, count, sizeof(us[0]), compare_us);
	uint64_t p95 = count ? us[count * 95 / 100] : UINT64_MAX;
	snprintf(detail, sizeof(detail), ok ? "95 of 100 within %llu us" : "not all were refused",
	    (unsigned long long)p95);
	verify_check(v, ok && p95 <= v->options->slo_ms * 1000, detail,
	    "95 of 100 refusals take at most %llu ms, the network included",
	    (unsigned long long)v->options->slo_ms);
}

void verify_records(struct verification *v)
{
	const struct service *service = a_service(v);
	if (!service) {
		verify_skip(v, "no service is live", "records and overhead");
		return;
	}
	check_record(v, service);
	check_overhead(v, service);
}
