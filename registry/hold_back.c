/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/hold_back.h"

#include "common/json_read.h"
#include "common/strmap.h"
#include "registry/revision.h"

#include <unistd.h>

struct hold {
	struct gateway *gateway;
	json_t *applied;      /* the services of the current revision's state */
	struct strmap blamed; /* ids of services with findings; the value is not used */
};

bool hold_back_is_enough(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (!findings->items[i].service)
			return false;
	return findings->dropped == 0;
}

/* ---- what was applied last ---- */

static bool read_applied(struct hold *hold, struct err *err)
{
	const char *dir = hold->gateway->settings.output_dir;
	char name[REVISION_NAME_MAX];
	struct buf text;
	hold->applied = NULL;
	if (access(dir, F_OK) != 0)
		return true;
	if (!revision_current(dir, name, err))
		return false;
	if (!*name)
		return true;
	buf_init(&text, 0);
	json_t *state = revision_read(dir, name, "state.json", &text, err)
	                    ? json_read_text(buf_slice(&text), "state.json", err)
	                    : NULL;
	buf_release(&text);
	hold->applied = json_incref(json_object_get(state, "services"));
	bool ok = state != NULL;
	json_decref(state);
	return ok;
}

static const char *applied_field(const struct hold *hold, const char *id, const char *field)
{
	return json_string_value(json_object_get(json_object_get(hold->applied, id), field));
}

static bool blame(struct hold *hold, const char *id)
{
	return strmap_put(&hold->blamed, slice_of_cstr(id), hold, NULL);
}

/* ---- parameters ---- */

/* The id in PREFIX/api-services/ID/...; empty for any other parameter. */
static struct slice service_of(struct slice name, const char *prefix)
{
	struct slice rest = name, id = { 0 };
	if (!slice_starts_with(rest, slice_of_cstr(prefix)))
		return id;
	rest = slice_from(rest, strlen(prefix));
	if (!slice_starts_with(rest, SLICE("/api-services/")))
		return id;
	rest = slice_from(rest, sizeof("/api-services/") - 1);
	slice_cut(rest, '/', &id, &rest);
	return id;
}

static bool keep_others(const struct hold *hold, struct parameter_list *out, struct err *err)
{
	const struct parameter_list *all = &hold->gateway->parameters;
	for (size_t i = 0; i < all->count; i++) {
		const struct parameter *p = &all->items[i];
		struct slice id = service_of(p->name, hold->gateway->settings.prefix);
		if (id.len && strmap_has(&hold->blamed, id))
			continue;
		if (!parameter_list_add(out, p->name, p->value, p->type, p->version, err))
			return false;
	}
	return true;
}

static bool add_applied(
    const struct hold *hold, struct slice id, struct parameter_list *out, struct err *err)
{
	char text[256], name[STORE_NAME_MAX];
	const char *field;
	json_t *value;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(id));
	json_object_foreach(json_object_get(hold->applied, text), field, value)
	{
		snprintf(name, sizeof(name), "%s/api-services/%s/%s",
		    hold->gateway->settings.prefix, text, field);
		if (!parameter_list_add(out, slice_of_cstr(name),
		        slice_of_cstr(json_string_value(value)), PARAMETER_STRING, 1, err))
			return false;
	}
	return true;
}

/* Replaces what is blamed by what was applied, and builds the model of it. */
static bool rebuild(struct hold *hold, struct findings *findings, struct err *err)
{
	struct gateway *gateway = hold->gateway;
	struct parameter_list merged;
	parameter_list_init(&merged);
	bool ok = keep_others(hold, &merged, err);
	for (struct strmap_entry *e = NULL; ok && (e = strmap_next(&hold->blamed, e)) != NULL;)
		ok = add_applied(hold, e->key, &merged, err);
	if (!ok) {
		parameter_list_release(&merged);
		return false;
	}
	parameter_list_sort(&merged);
	parameter_list_release(&gateway->parameters);
	gateway->parameters = merged;
	model_release(&gateway->model);
	return model_build(
	    &gateway->model, &gateway->settings, &gateway->parameters, findings, err);
}

