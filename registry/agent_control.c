/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/agent_control.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/http.h"
#include "common/json_read.h"
#include "registry/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	CHECK_TIMEOUT_MS = 120000, /* compiling a large rule set */
	RELOAD_TIMEOUT_MS = 60000,
	COMMAND_TIMEOUT_MS = 30000,
	POLL_MS = 50,
	METRICS_MAX_BYTES = 16 << 20,
};

const char *agent_control_config_path(char *path, size_t size, const struct settings *settings)
{
	snprintf(path, size, "%s/agent.json", settings->output_dir);
	return path;
}

/* A route that goes takes its authorizer along, when no other needs that any more. */
static bool keep_draining(json_t *next, const json_t *previous)
{
	json_t *authorizers = json_object_get(next, "authorizers");
	json_t *routes = json_object_get(next, "routes"), *route;
	const json_t *old = json_object_get(previous, "authorizers");
	const char *id;
	bool ok = true;
	json_object_foreach(json_object_get(previous, "routes"), id, route)
	{
		const char *name = json_string_value(json_object_get(route, "authorizer"));
		if (json_object_get(routes, id) || !name)
			continue;
		if (!json_object_get(authorizers, name))
			ok = json_object_set(authorizers, name, json_object_get(old, name)) == 0 &&
			     ok;
		ok = json_object_set(routes, id, route) == 0 && ok;
	}
	return ok;
}

bool agent_control_merge(struct slice next, struct slice previous, struct buf *out, struct err *err)
{
	struct err ignored = { 0 };
	json_t *old = previous.len > 0 ? json_read_text(previous, "agent.json", &ignored) : NULL;
	json_t *new = json_read_text(next, "agent.json", err);
	bool ok = new && (!old || keep_draining(new, old));
	char *text = ok ? json_dumps(new, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
	if (text) {
		buf_append_cstr(out, text);
		buf_append_byte(out, '\n');
	}
	free(text);
	json_decref(old);
	json_decref(new);
	return (text && !buf_failed(out)) || err_set(err, "no memory for agent.json");
}

enum { SHOWN_BYTES_MAX = 600 };

/* What a program says is wrong, a line each, without its log lines; all it says when it names no
 * error. Whole lines only, as many as fit an err. */
static void collect_errors(struct slice output, struct buf *out)
{
	struct slice rest = output, line, last = SLICE(""), mark = SLICE("error: ");
	size_t dropped = 0;
	bool names_errors =
	    slice_starts_with(output, mark) || slice_find(output, SLICE("\nerror: ")) != SIZE_MAX;
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		/* A file that several rule sets name is missed by each of them. */
		if ((names_errors && !slice_starts_with(line, mark)) || slice_eq(line, last))
			continue;
		last = line;
		line = slice_sub(slice_from(line, names_errors ? mark.len : 0), 0, SHOWN_BYTES_MAX);
		if (dropped > 0 || (out->len > 0 && out->len + line.len >= SHOWN_BYTES_MAX))
			dropped++;
		else
			buf_printf(out, "\n%.*s", SLICE_ARG(line));
	}
	if (dropped > 0)
		buf_printf(out, "\nand %zu more", dropped);
}

bool agent_control_check(const struct settings *settings, const char *file, struct err *err)
{
	const char *argv[] = { settings->agent_binary, "--check", file, NULL };
	struct buf output, errors;
	int code = 0;
	buf_init(&output, PROCESS_OUTPUT_MAX_BYTES);
	buf_init(&errors, 0);
	bool ok = process_run(argv, CHECK_TIMEOUT_MS, &output, &code, err);
	if (ok && code != 0) {
		collect_errors(slice_trim(buf_slice(&output)), &errors);
		ok = err_set(err, "the agent refuses its configuration, exit code %d:%s", code,
		    buf_cstr(&errors));
	}
	buf_release(&output);
	buf_release(&errors);
	return ok;
}

static bool metrics_name(const struct settings *settings, const char *text)
{
	char url[600];
	struct http_response response;
	struct err ignored = { 0 };
	snprintf(url, sizeof(url), "http://%s/metrics", settings->agent_metrics);
	struct http_request request = { .url = url,
		.connect_timeout_ms = 500,
		.total_timeout_ms = 2000,
		.max_body_bytes = METRICS_MAX_BYTES };
	http_response_init(&response);
	bool ok = http_perform(&request, &response, &ignored) && response.status == 200 &&
	          slice_find(buf_slice(&response.body), slice_of_cstr(text)) != SIZE_MAX;
	http_response_release(&response);
	return ok;
}

bool agent_control_is_running(const struct settings *settings)
{
	return metrics_name(settings, "");
}

static bool signal_agent(const struct settings *settings, struct err *err)
{
	struct buf text;
	uint64_t pid;
	buf_init(&text, 64);
	bool ok = file_read(settings->agent_pid_file, 32, &text, err) &&
	          (slice_to_u64(slice_trim(buf_slice(&text)), INT32_MAX, &pid) ||
	              err_set(err, "%s: no pid in it", settings->agent_pid_file));
	buf_release(&text);
	return ok && ((pid > 1 && kill((pid_t)pid, SIGHUP) == 0) ||
	                 err_set(err, "cannot signal the agent: %s", strerror(errno)));
}

static bool run_reload_command(const struct settings *settings, struct err *err)
{
	const char *argv[20] = { NULL };
	struct buf output;
	int code = 0;
	for (size_t i = 0; i < settings->agent_reload.count; i++)
		argv[i] = settings->agent_reload.items[i];
	buf_init(&output, PROCESS_OUTPUT_MAX_BYTES);
	bool ok = process_run(argv, COMMAND_TIMEOUT_MS, &output, &code, err);
	if (ok && code != 0)
		ok = err_set(err, "agent.reload_command ended with %d: %.*s", code,
		    SLICE_ARG(slice_sub(slice_trim(buf_slice(&output)), 0, 400)));
	buf_release(&output);
	return ok;
}

bool agent_control_reload(const struct settings *settings, const char *revision, struct err *err)
{
	char wanted[128];
	if (settings->agent_reload.count > 0) {
		if (!run_reload_command(settings, err))
			return false;
	} else if (!settings->agent_pid_file) {
		return err_set(err, "the agent must reload, and neither agent.pid_file nor "
		                    "agent.reload_command says how");
	} else if (!signal_agent(settings, err)) {
		return false;
	}
	snprintf(wanted, sizeof(wanted), "revision=\"%s\"", revision);
	uint64_t deadline_ms = clock_monotonic_ms() + RELOAD_TIMEOUT_MS;
	while (clock_monotonic_ms() < deadline_ms) {
		if (metrics_name(settings, wanted))
			return true;
		usleep(POLL_MS * 1000);
	}
	return err_set(
	    err, "the agent does not come up with revision %s; its log says why", revision);
}
