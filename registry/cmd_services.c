/* SPDX-License-Identifier: Apache-2.0 */
/* list, show, register, deregister, set: the parameters of services, after the same validation. */
#include "common/file.h"
#include "common/json_write.h"
#include "registry/cmd.h"
#include "registry/revision.h"

#include <unistd.h>

enum { LIST_FILE_MODE = 0644 };

/* --- looking ---------------------------------------------------------------------------------- */

static void put_service(struct jw *w, const struct service *service, struct arena *arena)
{
	jw_object_begin(w);
	jw_key(w, "id");
	jw_cstr(w, service->id);
	for (size_t i = 0; i < SERVICE_FIELD_COUNT; i++) {
		const char *text = field_format(&SERVICE_FIELDS[i], service, arena);
		if (!text || !*text)
			continue;
		jw_key(w, SERVICE_FIELDS[i].name);
		jw_cstr(w, text);
	}
	jw_key(w, "held_back");
	jw_bool(w, service->held_back);
	jw_object_end(w);
}

static void print_list(const struct model *model)
{
	static const char *const AUTHORIZERS[] = { "staff", "customers" };
	printf("%-24s %-5s %-32s %-10s %6s %6s %s\n", "SERVICE", "VERS", "PREFIX", "AUTHORIZER",
	    "RATE", "BURST", "URL");
	for (size_t i = 0; i < model->service_count; i++) {
		const struct service *s = &model->services[i];
		printf("%-24s %-5s %-32s %-10s %6llu %6llu %s%s\n", s->id,
		    s->version ? s->version : "-", s->route_prefix ? s->route_prefix : "-",
		    AUTHORIZERS[s->authorizer], (unsigned long long)s->throttle_rate,
		    (unsigned long long)s->throttle_burst, s->url.text ? s->url.text : "-",
		    s->held_back ? "  (errors: see validate)" : "");
	}
}

int cmd_list(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct gateway gateway;
	struct err err = { 0 };
	bool ok =
	    gateway_open(&gateway, cmd_options.settings_file, &err) && gateway_load(&gateway, &err);
	if (ok && cmd_options.json) {
		struct buf out;
		struct jw w;
		buf_init(&out, 0);
		jw_init(&w, &out, 2);
		jw_array_begin(&w);
		for (size_t i = 0; i < gateway.model.service_count; i++)
			put_service(&w, &gateway.model.services[i], &gateway.model.arena);
		jw_array_end(&w);
		printf("%s\n", buf_cstr(&out));
		buf_release(&out);
	} else if (ok) {
		print_list(&gateway.model);
	}
	gateway_release(&gateway);
	return ok ? EXIT_NOTHING : cmd_fail(&err);
}

static void print_service(
    const struct gateway *gateway, const struct service *service, struct arena *arena)
{
	char path[STORE_NAME_MAX];
	for (size_t i = 0; i < SERVICE_FIELD_COUNT; i++) {
		const char *text = field_format(&SERVICE_FIELDS[i], service, arena);
		snprintf(path, sizeof(path), "%s/api-services/%s/%s", gateway->settings.prefix,
		    service->id, SERVICE_FIELDS[i].name);
		bool given = parameter_list_find(&gateway->parameters, slice_of_cstr(path)) != NULL;
		if (text && *text)
			printf("%-18s %s%s\n", SERVICE_FIELDS[i].name, text,
			    given ? "" : "  (default)");
	}
}

int cmd_show(int argc, char **argv)
{
	(void)argc;
	struct gateway gateway;
	struct err err = { 0 };
	bool ok =
	    gateway_open(&gateway, cmd_options.settings_file, &err) && gateway_load(&gateway, &err);
	const struct service *service = ok ? model_find(&gateway.model, argv[0]) : NULL;
	if (ok && !service)
		ok = err_set(
		    &err, "'%s' is not in %s", argv[0], gateway.settings.live_services_from);
	if (ok && cmd_options.json) {
		struct buf out;
		struct jw w;
		buf_init(&out, 0);
		jw_init(&w, &out, 2);
		put_service(&w, service, &gateway.model.arena);
		printf("%s\n", buf_cstr(&out));
		buf_release(&out);
	} else if (ok) {
		print_service(&gateway, service, &gateway.model.arena);
	}
	gateway_release(&gateway);
	return ok ? EXIT_NOTHING : cmd_fail(&err);
}

