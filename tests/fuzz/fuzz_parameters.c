/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a service's parameters. Input: chunks between 0x1e bytes; a chunk's first byte chooses
 * the parameter, the rest is its value. Whatever it is, the service is refused, or its
 * configuration is, word for word, that of the same service with harmless values, the values apart:
 * no value makes a line or a word more, none changes another one, and each stands where it belongs.
 * A map has two words on each line. With SALLYPORT_FUZZ_HAPROXY=1 haproxy -c is asked as well, and
 * has nothing to say.
 */
#include "common/file.h"
#include "registry/process.h"
#include "registry/render.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct settings settings;
static char folder[] = "/tmp/sallyport-fuzz.XXXXXX";

static void clean(void)
{
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0)
		perror(folder);
	settings_release(&settings);
}

/* For haproxy -c, which reads it. */
static void make_certificate(void)
{
	char command[512];
	snprintf(command, sizeof(command),
	    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x "
	    "-keyout %s/k -out %s/c 2>/dev/null && cat %s/c %s/k >%s/c.pem",
	    folder, folder, folder, folder, folder);
	assert(!getenv("SALLYPORT_FUZZ_HAPROXY") || system(command) == 0);
}

static void set_up(void)
{
	static const char TEXT[] =
	    "{\"environment\":\"dev\",\"store\":{\"kind\":\"file\",\"path\":\"p\"},\"services\":[\"s\"],"
	    "\"output_dir\":\"out\",\"listen\":[\"127.0.0.1:18999\"],\"tls\":{\"certificate\":\"%s/c.pem\","
	    "\"client_ca\":\"%s/c.pem\"},\"upstream\":{\"ca_file\":\"%s/c.pem\",\"resolvers\":[\"127.0.0.1:53\"]},"
	    "\"waf\":{\"crs\":[\"/x\"],\"default_ruleset\":\"crs\"}}";
	struct findings findings;
	struct err err = { 0 };
	char path[128], text[1024];
	assert(mkdtemp(folder));
	atexit(clean);
	make_certificate();
	snprintf(path, sizeof(path), "%s/g.json", folder);
	snprintf(text, sizeof(text), TEXT, folder, folder, folder);
	assert(file_write_atomic(path, slice_of_cstr(text), 0600, &err));
	findings_init(&findings);
	assert(settings_load(&settings, path, &findings, &err));
	findings_release(&findings);
}

static void add(struct parameter_list *list, const char *name, struct slice value)
{
	char path[300];
	struct err err = { 0 };
	snprintf(path, sizeof(path), "/bank/dev/api-services/s/%s", name);
	parameter_list_add(list, slice_of_cstr(path), value, PARAMETER_STRING, 1, &err);
}

static bool given(const struct parameter_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (slice_ends_with(list->items[i].name, slice_of_cstr(name)))
			return true;
	return false;
}

static void add_parameters(struct parameter_list *list, struct slice input)
{
	static const char *const REQUIRED[][2] = { { "url", "https://localhost" },
		{ "version", "v1" }, { "route-prefix", "/v1/s" }, { "authorizer", "staff" } };
	struct slice chunk;
	while (input.len > 0 && list->count < 40) {
		slice_cut(input, 0x1e, &chunk, &input);
		if (chunk.len == 0)
			continue;
		const char *name = SERVICE_FIELDS[slice_at(chunk, 0) % SERVICE_FIELD_COUNT].name;
		char last[64];
		snprintf(last, sizeof(last), "/%s", name);
		if (!given(list, last))
			add(list, name, slice_from(chunk, 1));
	}
	for (size_t i = 0; i < 4; i++)
		if (!given(list, REQUIRED[i][0]))
			add(list, REQUIRED[i][0], slice_of_cstr(REQUIRED[i][1]));
	parameter_list_sort(list);
}

/* --- the same service with harmless values ---------------------------------------------------- */

struct mark {
	const char *harmless;
	const char *value;
};

enum { MARKS_MAX = 8 };

struct marks {
	struct mark items[MARKS_MAX];
	size_t count;
};

static void mark(struct marks *marks, const char **value, const char *harmless)
{
	if (!*value || !**value)
		return;
	assert(marks->count < MARKS_MAX);
	marks->items[marks->count++] = (struct mark){ harmless, *value };
	*value = harmless;
}

/* What kind of host it is decides about words of the line, so the kind stays. */
static const char *harmless_host(const char *host, const char *name, const char *v4, const char *v6)
{
	bool is_name = strspn(host, "0123456789.") != strlen(host) && !strchr(host, ':');
	if (!is_name)
		return strchr(host, ':') ? v6 : v4;
	return strcmp(host, "localhost") == 0 ? host : name;
}

static void mark_url(
    struct marks *marks, struct url *url, const char *const hosts[3], const char *path)
{
	if (!url->text)
		return;
	mark(marks, &url->host, harmless_host(url->host, hosts[0], hosts[1], hosts[2]));
	mark(marks, &url->path, path);
}

static struct service tame(const struct service *s, struct marks *marks)
{
	static const char *const HOSTS[] = { "hst-url.example", "192.0.2.71", "2001:db8::71" };
	static const char *const CANARIES[] = { "hst-canary.example", "192.0.2.72",
		"2001:db8::72" };
	struct service out = *s;
	const char *tls_name =
	    harmless_host(s->tls_name, "hst-name.example", "192.0.2.73", "2001:db8::73");
	mark(marks, &out.tls_name, tls_name);
	mark_url(marks, &out.url, HOSTS, "/pth-url");
	mark_url(marks, &out.canary_url, CANARIES, "/pth-canary");
	mark(marks, &out.health_path, "/pth-health");
	return out;
}

