/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* variable: the table of SecLang's variables. Rows and their meaning: variable.def. */
#include "common/slice.h"

enum variable_id {
#define VARIABLE(id, name, kind, scan) VAR_##id,
#include "spoa/waf/variables/variable.def"
	VAR_COUNT
};

enum variable_kind { VARIABLE_SCALAR, VARIABLE_COLLECTION, VARIABLE_WRITABLE, VARIABLE_XPATH };

/* Families of values that one combined database looks at. */
enum scan_family {
	SCAN_ARGS,     /* names and values of arguments and cookies, the path, XML */
	SCAN_HEADERS,  /* request headers and their names */
	SCAN_LINE,     /* the request line and its parts */
	SCAN_BODY,     /* the body as one long value */
	SCAN_FILES,    /* multipart file names and part headers */
	SCAN_RESPONSE, /* response headers and body */
	SCAN_COUNT,
	SCAN_NONE = SCAN_COUNT
};

struct variable {
	const char *name;
	enum variable_id id;
	enum variable_kind kind;
	enum scan_family scan;
};

extern const struct variable variable_table[VAR_COUNT];

/* Letter case of the name is ignored. NULL when unknown. */
const struct variable *variable_find(struct slice name);

/* NULL, or why a variable of the reference manual is not in the table. */
const char *variable_unsupported(struct slice name);
