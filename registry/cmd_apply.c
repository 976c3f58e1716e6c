/* SPDX-License-Identifier: Apache-2.0 */
/* plan, apply, rollback, history, diff. */
#include "common/clock.h"
#include "common/json_write.h"
#include "registry/apply.h"
#include "registry/cmd.h"
#include "registry/publish.h"

#include <stdlib.h>
#include <unistd.h>

/* On a terminal, unless NO_COLOR (no-color.org) or a terminal without colours says otherwise. */
static bool is_coloured(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	return isatty(STDOUT_FILENO) && (!no_color || !*no_color) &&
	       (!term || strcmp(term, "dumb") != 0);
}

static void put(struct jw *w, const char *key, const char *value)
{
	jw_key(w, key);
	jw_cstr(w, value);
}

/* Servers that get another address while HAProxy runs. */
static void put_moves(struct jw *w, const struct server_moves *moves)
{
	jw_key(w, "server_moves");
	jw_array_begin(w);
	for (size_t i = 0; i < moves->count; i++) {
		jw_object_begin(w);
		put(w, "backend", moves->items[i].backend);
		put(w, "address", moves->items[i].address);
		jw_key(w, "port");
		jw_uint(w, moves->items[i].port);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void put_changes(struct jw *w, const struct change_list *changes)
{
	static const char *const ACTIONS[] = { "add", "change", "remove" };
	jw_key(w, "changes");
	jw_array_begin(w);
	for (size_t i = 0; i < changes->count; i++) {
		const struct change *c = &changes->items[i];
		jw_object_begin(w);
		put(w, "action", ACTIONS[c->action]);
		put(w, "service", c->service);
		put(w, "field", c->field);
		put(w, "from", c->from);
		put(w, "to", c->to);
		put(w, "effect", change_effect_name(c->effect));
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void print_plan_json(const struct plan *plan, bool applied)
{
	static const char *const WAYS[] = { "nothing", "agent", "runtime", "reload", "offline" };
	struct buf out;
	struct jw w;
	buf_init(&out, 0);
	jw_init(&w, &out, 2);
	jw_object_begin(&w);
	put(&w, "current", plan->deployment.from);
	put(&w, "running", plan->deployment.running);
	put(&w, "revision", plan_has_work(plan) ? plan->revision.name : plan->deployment.from);
	put(&w, "way", WAYS[plan->deployment.way]);
	jw_key(&w, "agent_reload");
	jw_bool(&w, plan->deployment.agent_changed);
	jw_key(&w, "applied");
	jw_bool(&w, applied);
	jw_key(&w, "drift");
	jw_array_begin(&w);
	for (struct slice rest = buf_slice(&plan->drift), line; rest.len > 0;) {
		slice_cut(rest, '\n', &line, &rest);
		jw_string(&w, line);
	}
	jw_array_end(&w);
	put_moves(&w, &plan->deployment.moves);
	put_changes(&w, &plan->changes);
	jw_object_end(&w);
	printf("%s\n", buf_cstr(&out));
	buf_release(&out);
}

static void print_way(const struct plan *plan)
{
	const struct deployment *d = &plan->deployment;
	if (plan->changes.count == 0 && plan->drift.len > 0)
		printf("no changes, to put the drift right: %s", deploy_way_text(d->way));
	else
		printf("%zu change%s: %s", plan->changes.count, plan->changes.count == 1 ? "" : "s",
		    deploy_way_text(d->way));
	if (d->moves.count)
		printf("; %zu server%s", d->moves.count, d->moves.count == 1 ? " moves" : "s move");
	printf("%s\n", d->agent_changed && d->agent_runs ? "; the agent reloads" : "");
}

static void print_plan(const struct plan *plan)
{
	change_list_print(&plan->changes, is_coloured(), stdout);
	for (struct slice rest = buf_slice(&plan->drift), line; rest.len > 0;) {
		slice_cut(rest, '\n', &line, &rest);
		printf("%s! drift: %.*s%s\n", is_coloured() ? "\033[31m" : "", SLICE_ARG(line),
		    is_coloured() ? "\033[0m" : "");
	}
	if (plan_has_work(plan))
		print_way(plan);
	else
		printf("nothing to do: revision %s is live\n", plan->deployment.from);
}

int cmd_plan(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct gateway gateway;
	struct plan plan;
	struct err err = { 0 };
	if (!cmd_load(&gateway))
		return EXIT_FAILED;
	bool ok = plan_make(&plan, &gateway, &err);
	int code = ok ? (plan_has_work(&plan) ? EXIT_CHANGES : EXIT_NOTHING) : cmd_fail(&err);
	if (ok && cmd_options.json)
		print_plan_json(&plan, false);
	else if (ok)
		print_plan(&plan);
	plan_release(&plan);
	gateway_release(&gateway);
	return code;
}

static const char *who(void)
{
	const char *names[] = { cmd_options.by, getenv("SUDO_USER"), getenv("USER"),
		getenv("LOGNAME") };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i] && *names[i])
			return names[i];
	return "unknown";
}

static bool apply_locked(struct gateway *gateway, struct plan *plan, struct err *err)
{
	if (!plan_make(plan, gateway, err))
		return false;
	if (!cmd_options.json)
		print_plan(plan);
	if (plan_has_work(plan) && !plan_apply(plan, who(), cmd_options.note, err))
		return false;
	if (!cmd_options.json && plan_has_work(plan))
		printf("revision %s is live\n", plan->revision.name);
	return true;
}

int cmd_apply(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct gateway gateway;
	struct plan plan = { 0 };
	struct err err = { 0 };
	if (!cmd_load(&gateway))
		return EXIT_FAILED;
	int lock = revision_lock(gateway.settings.output_dir, &err);
	bool ok = lock >= 0 && apply_locked(&gateway, &plan, &err);
	if (ok && !cmd_options.no_publish)
		ok = publish(&gateway, &err);
	if (ok && cmd_options.json)
		print_plan_json(&plan, plan_has_work(&plan));
	if (lock >= 0)
		close(lock);
	plan_release(&plan);
	gateway_release(&gateway);
	return ok ? EXIT_NOTHING : cmd_fail(&err);
}

int cmd_rollback(int argc, char **argv)
{
	struct gateway gateway;
	struct err err = { 0 };
	char to[REVISION_NAME_MAX];
	enum deploy_way way;
	int lock = -1;
	bool ok = gateway_open(&gateway, cmd_options.settings_file, &err);
	if (ok)
		lock = revision_lock(gateway.settings.output_dir, &err);
	ok = ok && lock >= 0 &&
	     rollback(&gateway.settings, argc > 0 ? argv[0] : NULL, to, &way, &err);
	if (ok)
		printf("revision %s is live again: %s\n"
		       "the parameters are as they were: apply, or a watch that runs, brings "
		       "them live again\n",
		    to, deploy_way_text(way));
	if (lock >= 0)
		close(lock);
	findings_print(&gateway.findings, stderr);
	gateway_release(&gateway);
	return ok ? EXIT_NOTHING : cmd_fail(&err);
}

/* --- looking at revisions --------------------------------------------------------------------- */

static void print_history(const struct revision_list *list, const char *current)
{
	char when[CLOCK_TEXT_MAX];
	for (size_t i = list->count; i-- > 0;) {
		const struct revision *r = &list->items[i];
		printf("%s %-14s %s  %s%s%s\n", strcmp(r->name, current) == 0 ? "*" : " ", r->name,
		    clock_format_utc(r->created_ms, when), r->by, *r->note ? ": " : "", r->note);
	}
}

static void print_history_json(const struct revision_list *list, const char *current)
{
	struct buf out;
	struct jw w;
	char when[CLOCK_TEXT_MAX];
	buf_init(&out, 0);
	jw_init(&w, &out, 2);
	jw_array_begin(&w);
	for (size_t i = 0; i < list->count; i++) {
		jw_object_begin(&w);
		put(&w, "revision", list->items[i].name);
		put(&w, "time", clock_format_utc(list->items[i].created_ms, when));
		put(&w, "by", list->items[i].by);
		put(&w, "note", list->items[i].note);
		jw_key(&w, "current");
		jw_bool(&w, strcmp(list->items[i].name, current) == 0);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	printf("%s\n", buf_cstr(&out));
	buf_release(&out);
}

int cmd_history(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct gateway gateway;
	struct revision_list list = { 0 };
	struct err err = { 0 };
	char current[REVISION_NAME_MAX];
	bool ok = gateway_open(&gateway, cmd_options.settings_file, &err) &&
	          revision_list_load(gateway.settings.output_dir, &list, &err) &&
	          revision_current(gateway.settings.output_dir, current, &err);
	if (ok && cmd_options.json)
		print_history_json(&list, current);
	else if (ok)
		print_history(&list, current);
	revision_list_release(&list);
	gateway_release(&gateway);
	return ok ? EXIT_NOTHING : cmd_fail(&err);
}

static bool read_state(const struct settings *settings, const struct revision_list *list,
    const char *name, struct buf *out, struct err *err)
{
	const struct revision *revision = revision_list_find(list, name);
	return revision
	           ? revision_read(settings->output_dir, revision->name, "state.json", out, err)
	           : err_set(err, "there is no revision %s; history lists them", name);
}

int cmd_diff(int argc, char **argv)
{
	(void)argc;
	struct gateway gateway;
	struct revision_list list = { 0 };
	struct change_list changes = { 0 };
	struct buf from, to;
	struct err err = { 0 };
	buf_init(&from, 0);
	buf_init(&to, 0);
	bool ok = gateway_open(&gateway, cmd_options.settings_file, &err) &&
	          revision_list_load(gateway.settings.output_dir, &list, &err) &&
	          read_state(&gateway.settings, &list, argv[0], &from, &err) &&
	          read_state(&gateway.settings, &list, argv[1], &to, &err) &&
	          state_diff(buf_slice(&from), buf_slice(&to), &changes, &err);
	if (ok)
		change_list_print(&changes, is_coloured(), stdout);
	if (ok && changes.count == 0)
		printf("no difference\n");
	int code = ok ? (changes.count ? EXIT_CHANGES : EXIT_NOTHING) : cmd_fail(&err);
	change_list_release(&changes);
	buf_release(&from);
	buf_release(&to);
	revision_list_release(&list);
	gateway_release(&gateway);
	return code;
}
