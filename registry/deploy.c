/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/deploy.h"

#include "common/clock.h"
#include "common/file.h"
#include "registry/agent_control.h"
#include "registry/live_servers.h"
#include "registry/process.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHECK_TIMEOUT_MS = 60000, PROBE_TIMEOUT_MS = 20000, POLL_MS = 50, CONFIG_MODE = 0640 };

const char *deploy_way_text(enum deploy_way way)
{
	static const char *const TEXTS[] = {
		[WAY_NOTHING] = "nothing to do",
		[WAY_AGENT] = "the agent takes it, no reload of HAProxy",
		[WAY_RUNTIME] = "runtime update, no reload",
		[WAY_RELOAD] = "reload of HAProxy",
		[WAY_OFFLINE] = "HAProxy does not run: files only",
	};
	return TEXTS[way];
}

void deploy_step(const char *name)
{
	const char *at = getenv("SALLYPORT_TEST_KILL_AT");
	if (at && strcmp(at, name) == 0)
		raise(SIGKILL);
}

/* --- what differs ----------------------------------------------------------------------------- */

/* Equal but for the revisions' names. */
static bool same_text(struct slice a, struct slice b, const char *name_a, const char *name_b)
{
	struct slice old = slice_of_cstr(name_a), new = slice_of_cstr(name_b);
	for (;;) {
		size_t at_a = old.len ? slice_find(a, old) : SIZE_MAX;
		size_t at_b = new.len ? slice_find(b, new) : SIZE_MAX;
		if (at_a == SIZE_MAX || at_b == SIZE_MAX)
			return slice_eq(a, b);
		if (!slice_eq(slice_sub(a, 0, at_a), slice_sub(b, 0, at_b)))
			return false;
		a = slice_from(a, at_a + old.len);
		b = slice_from(b, at_b + new.len);
	}
}

static bool file_changed(struct deployment *d, const struct rendered_file *file, const char *name)
{
	struct buf old;
	struct err ignored = { 0 };
	buf_init(&old, 0);
	bool same = revision_read(d->settings->output_dir, d->from, file->name, &old, &ignored) &&
	            same_text(buf_slice(&old), buf_slice(&file->text), d->from, name);
	/* Addresses of servers alone are for run time, as maps are. */
	if (!same && strcmp(file->name, "haproxy.cfg") == 0)
		same = server_moves_only(buf_slice(&old), buf_slice(&file->text), &d->moves);
	buf_release(&old);
	return !same;
}

static enum deploy_way choose_way(struct deployment *d, const bool changed[3])
{
	bool runtime = changed[RENDERED_MAP] || d->moves.count > 0;
	bool any = changed[RENDERED_CONFIG] || runtime || changed[RENDERED_AGENT];
	if (!d->haproxy_runs)
		return any || !*d->from ? WAY_OFFLINE : WAY_NOTHING;
	if (changed[RENDERED_CONFIG] || strcmp(d->running, d->from) != 0 ||
	    (d->moves.count > 0 && !live_servers_complete(d->settings->haproxy_stats, &d->moves)))
		return WAY_RELOAD;
	return runtime ? WAY_RUNTIME : any ? WAY_AGENT : WAY_NOTHING;
}

bool deploy_decide(struct deployment *d, const struct settings *settings,
    const struct rendering *rendering, const char *name, struct err *err)
{
	*d = (struct deployment){ .settings = settings };
	if (!revision_current(settings->output_dir, d->from, err))
		return false;
	bool changed[3] = { false, false, false };
	for (size_t i = 0; i < rendering->count; i++)
		if (file_changed(d, &rendering->files[i], name))
			changed[rendering->files[i].kind] = true;
	struct err ignored = { 0 };
	d->haproxy_runs = haproxy_is_running(settings->haproxy_master) ||
	                  haproxy_is_running(settings->haproxy_stats);
	if (d->haproxy_runs)
		haproxy_revision(settings->haproxy_stats, d->running, &ignored);
	d->agent_runs = agent_control_is_running(settings);
	d->agent_changed = changed[RENDERED_AGENT];
	d->way = choose_way(d, changed);
	if (d->way != WAY_RUNTIME)
		server_moves_release(&d->moves);
	return true;
}

