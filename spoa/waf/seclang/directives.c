/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/waf/seclang/directives.h"

#include "common/buf.h"
#include "common/file.h"
#include "spoa/waf/seclang/parser.h"

#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct reader {
	struct ast *ast;
	const char *file; /* being read; lives in the arena */
	unsigned depth;
	size_t files; /* opened so far */
};

struct directive {
	const char *name;
	size_t min_args, max_args;
	bool (*handle)(struct reader *reader, const struct sec_line *line);
};

static bool load_path(struct reader *reader, const char *path, struct err_pos pos);

static bool out_of_memory(struct reader *reader, struct err_pos pos)
{
	return err_list_add(reader->ast->errors, pos, "out of memory");
}

static struct ast_item *new_item(
    struct reader *reader, const struct sec_line *line, enum ast_kind kind)
{
	struct ast_item *item = arena_new(reader->ast->arena, struct ast_item);
	if (!item) {
		out_of_memory(reader, line->words[0].pos);
		return NULL;
	}
	item->kind = kind;
	item->pos = item->rule.pos = line->words[0].pos;
	return item;
}

/* Broken rules, too: without them the chains around them would look broken. */
static bool append(struct reader *reader, struct ast_item *item, bool good)
{
	item->rule.broken = !good;
	*reader->ast->last = item;
	reader->ast->last = &item->next;
	return good;
}

/* ---- rules -------------------------------------------------------------------------------- */

static bool sec_rule(struct reader *reader, const struct sec_line *line)
{
	struct ast *ast = reader->ast;
	struct ast_item *item = new_item(reader, line, AST_RULE);
	if (!item)
		return false;
	bool good = parse_targets(ast, &line->words[1], false, &item->rule.targets);
	good &= parse_operator(ast, &line->words[2], &item->rule.op);
	if (line->count > 3)
		good &= parse_actions(ast, &line->words[3], &item->rule.actions);
	return append(reader, item, good);
}

static bool sec_action(struct reader *reader, const struct sec_line *line)
{
	struct ast_item *item = new_item(reader, line, AST_RULE);
	if (!item)
		return false;
	bool good = parse_actions(reader->ast, &line->words[1], &item->rule.actions);
	return append(reader, item, good);
}

static bool sec_marker(struct reader *reader, const struct sec_line *line)
{
	struct ast_item *item = new_item(reader, line, AST_MARKER);
	if (!item)
		return false;
	item->marker = line->words[1].text;
	return append(reader, item, true);
}

static bool sec_default_action(struct reader *reader, const struct sec_line *line)
{
	struct ast_item *item = new_item(reader, line, AST_DEFAULT_ACTION);
	if (!item || !parse_actions(reader->ast, &line->words[1], &item->rule.actions))
		return false;
	return append(reader, item, true);
}

/* ---- updates ------------------------------------------------------------------------------ */

static struct ast_update *new_update(struct reader *reader, const struct sec_line *line)
{
	struct ast_update *update = arena_new(reader->ast->arena, struct ast_update);
	if (!update) {
		out_of_memory(reader, line->words[0].pos);
		return NULL;
	}
	update->pos = line->words[0].pos;
	*reader->ast->last_update = update;
	reader->ast->last_update = &update->next;
	return update;
}

static bool select_ids(
    struct reader *reader, const struct sec_line *line, size_t words, struct rule_selector *out)
{
	char text[4096];
	size_t len = 0;
	for (size_t i = 1; i <= words; i++) {
		struct slice word = line->words[i].text;
		if (len + word.len + 1 >= sizeof text)
			return err_list_add(
			    reader->ast->errors, line->words[i].pos, "the list of ids is too long");
		memcpy(text + len, word.ptr, word.len);
		len += word.len;
		text[len++] = ' ';
	}
	out->by = MATCH_IDS;
	if (parse_ids(reader->ast->arena, slice_of(text, len), &out->ranges, &out->range_count))
		return true;
	return err_list_add(
	    reader->ast->errors, line->words[1].pos, "not a rule id or a range of ids");
}

static bool remove_by_id(struct reader *reader, const struct sec_line *line)
{
	struct ast_update *update = new_update(reader, line);
	return update && select_ids(reader, line, line->count - 1, &update->rules);
}

static bool remove_by_text(struct reader *reader, const struct sec_line *line, enum rule_match by)
{
	struct ast_update *update = new_update(reader, line);
	if (!update)
		return false;
	update->rules = (struct rule_selector){ .by = by, .text = line->words[1].text };
	return true;
}