/* --- changing --------------------------------------------------------------------------------- */

struct edit {
	struct gateway gateway;
	struct parameter_list wanted; /* all parameters as they will be */
	const char *id;
	char **pairs; /* name=value; an empty value removes */
	int count;
	int lock;
};

static struct slice pair_name(const char *pair, struct slice *value)
{
	struct slice name;
	slice_cut(slice_of_cstr(pair), '=', &name, value);
	return name;
}

static bool check_pairs(const struct edit *edit, struct err *err)
{
	for (int i = 0; i < edit->count; i++) {
		struct slice value, name = pair_name(edit->pairs[i], &value);
		if (!strchr(edit->pairs[i], '='))
			return err_set(err, "'%s' is not NAME=VALUE", edit->pairs[i]);
		if (!service_field_find(name) && value.len == 0)
			continue; /* removing what should not be there is fine */
	}
	return true;
}

static bool is_replaced(const struct edit *edit, struct slice name, const char *folder)
{
	struct slice prefix = slice_of_cstr(folder), value;
	for (int i = 0; i < edit->count; i++)
		if (slice_starts_with(name, prefix) &&
		    slice_eq(slice_from(name, prefix.len), pair_name(edit->pairs[i], &value)))
			return true;
	return false;
}

/* The parameters of the store with the pairs laid over them. */
static bool overlay(struct edit *edit, const char *folder, struct err *err)
{
	const struct parameter_list *old = &edit->gateway.parameters;
	bool ok = true;
	parameter_list_init(&edit->wanted);
	for (size_t i = 0; ok && i < old->count; i++)
		if (!is_replaced(edit, old->items[i].name, folder))
			ok = parameter_list_add(&edit->wanted, old->items[i].name,
			    old->items[i].value, old->items[i].type, old->items[i].version, err);
	for (int i = 0; ok && i < edit->count; i++) {
		char path[STORE_NAME_MAX];
		struct slice value, name = pair_name(edit->pairs[i], &value);
		snprintf(path, sizeof(path), "%s%.*s", folder, SLICE_ARG(name));
		if (value.len > 0)
			ok = parameter_list_add(
			    &edit->wanted, slice_of_cstr(path), value, PARAMETER_STRING, 0, err);
	}
	parameter_list_sort(&edit->wanted);
	return ok;
}

static bool make_live(struct settings *settings, const char *id)
{
	struct text_list *list = &settings->live_services;
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i], id) == 0)
			return false;
	if (list->count < SERVICES_MAX)
		list->items[list->count++] = id;
	return true;
}

/* Findings of this service alone: others' are theirs to mend. */
static bool validate_edit(struct edit *edit, struct err *err)
{
	struct findings findings;
	struct model model;
	size_t mine = 0;
	findings_init(&findings);
	bool ok = model_build(&model, &edit->gateway.settings, &edit->wanted, &findings, err);
	for (size_t i = 0; i < findings.count; i++) {
		if (!findings.items[i].service || strcmp(findings.items[i].service, edit->id) != 0)
			continue;
		fprintf(stderr, "error: %s: %s\n", findings.items[i].path, findings.items[i].text);
		mine++;
	}
	if (ok && mine > 0)
		ok = err_set(err, "nothing was written");
	model_release(&model);
	findings_release(&findings);
	return ok;
}

static bool write_pairs(const struct edit *edit, const char *folder, struct err *err)
{
	struct store *store = edit->gateway.store;
	for (int i = 0; i < edit->count; i++) {
		char path[STORE_NAME_MAX];
		struct slice value, name = pair_name(edit->pairs[i], &value);
		snprintf(path, sizeof(path), "%s%.*s", folder, SLICE_ARG(name));
		bool ok = value.len > 0
		              ? store->ops->put(store, path, value, PARAMETER_STRING, NULL, err)
		              : store->ops->remove(store, path, err);
		if (!ok)
			return false;
	}
	return true;
}

static bool edit_open(struct edit *edit, int argc, char **argv, struct err *err)
{
	*edit = (struct edit){ .id = argv[0], .pairs = argv + 1, .count = argc - 1, .lock = -1 };
	parameter_list_init(&edit->wanted);
	if (!gateway_open(&edit->gateway, cmd_options.settings_file, err))
		return false;
	edit->lock = revision_lock(edit->gateway.settings.output_dir, err);
	if (edit->lock < 0)
		return false;
	if (!CHECK_NAME.ok(slice_of_cstr(edit->id)))
		return err_set(err, "'%s' is no service id; give %s", edit->id, CHECK_NAME.allowed);
	return check_pairs(edit, err) && gateway_load(&edit->gateway, err);
}