/* ---- collisions ---- */

static bool is_below(const char *prefix, const char *path)
{
	size_t len = strlen(prefix);
	return strncmp(prefix, path, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/*
 * A service that is live and unchanged lost its prefix to one that came or moved: the newcomer is
 * held back instead. False: no memory.
 */
static bool blame_newcomers(struct hold *hold, const struct service *owner)
{
	struct gateway *gateway = hold->gateway;
	const char *prefix = applied_field(hold, owner->id, "route-prefix");
	for (size_t i = 0; prefix && i < gateway->model.service_count; i++) {
		const struct service *other = &gateway->model.services[i];
		const char *before = applied_field(hold, other->id, "route-prefix");
		if (other == owner || !other->route_prefix ||
		    strmap_has(&hold->blamed, slice_of_cstr(other->id)) ||
		    (before && strcmp(before, other->route_prefix) == 0))
			continue;
		if (!is_below(prefix, other->route_prefix) &&
		    !is_below(other->route_prefix, prefix))
			continue;
		char path[STORE_NAME_MAX];
		snprintf(path, sizeof(path), "%s/api-services/%s/route-prefix",
		    gateway->settings.prefix, other->id);
		findings_add(&gateway->findings, other->id, path,
		    "\"%s\" collides with \"%s\" of the live service %s", other->route_prefix,
		    prefix, owner->id);
		if (!blame(hold, other->id))
			return false;
	}
	return true;
}

/*
 * Looks at what is wrong after rebuilding. A service that is live must go on: either others make
 * room for it (then *again), or nothing may be applied at all.
 */
static bool settle(struct hold *hold, const struct findings *left, bool *again, struct err *err)
{
	const struct finding *stuck = NULL;
	size_t before = hold->blamed.count;
	for (size_t i = 0; i < left->count; i++) {
		const struct finding *f = &left->items[i];
		if (!f->service)
			return err_set(err, "%s: %s", f->path, f->text);
		const struct service *service = model_find(&hold->gateway->model, f->service);
		if (!service || !json_object_get(hold->applied, f->service))
			continue;
		stuck = f;
		if (!blame_newcomers(hold, service))
			return err_set(err, "no memory to hold services back");
	}
	*again = hold->blamed.count > before;
	return *again || !stuck ||
	       err_set(err, "the live service %s cannot stay as it is: %s: %s", stuck->service,
	           stuck->path, stuck->text);
}

static bool run(struct hold *hold, struct err *err)
{
	bool again = true;
	for (size_t i = 0; i < hold->gateway->findings.count; i++)
		if (!blame(hold, hold->gateway->findings.items[i].service))
			return err_set(err, "no memory to hold services back");
	while (again) {
		struct findings left;
		findings_init(&left);
		bool ok = rebuild(hold, &left, err) && settle(hold, &left, &again, err);
		findings_release(&left);
		if (!ok)
			return false;
	}
	return true;
}

bool hold_back(struct gateway *gateway, struct err *err)
{
	struct hold hold = { .gateway = gateway };
	if (findings_is_empty(&gateway->findings))
		return true;
	strmap_init(&hold.blamed);
	bool ok = read_applied(&hold, err) && run(&hold, err);
	strmap_release(&hold.blamed);
	json_decref(hold.applied);
	return ok;
}

void hold_back_summary(const struct findings *findings, size_t max, struct buf *out)
{
	if (findings->count == 0)
		buf_append_cstr(out, "none");
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->items[i];
		const char *id = f->service ? f->service : "gateway";
		size_t len = strlen(id) + strlen(f->path) + strlen(f->text) + 5;
		if (out->len + len + 32 > max) {
			buf_printf(out, "\nand %zu more", findings->count - i);
			return;
		}
		buf_printf(out, "%s%s: %s: %s", i ? "\n" : "", id, f->path, f->text);
	}
}
