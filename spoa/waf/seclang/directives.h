/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * directives: rule files into an ast. The table of directives is in the .c; each row says what
 * becomes of it: compiled, a setting, or accepted without effect here (logs and connections are the
 * gateway's).
 */
#include "spoa/waf/seclang/ast.h"

enum {
	RULE_FILE_BYTES_MAX = 8 << 20,
	INCLUDE_DEPTH_MAX = 16,
	RULE_FILES_MAX = 1024,
};

/*
 * Reads `path` (a file, a glob, or a folder: its *.conf in byte order) into the ast. Errors are
 * added to ast->errors; false when there was one.
 */
bool directives_load(struct ast *ast, const char *path);

/* Parses a text as if it were the file `name`; Include is resolved from its folder. */
bool directives_parse(struct ast *ast, struct slice text, const char *name);

/* Whether there is such a directive, and whether it is more than accepted. */
bool directive_find(struct slice name, bool *has_effect);