static bool remove_by_tag(struct reader *reader, const struct sec_line *line)
{
	return remove_by_text(reader, line, MATCH_TAG);
}

static bool remove_by_msg(struct reader *reader, const struct sec_line *line)
{
	return remove_by_text(reader, line, MATCH_MSG);
}

static bool update_targets(
    struct reader *reader, const struct sec_line *line, struct ast_update *update)
{
	update->what = UPDATE_TARGETS;
	bool good = parse_targets(reader->ast, &line->words[2], true, &update->targets);
	if (line->count > 3)
		good &= parse_targets(reader->ast, &line->words[3], true, &update->replaced);
	return good;
}

static bool update_target_by_id(struct reader *reader, const struct sec_line *line)
{
	struct ast_update *update = new_update(reader, line);
	return update && select_ids(reader, line, 1, &update->rules) &&
	       update_targets(reader, line, update);
}

static bool update_target_by_text(
    struct reader *reader, const struct sec_line *line, enum rule_match by)
{
	struct ast_update *update = new_update(reader, line);
	if (!update)
		return false;
	update->rules = (struct rule_selector){ .by = by, .text = line->words[1].text };
	return update_targets(reader, line, update);
}

static bool update_target_by_tag(struct reader *reader, const struct sec_line *line)
{
	return update_target_by_text(reader, line, MATCH_TAG);
}

static bool update_target_by_msg(struct reader *reader, const struct sec_line *line)
{
	return update_target_by_text(reader, line, MATCH_MSG);
}

static bool update_action_by_id(struct reader *reader, const struct sec_line *line)
{
	struct ast *ast = reader->ast;
	struct ast_update *update = new_update(reader, line);
	if (!update)
		return false;
	struct slice id, link;
	uint64_t number = 0;
	if (slice_cut(line->words[1].text, ':', &id, &link) && !slice_to_u64(link, 64, &number))
		return err_list_add(
		    ast->errors, line->words[1].pos, "not the number of a chained rule");
	update->what = UPDATE_ACTIONS;
	update->rules = (struct rule_selector){ .by = MATCH_IDS, .chain_link = (int)number };
	if (!parse_ids(ast->arena, id, &update->rules.ranges, &update->rules.range_count))
		return err_list_add(ast->errors, line->words[1].pos, "not a rule id");
	return parse_actions(ast, &line->words[2], &update->actions);
}

/* ---- settings ----------------------------------------------------------------------------- */

static bool bad_value(struct reader *reader, const struct sec_line *line, const char *expected)
{
	return err_list_add(reader->ast->errors, line->words[1].pos,
	    "'%.*s' is not a value of %.*s: %s", SLICE_ARG(line->words[1].text),
	    SLICE_ARG(line->words[0].text), expected);
}

static bool parse_on_off(struct reader *reader, const struct sec_line *line, bool *out)
{
	struct slice value = line->words[1].text;
	*out = slice_eq_nocase(value, SLICE("On"));
	return *out || slice_eq_nocase(value, SLICE("Off")) || bad_value(reader, line, "On or Off");
}

static bool parse_number(
    struct reader *reader, const struct sec_line *line, uint64_t max, uint64_t *out)
{
	return slice_to_u64(line->words[1].text, max, out) ||
	       bad_value(reader, line, "a number within bounds");
}

static bool rule_engine(struct reader *reader, const struct sec_line *line)
{
	enum engine_mode *mode = &reader->ast->settings.engine;
	struct slice value = line->words[1].text;
	if (slice_eq_nocase(value, SLICE("On")))
		*mode = ENGINE_ON;
	else if (slice_eq_nocase(value, SLICE("Off")))
		*mode = ENGINE_OFF;
	else if (slice_eq_nocase(value, SLICE("DetectionOnly")))
		*mode = ENGINE_DETECTION_ONLY;
	else
		return bad_value(reader, line, "On, Off or DetectionOnly");
	return true;
}

static bool request_body_access(struct reader *reader, const struct sec_line *line)
{
	return parse_on_off(reader, line, &reader->ast->settings.request_body);
}

static bool response_body_access(struct reader *reader, const struct sec_line *line)
{
	return parse_on_off(reader, line, &reader->ast->settings.response_body);
}

static bool request_body_limit(struct reader *reader, const struct sec_line *line)
{
	return parse_number(reader, line, INT32_MAX, &reader->ast->settings.body_limit);
}

static bool response_body_limit(struct reader *reader, const struct sec_line *line)
{
	return parse_number(reader, line, INT32_MAX, &reader->ast->settings.response_limit);
}

