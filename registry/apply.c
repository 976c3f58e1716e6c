/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/apply.h"

#include "common/clock.h"

static uint64_t next_number(const struct revision_list *list)
{
	return list->count ? list->items[list->count - 1].number + 1 : 1;
}

/* The name carries the content's hash, and the content the name: the hash is of a rendering
 * without. */
static bool name_revision(struct plan *plan, struct gateway *gateway, struct err *err)
{
	struct revision_list list = { 0 };
	struct rendering nameless = { 0 };
	char content[65];
	bool ok =
	    revision_list_load(gateway->settings.output_dir, &list, err) &&
	    render(&nameless, &gateway->model, gateway->version, "-", err) &&
	    (revision_content(&nameless, content) || err_set(err, "no memory for the revision"));
	if (ok) {
		plan->revision.number = next_number(&list);
		snprintf(plan->revision.name, sizeof(plan->revision.name), "%llu-%.6s",
		    (unsigned long long)plan->revision.number, content);
	}
	rendering_release(&nameless);
	revision_list_release(&list);
	return ok;
}

static bool compare_with_current(struct plan *plan, const char *output_dir, struct err *err)
{
	struct buf current;
	struct err none = { 0 };
	buf_init(&current, 0);
	if (*plan->deployment.from)
		revision_read(output_dir, plan->deployment.from, "state.json", &current, &none);
	bool ok = state_diff(buf_slice(&current), buf_slice(&plan->state), &plan->changes, err);
	buf_release(&current);
	return ok;
}

bool plan_make(struct plan *plan, struct gateway *gateway, struct err *err)
{
	const struct settings *settings = &gateway->settings;
	*plan = (struct plan){ 0 };
	buf_init(&plan->state, 0);
	buf_init(&plan->drift, 0);
	if (!gateway_detect_version(gateway, err) || !name_revision(plan, gateway, err) ||
	    !render(
	        &plan->rendering, &gateway->model, gateway->version, plan->revision.name, err) ||
	    !state_write(&plan->state, &gateway->model, err) ||
	    !deploy_decide(
	        &plan->deployment, settings, &plan->rendering, plan->revision.name, err) ||
	    !compare_with_current(plan, settings->output_dir, err) ||
	    !deploy_drift(settings, &plan->drift, err))
		return false;
	if (plan->drift.len > 0 && plan->deployment.haproxy_runs)
		deploy_force_reload(&plan->deployment);
	return revision_content(&plan->rendering, plan->revision.content) ||
	       err_set(err, "no memory for the revision");
}

void plan_release(struct plan *plan)
{
	change_list_release(&plan->changes);
	deployment_release(&plan->deployment);
	rendering_release(&plan->rendering);
	buf_release(&plan->state);
	buf_release(&plan->drift);
}

bool plan_has_work(const struct plan *plan)
{
	return plan->deployment.way != WAY_NOTHING || plan->drift.len > 0;
}

static bool check(const struct settings *settings, const char *name, struct err *err)
{
	bool ok = deploy_check(settings, name, err);
	deploy_step("checked");
	return ok;
}

bool plan_apply(struct plan *plan, const char *by, const char *note, struct err *err)
{
	const struct settings *settings = plan->deployment.settings;
	struct err second = { 0 };
	snprintf(plan->revision.by, sizeof(plan->revision.by), "%s", by ? by : "");
	snprintf(plan->revision.note, sizeof(plan->revision.note), "%s", note ? note : "");
	plan->revision.created_ms = clock_unix_ms();
	if (!revision_write(settings->output_dir, &plan->rendering, buf_slice(&plan->state),
	        &plan->revision, err))
		return false;
	deploy_step("written");
	if (!check(settings, plan->revision.name, err) ||
	    !deploy(&plan->deployment, plan->revision.name, err)) {
		char current[REVISION_NAME_MAX] = "";
		revision_current(settings->output_dir, current, &second);
		if (strcmp(current, plan->revision.name) != 0)
			revision_remove(settings->output_dir, plan->revision.name, &second);
		return false;
	}
	deploy_step("applied");
	return revision_prune(settings->output_dir, settings->keep_revisions, err);
}

/* --- rollback --------------------------------------------------------------------------------- */

static bool choose(
    const struct settings *settings, const char *name, char to[REVISION_NAME_MAX], struct err *err)
{
	struct revision_list list;
	char current[REVISION_NAME_MAX];
	const struct revision *found = NULL;
	if (!revision_list_load(settings->output_dir, &list, err))
		return false;
	bool ok = revision_current(settings->output_dir, current, err);
	if (ok && name)
		found = revision_list_find(&list, name);
	for (size_t i = 1; ok && !name && i < list.count; i++)
		if (strcmp(list.items[i].name, current) == 0)
			found = &list.items[i - 1];
	if (ok && !found)
		ok = name ? err_set(err, "there is no revision %s; history lists them", name)
		          : err_set(err, "there is no earlier revision");
	if (ok)
		snprintf(to, REVISION_NAME_MAX, "%s", found->name);
	revision_list_release(&list);
	return ok;
}

bool rollback(const struct settings *settings, const char *name, char to[REVISION_NAME_MAX],
    enum deploy_way *way, struct err *err)
{
	struct rendering files = { 0 };
	struct deployment deployment = { 0 };
	struct arena arena;
	if (!choose(settings, name, to, err))
		return false;
	arena_init(&arena, 0);
	bool ok = revision_load(settings->output_dir, to, &files, &arena, err) &&
	          deploy_decide(&deployment, settings, &files, to, err) &&
	          deploy_check(settings, to, err) && deploy(&deployment, to, err);
	if (ok)
		*way = deployment.way;
	deployment_release(&deployment);
	rendering_release(&files);
	arena_release(&arena);
	return ok;
}
