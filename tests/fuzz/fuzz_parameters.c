/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of a service's parameters. Input: chunks between 0x1e bytes; a chunk's first byte chooses
 * the parameter, the rest is its value. Whatever it is, the service is refused or its configuration
 * has only lines whose first word stands in the template, and one line per template line at most
 * more than services ask for. With SALLYPORT_FUZZ_HAPROXY=1 haproxy -c is asked as well.
 */
#include "common/file.h"
#include "common/strmap.h"
#include "registry/embedded.h"
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

static void set_up(void)
{
	static const char TEXT[] =
	    "{\"environment\":\"dev\",\"store\":{\"kind\":\"file\",\"path\":\"p\"},\"services\":[\"s\"],"
	    "\"output_dir\":\"out\",\"listen\":[\"127.0.0.1:18999\"],\"tls\":{\"certificate\":\"c.pem\","
	    "\"client_ca\":\"c.pem\"},\"upstream\":{\"ca_file\":\"c.pem\",\"resolvers\":[]},"
	    "\"waf\":{\"crs\":[\"/x\"],\"default_ruleset\":\"crs\"}}";
	struct findings findings;
	struct err err = { 0 };
	char path[64];
	assert(mkdtemp(folder));
	atexit(clean);
	snprintf(path, sizeof(path), "%s/g.json", folder);
	assert(file_write_atomic(path, slice_of_cstr(TEXT), 0600, &err));
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

static struct slice first_word(struct slice line)
{
	struct slice word, rest;
	slice_cut(slice_trim(line), ' ', &word, &rest);
	return word;
}

/* First words of the template's lines. */
static bool template_has_line(struct slice word)
{
	static struct strmap words;
	if (words.count == 0) {
		struct slice rest = embedded_get(EMBEDDED_GATEWAY_CFG), line;
		strmap_init(&words);
		while (rest.len > 0) {
			slice_cut(rest, '\n', &line, &rest);
			assert(strmap_put(&words, first_word(line), &words, NULL));
		}
	}
	return strmap_has(&words, word);
}

static size_t check_lines(struct slice text)
{
	struct slice line;
	size_t sections = 0;
	while (text.len > 0) {
		slice_cut(text, '\n', &line, &text);
		assert(line.len == 0 || template_has_line(first_word(line)));
		sections += slice_starts_with(line, SLICE("backend ")) ||
		            slice_starts_with(line, SLICE("frontend "));
	}
	return sections;
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
	const char *argv[] = { "haproxy", "-c", "-f", path, NULL };
	buf_init(&output, PROCESS_OUTPUT_MAX_BYTES);
	assert(process_run(argv, 20000, &output, &code, &err));
	/* The certificate does not exist; nothing else may be wrong. */
	for (struct slice rest = buf_slice(&output), line; rest.len > 0;) {
		slice_cut(rest, '\n', &line, &rest);
		bool alert = slice_starts_with(line, SLICE("[ALERT]"));
		bool expected = slice_find(line, SLICE("c.pem")) != SIZE_MAX ||
		                slice_find(line, SLICE("ca-file")) != SIZE_MAX ||
		                slice_find(line, SLICE("rror(s) found")) != SIZE_MAX ||
		                slice_find(line, SLICE("errors found")) != SIZE_MAX;
		if (alert && !expected) {
			fprintf(stderr, "%.*s\n", SLICE_ARG(line));
			abort();
		}
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
	size_t sections = check_lines(buf_slice(&rendering_find(&files, "haproxy.cfg")->text));
	/* frontend ×2, log_sequence, ip, route and its boot, agents, agent_metrics; two more for a
	 * second bucket */
	size_t expected =
	    8 +
	    (s->held_back ? 0 : 1u + (s->client_rate ? 2u : 0u) + (s->canary_url.text ? 1u : 0u));
	assert(sections == expected);
	if (getenv("SALLYPORT_FUZZ_HAPROXY") && !s->held_back)
		ask_haproxy(&files);
	rendering_release(&files);
	model_release(&model);
	findings_release(&findings);
	parameter_list_release(&list);
	return 0;
}
