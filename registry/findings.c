/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/findings.h"

#include "common/json_write.h"

#include <stdlib.h>

void findings_init(struct findings *findings)
{
	*findings = (struct findings){ 0 };
	arena_init(&findings->arena, 0);
}

void findings_release(struct findings *findings)
{
	free(findings->items);
	arena_release(&findings->arena);
	*findings = (struct findings){ 0 };
}

static bool grow(struct findings *findings)
{
	if (findings->count < findings->cap)
		return true;
	if (findings->count >= FINDINGS_MAX)
		return false;
	size_t cap = findings->cap ? findings->cap * 2 : 16;
	struct finding *items = realloc(findings->items, cap * sizeof(*items));
	if (!items)
		return false;
	findings->items = items;
	findings->cap = cap;
	return true;
}

void findings_add(
    struct findings *findings, const char *service, const char *path, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	struct finding finding = {
		.service = service ? arena_dup_cstr(&findings->arena, service) : NULL,
		.path = arena_dup_cstr(&findings->arena, path),
		.text = arena_vprintf(&findings->arena, fmt, args),
	};
	va_end(args);
	if (!finding.path || !finding.text || !grow(findings))
		findings->dropped++;
	else
		findings->items[findings->count++] = finding;
}

bool findings_blame(const struct findings *findings, const char *service)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].service && strcmp(findings->items[i].service, service) == 0)
			return true;
	return false;
}

void findings_print(const struct findings *findings, FILE *out)
{
	for (size_t i = 0; i < findings->count; i++)
		fprintf(out, "error: %s: %s\n", findings->items[i].path, findings->items[i].text);
	if (findings->dropped)
		fprintf(out, "error: and %zu more\n", findings->dropped);
}

void findings_print_json(const struct findings *findings, FILE *out)
{
	struct buf text;
	struct jw w;
	buf_init(&text, 0);
	jw_init(&w, &text, 2);
	jw_array_begin(&w);
	for (size_t i = 0; i < findings->count; i++) {
		jw_object_begin(&w);
		jw_key(&w, "service");
		jw_cstr(&w, findings->items[i].service);
		jw_key(&w, "parameter");
		jw_cstr(&w, findings->items[i].path);
		jw_key(&w, "error");
		jw_cstr(&w, findings->items[i].text);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	fprintf(out, "%s\n", buf_cstr(&text));
	buf_release(&text);
}