static bool request_body_limit_action(struct reader *reader, const struct sec_line *line)
{
	struct slice value = line->words[1].text;
	bool *reject = &reader->ast->settings.reject_long_body;
	*reject = slice_eq_nocase(value, SLICE("Reject"));
	return *reject || slice_eq_nocase(value, SLICE("ProcessPartial")) ||
	       bad_value(reader, line, "Reject or ProcessPartial");
}

static bool arguments_limit(struct reader *reader, const struct sec_line *line)
{
	return parse_number(reader, line, 1000000, &reader->ast->settings.max_args);
}

static bool json_depth_limit(struct reader *reader, const struct sec_line *line)
{
	return parse_number(reader, line, 10000, &reader->ast->settings.max_depth);
}

static bool argument_separator(struct reader *reader, const struct sec_line *line)
{
	if (line->words[1].text.len != 1)
		return bad_value(reader, line, "one character");
	reader->ast->settings.argument_separator = line->words[1].text.ptr[0];
	return true;
}

static bool component_signature(struct reader *reader, const struct sec_line *line)
{
	reader->ast->settings.component = line->words[1].text;
	return true;
}

static bool web_app_id(struct reader *reader, const struct sec_line *line)
{
	reader->ast->settings.webapp_id = line->words[1].text;
	return true;
}

static bool response_mime_type(struct reader *reader, const struct sec_line *line)
{
	const char *types = reader->ast->settings.mime_types.ptr;
	for (size_t i = 1; i < line->count; i++)
		types = arena_printf(reader->ast->arena, "%s%s%.*s", types ? types : "",
		    types ? " " : "", SLICE_ARG(line->words[i].text));
	reader->ast->settings.mime_types = slice_of_cstr(types);
	return types != NULL || out_of_memory(reader, line->words[0].pos);
}

static bool response_mime_types_clear(struct reader *reader, const struct sec_line *line)
{
	(void)line;
	reader->ast->settings.mime_types = slice_of_cstr(NULL);
	return true;
}

static bool collection_timeout(struct reader *reader, const struct sec_line *line)
{
	uint64_t ignored;
	return parse_number(reader, line, UINT32_MAX, &ignored);
}

/* Accepted: what it governs is done by the gateway, or does not exist here (docs/waf.md). */
static bool without_effect(struct reader *reader, const struct sec_line *line)
{
	(void)reader;
	(void)line;
	return true;
}

/* ---- files -------------------------------------------------------------------------------- */

/* `name` as seen from the folder of the file being read. */
static const char *resolve(struct reader *reader, struct slice name)
{
	struct arena *arena = reader->ast->arena;
	const char *slash = reader->file ? strrchr(reader->file, '/') : NULL;
	if ((name.len && name.ptr[0] == '/') || !slash)
		return arena_dup(arena, name).ptr;
	return arena_printf(
	    arena, "%.*s/%.*s", (int)(slash - reader->file), reader->file, SLICE_ARG(name));
}

static bool unicode_map_file(struct reader *reader, const struct sec_line *line)
{
	struct err err = { 0 };
	uint64_t code_page = 20127;
	if (line->count > 2 && !slice_to_u64(line->words[2].text, 99999, &code_page))
		return err_list_add(
		    reader->ast->errors, line->words[2].pos, "not the number of a code page");
	const char *path = resolve(reader, line->words[1].text);
	if (!path)
		return out_of_memory(reader, line->words[0].pos);
	const struct unicode_map *map =
	    unicode_map_load(path, (unsigned)code_page, reader->ast->keep, &err);
	if (!map)
		return err_list_add(reader->ast->errors, line->words[1].pos, "%s", err.text);
	reader->ast->settings.unicode_map = map;
	return true;
}

static bool include(struct reader *reader, const struct sec_line *line)
{
	const char *path = resolve(reader, line->words[1].text);
	if (!path)
		return out_of_memory(reader, line->words[0].pos);
	return load_path(reader, path, line->words[1].pos);
}

/* As Include, but what is not there is no error. */
static bool include_optional(struct reader *reader, const struct sec_line *line)
{
	const char *path = resolve(reader, line->words[1].text);
	glob_t found;
	if (!path)
		return out_of_memory(reader, line->words[0].pos);
	int result = glob(path, GLOB_NOSORT, NULL, &found);
	globfree(&found);
	return result == GLOB_NOMATCH || load_path(reader, path, line->words[1].pos);
}