static int edit_close(struct edit *edit, bool ok, const struct err *err)
{
	if (edit->lock >= 0)
		close(edit->lock);
	parameter_list_release(&edit->wanted);
	gateway_release(&edit->gateway);
	return ok ? EXIT_NOTHING : cmd_fail(err);
}

static bool edit_run(struct edit *edit, struct err *err)
{
	char folder[STORE_NAME_MAX];
	snprintf(
	    folder, sizeof(folder), "%s/api-services/%s/", edit->gateway.settings.prefix, edit->id);
	return overlay(edit, folder, err) && validate_edit(edit, err) &&
	       write_pairs(edit, folder, err);
}

int cmd_set(int argc, char **argv)
{
	struct edit edit;
	struct err err = { 0 };
	bool ok = edit_open(&edit, argc, argv, &err);
	if (ok && make_live(&edit.gateway.settings, edit.id))
		ok = err_set(&err, "'%s' is not in %s; register it first", edit.id,
		    edit.gateway.settings.live_services_from);
	ok = ok && edit_run(&edit, &err);
	if (ok)
		printf(
		    "%d parameters of %s written; apply brings them live\n", edit.count, edit.id);
	return edit_close(&edit, ok, &err);
}

/* The list is its owner's to review: written only when it is a file of its own. */
static bool write_list(const struct settings *s, const char *without, struct err *err)
{
	struct buf text;
	buf_init(&text, 0);
	for (size_t i = 0; i < s->live_services.count; i++)
		if (!without || strcmp(s->live_services.items[i], without) != 0)
			buf_printf(&text, "%s\n", s->live_services.items[i]);
	bool ok = file_write_atomic(s->services_file, buf_slice(&text), LIST_FILE_MODE, err);
	buf_release(&text);
	return ok;
}

static bool list_is_file(const struct settings *s)
{
	return s->services_file && strcmp(s->live_services_from, s->services_file) == 0;
}

int cmd_register(int argc, char **argv)
{
	struct edit edit;
	struct err err = { 0 };
	bool ok = edit_open(&edit, argc, argv, &err);
	const struct settings *s = &edit.gateway.settings;
	bool is_new = ok && make_live(&edit.gateway.settings, edit.id);
	ok = ok && edit_run(&edit, &err);
	if (ok && is_new && list_is_file(s))
		ok = write_list(s, NULL, &err);
	if (ok && is_new && !list_is_file(s))
		printf(
		    "%s is registered; add it to %s, then apply\n", edit.id, s->live_services_from);
	else if (ok)
		printf("%s is registered; apply brings it live\n", edit.id);
	return edit_close(&edit, ok, &err);
}

static bool purge(struct edit *edit, struct err *err)
{
	char folder[STORE_NAME_MAX];
	snprintf(
	    folder, sizeof(folder), "%s/api-services/%s/", edit->gateway.settings.prefix, edit->id);
	for (size_t i = 0; i < edit->gateway.parameters.count; i++) {
		struct slice name = edit->gateway.parameters.items[i].name;
		if (slice_starts_with(name, slice_of_cstr(folder)) &&
		    !edit->gateway.store->ops->remove(edit->gateway.store, name.ptr, err))
			return false;
	}
	return true;
}

int cmd_deregister(int argc, char **argv)
{
	struct edit edit;
	struct err err = { 0 };
	bool ok = edit_open(&edit, argc, argv, &err);
	const struct settings *s = &edit.gateway.settings;
	bool listed = ok && !make_live(&edit.gateway.settings, edit.id);
	if (ok && listed && !list_is_file(s))
		ok = err_set(
		    &err, "take '%s' out of %s, then apply", edit.id, s->live_services_from);
	ok = ok && (!listed || write_list(s, edit.id, &err)) &&
	     (!cmd_options.purge || purge(&edit, &err));
	if (ok)
		printf("%s is deregistered%s; apply takes it away\n", edit.id,
		    cmd_options.purge ? ", its parameters are removed" : "; its parameters stay");
	return edit_close(&edit, ok, &err);
}