/* --- word for word ---------------------------------------------------------------------------- */

/* The word with its harmless values replaced by the given ones. */
static void fill_in(struct slice word, const struct marks *marks, struct buf *out)
{
	while (word.len > 0) {
		size_t i = 0;
		struct slice harmless = SLICE("");
		for (; i < marks->count; i++) {
			harmless = slice_of_cstr(marks->items[i].harmless);
			if (slice_starts_with(word, harmless))
				break;
		}
		if (i < marks->count) {
			buf_append_cstr(out, marks->items[i].value);
			word = slice_from(word, harmless.len);
		} else {
			buf_append_byte(out, word.ptr[0]);
			word = slice_from(word, 1);
		}
	}
}

static void compare_words(struct slice got, struct slice tamed, const struct marks *marks)
{
	struct slice got_word, tamed_word;
	struct buf want;
	buf_init(&want, 0);
	while (got.len > 0 || tamed.len > 0) {
		bool more = slice_cut(got, ' ', &got_word, &got);
		assert(slice_cut(tamed, ' ', &tamed_word, &tamed) == more);
		buf_reset(&want);
		fill_in(tamed_word, marks, &want);
		assert(slice_eq(got_word, buf_slice(&want)));
	}
	buf_release(&want);
}

static void compare_lines(struct slice got, struct slice tamed, const struct marks *marks)
{
	struct slice got_line, tamed_line;
	while (got.len > 0 || tamed.len > 0) {
		bool more = slice_cut(got, '\n', &got_line, &got);
		assert(slice_cut(tamed, '\n', &tamed_line, &tamed) == more);
		compare_words(got_line, tamed_line, marks);
	}
}

static struct slice config_of(const struct rendering *files)
{
	return buf_slice(&rendering_find(files, "haproxy.cfg")->text);
}

static void check_config(const struct model *model, const struct rendering *files)
{
	const struct service *service = &model->services[0];
	struct marks marks = { .count = 0 };
	struct model harmless = *model;
	struct service tamed = *service;
	struct rendering wanted;
	struct err err = { 0 };
	if (!service->held_back)
		tamed = tame(service, &marks);
	harmless.services = &tamed;
	assert(render(&wanted, &harmless, (struct haproxy_version){ 2, 6 }, "r", &err));
	compare_lines(config_of(files), config_of(&wanted), &marks);
	rendering_release(&wanted);
}

/* What is held back stands in no file. */
static void check_maps(const struct rendering *files, bool held_back)
{
	for (size_t i = 0; i < files->count; i++) {
		if (files->files[i].kind != RENDERED_MAP)
			continue;
		bool is_gateway = strcmp(files->files[i].name, "gateway.map") == 0;
		struct slice rest = buf_slice(&files->files[i].text), line, key, value;
		while (rest.len > 0) {
			slice_cut(rest, '\n', &line, &rest);
			if (slice_starts_with(line, SLICE("#")))
				continue;
			assert(is_gateway || !held_back);
			assert(slice_cut(line, ' ', &key, &value) && key.len > 0 && value.len > 0);
			assert(slice_find_byte(value, ' ') == SIZE_MAX);
		}
	}
}

/* Names are not looked up: what a fuzzer calls a host is nobody's business outside. */
static void write_config(const struct rendering *files, const char *path)
{
	struct slice text = config_of(files), lookup = SLICE("init-addr last,libc,none");
	size_t at = slice_find(text, lookup);
	struct err err = { 0 };
	struct buf out;
	assert(at != SIZE_MAX);
	buf_init(&out, 0);
	buf_append_slice(&out, slice_sub(text, 0, at));
	buf_append_cstr(&out, "init-addr none");
	buf_append_slice(&out, slice_from(text, at + lookup.len));
	assert(file_write_atomic(path, buf_slice(&out), 0600, &err));
	buf_release(&out);
}

static void ask_haproxy(const struct rendering *files)
{
	char path[1200];
	int code;
	struct err err = { 0 };
	struct buf output;
	for (size_t i = 0; i < files->count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files->files[i].name);
		assert(file_write_atomic(path, buf_slice(&files->files[i].text), 0600, &err));
	}
	snprintf(path, sizeof(path), "%s/haproxy.cfg", folder);
	write_config(files, path);
	const char *argv[] = { "haproxy", "-c", "-f", path, NULL };
	buf_init(&output, PROCESS_OUTPUT_MAX_BYTES);
	assert(process_run(argv, 20000, &output, &code, &err));
	if (code != 0 || slice_find(buf_slice(&output), SLICE("[WARNING]")) != SIZE_MAX) {
		fprintf(stderr, "%s\n", buf_cstr(&output));
		abort();
	}
	buf_release(&output);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parameter_list list;
	struct findings findings;
	struct model model;
	struct rendering files;
	struct err err = { 0 };
	if (!settings.file)
		set_up();
	parameter_list_init(&list);
	findings_init(&findings);
	add_parameters(&list, slice_of(data, size));
	assert(model_build(&model, &settings, &list, &findings, &err));
	assert(render(&files, &model, (struct haproxy_version){ 2, 6 }, "r", &err));
	const struct service *s = model_find(&model, "s");
	check_config(&model, &files);
	check_maps(&files, s->held_back);
	if (getenv("SALLYPORT_FUZZ_HAPROXY") && !s->held_back)
		ask_haproxy(&files);
	rendering_release(&files);
	model_release(&model);
	findings_release(&findings);
	parameter_list_release(&list);
	return 0;
}
