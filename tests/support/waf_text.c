/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/waf_text.h"

#include "common/file.h"
#include "spoa/tools/http_raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct waf_rules *waf_text_load(
    const char *rules, const struct waf_options *options, struct err_list *errors)
{
	char folder[] = "/tmp/waf-test-XXXXXX", path[64];
	if (!mkdtemp(folder))
		abort();
	snprintf(path, sizeof path, "%s/rules.conf", folder);
	FILE *file = fopen(path, "w");
	if (!file || fputs(rules, file) < 0 || fclose(file) != 0)
		abort();
	const char *paths[] = { path };
	struct waf_rules *loaded = waf_rules_load(paths, 1, options, errors);
	unlink(path);
	rmdir(folder);
	return loaded;
}

void waf_text_eval(struct waf_worker *worker, struct waf_rules *rules,
    const struct waf_overrides *overrides, const char *request, struct waf_verdict *out)
{
	struct arena arena;
	struct waf_request parsed = { .id = SLICE("test"),
		.client_ip = SLICE("192.0.2.7"),
		.server_ip = SLICE("192.0.2.1"),
		.client_port = 40000,
		.server_port = 443,
		.now_unix_us = INT64_C(1795485600) * 1000000 };
	arena_init(&arena, 0);
	const char *refused = http_raw_request(slice_of_cstr(request), &arena, &parsed);
	if (refused) {
		fprintf(stderr, "refused: %s\n", refused);
		abort();
	}
	waf_eval_request(worker, rules, overrides, &parsed, out);
	arena_release(&arena);
}

char *waf_text_ids(const struct waf_verdict *verdict, char *dst, size_t size)
{
	size_t len = 0;
	dst[0] = '\0';
	for (size_t i = 0; i < verdict->match_count && len + 16 < size; i++)
		len += (size_t)snprintf(
		    dst + len, size - len, "%s%u", i ? " " : "", verdict->matches[i].rule->id);
	return dst;
}
