/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/publish.h"

static const char *region(const struct gateway *gateway)
{
	const struct settings *s = &gateway->settings;
	return s->store_region ? s->store_region : "local";
}

static const char *service_list(struct gateway *gateway)
{
	struct buf text;
	buf_init(&text, STORE_VALUE_MAX);
	for (size_t i = 0; i < gateway->model.service_count; i++)
		if (!gateway->model.services[i].held_back)
			buf_printf(
			    &text, "%s%s", text.len ? "," : "", gateway->model.services[i].id);
	/* Too long for one parameter: how many there are, rather than a list that is cut. */
	const char *out =
	    buf_failed(&text)
	        ? arena_printf(&gateway->model.arena, "%zu services", gateway->model.service_count)
	        : arena_dup(&gateway->model.arena, buf_slice(&text)).ptr;
	buf_release(&text);
	return out;
}

size_t publish_outputs(struct gateway *gateway, struct output out[OUTPUTS_MAX])
{
	const struct settings *s = &gateway->settings;
	struct arena *arena = &gateway->model.arena;
	const char *id = arena_printf(arena, "sallyport-%s", s->environment);
	const char *group = arena_printf(arena, "/sallyport/%s/access-log", s->environment);
	const char *arn = arena_printf(arena, "arn:sallyport:gateway:%s:%s", region(gateway), id);
	size_t n = 0;
	out[n++] = (struct output){ "url", s->public_url };
	out[n++] = (struct output){ "api-id", id };
	out[n++] = (struct output){ "stage-arn", arena_printf(arena, "%s/stages/$default", arn) };
	out[n++] = (struct output){ "log-group-name", group };
	out[n++] =
	    (struct output){ "log-group-arn", arena_printf(arena, "%s/log-group:%s", arn, group) };
	out[n++] = (struct output){ "default-throttle-rate",
		arena_printf(arena, "%llu", (unsigned long long)s->throttle_rate) };
	out[n++] = (struct output){ "default-throttle-burst",
		arena_printf(arena, "%llu", (unsigned long long)s->throttle_burst) };
	out[n++] =
	    (struct output){ "jwt-authorizer/staff-id", arena_printf(arena, "%s/staff", id) };
	out[n++] = (struct output){ "jwt-authorizer/customers-id",
		arena_printf(arena, "%s/customers", id) };
	out[n++] = (struct output){ "waf-acl-arn", arena_printf(arena, "%s/waf", arn) };
	out[n++] = (struct output){ "registered-services", service_list(gateway) };
	return n;
}

bool publish(struct gateway *gateway, struct err *err)
{
	struct output outputs[OUTPUTS_MAX];
	size_t count = publish_outputs(gateway, outputs);
	for (size_t i = 0; i < count; i++) {
		const char *name = arena_printf(&gateway->model.arena, "%s/api-gateway/%s",
		    gateway->settings.prefix, outputs[i].name);
		if (arena_failed(&gateway->model.arena))
			return err_set(err, "no memory for the outputs");
		struct slice value = slice_of_cstr(outputs[i].value);
		const struct parameter *old =
		    parameter_list_find(&gateway->parameters, slice_of_cstr(name));
		if (value.len == 0 || (old && slice_eq(old->value, value)))
			continue;
		if (!gateway->store->ops->put(
		        gateway->store, name, value, PARAMETER_STRING, NULL, err))
			return false;
	}
	return true;
}
