/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ini: the files ~/.aws/credentials and ~/.aws/config. Pure; the file's text is borrowed.
 *
 *   file     = { line }
 *   line     = "[" section "]" | name ("=" | ":") value | comment | blank
 *   comment  = ("#" | ";") anything, at the start of a line; behind a value only after white space
 *
 * Indented lines are a nested block of the setting above (s3 = \n  max_retries = 3) and are passed
 * over. A section or name may come again: the last value wins. Names are compared without case.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
#include "common/err.h"

enum { INI_FILE_MAX_BYTES = 1 << 20 };

/*
 * The value of `name` in the sections that are called `section` ("profile dev"), whatever quotes
 * and blanks theirs are written with. False when there is none. *out points into `text`, trimmed.
 */
bool ini_find(struct slice text, struct slice section, const char *name, struct slice *out);
bool ini_has_section(struct slice text, struct slice section);

/* Whether every line follows the grammar; err gets the first line that does not. */
bool ini_check(struct slice text, const char *file, struct err *err);