void deployment_release(struct deployment *d)
{
	server_moves_release(&d->moves);
}

void deploy_force_reload(struct deployment *d)
{
	d->way = WAY_RELOAD;
	server_moves_release(&d->moves);
}

/* --- checking --------------------------------------------------------------------------------- */

/* The last comment above `line` that names a parameter or setting. */
static struct slice blame(struct slice config, uint64_t line)
{
	struct slice rest = config, text, found = SLICE("");
	for (uint64_t i = 1; i <= line && rest.len > 0; i++) {
		slice_cut(rest, '\n', &text, &rest);
		text = slice_trim(text);
		if (slice_starts_with(text, SLICE("# /")) ||
		    slice_starts_with(text, SLICE("# Parameter")) ||
		    slice_starts_with(text, SLICE("# Setting")))
			found = slice_from(text, 2);
	}
	return found;
}

static bool explain_refusal(struct slice output, struct slice config, struct err *err)
{
	struct slice rest = output, line, alert = SLICE(""), marker = SLICE("haproxy.cfg:");
	while (rest.len > 0 && alert.len == 0) {
		slice_cut(rest, '\n', &line, &rest);
		if (slice_starts_with(line, SLICE("[ALERT]")))
			alert = line;
	}
	uint64_t number = 0;
	size_t at = slice_find(alert, marker);
	if (at != SIZE_MAX) {
		struct slice digits = slice_from(alert, at + marker.len);
		size_t len = 0;
		while (len < digits.len && ascii_is_digit(digits.ptr[len]))
			len++;
		slice_to_u64(slice_sub(digits, 0, len), UINT32_MAX, &number);
	}
	struct slice guilty = number ? blame(config, number) : SLICE("");
	return err_set(err, "%.*s%sHAProxy refuses the configuration: %.*s",
	    SLICE_ARG(slice_sub(guilty, 0, 200)), guilty.len ? ": " : "",
	    SLICE_ARG(slice_sub(alert.len ? alert : output, 0, 500)));
}

bool deploy_check(const struct settings *settings, const char *name, struct err *err)
{
	char path[REVISION_PATH_MAX];
	struct buf output, config;
	int code = 0;
	revision_path(path, settings->output_dir, name, "haproxy.cfg");
	const char *argv[] = { settings->haproxy_binary, "-c", "-f", path, NULL };
	buf_init(&output, PROCESS_OUTPUT_MAX_BYTES);
	buf_init(&config, 0);
	bool ok = process_run(argv, CHECK_TIMEOUT_MS, &output, &code, err);
	if (ok && code != 0)
		ok = revision_read(settings->output_dir, name, "haproxy.cfg", &config, err) &&
		     explain_refusal(buf_slice(&output), buf_slice(&config), err);
	buf_release(&output);
	buf_release(&config);
	revision_path(path, settings->output_dir, name, "agent.json");
	return ok && agent_control_check(settings, path, err);
}

/* --- the agent -------------------------------------------------------------------------------- */

static bool install_agent(const struct settings *settings, const char *from, const char *name,
    bool reload, struct err *err)
{
	char path[REVISION_PATH_MAX];
	struct buf next, previous, merged;
	struct err none = { 0 };
	buf_init(&next, 0);
	buf_init(&previous, 0);
	buf_init(&merged, 0);
	agent_control_config_path(path, sizeof(path), settings);
	if (*from)
		revision_read(settings->output_dir, from, "agent.json", &previous, &none);
	bool ok = revision_read(settings->output_dir, name, "agent.json", &next, err) &&
	          agent_control_merge(buf_slice(&next), buf_slice(&previous), &merged, err) &&
	          file_write_atomic(path, buf_slice(&merged), CONFIG_MODE, err);
	buf_release(&next);
	buf_release(&previous);
	buf_release(&merged);
	deploy_step("agent-installed");
	return ok && (!reload || agent_control_reload(settings, name, err));
}

/* --- HAProxy ---------------------------------------------------------------------------------- */

