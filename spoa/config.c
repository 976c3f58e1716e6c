/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/config.h"

#include "common/buf.h"
#include "common/cli.h"
#include "common/file.h"
#include "common/json_read.h"

#include <assert.h>
#include <inttypes.h>

/* ---- tables from config.def
 * ---------------------------------------------------------------------- */

enum kind {
	KIND_UINT,
	KIND_BOOL,
	KIND_STRING,
	KIND_CHOICE,
	KIND_LIST,
	KIND_LISTS,
	KIND_OBJECT,
	KIND_MAP
};

struct section;

struct field {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *text;  /* default of a string or choice */
	uint64_t number;   /* default of a number or bool */
	uint64_t min, max; /* of a number; max also bounds lengths and counts */
	const char *unit;
	const char *choices; /* "a|b|c" */
	const struct section *section;
	const char *doc;
};

struct section {
	const char *name;
	size_t size;
	const struct field *fields;
	size_t count;
};

// clang-format off
/* Told by its address: with a text of its own, for compilers merge equal constants, and "" is a default. */
static const char required[] = "(required)";
#define REQUIRED required

#define AT(member) offsetof(struct CONFIG_STRUCT, member)
#define UINT(m, def, lo, hi, u, d) \
	{ .name = #m, .kind = KIND_UINT, .offset = AT(m), .number = (def), .min = (lo), .max = (hi), .unit = (u), .doc = (d) },
#define BOOL(m, def, d) \
	{ .name = #m, .kind = KIND_BOOL, .offset = AT(m), .number = (def), .doc = (d) },
#define STRING(m, def, longest, d) \
	{ .name = #m, .kind = KIND_STRING, .offset = AT(m), .text = (def), .max = (longest), .doc = (d) },
#define CHOICE(m, def, list, d) \
	{ .name = #m, .kind = KIND_CHOICE, .offset = AT(m), .text = (def), .choices = (list), .doc = (d) },
#define LIST(m, most, d) \
	{ .name = #m, .kind = KIND_LIST, .offset = AT(m), .max = (most), .doc = (d) },
#define LISTS(m, most, items, d) \
	{ .name = #m, .kind = KIND_LISTS, .offset = AT(m), .min = (items), .max = (most), .doc = (d) },
#define OBJECT(m, s, d) \
	{ .name = #m, .kind = KIND_OBJECT, .offset = AT(m), .section = &s##_section, .doc = (d) },
#define MAP(m, s, most, d) \
	{ .name = #m, .kind = KIND_MAP, .offset = AT(m), .section = &s##_section, .max = (most), .doc = (d) },

#define SECTION(id, type) \
	static const struct section id##_section = { \
		#id, sizeof(struct type), id##_fields, sizeof(id##_fields) / sizeof(id##_fields[0]) }

static const struct field token_cache_fields[] = {
#define CONFIG_STRUCT config_token_cache
#define CONFIG_TOKEN_CACHE
#include "spoa/config.def"
#undef CONFIG_TOKEN_CACHE
#undef CONFIG_STRUCT
};
SECTION(token_cache, config_token_cache);

static const struct field authorizer_fields[] = {
#define CONFIG_STRUCT config_authorizer
#define CONFIG_AUTHORIZER
#include "spoa/config.def"
#undef CONFIG_AUTHORIZER
#undef CONFIG_STRUCT
};
SECTION(authorizer, config_authorizer);

static const struct field waf_fields[] = {
#define CONFIG_STRUCT config_waf
#define CONFIG_WAF
#include "spoa/config.def"
#undef CONFIG_WAF
#undef CONFIG_STRUCT
};
SECTION(waf, config_waf);

static const struct field route_fields[] = {
#define CONFIG_STRUCT config_route
#define CONFIG_ROUTE
#include "spoa/config.def"
#undef CONFIG_ROUTE
#undef CONFIG_STRUCT
};
SECTION(route, config_route);

static const struct field root_fields[] = {
#define CONFIG_STRUCT config
#define CONFIG_ROOT
#include "spoa/config.def"
#undef CONFIG_ROOT
#undef CONFIG_STRUCT
};
SECTION(root, config);
// clang-format on

/* ---- where we are
 * -------------------------------------------------------------------------------- */

enum { PATH_MAX_BYTES = 512, FIELDS_MAX = 64 };

struct parser {
	struct slice text;
	const char *name;
	struct arena *arena;
	struct err_list *errors;
	char path[PATH_MAX_BYTES]; /* as json_locate() takes it */
	size_t path_len;
};

static size_t push(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Returns the length to go back to with pop(). A path that is too long is cut. */
static size_t push(struct parser *p, const char *fmt, ...)
{
	size_t mark = p->path_len;
	size_t room = sizeof(p->path) - mark;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(p->path + mark, room, fmt, args);
	va_end(args);
	if (length > 0)
		p->path_len += (size_t)length < room ? (size_t)length : room - 1;
	return mark;
}

static void pop(struct parser *p, size_t mark)
{
	p->path_len = mark;
	p->path[mark] = '\0';
}

static bool is_plain_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!ascii_is_alpha(*c) && !ascii_is_digit(*c) && *c != '_' && *c != '-')
			return false;
	return *name != '\0';
}

static size_t push_member(struct parser *p, const char *name)
{
	if (!is_plain_name(name))
		return push(p, "[\"%s\"]", name);
	return push(p, "%s%s", p->path_len > 0 ? "." : "", name);
}

static bool fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* At the current path. Returns false always. */
static bool fail(struct parser *p, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_list_add(p->errors, json_locate(p->text, p->name, p->path), "%s: %s",
	    p->path_len > 0 ? p->path : "file", text);
}

/* ---- values
 * -------------------------------------------------------------------------------------- */

static void parse_section(
    struct parser *p, const struct section *section, json_t *object, void *out);

static const char *dup_string(struct parser *p, const char *text)
{
	const char *copy = arena_dup_cstr(p->arena, text);

	return copy ? copy : "";
}

/* Zeroed memory for `count` things; with none left NULL, and the arena says so in the end. */
static void *array_of(struct parser *p, size_t count, size_t size)
{
	return arena_calloc(p->arena, count > 0 ? count : 1, size);
}

static void parse_uint(struct parser *p, const struct field *field, json_t *value, void *out)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || (uint64_t)number < field->min ||
	    (uint64_t)number > field->max)
		fail(p, "must be a whole number from %" PRIu64 " to %" PRIu64 "%s%s", field->min,
		    field->max, *field->unit ? " " : "", field->unit);
	else
		*(uint64_t *)out = (uint64_t)number;
}

static void parse_bool(struct parser *p, const struct field *field, json_t *value, void *out)
{
	(void)field;
	if (json_is_boolean(value))
		*(bool *)out = json_is_true(value);
	else
		fail(p, "must be true or false");
}

static void parse_string(struct parser *p, const struct field *field, json_t *value, void *out)
{
	if (!json_is_string(value) || json_string_length(value) > field->max)
		fail(p, "must be a string of at most %" PRIu64 " bytes", field->max);
	else if (field->text == required && json_string_length(value) == 0)
		fail(p, "must not be empty");
	else
		*(const char **)out = dup_string(p, json_string_value(value));
}

/* The position of `text` in "a|b|c", or -1. */
static int choice_index(const char *choices, struct slice text)
{
	struct slice rest = slice_of_cstr(choices), head;
	int i = 0;

	do {
		bool more = slice_cut(rest, '|', &head, &rest);

		if (slice_eq(head, text))
			return i;
		if (!more)
			return -1;
	} while (++i);
	return -1;
}

static void parse_choice(struct parser *p, const struct field *field, json_t *value, void *out)
{
	struct slice text = slice_of(json_string_value(value), json_string_length(value));
	int index = json_is_string(value) ? choice_index(field->choices, text) : -1;

	if (index < 0)
		fail(p, "must be one of %s", field->choices);
	else
		*(unsigned *)out = (unsigned)index;
}

enum { ITEM_MAX_BYTES = 4096 };

static void parse_strings(struct parser *p, uint64_t most, json_t *value, struct config_list *list)
{
	size_t count = json_array_size(value);

	if (!json_is_array(value) || count > most) {
		fail(p, "must be a list of at most %" PRIu64 " strings", most);
		return;
	}
	list->items = array_of(p, count, sizeof(*list->items));
	for (size_t i = 0; list->items && i < count; i++) {
		json_t *item = json_array_get(value, i);
		size_t mark = push(p, "[%zu]", i);
		size_t len = json_string_length(item);

		if (json_is_string(item) && len > 0 && len <= ITEM_MAX_BYTES)
			list->items[list->count++] = dup_string(p, json_string_value(item));
		else
			fail(p, "must be a string of 1 to %d bytes", ITEM_MAX_BYTES);
		pop(p, mark);
	}
}

static void parse_list(struct parser *p, const struct field *field, json_t *value, void *out)
{
	parse_strings(p, field->max, value, out);
}

static void parse_object(struct parser *p, const struct field *field, json_t *value, void *out)
{
	parse_section(p, field->section, value, out);
}

/* One entry of a map; `out` is zeroed. */
static void parse_entry(struct parser *p, const struct field *field, json_t *value, void *out)
{
	if (field->kind == KIND_MAP)
		parse_section(p, field->section, value, out);
	else
		parse_strings(p, field->min, value, out);
}

static void parse_map(struct parser *p, const struct field *field, json_t *value, void *out)
{
	struct config_map *map = out;
	size_t size = field->kind == KIND_MAP ? field->section->size : sizeof(struct config_list);
	size_t count = json_object_size(value);
	const char *name;
	json_t *entry;

	if (!json_is_object(value) || count > field->max) {
		fail(p, "must be an object of at most %" PRIu64 " members", field->max);
		return;
	}
	map->names = array_of(p, count, sizeof(*map->names));
	map->items = array_of(p, count, size);
	json_object_foreach(value, name, entry)
	{
		size_t mark = push_member(p, name);

		if (!map->names || !map->items)
			return;
		map->names[map->count] = dup_string(p, name);
		parse_entry(p, field, entry, (char *)map->items + map->count * size);
		map->count++;
		pop(p, mark);
	}
}

static void (*const parse_kind[])(struct parser *, const struct field *, json_t *, void *) = {
	[KIND_UINT] = parse_uint,
	[KIND_BOOL] = parse_bool,
	[KIND_STRING] = parse_string,
	[KIND_CHOICE] = parse_choice,
	[KIND_LIST] = parse_list,
	[KIND_LISTS] = parse_map,
	[KIND_OBJECT] = parse_object,
	[KIND_MAP] = parse_map,
};

/* ---- sections
 * ------------------------------------------------------------------------------------- */

static void set_default(const struct field *field, void *out)
{
	switch (field->kind) {
	case KIND_UINT:
		*(uint64_t *)out = field->number;
		break;
	case KIND_BOOL:
		*(bool *)out = field->number != 0;
		break;
	case KIND_STRING:
		*(const char **)out = field->text == required ? "" : field->text;
		break;
	case KIND_CHOICE:
		*(unsigned *)out =
		    (unsigned)choice_index(field->choices, slice_of_cstr(field->text));
		break;
	case KIND_LIST:
	case KIND_LISTS:
	case KIND_OBJECT: /* by its own section */
	case KIND_MAP:
		break;
	}
}

static void set_defaults(const struct section *section, void *out)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct field *field = &section->fields[i];

		set_default(field, (char *)out + field->offset);
		if (field->kind == KIND_OBJECT)
			set_defaults(field->section, (char *)out + field->offset);
	}
}

static const struct field *field_find(const struct section *section, const char *name)
{
	for (size_t i = 0; i < section->count; i++)
		if (strcmp(section->fields[i].name, name) == 0)
			return &section->fields[i];
	return NULL;
}

static void report_unknown(struct parser *p, const struct section *section, const char *name)
{
	const char *names[FIELDS_MAX];
	const char *nearest;

	assert(section->count <= FIELDS_MAX);
	for (size_t i = 0; i < section->count; i++)
		names[i] = section->fields[i].name;
	nearest = cli_nearest(name, names, section->count);
	if (nearest)
		fail(p, "no such member; the nearest is '%s'", nearest);
	else
		fail(p, "no such member");
}

static void parse_section(
    struct parser *p, const struct section *section, json_t *object, void *out)
{
	const char *name;
	json_t *value;

	set_defaults(section, out);
	if (!json_is_object(object)) {
		fail(p, "must be an object");
		return;
	}
	for (size_t i = 0; i < section->count; i++)
		if (section->fields[i].text == required &&
		    !json_object_get(object, section->fields[i].name))
			fail(p, "'%s' is missing", section->fields[i].name);
	json_object_foreach(object, name, value)
	{
		const struct field *field = field_find(section, name);
		size_t mark = push_member(p, name);

		if (field)
			parse_kind[field->kind](p, field, value, (char *)out + field->offset);
		else
			report_unknown(p, section, name);
		pop(p, mark);
	}
}

/* ---- what spans several members
 * ---------------------------------------------------------------------- */

static void fail_in(struct parser *p, const char *map, const char *name, const char *member,
    const char *problem, const char *subject, const char *nearest)
{
	size_t mark = push_member(p, map);

	push_member(p, name);
	if (member)
		push_member(p, member);
	if (nearest)
		fail(p, "%s '%s'; the nearest is '%s'", problem, subject, nearest);
	else if (subject)
		fail(p, "%s '%s'", problem, subject);
	else
		fail(p, "%s", problem);
	pop(p, mark);
}

static void check_authorizer(struct parser *p, const char *name, const struct config_authorizer *a)
{
	if (strcmp(name, "none") == 0)
		fail_in(p, "authorizers", name, NULL,
		    "'none' is what a route without authorizer says", NULL, NULL);
	if (a->jwks_url && a->jwks_file)
		fail_in(
		    p, "authorizers", name, "jwks_file", "not together with jwks_url", NULL, NULL);
}

static void check_ruleset(struct parser *p, const struct config *config, const char *name,
    const struct config_route *route)
{
	struct slice rest = slice_of_cstr(route->waf_ruleset), head;
	bool more;

	do {
		char one[257];

		more = slice_cut(rest, '+', &head, &rest);
		snprintf(one, sizeof(one), "%.*s", SLICE_ARG(head));
		if (config_map_find(&config->waf.rulesets, one) == SIZE_MAX)
			fail_in(p, "routes", name, "waf_ruleset", "no rule set", one,
			    cli_nearest(
			        one, config->waf.rulesets.names, config->waf.rulesets.count));
	} while (more);
}

static void check_route(struct parser *p, const struct config *config, const char *name,
    const struct config_route *route)
{
	const struct config_map *authorizers = &config->authorizers;

	if (route->authorizer[0] != '\0' && strcmp(route->authorizer, "none") != 0 &&
	    config_map_find(authorizers, route->authorizer) == SIZE_MAX)
		fail_in(p, "routes", name, "authorizer", "no authorizer", route->authorizer,
		    cli_nearest(route->authorizer, authorizers->names, authorizers->count));
	if (route->waf == CONFIG_WAF_OFF)
		return;
	if (route->waf_ruleset)
		check_ruleset(p, config, name, route);
	else
		fail_in(p, "routes", name, NULL, "'waf_ruleset' is missing, or 'waf' is to be off",
		    NULL, NULL);
}

static bool parse_mode(const char *text, unsigned *out)
{
	unsigned mode = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '7')
			return false;
		mode = mode * 8 + (unsigned)(*c - '0');
	}
	*out = mode;
	return *text != '\0' && mode <= 0777;
}

static void check_whole(struct parser *p, const struct config *config)
{
	unsigned mode;

	if (!parse_mode(config->socket_mode, &mode)) {
		size_t mark = push_member(p, "socket_mode");

		fail(p, "must be an octal mode up to 0777");
		pop(p, mark);
	}
	for (size_t i = 0; i < config->authorizers.count; i++)
		check_authorizer(p, config->authorizers.names[i], config_authorizer_at(config, i));
	for (size_t i = 0; i < config->routes.count; i++)
		check_route(p, config, config->routes.names[i], config_route_at(config, i));
}

/* ---- the file
 * ----------------------------------------------------------------------------------------- */

bool config_parse(struct slice text, const char *name, struct arena *arena, struct config *out,
    struct err_list *errors)
{
	struct parser p = { .text = text, .name = name, .arena = arena, .errors = errors };
	struct err err = { 0 };
	json_t *root = json_read_text(text, name, &err);

	*out = (struct config){ 0 };
	if (!root)
		return err_list_add_err(errors, &err);
	parse_section(&p, &root_section, root, out);
	json_decref(root);
	if (arena_failed(arena))
		return err_list_add(errors, (struct err_pos){ .file = name }, "no memory");
	check_whole(&p, out);
	return err_list_is_empty(errors);
}

bool config_load(const char *path, struct arena *arena, struct config *out, struct err_list *errors)
{
	struct err err = { 0 };
	struct buf text;
	bool ok;

	*out = (struct config){ 0 };
	buf_init(&text, 0);
	if (file_read(path, CONFIG_FILE_MAX, &text, &err))
		ok = config_parse(buf_slice(&text), path, arena, out, errors);
	else
		ok = err_list_add_err(errors, &err);
	buf_release(&text);
	return ok;
}

size_t config_map_find(const struct config_map *map, const char *name)
{
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->names[i], name) == 0)
			return i;
	return SIZE_MAX;
}

