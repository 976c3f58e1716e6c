/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/gateway.h"

#include "registry/process.h"

enum { VERSION_TIMEOUT_MS = 5000 };

struct store *gateway_store_new(
    const struct settings *s, const volatile sig_atomic_t *stop, struct err *err)
{
	if (s->store_kind == STORE_KIND_FILE)
		return store_file_new(s->store_path, err);
	struct store_ssm_options options = {
		.region = s->store_region,
		.profile = s->store_profile,
		.endpoint_url = s->store_endpoint_url,
		.ca_file = s->store_ca_file,
		.kms_key_id = s->store_kms_key_id,
		.stop = stop,
	};
	return store_ssm_new(&options, err);
}

bool gateway_open_settings(struct gateway *gateway, const char *settings_file, struct err *err)
{
	*gateway = (struct gateway){ 0 };
	findings_init(&gateway->findings);
	if (settings_load(&gateway->settings, settings_file, &gateway->findings, err))
		return true;
	return err_is_set(err) ? false
	                       : err_set(err, "%s: %zu errors in the settings", settings_file,
	                             gateway->findings.count);
}

bool gateway_open(struct gateway *gateway, const char *settings_file, struct err *err)
{
	if (!gateway_open_settings(gateway, settings_file, err))
		return false;
	gateway->store = gateway_store_new(&gateway->settings, NULL, err);
	return gateway->store != NULL;
}

void gateway_release(struct gateway *gateway)
{
	if (gateway->has_model)
		model_release(&gateway->model);
	if (gateway->has_parameters)
		parameter_list_release(&gateway->parameters);
	store_free(gateway->store);
	settings_release(&gateway->settings);
	findings_release(&gateway->findings);
}

bool gateway_load(struct gateway *gateway, struct err *err)
{
	parameter_list_init(&gateway->parameters);
	gateway->has_parameters = true;
	const char *prefix = gateway->settings.prefix;
	if (!gateway->store->ops->list(gateway->store, prefix, &gateway->parameters, err))
		return false;
	parameter_list_sort(&gateway->parameters);
	gateway->has_model = true;
	return model_build(
	    &gateway->model, &gateway->settings, &gateway->parameters, &gateway->findings, err);
}

bool gateway_detect_version(struct gateway *gateway, struct err *err)
{
	const struct settings *s = &gateway->settings;
	if (s->haproxy_version)
		return haproxy_version_parse(
		    slice_of_cstr(s->haproxy_version), &gateway->version, err);
	const char *argv[] = { s->haproxy_binary, "-v", NULL };
	struct buf output;
	int code;
	buf_init(&output, PROCESS_OUTPUT_MAX_BYTES);
	bool ok = process_run(argv, VERSION_TIMEOUT_MS, &output, &code, err) &&
	          haproxy_version_parse(buf_slice(&output), &gateway->version, err);
	buf_release(&output);
	return ok;
}
