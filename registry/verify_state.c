/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters, revision, rules and outputs: what should run, what runs, and what is told about it.
 */
#include "common/json_read.h"
#include "registry/agent_control.h"
#include "registry/deploy.h"
#include "registry/publish.h"
#include "registry/verify.h"

enum { AGENT_JSON_MAX = 64 << 20 };

static void check_parameters(struct verification *v)
{
	const struct findings *findings = &v->gateway->findings;
	const char *first = findings->count
	                        ? arena_printf(&v->arena, "%zu errors; %s: %s", findings->count,
	                              findings->items[0].path, findings->items[0].text)
	                        : NULL;
	verify_check(v, findings_is_empty(findings), first, "the parameters hold no errors");
}

static void check_revision(struct verification *v)
{
	const struct settings *s = &v->gateway->settings;
	char current[REVISION_NAME_MAX] = "", running[REVISION_NAME_MAX] = "";
	struct err err = { 0 };
	struct buf drift;
	bool ok = revision_current(s->output_dir, current, &err) && *current;
	verify_check(
	    v, ok, *err.text ? err.text : "nothing was applied yet", "a revision was applied");
	ok = haproxy_revision(s->haproxy_stats, running, &err);
	verify_check(v, ok, err.text, "HAProxy's runtime interface answers");
	verify_check(v, ok && strcmp(current, running) == 0,
	    arena_printf(&v->arena, "it runs '%s', applied is '%s'", running, current),
	    "HAProxy runs the revision applied last");
	buf_init(&drift, 0);
	err_clear(&err);
	ok = deploy_drift(s, &drift, &err);
	verify_check(v, ok && drift.len == 0, ok ? buf_cstr(&drift) : err.text,
	    "neither files nor maps were changed by hand");
	buf_release(&drift);
	verify_check(v, agent_control_is_running(s), s->agent_metrics, "the agent answers");
}

static json_t *agent_configuration(const struct verification *v, struct err *err)
{
	char path[REVISION_PATH_MAX];
	agent_control_config_path(path, sizeof(path), &v->gateway->settings);
	return json_read_file(path, AGENT_JSON_MAX, NULL, err);
}

static void check_waf(struct verification *v)
{
	struct err err = { 0 };
	json_t *agent = agent_configuration(v, &err);
	const json_t *routes = json_object_get(agent, "routes");
	size_t inspected = 0, wanted = 0;
	for (size_t i = 0; i < v->gateway->model.service_count; i++) {
		const struct service *s = &v->gateway->model.services[i];
		const json_t *waf = json_object_get(json_object_get(routes, s->id), "waf");
		bool is_off = json_is_string(waf) && strcmp(json_string_value(waf), "off") == 0;
		wanted += !s->held_back && s->waf != WAF_MODE_OFF;
		inspected += !s->held_back && s->waf != WAF_MODE_OFF && waf && !is_off;
	}
	if (wanted == 0)
		verify_skip(
		    v, "no service wants it", "the agent holds the WAF rules of every service");
	else
		verify_check(v, inspected == wanted,
		    arena_printf(&v->arena, "%zu of %zu services; %s", inspected, wanted, err.text),
		    "the agent holds the WAF rules of every service");
	json_decref(agent);
}

static void check_rate_rule(struct verification *v)
{
	struct buf answer, config;
	struct err err = { 0 };
	char current[REVISION_NAME_MAX] = "";
	buf_init(&answer, 1 << 20);
	buf_init(&config, 0);
	bool ok =
	    haproxy_cli(v->gateway->settings.haproxy_stats, SLICE("show table"), &answer, &err);
	bool has_table = slice_find(buf_slice(&answer), SLICE("# table: ip")) != SIZE_MAX;
	verify_check(v, ok && has_table, ok ? "no table of addresses" : err.text,
	    "the table of the address rate rule is there");
	const char *limit =
	    arena_printf(&v->arena, "gt %llu", (unsigned long long)v->gateway->settings.ip_limit);
	ok = revision_current(v->gateway->settings.output_dir, current, &err) && *current &&
	     revision_read(v->gateway->settings.output_dir, current, "haproxy.cfg", &config, &err);
	verify_check(v,
	    ok && limit && slice_find(buf_slice(&config), slice_of_cstr(limit)) != SIZE_MAX,
	    "the configuration does not compare with it", "the address rate rule is set to %llu",
	    (unsigned long long)v->gateway->settings.ip_limit);
	buf_release(&answer);
	buf_release(&config);
}

static void check_outputs(struct verification *v)
{
	struct output outputs[OUTPUTS_MAX];
	size_t count = publish_outputs(v->gateway, outputs);
	for (size_t i = 0; i < count; i++) {
		const char *name = arena_printf(
		    &v->arena, "%s/api-gateway/%s", v->gateway->settings.prefix, outputs[i].name);
		if (!name)
			return;
		if (!outputs[i].value) {
			verify_skip(v, "its value is not known", "output %s", outputs[i].name);
			continue;
		}
		const struct parameter *p =
		    parameter_list_find(&v->gateway->parameters, slice_of_cstr(name));
		char shown[FIELD_SHOWN_MAX];
		const char *detail = p ? arena_printf(&v->arena, "it is %s, and should be '%s'",
		                             field_show(p->value, shown), outputs[i].value)
		                       : "missing";
		verify_check(v, p && slice_eq(p->value, slice_of_cstr(outputs[i].value)), detail,
		    "output %s is what is real", outputs[i].name);
	}
}

void verify_state(struct verification *v)
{
	check_parameters(v);
	check_revision(v);
	check_waf(v);
	check_rate_rule(v);
	check_outputs(v);
}
