/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/publish.h"

#include "registry/hold_back.h"

enum { OUTPUT_VALUE_MAX = 4096 }; /* of a standard parameter */

static const char *region(const struct gateway *gateway)
{
	const struct settings *s = &gateway->settings;
	return s->store_region ? s->store_region : "local";
}

static const char *service_list(struct gateway *gateway)
{
	struct buf text;
	buf_init(&text, OUTPUT_VALUE_MAX);
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

static const char *held_back(struct gateway *gateway)
{
	struct buf text;
	buf_init(&text, 0);
	hold_back_summary(&gateway->findings, OUTPUT_VALUE_MAX, &text);
	const char *out = arena_dup(&gateway->model.arena, buf_slice(&text)).ptr;
	buf_release(&text);
	return out;
}

/* Name and ARN come from one setting, so that they cannot be of two groups. */
static size_t add_log_group(struct gateway *gateway, const char *own_arn, struct output out[2])
{
	struct arena *arena = &gateway->model.arena;
	const char *arn = gateway->settings.log_group_arn;
	struct slice name = log_group_name(slice_of_cstr(arn));
	const char *group =
	    arena_printf(arena, "/sallyport/%s/access-log", gateway->settings.environment);
	if (name.len > 0) {
		group = arena_dup(arena, name).ptr;
		arn = arena_dup(
		    arena, slice_sub(slice_of_cstr(arn), 0, (size_t)(name.ptr - arn) + name.len))
		          .ptr;
	} else {
		arn = arena_printf(arena, "%s/log-group:%s", own_arn, group ? group : "");
	}
	out[0] = (struct output){ "log-group-name", group };
	out[1] = (struct output){ "log-group-arn", arn };
	return 2;
}

size_t publish_outputs(struct gateway *gateway, struct output out[OUTPUTS_MAX])
{
	const struct settings *s = &gateway->settings;
	struct arena *arena = &gateway->model.arena;
	const char *id = arena_printf(arena, "sallyport-%s", s->environment);
	const char *arn = arena_printf(arena, "arn:sallyport:gateway:%s:%s", region(gateway), id);
	size_t n = 0;
	out[n++] = (struct output){ "url", s->public_url };
	out[n++] = (struct output){ "api-id", id };
	out[n++] = (struct output){ "stage-arn", arena_printf(arena, "%s/stages/$default", arn) };
	n += add_log_group(gateway, arn, out + n);
	out[n++] = (struct output){ "default-throttle-rate",
		arena_printf(arena, "%llu", (unsigned long long)s->throttle_rate) };
	out[n++] = (struct output){ "default-throttle-burst",
		arena_printf(arena, "%llu", (unsigned long long)s->throttle_burst) };
	out[n++] =
	    (struct output){ "jwt-authorizer/staff-id", arena_printf(arena, "%s/staff", id) };
	out[n++] = (struct output){ "jwt-authorizer/customers-id",
		arena_printf(arena, "%s/customers", id) };
	out[n++] = (struct output){ "waf-acl-arn", arena_printf(arena, "%s/waf", arn) };
	out[n++] = (struct output){ "held-back-services", held_back(gateway) };
	out[n++] = (struct output){ "registered-services", service_list(gateway) };
	return n;
}

struct write {
	const char *name; /* in full */
	struct slice value;
	const struct parameter *old; /* NULL: there was none */
};

/* What differs from the store, in the order of writing. */
static bool collect(struct gateway *gateway, struct write out[OUTPUTS_MAX], size_t *count)
{
	struct output outputs[OUTPUTS_MAX];
	size_t all = publish_outputs(gateway, outputs);
	*count = 0;
	for (size_t i = 0; i < all; i++) {
		const char *name = arena_printf(&gateway->model.arena, "%s/api-gateway/%s",
		    gateway->settings.prefix, outputs[i].name);
		struct slice value = slice_of_cstr(outputs[i].value);
		if (!name)
			return false;
		const struct parameter *old =
		    parameter_list_find(&gateway->parameters, slice_of_cstr(name));
		if (value.len > 0 && !(old && slice_eq(old->value, value)))
			out[(*count)++] = (struct write){ name, value, old };
	}
	return !arena_failed(&gateway->model.arena);
}

static bool put(struct store *store, const struct write *write, struct err *err)
{
	return store->ops->put(store, write->name, write->value, PARAMETER_STRING, NULL, err);
}

/* The first error is the one to tell; a value that cannot be put back is written again next time.
 */
static void undo(struct store *store, const struct write *writes, size_t count)
{
	struct err ignored = { 0 };
	for (size_t i = count; i-- > 0;) {
		const struct parameter *old = writes[i].old;
		if (old)
			store->ops->put(
			    store, writes[i].name, old->value, old->type, NULL, &ignored);
		else
			store->ops->remove(store, writes[i].name, &ignored);
	}
}

static bool read_back(
    struct gateway *gateway, const struct write *writes, size_t count, struct err *err)
{
	struct parameter_list list;
	const char *below =
	    arena_printf(&gateway->model.arena, "%s/api-gateway", gateway->settings.prefix);
	if (!below)
		return err_set(err, "no memory for the outputs");
	parameter_list_init(&list);
	bool ok = gateway->store->ops->list(gateway->store, below, &list, err);
	parameter_list_sort(&list);
	for (size_t i = 0; ok && i < count; i++) {
		const struct parameter *now =
		    parameter_list_find(&list, slice_of_cstr(writes[i].name));
		if (!now || !slice_eq(now->value, writes[i].value))
			ok = err_set(err, "'%s': reads back differently", writes[i].name);
	}
	parameter_list_release(&list);
	return ok;
}

bool publish(struct gateway *gateway, struct err *err)
{
	struct write writes[OUTPUTS_MAX];
	size_t count;
	if (!collect(gateway, writes, &count))
		return err_set(err, "no memory for the outputs");
	for (size_t i = 0; i < count; i++)
		if (!put(gateway->store, &writes[i], err)) {
			undo(gateway->store, writes, i);
			return false;
		}
	return count == 0 || read_back(gateway, writes, count, err);
}