/* clang-format off */
static const struct directive directives[] = {
	{ "Include",                       1, 1,  include },
	{ "IncludeOptional",               1, 1,  include_optional },
	{ "SecAction",                     1, 1,  sec_action },
	{ "SecArgumentSeparator",          1, 1,  argument_separator },
	{ "SecArgumentsLimit",             1, 1,  arguments_limit },
	{ "SecAuditEngine",                1, 1,  without_effect },
	{ "SecAuditLog",                   1, 1,  without_effect },
	{ "SecAuditLog2",                  1, 1,  without_effect },
	{ "SecAuditLogDirMode",            1, 1,  without_effect },
	{ "SecAuditLogFileMode",           1, 1,  without_effect },
	{ "SecAuditLogFormat",             1, 1,  without_effect },
	{ "SecAuditLogParts",              1, 1,  without_effect },
	{ "SecAuditLogPrefix",             1, 1,  without_effect },
	{ "SecAuditLogRelevantStatus",     1, 1,  without_effect },
	{ "SecAuditLogStorageDir",         1, 1,  without_effect },
	{ "SecAuditLogType",               1, 1,  without_effect },
	{ "SecCollectionTimeout",          1, 1,  collection_timeout },
	{ "SecComponentSignature",         1, 1,  component_signature },
	{ "SecConnEngine",                 1, 1,  without_effect },
	{ "SecCookieFormat",               1, 1,  without_effect },
	{ "SecDataDir",                    1, 1,  without_effect },
	{ "SecDebugLog",                   1, 1,  without_effect },
	{ "SecDebugLogLevel",              1, 1,  without_effect },
	{ "SecDefaultAction",              1, 1,  sec_default_action },
	{ "SecMarker",                     1, 1,  sec_marker },
	{ "SecPcreMatchLimit",             1, 1,  without_effect },
	{ "SecPcreMatchLimitRecursion",    1, 1,  without_effect },
	{ "SecRequestBodyAccess",          1, 1,  request_body_access },
	{ "SecRequestBodyInMemoryLimit",   1, 1,  without_effect },
	{ "SecRequestBodyJsonDepthLimit",  1, 1,  json_depth_limit },
	{ "SecRequestBodyLimit",           1, 1,  request_body_limit },
	{ "SecRequestBodyLimitAction",     1, 1,  request_body_limit_action },
	{ "SecRequestBodyNoFilesLimit",    1, 1,  without_effect },
	{ "SecResponseBodyAccess",         1, 1,  response_body_access },
	{ "SecResponseBodyLimit",          1, 1,  response_body_limit },
	{ "SecResponseBodyLimitAction",    1, 1,  without_effect },
	{ "SecResponseBodyMimeType",       1, 32, response_mime_type },
	{ "SecResponseBodyMimeTypesClear", 0, 0,  response_mime_types_clear },
	{ "SecRule",                       2, 3,  sec_rule },
	{ "SecRuleEngine",                 1, 1,  rule_engine },
	{ "SecRulePerfTime",               1, 1,  without_effect },
	{ "SecRuleRemoveById",             1, 63, remove_by_id },
	{ "SecRuleRemoveByMsg",            1, 1,  remove_by_msg },
	{ "SecRuleRemoveByTag",            1, 1,  remove_by_tag },
	{ "SecRuleUpdateActionById",       2, 2,  update_action_by_id },
	{ "SecRuleUpdateTargetById",       2, 3,  update_target_by_id },
	{ "SecRuleUpdateTargetByMsg",      2, 3,  update_target_by_msg },
	{ "SecRuleUpdateTargetByTag",      2, 3,  update_target_by_tag },
	{ "SecSensorId",                   1, 1,  without_effect },
	{ "SecServerSignature",            1, 1,  without_effect },
	{ "SecStatusEngine",               1, 1,  without_effect },
	{ "SecTmpDir",                     1, 1,  without_effect },
	{ "SecTmpSaveUploadedFiles",       1, 1,  without_effect },
	{ "SecUnicodeMapFile",             1, 2,  unicode_map_file },
	{ "SecUploadDir",                  1, 1,  without_effect },
	{ "SecUploadFileLimit",            1, 1,  without_effect },
	{ "SecUploadFileMode",             1, 1,  without_effect },
	{ "SecUploadKeepFiles",            1, 1,  without_effect },
	{ "SecWebAppId",                   1, 1,  web_app_id },
};
/* clang-format on */

enum { DIRECTIVE_COUNT = sizeof directives / sizeof *directives };

static const struct directive *find_directive(struct slice name)
{
	for (size_t i = 0; i < DIRECTIVE_COUNT; i++)
		if (slice_eq_nocase(name, slice_of_cstr(directives[i].name)))
			return &directives[i];
	return NULL;
}