unsigned config_socket_mode(const struct config *config)
{
	unsigned mode = 0;
	bool ok = parse_mode(config->socket_mode, &mode);

	assert(ok);
	return mode;
}

/* ---- help
 * --------------------------------------------------------------------------------------------- */

static void print_value(const struct field *field, FILE *out)
{
	switch (field->kind) {
	case KIND_UINT:
		fprintf(out, "%" PRIu64 "  (%" PRIu64 " to %" PRIu64 "%s%s)", field->number,
		    field->min, field->max, *field->unit ? " " : "", field->unit);
		break;
	case KIND_BOOL:
		fprintf(out, "%s", field->number ? "true" : "false");
		break;
	case KIND_STRING:
		if (field->text == required)
			fprintf(out, "required");
		else
			fprintf(out, field->text ? "\"%s\"" : "not set%s",
			    field->text ? field->text : "");
		break;
	case KIND_CHOICE:
		fprintf(out, "\"%s\"  (%s)", field->text, field->choices);
		break;
	case KIND_LIST:
		fprintf(out, "[]  (at most %" PRIu64 " strings)", field->max);
		break;
	case KIND_LISTS:
		fprintf(out, "{}  (at most %" PRIu64 " lists)", field->max);
		break;
	case KIND_OBJECT:
		fprintf(out, "{}");
		break;
	case KIND_MAP:
		fprintf(out, "{}  (at most %" PRIu64 ")", field->max);
		break;
	}
}

static void print_section(const struct section *section, const char *prefix, FILE *out)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct field *field = &section->fields[i];
		char inner[128];

		fprintf(out, "%s%s: ", prefix, field->name);
		print_value(field, out);
		fprintf(out, "\n    %s\n", field->doc);
		if (!field->section)
			continue;
		snprintf(inner, sizeof(inner), "%s%s.%s", prefix, field->name,
		    field->kind == KIND_MAP ? "NAME." : "");
		print_section(field->section, inner, out);
	}
}

void config_print_help(FILE *out)
{
	print_section(&root_section, "", out);
}
