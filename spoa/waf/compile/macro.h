/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* macro: texts with %{VARIABLE}, %{VARIABLE.key} and %{tx.name} in them (reference manual, "Macro
 * Expansion"). */
#include "spoa/waf/compile/compiler.h"

/* Parses `text`. A macro of an unknown variable is an error; a "%{" without "}" is plain text. */
bool macro_compile(
    struct compiler *compiler, struct slice text, struct err_pos pos, struct macro *out);

bool macro_has_variable(struct slice text);
