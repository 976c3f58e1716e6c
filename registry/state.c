/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/state.h"

#include "common/json_read.h"
#include "common/json_write.h"

#include <stdlib.h>

static void write_fields(
    struct jw *w, const struct field *fields, size_t count, const void *base, struct arena *arena)
{
	jw_object_begin(w);
	for (size_t i = 0; i < count; i++) {
		const char *text = field_format(&fields[i], base, arena);
		if (!text || !*text)
			continue;
		jw_key(w, fields[i].name);
		jw_cstr(w, text);
	}
	jw_object_end(w);
}

bool state_write(struct buf *out, const struct model *model, struct err *err)
{
	struct arena arena;
	struct jw w;
	arena_init(&arena, 0);
	jw_init(&w, out, 1);
	jw_object_begin(&w);
	jw_key(&w, "settings");
	write_fields(&w, SETTINGS_FIELDS, SETTINGS_FIELD_COUNT, model->settings, &arena);
	jw_key(&w, "services");
	jw_object_begin(&w);
	for (size_t i = 0; i < model->service_count; i++) {
		if (model->services[i].held_back)
			continue;
		jw_key(&w, model->services[i].id);
		write_fields(&w, SERVICE_FIELDS, SERVICE_FIELD_COUNT, &model->services[i], &arena);
	}
	jw_object_end(&w);
	jw_object_end(&w);
	buf_append_byte(out, '\n');
	bool ok = !arena_failed(&arena) && !buf_failed(out);
	arena_release(&arena);
	return ok || err_set(err, "no memory for the state");
}

/* --- difference ------------------------------------------------------------------------------- */

static bool add(struct change_list *list, struct change change)
{
	if (list->count == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 32;
		struct change *items = realloc(list->items, cap * sizeof(*items));
		if (!items)
			return false;
		list->items = items;
		list->cap = cap;
	}
	change.service = change.service ? arena_dup_cstr(&list->arena, change.service) : NULL;
	change.field = change.field ? arena_dup_cstr(&list->arena, change.field) : NULL;
	change.from = arena_dup_cstr(&list->arena, change.from ? change.from : "");
	change.to = arena_dup_cstr(&list->arena, change.to ? change.to : "");
	list->items[list->count++] = change;
	return !arena_failed(&list->arena);
}

struct differ {
	struct change_list *list;
	bool asks_dns; /* upstream.resolvers is not empty */
};

static bool asks_dns(const json_t *settings)
{
	const char *resolvers = json_string_value(json_object_get(settings, "upstream.resolvers"));
	return resolvers && *resolvers;
}

/*
 * What the server lines will say (registry/servers.h), from the parameters: the TLS name is in
 * them, which is the canary's host, and so is the base path. A name that DNS is asked about stays
 * where it is.
 */
static bool is_move(const struct differ *d, const char *field, const json_t *from, const json_t *to)
{
	struct arena *arena = &d->list->arena;
	struct url old, new;
	const char *old_text = json_string_value(json_object_get(from, field));
	const char *new_text = json_string_value(json_object_get(to, field));
	if (!old_text || !new_text || !url_parse(slice_of_cstr(old_text), &old, arena) ||
	    !url_parse(slice_of_cstr(new_text), &new, arena))
		return false;
	bool is_canary = strcmp(field, "canary-url") == 0;
	bool same_host = strcmp(old.host, new.host) == 0;
	bool same_name = is_canary ? same_host
	                           : json_equal(json_object_get(from, "tls-name"),
	                                 json_object_get(to, "tls-name"));
	bool is_fixed = new.is_address || strcmp(new.host, "localhost") == 0 || !d->asks_dns;
	return old.https == new.https && (same_name || !new.https) &&
	       strcmp(old.path, new.path) == 0 &&
	       ((same_host && is_fixed) || (old.is_address && new.is_address));
}

static enum field_change effect_of(
    const struct differ *d, const struct field *field, const json_t *from, const json_t *to)
{
	if (field->change != CHANGE_ADDRESS)
		return field->change;
	return is_move(d, field->name, from, to) ? CHANGE_RUNTIME : CHANGE_RELOAD;
}

