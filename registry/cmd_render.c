/* SPDX-License-Identifier: Apache-2.0 */
/* validate, render, fields: what needs no running gateway. */
#include "common/file.h"
#include "registry/cmd.h"
#include "registry/state.h"

enum { FOLDER_MODE = 0755, FILE_MODE = 0644 };

int cmd_validate(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct gateway gateway;
	if (!cmd_load(&gateway))
		return EXIT_FAILED;
	if (cmd_options.json && findings_is_empty(&gateway.findings))
		printf("[]\n");
	else if (!cmd_options.json)
		printf("%zu services below %s in %s: no errors\n", gateway.model.service_count,
		    gateway.settings.prefix, gateway.store->ops->describe(gateway.store));
	gateway_release(&gateway);
	return EXIT_NOTHING;
}

static bool write_all(const struct rendering *rendering, const char *folder, struct err *err)
{
	char path[1200];
	if (!file_make_dirs(folder, FOLDER_MODE, err))
		return false;
	for (size_t i = 0; i < rendering->count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, rendering->files[i].name);
		if (!file_write_atomic(path, buf_slice(&rendering->files[i].text), FILE_MODE, err))
			return false;
	}
	return true;
}

static void print_all(const struct rendering *rendering)
{
	for (size_t i = 0; i < rendering->count; i++)
		printf("==> %s <==\n%.*s\n", rendering->files[i].name,
		    SLICE_ARG(buf_slice(&rendering->files[i].text)));
}

int cmd_render(int argc, char **argv)
{
	struct gateway gateway;
	struct rendering rendering = { 0 };
	struct err err = { 0 };
	if (!cmd_load(&gateway))
		return EXIT_FAILED;
	bool ok = gateway_detect_version(&gateway, &err) &&
	          render(&rendering, &gateway.model, gateway.version, "unapplied", &err);
	if (ok && argc > 0)
		ok = write_all(&rendering, argv[0], &err);
	else if (ok)
		print_all(&rendering);
	rendering_release(&rendering);
	gateway_release(&gateway);
	return ok ? EXIT_NOTHING : cmd_fail(&err);
}

static void print_table(const char *title, const struct field *fields, size_t count)
{
	printf(
	    "## %s\n\n| name | required | default | allowed | a change is | meaning |\n|---|---|---|---|---|---|\n",
	    title);
	for (size_t i = 0; i < count; i++) {
		const struct field *f = &fields[i];
		char allowed[256] = "";
		if (f->type == FIELD_UINT)
			snprintf(allowed, sizeof(allowed), "%llu … %llu",
			    (unsigned long long)f->min, (unsigned long long)f->max);
		else if (f->allowed)
			snprintf(allowed, sizeof(allowed), "%s", f->allowed);
		else if (f->check)
			snprintf(allowed, sizeof(allowed), "%s", f->check->allowed);
		for (char *c = allowed; *c; c++)
			if (*c == '|')
				*c = ' ';
		printf("| `%s` | %s | %s | %s | %s | %s |\n", f->name, f->required ? "yes" : "",
		    f->fallback ? f->fallback : "", allowed,
		    f->change == CHANGE_RECORD ? "-" : change_effect_name(f->change), f->doc);
	}
	printf("\n");
}

int cmd_fields(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	print_table("Parameters of a service", SERVICE_FIELDS, SERVICE_FIELD_COUNT);
	print_table("Settings of the gateway", SETTINGS_FIELDS, SETTINGS_FIELD_COUNT);
	return EXIT_NOTHING;
}