/* Waits until new connections are served under `name`. */
static bool probe(
    const struct settings *settings, const char *name, uint64_t failed_before, struct err *err)
{
	uint64_t deadline_ms = clock_monotonic_ms() + PROBE_TIMEOUT_MS, failed_now;
	char running[REVISION_NAME_MAX];
	while (clock_monotonic_ms() < deadline_ms) {
		struct err ignored = { 0 };
		if (haproxy_revision(settings->haproxy_stats, running, &ignored) &&
		    strcmp(running, name) == 0)
			return true;
		if (haproxy_failed_reloads(settings->haproxy_master, &failed_now) &&
		    failed_now > failed_before)
			return err_set(err, "HAProxy's reload failed; its log says why");
		usleep(POLL_MS * 1000);
	}
	return err_set(err, "HAProxy does not come up with revision %s", name);
}

static bool reload(const struct settings *settings, const char *name, struct err *err)
{
	uint64_t failed_before = UINT64_MAX;
	haproxy_failed_reloads(settings->haproxy_master, &failed_before);
	return haproxy_reload(settings->haproxy_master, err) &&
	       probe(settings, name, failed_before, err);
}

static bool replace_map(
    const struct settings *settings, const char *name, const char *map, struct err *err)
{
	struct buf text;
	buf_init(&text, 0);
	bool ok = revision_read(settings->output_dir, name, map, &text, err) &&
	          haproxy_replace_map(settings->haproxy_stats, map, buf_slice(&text), err);
	buf_release(&text);
	return ok;
}

static bool map_differs(
    const struct settings *settings, const char *from, const char *to, const char *map)
{
	struct buf a, b;
	struct err ignored = { 0 };
	buf_init(&a, 0);
	buf_init(&b, 0);
	bool same = revision_read(settings->output_dir, from, map, &a, &ignored) &&
	            revision_read(settings->output_dir, to, map, &b, &ignored) &&
	            slice_eq(buf_slice(&a), buf_slice(&b));
	buf_release(&a);
	buf_release(&b);
	return !same;
}

/* upstream.map right behind the servers' addresses; routes after what they lead to; gateway.map,
 * which names the revision, last. */
static const char *const MAPS_IN_ORDER[] = { "upstream.map", "rate.map", "burst.map",
	"client-rate.map", "client-burst.map", "client-key.map", "ratelimit-headers.map",
	"body-limit.map", "oversize.map", "mtls.map", "waf-response.map", "canary.map",
	"methods.map", "services.map", "routes.map", "gateway.map" };
enum { MAP_COUNT = sizeof(MAPS_IN_ORDER) / sizeof(MAPS_IN_ORDER[0]) };

static bool move_servers(const struct deployment *d, struct err *err)
{
	if (d->moves.count == 0)
		return true;
	bool ok = live_servers_move(d->settings->haproxy_stats, &d->moves, err);
	deploy_step("servers-moved");
	return ok;
}