static bool handle_line(struct reader *reader, const struct sec_line *line)
{
	struct err_list *errors = reader->ast->errors;
	const struct sec_word *name = &line->words[0];
	const struct directive *directive = find_directive(name->text);
	if (!directive)
		return err_list_add(
		    errors, name->pos, "unknown directive '%.*s'", SLICE_ARG(name->text));
	size_t args = line->count - 1;
	if (args < directive->min_args)
		return err_list_add(errors, name->pos, "%s takes %s%zu argument%s, not %zu",
		    directive->name, directive->min_args == directive->max_args ? "" : "at least ",
		    directive->min_args, directive->min_args == 1 ? "" : "s", args);
	if (args > directive->max_args)
		return err_list_add(errors, line->words[directive->max_args + 1].pos,
		    "unexpected argument of %s", directive->name);
	return directive->handle(reader, line);
}

static bool parse_text(struct reader *reader, struct slice text)
{
	struct lexer lexer;
	struct sec_line line;
	size_t before = reader->ast->errors->count + reader->ast->errors->dropped;
	lexer_init(&lexer, text, reader->file, reader->ast->arena, reader->ast->errors);
	while (lexer_next(&lexer, &line))
		handle_line(reader, &line);
	return reader->ast->errors->count + reader->ast->errors->dropped == before;
}

static bool load_file(struct reader *reader, const char *path, struct err_pos pos)
{
	struct ast *ast = reader->ast;
	struct err err = { 0 };
	struct buf buf;
	if (++reader->files > RULE_FILES_MAX)
		return err_list_add(ast->errors, pos, "more than %d rule files", RULE_FILES_MAX);
	buf_init(&buf, RULE_FILE_BYTES_MAX);
	bool good = file_read(path, RULE_FILE_BYTES_MAX, &buf, &err);
	/* Words and positions point into the text, so it has to live as long as they do. */
	struct slice text = good ? arena_dup(ast->arena, buf_slice(&buf)) : slice_of(NULL, 0);
	buf_release(&buf);
	if (!good)
		return err_list_add(ast->errors, pos, "%s", err.text);
	const char *file = reader->file;
	reader->file = arena_dup_cstr(ast->arena, path);
	if (!text.ptr || !reader->file)
		return out_of_memory(reader, pos);
	reader->depth++;
	good = parse_text(reader, text);
	reader->depth--;
	reader->file = file;
	return good;
}

static bool is_folder(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool load_glob(struct reader *reader, const char *pattern, struct err_pos pos)
{
	glob_t found;
	int result = glob(pattern, GLOB_NOSORT, NULL, &found);
	if (result != 0) {
		globfree(&found);
		return err_list_add(reader->ast->errors, pos,
		    result == GLOB_NOMATCH ? "no file matches '%s'" : "cannot read '%s'", pattern);
	}
	qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, compare_paths);
	bool good = true;
	for (size_t i = 0; i < found.gl_pathc; i++)
		good &= load_file(reader, found.gl_pathv[i], pos);
	globfree(&found);
	return good;
}

static bool load_path(struct reader *reader, const char *path, struct err_pos pos)
{
	char pattern[PATH_MAX];
	if (reader->depth >= INCLUDE_DEPTH_MAX)
		return err_list_add(reader->ast->errors, pos,
		    "files include each other more than %d deep", INCLUDE_DEPTH_MAX);
	if (is_folder(path)) {
		if (snprintf(pattern, sizeof pattern, "%s/*.conf", path) >= (int)sizeof pattern)
			return err_list_add(reader->ast->errors, pos, "path too long");
		return load_glob(reader, pattern, pos);
	}
	/* A file named outright may have any name, also one with a bracket in it. */
	return strpbrk(path, "*?[") && access(path, F_OK) != 0 ? load_glob(reader, path, pos)
	                                                       : load_file(reader, path, pos);
}

bool directives_load(struct ast *ast, const char *path)
{
	struct reader reader = { .ast = ast };
	return load_path(&reader, path, (struct err_pos){ path, 0, 0 });
}

bool directives_parse(struct ast *ast, struct slice text, const char *name)
{
	struct reader reader = { .ast = ast, .file = name, .depth = 1 };
	return parse_text(&reader, text);
}

bool directive_find(struct slice name, bool *has_effect)
{
	const struct directive *directive = find_directive(name);
	if (directive)
		*has_effect = directive->handle != without_effect;
	return directive != NULL;
}