static bool diff_fields(const struct differ *d, const char *service, const struct field *fields,
    size_t count, const json_t *from, const json_t *to)
{
	for (size_t i = 0; i < count; i++) {
		const char *old = json_string_value(json_object_get(from, fields[i].name));
		const char *new = json_string_value(json_object_get(to, fields[i].name));
		if ((!old && !new) || (old && new &&strcmp(old, new) == 0))
			continue;
		struct change change = { !old   ? ACTION_ADD
			                 : !new ? ACTION_REMOVE
			                        : ACTION_CHANGE,
			service, fields[i].name, old, new, effect_of(d, &fields[i], from, to) };
		if (!add(d->list, change))
			return false;
	}
	return true;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The ids of both, sorted, some twice. */
static const char **all_ids(struct arena *arena, json_t *from, json_t *to, size_t *count)
{
	size_t max = json_object_size(from) + json_object_size(to);
	const char **ids = arena_array(arena, const char *, max + 1), *key;
	json_t *value;
	*count = 0;
	if (!ids)
		return NULL;
	json_object_foreach(from, key, value) ids[(*count)++] = key;
	json_object_foreach(to, key, value) ids[(*count)++] = key;
	qsort(ids, *count, sizeof(*ids), compare_keys);
	return ids;
}

static bool diff_services(const struct differ *d, json_t *from, json_t *to)
{
	size_t count;
	const char **ids = all_ids(&d->list->arena, from, to, &count);
	bool ok = ids != NULL;
	for (size_t i = 0; ok && i < count; i++) {
		if (i > 0 && strcmp(ids[i - 1], ids[i]) == 0)
			continue;
		const json_t *old = json_object_get(from, ids[i]),
		             *new = json_object_get(to, ids[i]);
		if (old && new) {
			ok = diff_fields(d, ids[i], SERVICE_FIELDS, SERVICE_FIELD_COUNT, old, new);
			continue;
		}
		const char *prefix =
		    json_string_value(json_object_get(old ? old : new, "route-prefix"));
		struct change change = { old ? ACTION_REMOVE : ACTION_ADD, ids[i], NULL,
			old ? prefix : NULL, old ? NULL : prefix, CHANGE_RELOAD };
		ok = add(d->list, change);
	}
	return ok;
}

bool state_diff(struct slice from, struct slice to, struct change_list *out, struct err *err)
{
	*out = (struct change_list){ 0 };
	arena_init(&out->arena, 0);
	json_t *old = from.len > 0 ? json_read_text(from, "state.json", err) : json_object();
	json_t *new = to.len > 0 ? json_read_text(to, "state.json", err) : json_object();
	struct differ d = { out, asks_dns(json_object_get(new, "settings")) };
	bool ok = old && new;
	if (ok && from.len > 0)
		ok = diff_fields(&d, NULL, SETTINGS_FIELDS, SETTINGS_FIELD_COUNT,
		    json_object_get(old, "settings"), json_object_get(new, "settings"));
	ok = ok &&
	     diff_services(&d, json_object_get(old, "services"), json_object_get(new, "services"));
	json_decref(old);
	json_decref(new);
	return ok || err_set(err, "no memory for the difference");
}

void change_list_release(struct change_list *list)
{
	free(list->items);
	arena_release(&list->arena);
	*list = (struct change_list){ 0 };
}

const char *change_effect_name(enum field_change effect)
{
	static const char *const NAMES[] = {
		[CHANGE_RELOAD] = "reload",
		[CHANGE_RUNTIME] = "runtime",
		[CHANGE_AGENT] = "agent",
		[CHANGE_ADDRESS] = "runtime or reload",
		[CHANGE_RECORD] = "record",
	};
	return NAMES[effect];
}

void change_list_print(const struct change_list *list, bool coloured, FILE *out)
{
	static const char *const SIGNS[] = { "+", "~", "-" };
	static const char *const COLOURS[] = { "\033[32m", "\033[33m", "\033[31m" };
	for (size_t i = 0; i < list->count; i++) {
		const struct change *c = &list->items[i];
		fprintf(out, "%s%s %s%s%s", coloured ? COLOURS[c->action] : "", SIGNS[c->action],
		    c->service ? c->service : "settings", c->field ? " " : "",
		    c->field ? c->field : "");
		if (c->action == ACTION_ADD)
			fprintf(out, ": %s", c->to);
		else if (c->action == ACTION_REMOVE)
			fprintf(out, ": was %s", c->from);
		else
			fprintf(out, ": %s -> %s", c->from, c->to);
		fprintf(
		    out, "  (%s)%s\n", change_effect_name(c->effect), coloured ? "\033[0m" : "");
	}
}