static bool update_maps(
    const struct settings *settings, const char *from, const char *to, struct err *err)
{
	for (size_t i = 0; i < MAP_COUNT; i++) {
		if (!map_differs(settings, from, to, MAPS_IN_ORDER[i]))
			continue;
		if (!replace_map(settings, to, MAPS_IN_ORDER[i], err))
			return false;
		deploy_step("map-updated");
	}
	return true;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool bring(const struct deployment *d, const char *from, const char *name, struct err *err)
{
	const struct settings *settings = d->settings;
	if (!install_agent(settings, from, name, d->agent_runs && d->agent_changed, err))
		return false;
	deploy_step("agent-reloaded");
	if (!revision_switch(settings->output_dir, name, err))
		return false;
	deploy_step("switched");
	bool ok = true;
	if (d->way == WAY_RELOAD)
		ok = reload(settings, name, err);
	else if (d->way == WAY_RUNTIME || d->way == WAY_AGENT)
		ok = move_servers(d, err) && update_maps(settings, from, name, err);
	deploy_step("live");
	return ok;
}

bool deploy(const struct deployment *d, const char *name, struct err *err)
{
	const char *master = d->settings->haproxy_master;
	if (d->way == WAY_RELOAD && !haproxy_is_running(master))
		return err_set(err,
		    "%s: HAProxy's master does not answer, so that nothing can be reloaded; "
		    "nothing was changed",
		    master);
	if (bring(d, d->from, name, err))
		return true;
	if (!*d->from)
		return false;
	/* The same way back, but always by a reload: what runs now is not known. */
	struct err second = { 0 };
	struct deployment back = *d; /* its moves stay d's: a reload has none */
	char text[ERR_TEXT_MAX];
	back.way = d->haproxy_runs ? WAY_RELOAD : WAY_OFFLINE;
	snprintf(text, sizeof(text), "%s", err->text);
	bool restored = bring(&back, name, d->from, &second);
	err_clear(err);
	return err_set(err, "%.*s; %s %s%s%s", 400, text,
	    restored ? "rolled back to revision" : "AND could not roll back to revision", d->from,
	    restored ? "" : ": ", restored ? "" : second.text);
}

/* --- drift ------------------------------------------------------------------------------------ */

static int compare_lines(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static void sort_lines(struct slice text, struct buf *out)
{
	struct slice rest = text, line;
	size_t count = 0;
	struct slice *lines = calloc(text.len / 2 + 1, sizeof(*lines));
	while (lines && rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		if (line.len > 0 && line.ptr[0] != '#')
			lines[count++] = line;
	}
	if (lines)
		qsort(lines, count, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < count; i++) {
		buf_append_slice(out, lines[i]);
		buf_append_byte(out, '\n');
	}
	free(lines);
}

static void drift_of_maps(const struct settings *settings, const char *current, struct buf *lines)
{
	for (size_t i = 0; i < MAP_COUNT; i++) {
		struct buf file, wanted, live;
		struct err ignored = { 0 };
		buf_init(&file, 0);
		buf_init(&wanted, 0);
		buf_init(&live, 0);
		if (revision_read(
		        settings->output_dir, current, MAPS_IN_ORDER[i], &file, &ignored) &&
		    haproxy_show_map(settings->haproxy_stats, MAPS_IN_ORDER[i], &live, &ignored)) {
			sort_lines(buf_slice(&file), &wanted);
			if (!slice_eq(buf_slice(&live), buf_slice(&wanted)))
				buf_printf(lines, "%s was changed at run time\n", MAPS_IN_ORDER[i]);
		}
		buf_release(&file);
		buf_release(&wanted);
		buf_release(&live);
	}
}

static void drift_of_servers(
    const struct settings *settings, const char *current, struct buf *lines)
{
	struct buf config;
	struct err ignored = { 0 };
	buf_init(&config, 0);
	if (revision_read(settings->output_dir, current, "haproxy.cfg", &config, &ignored))
		live_servers_drift(settings->haproxy_stats, buf_slice(&config), lines);
	buf_release(&config);
}

static bool content_on_disk(const struct settings *settings, const char *name, char out[65])
{
	struct rendering files;
	struct arena arena;
	struct err ignored = { 0 };
	arena_init(&arena, 0);
	bool ok = revision_load(settings->output_dir, name, &files, &arena, &ignored) &&
	          revision_content(&files, out);
	rendering_release(&files);
	arena_release(&arena);
	return ok;
}

static bool drift_of_files(
    const struct settings *settings, const char *current, struct buf *lines, struct err *err)
{
	struct revision_list list;
	char content[65] = "";
	if (!revision_list_load(settings->output_dir, &list, err))
		return false;
	const struct revision *revision = revision_list_find(&list, current);
	if (!revision)
		buf_printf(lines, "current points to %s, which is no complete revision\n", current);
	else if (!content_on_disk(settings, current, content) ||
	         strcmp(content, revision->content) != 0)
		buf_printf(lines, "files of revision %s were edited\n", current);
	revision_list_release(&list);
	return true;
}

bool deploy_drift(const struct settings *settings, struct buf *lines, struct err *err)
{
	char current[REVISION_NAME_MAX], running[REVISION_NAME_MAX];
	struct err ignored = { 0 };
	if (!revision_current(settings->output_dir, current, err))
		return false;
	if (!*current)
		return true;
	if (!drift_of_files(settings, current, lines, err))
		return false;
	if (!haproxy_is_running(settings->haproxy_stats))
		return true;
	haproxy_revision(settings->haproxy_stats, running, &ignored);
	if (strcmp(running, current) != 0)
		buf_printf(lines, "HAProxy runs revision %s, last applied is %s\n",
		    *running ? running : "(unknown)", current);
	else {
		drift_of_maps(settings, current, lines);
		drift_of_servers(settings, current, lines);
	}
	return true;
}
