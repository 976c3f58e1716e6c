/* SPDX-License-Identifier: Apache-2.0 */
/* import and export: a service's parameters from and to an OpenAPI 3 document. */
#include "common/file.h"
#include "registry/cmd.h"
#include "registry/openapi.h"

enum { ARGUMENTS_MAX = 2 * OPENAPI_FIELDS_MAX + 2 };

/* What is said on the command line wins; a field that is named there is not taken from the
 * document. */
static bool is_given(const char *name, char **pairs, int count)
{
	struct slice given, rest;
	for (int i = 0; i < count; i++) {
		slice_cut(slice_of_cstr(pairs[i]), '=', &given, &rest);
		if (slice_eq(given, slice_of_cstr(name)))
			return true;
	}
	return false;
}

static int register_fields(
    const struct openapi_fields *fields, struct arena *arena, char **argv, int argc)
{
	char *arguments[ARGUMENTS_MAX + 1];
	int n = 0;
	arguments[n++] = argv[0];
	for (size_t i = 0; i < fields->count; i++) {
		if (is_given(fields->items[i].name, argv + 2, argc - 2))
			continue;
		arguments[n] =
		    arena_printf(arena, "%s=%s", fields->items[i].name, fields->items[i].value);
		printf("%s\n", arguments[n] ? arguments[n] : "");
		n += arguments[n] != NULL;
	}
	for (int i = 2; i < argc && n < ARGUMENTS_MAX; i++) {
		printf("%s\n", argv[i]);
		arguments[n++] = argv[i];
	}
	arguments[n] = NULL;
	return cmd_options.dry_run ? EXIT_NOTHING : cmd_register_or_set(n, arguments);
}

int cmd_import(int argc, char **argv)
{
	struct openapi_fields fields;
	struct buf text;
	struct err err = { 0 };
	int code;
	if (argc > ARGUMENTS_MAX - OPENAPI_FIELDS_MAX)
		return err_set(&err, "too many arguments"), cmd_fail(&err);
	buf_init(&text, 0);
	if (!file_read(argv[1], OPENAPI_MAX_BYTES, &text, &err)) {
		buf_release(&text);
		return cmd_fail(&err);
	}
	if (openapi_import(buf_slice(&text), argv[1], &fields, &err))
		code = register_fields(&fields, &fields.arena, argv, argc);
	else
		code = cmd_fail(&err);
	openapi_fields_release(&fields);
	buf_release(&text);
	return code;
}

int cmd_export(int argc, char **argv)
{
	(void)argc;
	struct gateway gateway;
	struct buf text;
	struct err err = { 0 };
	buf_init(&text, 0);
	bool ok =
	    gateway_open(&gateway, cmd_options.settings_file, &err) && gateway_load(&gateway, &err);
	const struct service *service = ok ? model_find(&gateway.model, argv[0]) : NULL;
	if (ok && !service)
		ok = err_set(
		    &err, "'%s' is not in %s", argv[0], gateway.settings.live_services_from);
	if (ok && service && service->held_back)
		ok = err_set(&err, "'%s' has errors; see validate", argv[0]);
	ok = ok && openapi_export(&gateway.model, service, &text, &err);
	if (ok)
		fwrite(text.data, 1, text.len, stdout);
	buf_release(&text);
	gateway_release(&gateway);
	return ok ? EXIT_NOTHING : cmd_fail(&err);
}
