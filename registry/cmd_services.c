/* SPDX-License-Identifier: Apache-2.0 */
/* list, show, register, deregister, set: the parameters of services, after the same validation. */
#include "common/cli.h"
#include "common/file.h"
#include "common/json_write.h"
#include "registry/cmd.h"
#include "registry/revision.h"
#include "registry/service_list.h"

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

/* The id is none of the list's: says so, and which it may have been. */
static bool not_listed(const struct settings *s, const char *id, const char *hint, struct err *err)
{
	const char *nearest = cli_nearest(id, s->live_services.items, s->live_services.count);
	return err_set(err, "'%s' is not in %s%s%s%s%s", id, s->live_services_from,
	    nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "", hint);
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
		ok = not_listed(&gateway.settings, argv[0], "", &err);
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
	struct slice ignored;
	for (int i = 0; i < edit->count; i++) {
		if (!strchr(edit->pairs[i], '='))
			return err_set(err, "'%s' is not NAME=VALUE", edit->pairs[i]);
		struct slice name = pair_name(edit->pairs[i], &ignored);
		for (int j = 0; j < i; j++)
			if (slice_eq(name, pair_name(edit->pairs[j], &ignored)))
				return err_set(err, "'%.*s' is given twice", SLICE_ARG(name));
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

static bool write_pair(const struct edit *edit, const char *folder, int i, struct err *err)
{
	struct store *store = edit->gateway.store;
	char path[STORE_NAME_MAX];
	struct slice value, name = pair_name(edit->pairs[i], &value);
	snprintf(path, sizeof(path), "%s%.*s", folder, SLICE_ARG(name));
	return value.len > 0 ? store->ops->put(store, path, value, PARAMETER_STRING, NULL, err)
	                     : store->ops->remove(store, path, err);
}

/* Back to what was read; the first error is the one to tell. */
static bool undo_pair(const struct edit *edit, const char *folder, int i)
{
	struct store *store = edit->gateway.store;
	struct err ignored = { 0 };
	char path[STORE_NAME_MAX];
	struct slice value, name = pair_name(edit->pairs[i], &value);
	snprintf(path, sizeof(path), "%s%.*s", folder, SLICE_ARG(name));
	const struct parameter *old =
	    parameter_list_find(&edit->gateway.parameters, slice_of_cstr(path));
	return old ? store->ops->put(store, path, old->value, old->type, NULL, &ignored)
	           : store->ops->remove(store, path, &ignored);
}

/* All of them or none, for a rate without its burst may be no valid service. */
static bool write_pairs(const struct edit *edit, const char *folder, struct err *err)
{
	int written = 0;
	while (written < edit->count && write_pair(edit, folder, written, err))
		written++;
	if (written == edit->count)
		return true;
	int kept = 0;
	for (int i = written; i-- > 0;)
		kept += !undo_pair(edit, folder, i);
	char text[ERR_TEXT_MAX];
	snprintf(text, sizeof(text), "%s", err->text);
	err_clear(err);
	return err_set(err, "%.600s; %s", text,
	    kept ? "some of what was written before could not be put back" : "nothing was written");
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

static bool is_live(const struct settings *s, const char *id)
{
	for (size_t i = 0; i < s->live_services.count; i++)
		if (strcmp(s->live_services.items[i], id) == 0)
			return true;
	return false;
}

static void print_written(const struct edit *edit)
{
	printf("%d parameter%s of %s written; apply brings %s live\n", edit->count,
	    edit->count == 1 ? "" : "s", edit->id, edit->count == 1 ? "it" : "them");
}

int cmd_set(int argc, char **argv)
{
	struct edit edit;
	struct err err = { 0 };
	bool ok = edit_open(&edit, argc, argv, &err);
	if (ok && !is_live(&edit.gateway.settings, edit.id))
		ok = not_listed(&edit.gateway.settings, edit.id, " (a new one: register it)", &err);
	ok = ok && edit_run(&edit, &err);
	if (ok)
		print_written(&edit);
	return edit_close(&edit, ok, &err);
}

/* --- the list --------------------------------------------------------------------------------- */

/* The list is its owner's to review: written only when it is a file of its own. */
static bool list_is_file(const struct settings *s)
{
	return s->services_file && strcmp(s->live_services_from, s->services_file) == 0;
}

static bool change_list(const struct settings *s, const char *id, bool add, struct err *err)
{
	struct buf old, new;
	buf_init(&old, 0);
	buf_init(&new, 0);
	bool ok = file_read(s->services_file, SETTINGS_FILE_MAX_BYTES, &old, err);
	struct slice text = buf_slice(&old);
	if (add)
		service_list_add(text, slice_of_cstr(id), &new);
	else
		service_list_drop(text, slice_of_cstr(id), &new);
	ok = ok && !buf_failed(&new) &&
	     file_write_atomic(s->services_file, buf_slice(&new), LIST_FILE_MODE, err);
	buf_release(&old);
	buf_release(&new);
	return ok || err_set(err, "no memory for the list of services");
}

static int write_service(int argc, char **argv, bool may_be_live)
{
	struct edit edit;
	struct err err = { 0 };
	bool ok = edit_open(&edit, argc, argv, &err);
	const struct settings *s = &edit.gateway.settings;
	bool is_new = ok && make_live(&edit.gateway.settings, edit.id);
	if (ok && !is_new && !may_be_live)
		ok = err_set(
		    &err, "'%s' is registered already; `set` changes its parameters", edit.id);
	ok = ok && edit_run(&edit, &err) &&
	     (!is_new || !list_is_file(s) || change_list(s, edit.id, true, &err));
	if (ok && !is_new)
		print_written(&edit);
	else if (ok && !list_is_file(s))
		printf(
		    "%s is registered; add it to %s, then apply\n", edit.id, s->live_services_from);
	else if (ok)
		printf("%s is registered; apply brings it live\n", edit.id);
	return edit_close(&edit, ok, &err);
}

int cmd_register(int argc, char **argv)
{
	return write_service(argc, argv, false);
}

int cmd_register_or_set(int argc, char **argv)
{
	return write_service(argc, argv, true);
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
	bool listed = ok && is_live(s, edit.id);
	if (ok && listed && !list_is_file(s))
		ok = err_set(
		    &err, "take '%s' out of %s, then apply", edit.id, s->live_services_from);
	else if (ok && !listed && !cmd_options.purge)
		ok = not_listed(s, edit.id, "", &err);
	ok = ok && (!listed || change_list(s, edit.id, false, &err)) &&
	     (!cmd_options.purge || purge(&edit, &err));
	if (ok)
		printf("%s is deregistered%s%s\n", edit.id,
		    cmd_options.purge ? ", its parameters are removed" : "; its parameters stay",
		    listed ? "; apply takes it away" : "");
	return edit_close(&edit, ok, &err);
}
